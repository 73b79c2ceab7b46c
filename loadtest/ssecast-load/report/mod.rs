//! What many runs came to.

mod case;
mod chart;
mod figure;
mod figures;
mod markup;
mod palette;
mod results;
mod runs;
mod scale;
mod spread;
mod table;
mod units;

pub(crate) use figures::write;
