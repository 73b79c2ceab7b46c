//! What many runs came to.

mod figures;
mod results;

pub(crate) use figures::write;
