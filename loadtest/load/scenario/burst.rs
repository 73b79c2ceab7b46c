//! Many events at once, each over a connection of its own: deliveries per second.
//!
//! All requests of a round are written before any answer is read. A round lasts from before the first
//! write to the last delivery.

use std::io;

use super::{Session, Usage};
use crate::generator::{ExchangeKey, Reading};

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.generator.open(options.streams, Reading::Live, |_| "/events".to_owned())?;
    let publishers = (0..options.publishers).map(|_| session.generator.connect());
    let publishers = publishers.collect::<io::Result<Vec<_>>>()?;
    round(session, &publishers)?;
    session.warm_up()?;

    let deliveries = (options.publishers * options.streams) as u64;
    let mut total = Usage::default();
    let mut rates = Vec::new();
    for _ in 0..options.rounds {
        let usage = round(session, &publishers)?;
        rates.push(deliveries as f64 / usage.wall.as_secs_f64());
        total.add(&usage);
    }
    rates.sort_by(f64::total_cmp);
    session.record.set("deliveries_per_s", rates[rates.len() / 2]);
    session.record.set("deliveries_per_s_min", rates[0]);
    session.record.set("deliveries_per_s_max", rates[rates.len() - 1]);
    session.record_usage(&total, deliveries * u64::from(options.rounds));
    Ok(())
}

fn round(session: &mut Session<'_>, publishers: &[ExchangeKey]) -> io::Result<Usage> {
    let window = session.begin()?;
    for key in publishers {
        let body = session.next_envelope(session.options.payload_bytes, None);
        session.generator.exchange(*key).post("/publish", &body)?;
    }
    session.generator.receive(session.common_deliveries())?;
    for key in publishers {
        session.accepted(*key)?;
    }
    let end = session.generator.tally.last_receipt;
    session.end(&window, end)
}
