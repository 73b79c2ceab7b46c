//! What many runs came to.

mod figures;
mod markup;
mod results;
mod scale;
mod units;

pub(crate) use figures::write;
