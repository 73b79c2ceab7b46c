//! Where Redis is and who we are there.

/// Where Redis is and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {}

impl Target {
    /// Redis on this machine.
    #[must_use]
    pub fn local() -> Self {
        Self {}
    }
}
