//! What many runs came to.

mod figures;

pub(crate) use figures::write;
