//! What each step of an event's way costs, in user space and without a socket; see README.md here.

mod access;
mod append;
mod intake;
mod latency;
mod request;
mod resume;
mod support;
mod sweep;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    // Short by default, as the steps are; the command line may ask for more.
    let criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    let mut criterion = criterion.configure_from_args();
    request::bench(&mut criterion);
    access::bench(&mut criterion);
    intake::bench(&mut criterion);
    append::bench(&mut criterion);
    sweep::bench(&mut criterion);
    resume::bench(&mut criterion);
    latency::bench(&mut criterion);
    criterion.final_summary();
}
