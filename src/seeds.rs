//! Which seeds a simulation runs: a few, more of them, or the one that failed.

/// Says which seed to try again.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the simulation failed; run it again with SSECAST_SEED={}", self.0);
        }
    }
}

/// Runs it with the seeds 0 to `usual` or as many as `SSECAST_SEEDS` says, or with `SSECAST_SEED` alone.
pub(crate) fn each<T>(usual: u64, run: impl Fn(u64) -> T) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a seed is a number"));
    let seeds = match number("SSECAST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SSECAST_SEEDS").unwrap_or(usual),
    };
    for seed in seeds {
        let _failing = Seed(seed);
        run(seed);
    }
}
