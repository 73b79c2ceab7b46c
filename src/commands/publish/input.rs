//! The input, read in a thread of its own: so that what comes slowly is sent at once, and a signal is noticed while
//! nothing comes.
//!
//! Holds at most a few pieces: a fast input waits for a slow server.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Bytes of a piece.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait.
const PIECES: usize = 4;

/// What comes next.
#[derive(Debug)]
pub(super) enum Fed {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing within the time.
    Nothing,
    /// The end.
    End,
    /// It cannot be read any more.
    Failed(io::Error),
    /// Somebody else has something to say.
    Woken,
}

/// See the top of this file.
pub(super) struct Input {
    pieces: Receiver<Fed>,
}

/// Wakes whoever waits for input.
pub(super) struct Waker(SyncSender<Fed>);

impl Waker {
    pub(super) fn wake(&self) {
        // When there is no room nobody waits.
        let _ = self.0.try_send(Fed::Woken);
    }
}

impl Input {
    /// Begins to read.
    pub(super) fn start(mut source: Box<dyn Read + Send>) -> io::Result<(Self, Waker)> {
        let (sender, pieces) = sync_channel(PIECES);
        let waker = Waker(sender.clone());
        thread::Builder::new().name("input".into()).spawn(move || {
            loop {
                let fed = read(&mut *source);
                let is_last = !matches!(fed, Fed::Bytes(_));
                if sender.send(fed).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok((Self { pieces }, waker))
    }

    /// Waits for what comes next; `None` waits for ever.
    pub(super) fn next(&self, time: Option<Duration>) -> Fed {
        match time {
            Some(time) => match self.pieces.recv_timeout(time) {
                Ok(fed) => fed,
                Err(RecvTimeoutError::Timeout) => Fed::Nothing,
                Err(RecvTimeoutError::Disconnected) => Fed::End,
            },
            None => self.pieces.recv().unwrap_or(Fed::End),
        }
    }
}

fn read(source: &mut dyn Read) -> Fed {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match source.read(&mut piece) {
            Ok(0) => return Fed::End,
            Ok(bytes) => {
                piece.truncate(bytes);
                return Fed::Bytes(piece);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Fed::Failed(error),
        }
    }
}
