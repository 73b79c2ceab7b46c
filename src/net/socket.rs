//! System calls on a connection's socket, made without the C library.
//!
//! glibc's wrappers of `send`, `recv` and the like are cancellation points (pthreads(7)): as soon as a process has a
//! second thread, and ours has one for the log, each does two locked instructions around the call. Those wait for
//! everything that the kernel has just stored: an eighth of the CPU time of a delivery (loadtest/EXPERIMENTS.md).

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};

/// Sends what the socket takes of `slices` at once (send(2), sendmsg(2)).
pub(super) fn send(socket: &impl AsFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let sent = match slices {
        [slice] => rustix::net::send(socket, slice, SendFlags::NOSIGNAL),
        _ => rustix::net::sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL),
    };
    sent.map_err(io::Error::from)
}

/// Reads what is there, up to the length of `buffer` (recv(2)).
pub(super) fn receive(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    let (received, _) = rustix::net::recv(socket, buffer, RecvFlags::empty())?;
    Ok(received)
}

/// Says that nothing more is sent (shutdown(2)).
pub(super) fn end_writing(socket: &impl AsFd) {
    // It fails where the client is gone, and then the end is read soon.
    let _ = rustix::net::shutdown(socket, Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use mio::net::TcpStream;

    use super::*;

    fn pair() -> (TcpStream, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        (TcpStream::from_std(socket), client)
    }

    #[test]
    fn slices_arrive_in_order_and_a_full_socket_says_so() {
        let (socket, mut client) = pair();
        let slices = [&b"one "[..], b"two ", b"three"].map(IoSlice::new);
        assert_eq!(send(&socket, &slices[..1]).unwrap(), 4);
        assert_eq!(send(&socket, &slices[1..]).unwrap(), 9);
        let mut received = [0; 13];
        client.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"one two three");
        let much = vec![0; 1 << 20];
        let blocked = loop {
            if let Err(error) = send(&socket, &[IoSlice::new(&much)]) {
                break error.kind();
            }
        };
        assert_eq!(blocked, io::ErrorKind::WouldBlock);
    }

    #[test]
    fn what_is_there_is_read_then_nothing_then_the_end() {
        let (socket, mut client) = pair();
        let mut buffer = [0; 8];
        assert_eq!(receive(&socket, &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        client.write_all(b"hello").unwrap();
        let received = loop {
            match receive(&socket, &mut buffer) {
                Ok(received) => break received,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        };
        assert_eq!(&buffer[..received], b"hello");
        drop(client);
        while receive(&socket, &mut buffer).is_err() {}
        assert_eq!(receive(&socket, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn a_client_that_is_gone_is_an_error_and_no_signal() {
        let (socket, client) = pair();
        drop(client);
        let error = loop {
            if let Err(error) = send(&socket, &[IoSlice::new(b"x")]) {
                break error.kind();
            }
        };
        assert!(matches!(error, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error:?}");
    }
}
