//! A body that is published: let through or not, decoded, handed to the bus.

use super::connections::Whence;
use super::pacing::Publisher;
use super::server::Server;
use crate::api::Incoming;
use crate::key::Key;
use crate::limits::Limit;
use crate::rate::Over;

impl Server {
    /// Publishes a body that came whole. Whoever has to wait in any case costs no decoding.
    pub(super) fn publish(&mut self, key: Key, body: &[u8]) {
        let (who, now) = (self.publisher(key), self.now);
        if let Err(over) = self.guard.pacing.check(who, 1, now.mono) {
            return self.refuse_to_publish(key, &over);
        }
        if !self.bus.has_room(1) {
            return self.refuse_for_room(key);
        }
        let Some(client) = self.connections.whence(key).map(Whence::client) else { return };
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        let Some(Incoming::Publish(publishing)) = &exchange.incoming else { return };
        let batch = match publishing.batch(&self.intake, body, self.bus.numbering(), now) {
            Ok(batch) => batch,
            Err(error) => {
                let (metrics, denials) = (self.hub.metrics_mut(), &mut self.denials);
                let response = publishing.invalid(&error, client, metrics, denials, now);
                // A body without events is work, too: it counts as one. Who is beyond the limit then is told so at the
                // next request.
                let _ = self.guard.pacing.take(who, 1, now.mono);
                return self.respond(key, response);
            }
        };
        let bytes = batch.memory_bytes();
        if !self.bus.has_room(bytes) {
            // It was read, so that it counts as one, too.
            let _ = self.guard.pacing.take(who, 1, now.mono);
            return self.refuse_for_room(key);
        }
        if let Err(over) = self.guard.pacing.take(who, batch.items.len() as u64, now.mono) {
            return self.refuse_to_publish(key, &over);
        }
        if let Some(exchange) = self.connections.exchange_mut(key) {
            exchange.http.lend(bytes);
        }
        self.bus.submit(key, batch, now.mono);
    }

    /// Whom limits count the body for.
    fn publisher(&mut self, key: Key) -> Publisher {
        let address = self.connections.whence(key).and_then(Whence::limited_as);
        let incoming = self.connections.exchange_mut(key).and_then(|exchange| exchange.incoming.as_ref());
        let token = match incoming {
            Some(Incoming::Publish(publishing)) => publishing.token(),
            Some(Incoming::Mode) | None => None,
        };
        Publisher { address, token }
    }

    /// Too much that was published has not arrived.
    fn refuse_for_room(&mut self, key: Key) {
        self.hub.metrics_mut().count_limited(Limit::PublishBytes);
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        if let Some(Incoming::Publish(publishing)) = &exchange.incoming {
            let response = publishing.without_room();
            self.respond(key, response);
        }
    }

    fn refuse_to_publish(&mut self, key: Key, over: &Over) {
        self.hub.metrics_mut().count_limited(over.limit);
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        if let Some(Incoming::Publish(publishing)) = &exchange.incoming {
            let response = publishing.refused(over);
            self.respond(key, response);
        }
    }
}
