//! A client: it remembers the id that it was sent last, and what it has.

use std::collections::BTreeSet;

use crate::key::Key;

#[derive(Default)]
pub(super) struct Client {
    at: Option<(usize, Key)>,
    last_id: Option<String>,
    /// The numbers of all events that it was ever sent.
    has: BTreeSet<usize>,
    /// Those of this connection.
    on_this_connection: BTreeSet<usize>,
    /// The step from which on it relies on being sent everything.
    knows_since: Option<usize>,
    unread: String,
    /// The step before which it may lack what was under way when its server began.
    pub(super) excused_before: usize,
}

impl Client {
    pub(super) fn is_connected(&self) -> bool {
        self.at.is_some()
    }

    pub(super) fn key_at(&self, node: usize) -> Option<Key> {
        self.at.filter(|(at, _)| *at == node).map(|(_, key)| key)
    }

    pub(super) fn last_id(&self) -> Option<String> {
        self.last_id.clone()
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.has.contains(&number)
    }

    /// The last step at which it was told to fetch its state anew, or began.
    pub(super) fn knows_since(&self) -> usize {
        self.knows_since.unwrap_or(usize::MAX)
    }

    pub(super) fn connect(&mut self, node: usize, key: Key, step: usize) {
        self.at = Some((node, key));
        self.unread.clear();
        self.on_this_connection.clear();
        // Without an id it is sent what comes from now on, and gets the rest elsewhere.
        if self.last_id.is_none() {
            self.knows_since = Some(step);
        }
    }

    pub(super) fn disconnect(&mut self) -> Option<(usize, Key)> {
        self.at.take()
    }

    pub(super) fn disconnect_from(&mut self, node: usize) {
        self.at = self.at.filter(|(at, _)| *at != node);
    }

    pub(super) fn read(&mut self, bytes: &[u8], step: usize) {
        self.unread.push_str(std::str::from_utf8(bytes).expect("only UTF-8 is sent"));
        while let Some(end) = self.unread.find("\n\n") {
            let block: String = self.unread.drain(..end + 2).collect();
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(|value| value.trim_start().to_owned())
            };
            if field("event:").as_deref() == Some("gap") {
                self.knows_since = Some(step);
                continue;
            }
            let Some(data) = field("data:") else { continue };
            let number = data.parse().expect("the payload is a number");
            assert!(self.on_this_connection.insert(number), "{number} came twice on one connection");
            self.has.insert(number);
            self.last_id = field("id:");
        }
    }
}
