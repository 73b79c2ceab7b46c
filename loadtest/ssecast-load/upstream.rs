//! The Redis behind a server: envelopes are published there, many in one write.
//!
//! It never reads streams, and waits until Redis has answered everything: both share a core, so that loses
//! nothing.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, RedisError, cmd, pipe};

use crate::process::Process;

/// The channel that ssecast subscribes to unless it is told otherwise.
const CHANNEL: &str = "orders.events";
/// Where `redis_floor` says how many messages it has got.
const RECEIVED_KEY: &str = "redis_floor:received";
/// What a server may take to subscribe.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// A connection that publishes.
pub(crate) struct Upstream {
    connection: Connection,
    /// Redis itself.
    pub(crate) process: Process,
}

impl Upstream {
    /// Connects, and waits until somebody is subscribed.
    pub(crate) fn connect(url: &str) -> io::Result<Self> {
        let mut connection =
            redis::Client::open(url).and_then(|client| client.get_connection()).map_err(failed)?;
        let info: String = cmd("INFO").arg("server").query(&mut connection).map_err(failed)?;
        let process = Process::new(process_id(&info)?);
        let deadline = Instant::now() + PATIENCE;
        while subscribers(&mut connection)? == 0 {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("nobody subscribed to {CHANNEL} in {PATIENCE:?}")));
            }
            thread::sleep(PAUSE);
        }
        Ok(Self { connection, process })
    }

    /// Publishes `envelopes` in one write. An error where nobody was there to receive one of them.
    pub(crate) fn publish<'e>(&mut self, envelopes: impl Iterator<Item = &'e str>) -> io::Result<()> {
        let mut batch = pipe();
        for envelope in envelopes {
            batch.cmd("PUBLISH").arg(CHANNEL).arg(envelope);
        }
        let receivers: Vec<u64> = batch.query(&mut self.connection).map_err(failed)?;
        match receivers.iter().filter(|receivers| **receivers == 0).count() {
            0 => Ok(()),
            lost => Err(io::Error::other(format!("Redis had nobody to hand {lost} messages to"))),
        }
    }

    /// Forgets what an earlier `redis_floor` said.
    pub(crate) fn reset_received(&mut self) -> io::Result<()> {
        cmd("DEL").arg(RECEIVED_KEY).exec(&mut self.connection).map_err(failed)
    }

    /// How many messages `redis_floor` says it has got.
    pub(crate) fn received(&mut self) -> io::Result<u64> {
        let received: Option<u64> =
            cmd("GET").arg(RECEIVED_KEY).query(&mut self.connection).map_err(failed)?;
        Ok(received.unwrap_or(0))
    }
}

fn subscribers(connection: &mut Connection) -> io::Result<u64> {
    let answer: (String, u64) = cmd("PUBSUB").arg("NUMSUB").arg(CHANNEL).query(connection).map_err(failed)?;
    Ok(answer.1)
}

/// The `process_id` of the answer to INFO.
fn process_id(info: &str) -> io::Result<u32> {
    let id = info.lines().find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok());
    id.ok_or_else(|| io::Error::other("Redis does not say which process it is"))
}

fn failed(error: RedisError) -> io::Error {
    io::Error::other(format!("Redis: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_found_in_what_redis_says() {
        let info = "# Server\r\nredis_version:7.0.15\r\nprocess_id:4711\r\nprocess_supervised:no\r\n";
        assert_eq!(process_id(info).unwrap(), 4711);
        assert!(process_id("# Server\r\n").is_err());
    }
}
