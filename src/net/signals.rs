//! Signals as readiness of the loop.

use std::io;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals as Source;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGTERM, SIGINT: drain and end.
    End,
    /// SIGHUP: read the configuration again.
    Reload,
}

pub(super) struct Signals {
    source: Source,
}

impl Signals {
    pub(super) fn register(registry: &Registry, token: Token) -> io::Result<Self> {
        let mut source = Source::new([SIGTERM, SIGINT, SIGHUP])?;
        registry.register(&mut source, token, Interest::READABLE)?;
        Ok(Self { source })
    }

    pub(super) fn wishes(&mut self) -> Vec<Wish> {
        let wish = |signal| if signal == SIGHUP { Wish::Reload } else { Wish::End };
        self.source.pending().map(wish).collect()
    }
}
