//! Where published events go and where broadcasts come from.

/// The modes that a team steps through on its way to Redis and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Publish to the local log, broadcast from it. Needs no Redis.
    Local,
    /// Publish to the local log and to Redis, broadcast from the local log.
    Dual,
    /// As `Dual`; what comes from Redis is decoded and counted, and goes no further.
    DryRun,
    /// Publish to both, broadcast from both; an instance drops its own echoes.
    Fanout,
    /// Publish to Redis, broadcast from Redis.
    Redis,
}

impl Mode {
    /// Every mode, in the order of the migration.
    pub const ALL: [Self; 5] = [Self::Local, Self::Dual, Self::DryRun, Self::Fanout, Self::Redis];

    /// The name in the configuration, in `/stats` and in `PUT /admin/mode`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dual => "dual",
            Self::DryRun => "dry-run",
            Self::Fanout => "fanout",
            Self::Redis => "redis",
        }
    }

    /// Whether what is published here goes to Redis.
    #[must_use]
    pub const fn publishes(self) -> bool {
        !matches!(self, Self::Local)
    }

    /// Whether what is published here is broadcast at once, without a way through Redis.
    #[must_use]
    pub const fn shows_own(self) -> bool {
        !matches!(self, Self::Redis)
    }

    /// Whether messages are received from Redis.
    #[must_use]
    pub const fn subscribes(self) -> bool {
        matches!(self, Self::DryRun | Self::Fanout | Self::Redis)
    }

    /// Whether messages from Redis are broadcast.
    #[must_use]
    pub const fn forwards(self) -> bool {
        matches!(self, Self::Fanout | Self::Redis)
    }
}
