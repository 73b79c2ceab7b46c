//! Which connection is meant.

/// A connection's place in the slab and the turn of that place: a late readiness event for a connection
/// that is gone never reaches the next one in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The place in the slab.
    pub index: u32,
    /// How many connections had the place before, modulo 2^32.
    pub generation: u32,
}

impl Key {
    /// The key as one number, for the poller's token.
    #[must_use]
    pub const fn pack(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The key of a number made by `pack`.
    #[must_use]
    pub const fn unpack(packed: u64) -> Self {
        Self { index: packed as u32, generation: (packed >> 32) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_packing() {
        for key in [Key { index: 0, generation: u32::MAX }, Key { index: u32::MAX, generation: 1 }] {
            assert_eq!(Key::unpack(key.pack()), key);
        }
    }
}
