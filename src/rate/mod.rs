//! How often something may happen: token buckets, for all together and for each of many.
//!
//! Pure: time is an argument, and all numbers are integers. (The crate `governor` has the same algorithm, but
//! reads a clock of its own and has no bound on its keys.)

mod bucket;
mod buckets;
mod gate;

pub use bucket::{Bucket, Rate};
pub use buckets::Buckets;
pub use gate::{Gate, Names, Over, Rates};
