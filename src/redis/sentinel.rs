//! Asking sentinels where the master is.
//!
//! Never remembers an answer: each connect asks anew, since a connection that broke may mean a failover.

use std::time::Instant;

use redis::{Value, cmd};

use super::address::Address;
use super::error::LinkError;
use super::greeting::{Credentials, log_in};
use super::link::Link;

/// The sentinels, and what they are asked.
pub(super) struct Sentinels {
    /// Asked in this order.
    pub(super) addresses: Vec<Address>,
    pub(super) master_name: String,
    pub(super) credentials: Credentials,
}

impl Sentinels {
    /// Asks on a fresh connection to one of them.
    pub(super) fn ask(&self, mut link: Link, deadline: Instant) -> Result<Address, LinkError> {
        log_in(&mut link, &self.credentials, deadline)?;
        let mut question = cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master_name);
        master_in(&link.request_until(&question, deadline)?)
    }
}

/// The address in the reply: host and port, or nil where no master has this name.
fn master_in(reply: &Value) -> Result<Address, LinkError> {
    const ODD: LinkError = LinkError::Protocol("the sentinel's reply is no address");
    let parts = match reply {
        Value::Nil => return Err(LinkError::UnknownMaster),
        Value::Array(parts) => parts.as_slice(),
        _ => return Err(ODD),
    };
    let [Value::BulkString(host), Value::BulkString(port)] = parts else { return Err(ODD) };
    let text = |bytes| str::from_utf8(bytes).map_err(|_| ODD);
    let port = text(port)?.parse().map_err(|_| ODD)?;
    Address::tcp(text(host)?, port).map_err(|_| ODD)
}
