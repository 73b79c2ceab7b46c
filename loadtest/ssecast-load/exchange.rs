//! A keep-alive HTTP connection with one request under way at a time: publishing, `/healthz`, `/stats`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;

use crate::dialect::Publication;

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// When the request was sent...
    pub(crate) asked_at: Instant,
    /// ...and when the answer's last byte was read.
    pub(crate) at: Instant,
}

/// The connection; `socket` is registered with the poll by the generator.
pub(crate) struct Exchange {
    pub(crate) socket: TcpStream,
    target: SocketAddr,
    input: Vec<u8>,
    /// When the request under way was sent.
    asked_at: Option<Instant>,
    answer: Option<Answer>,
}

impl Exchange {
    /// Connects, waiting for it.
    pub(crate) fn connect(target: SocketAddr) -> io::Result<Self> {
        let socket = std::net::TcpStream::connect(target)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: TcpStream::from_std(socket),
            target,
            input: Vec::new(),
            asked_at: None,
            answer: None,
        })
    }

    /// Sends a GET.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<()> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.target))
    }

    /// Sends an event.
    pub(crate) fn publish(&mut self, publication: &Publication) -> io::Result<()> {
        let Publication { path, headers, body } = publication;
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.target,
            body.len()
        ))
    }

    /// Whether a request was sent and its answer was not taken yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.asked_at.is_some()
    }

    /// The answer to the last request, once it is whole.
    pub(crate) fn take_answer(&mut self) -> Option<Answer> {
        let answer = self.answer.take()?;
        self.asked_at = None;
        Some(answer)
    }

    /// Reads what is there.
    pub(crate) fn handle_readable(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut chunk) {
                Ok(0) => return Err(io::Error::other("the server closed a keep-alive connection")),
                Ok(n) => self.input.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if let Some((status, body)) = take_response(&mut self.input)? {
            let at = Instant::now();
            self.answer = Some(Answer { status, body, asked_at: self.asked_at.unwrap_or(at), at });
        }
        Ok(())
    }

    fn send(&mut self, request: &str) -> io::Result<()> {
        self.asked_at = Some(Instant::now());
        let taken = self.socket.write(request.as_bytes())?;
        // One request is under way at a time, so the socket's buffer is empty and takes it whole.
        if taken == request.len() { Ok(()) } else { Err(io::Error::other("a request was sent in part")) }
    }
}

/// Takes a whole response with a Content-Length off the front of `input`.
fn take_response(input: &mut Vec<u8>) -> io::Result<Option<(u16, Vec<u8>)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let head_bytes = match response.parse(input).map_err(io::Error::other)? {
        httparse::Status::Complete(bytes) => bytes,
        httparse::Status::Partial => return Ok(None),
    };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length: usize = length
        .and_then(|header| str::from_utf8(header.value).ok()?.parse().ok())
        .ok_or_else(|| io::Error::other("an answer without Content-Length"))?;
    let status = response.code.unwrap_or_default();
    let Some(body) = input.get(head_bytes..head_bytes + length).map(<[u8]>::to_vec) else { return Ok(None) };
    input.drain(..head_bytes + length);
    Ok(Some((status, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_taken_when_it_is_whole() {
        let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
        for split in 0..whole.len() {
            let mut input = whole[..split].to_vec();
            assert!(take_response(&mut input).unwrap().is_none(), "split at {split}");
            input.extend_from_slice(&whole[split..]);
            assert_eq!(take_response(&mut input).unwrap(), Some((202, b"{}".to_vec())));
            assert!(input.is_empty());
        }
    }
}
