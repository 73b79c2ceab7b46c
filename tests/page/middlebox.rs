//! What may stand between a browser and a server: it holds a diagnosis back, cuts it, rewrites it, or leaves out a
//! header.
//!
//! It looks at the bytes only as far as that takes, and works on whole heads: a browser sends them in one piece.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::common::http::find;

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It keeps a diagnosis until it is whole.
    Buffer,
    /// It ends a diagnosis after a second or so.
    Cut,
    /// It writes the lines of a diagnosis anew.
    Rewrite,
    /// It says that it speaks for somebody else.
    Tell,
    /// It leaves out the header `Last-Event-ID`, and says that it is there.
    Strip,
}

/// See the top of this file.
pub(crate) struct Middlebox {
    addr: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Middlebox {
    /// One in front of that server.
    pub(crate) fn start(target: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("a listener has an address");
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        let thread = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let server = TcpStream::connect(target).expect("the server accepts");
                connect(client, server, manner);
            }
        });
        Self { addr, stopped, thread: Some(thread) }
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Middlebox {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.addr);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A thread each way; they end with their connection.
fn connect(client: TcpStream, server: TcpStream, manner: Manner) {
    let clone = |socket: &TcpStream| socket.try_clone().expect("a descriptor");
    let (to_server, to_client) = (clone(&server), clone(&client));
    std::thread::spawn(move || forward_requests(client, to_server, manner));
    std::thread::spawn(move || forward_answers(server, to_client, manner));
}

fn forward_requests(mut client: TcpStream, mut server: TcpStream, manner: Manner) {
    let mut chunk = [0; 64 * 1024];
    while let Ok(read) = client.read(&mut chunk)
        && read > 0
    {
        let bytes = match manner {
            Manner::Strip => without_line(&chunk[..read], b"Last-Event-ID", b"Via: 1.1 middlebox"),
            Manner::Tell => without_line(&chunk[..read], b"User-Agent", b"Via: 1.1 middlebox"),
            _ => chunk[..read].to_vec(),
        };
        if server.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}

fn forward_answers(mut server: TcpStream, mut client: TcpStream, manner: Manner) {
    let mut chunk = [0; 64 * 1024];
    let (mut kept, mut probes) = (Vec::new(), 0);
    while let Ok(read) = server.read(&mut chunk)
        && read > 0
    {
        let bytes = &chunk[..read];
        probes += usize::from(find(bytes, b"event: probe").is_some());
        let is_written = match manner {
            _ if probes == 0 => client.write_all(bytes),
            Manner::Buffer => {
                kept.extend_from_slice(bytes);
                Ok(())
            }
            Manner::Cut if probes > 5 => break,
            Manner::Rewrite => client
                .write_all(&String::from_utf8_lossy(bytes).replace("\"of\":10", "\"of\": 10").into_bytes()),
            _ => client.write_all(bytes),
        };
        if is_written.is_err() {
            break;
        }
    }
    let _ = client.write_all(&kept);
    let _ = client.shutdown(Shutdown::Both);
}

/// The head with another line in place of the one of that name.
fn without_line(request: &[u8], name: &[u8], other: &[u8]) -> Vec<u8> {
    let lines = request.split(|byte| *byte == b'\n').map(|line| match line {
        line if line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name) => {
            [other, b"\r"].concat()
        }
        line => line.to_vec(),
    });
    lines.collect::<Vec<_>>().join(&b'\n')
}
