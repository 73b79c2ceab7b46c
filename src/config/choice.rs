//! Types whose every value has a name in the configuration.

use log::LevelFilter;

use super::{Config, TlsVersion};
use crate::bus::Mode;
use crate::hub::{DataStyle, HeartbeatStyle};
use crate::logging::LogFormat;
use crate::redis::Protocol;

/// A place in `Config` whose type has names.
pub(super) struct Choice {
    pub(super) names: fn() -> Vec<&'static str>,
    pub(super) get: fn(&Config) -> &'static str,
    /// False when no value has the name.
    pub(super) set: fn(&mut Config, &str) -> bool,
}

/// A type whose every value has a name in the configuration.
pub(super) trait Named: Copy + PartialEq + 'static {
    /// Every value.
    const ALL: &'static [Self];
    /// Its name.
    fn name(self) -> &'static str;
}

/// The value of this name.
pub(super) fn named<T: Named>(name: &str) -> Option<T> {
    T::ALL.iter().copied().find(|value| value.name() == name)
}

/// Every name.
pub(super) fn names<T: Named>() -> Vec<&'static str> {
    T::ALL.iter().map(|value| value.name()).collect()
}

impl Named for HeartbeatStyle {
    const ALL: &'static [Self] = &[Self::Event, Self::Comment, Self::Off];

    fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Comment => "comment",
            Self::Off => "off",
        }
    }
}

impl Named for DataStyle {
    const ALL: &'static [Self] = &[Self::Payload, Self::Envelope];

    fn name(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Envelope => "envelope",
        }
    }
}

impl Named for Mode {
    const ALL: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        Self::name(self)
    }
}

impl Named for TlsVersion {
    const ALL: &'static [Self] = &[Self::V1_2, Self::V1_3];

    fn name(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

impl Named for Protocol {
    const ALL: &'static [Self] = &[Self::Auto, Self::Resp2, Self::Resp3];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Resp2 => "2",
            Self::Resp3 => "3",
        }
    }
}

impl Named for LogFormat {
    const ALL: &'static [Self] = &[Self::Text, Self::Json];

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Named for LevelFilter {
    const ALL: &'static [Self] = &[Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace, Self::Off];

    fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
