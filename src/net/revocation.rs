//! A reload takes tokens and keys away: the streams that they let in are closed, and no others.
//!
//! One look at each stream, and nothing is sent any more to those that are closed; their sockets are closed in the turns
//! that follow, as many in each as the budget allows.

use super::server::Server;
use crate::auth::Handover;
use crate::hub::CloseReason;

impl Server {
    /// Exchanges what let the streams in, and closes those that would not be let in any more.
    pub(super) fn hand_over(&mut self, handover: &Handover) {
        let mut revoked = Vec::new();
        for (key, pass) in self.connections.passes_mut() {
            match handover.exchange(*pass) {
                Some(new) => *pass = new,
                None => revoked.push(key),
            }
        }
        let before = self.hub.len();
        for key in revoked {
            self.hub.close(key, CloseReason::Revoked);
        }
        let streams = before - self.hub.len();
        if streams > 0 {
            log::info!(streams, reason = CloseReason::Revoked.name(); "streams closed that are not let in any more");
        }
    }
}
