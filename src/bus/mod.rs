//! The bus between those who publish and the log: which way an event goes.

mod mode;

pub use mode::Mode;
