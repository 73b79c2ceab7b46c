//! The file of a listener that is reached through the file system (unix(7)).
//!
//! One that a process left behind is replaced; one that somebody listens on never is, nor is anything that is no
//! socket. It is removed when it is dropped, unless another one has taken its place.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// See the top of this file.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    /// Makes the file of `socket`, which nobody can connect to before it listens.
    pub(super) fn bind(socket: &Socket, path: &Path, mode: u32) -> io::Result<Self> {
        let address = SockAddr::unix(path)?;
        if let Err(error) = socket.bind(&address) {
            if error.kind() != io::ErrorKind::AddrInUse || !is_abandoned(path)? {
                return Err(error);
            }
            log::info!(path:% = path.display(); "a socket file that nobody listens on is replaced");
            fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        let identity = fs::symlink_metadata(path).ok().as_ref().map(identity);
        let file = Self { path: path.to_owned(), identity };
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        Ok(file)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let now = fs::symlink_metadata(&self.path).ok();
        if self.identity.is_some() && now.as_ref().map(identity) == self.identity {
            // Whoever may not remove it leaves it to the next start, which replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Whether it is a socket that nobody listens on.
fn is_abandoned(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file is there, and it is no socket"));
    }
    // A full queue makes it wait, and it is in use then: so it must not wait.
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) => Ok(error.kind() == io::ErrorKind::ConnectionRefused),
        Ok(()) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A path below the system's folder for such files, removed with the test.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("ssecast-socket-file-{}-{number}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn bind(place: &Place) -> io::Result<(Socket, SocketFile)> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let file = SocketFile::bind(&socket, &place.0, 0o640)?;
        socket.listen(1)?;
        Ok((socket, file))
    }

    #[test]
    fn the_file_has_its_mode_and_goes_with_its_listener() {
        let place = Place::new();
        let (_socket, file) = bind(&place).unwrap();
        assert_eq!(fs::metadata(&place.0).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(UnixStream::connect(&place.0).is_ok());
        drop(file);
        assert!(!place.0.exists());
    }

    #[test]
    fn a_file_that_was_left_is_replaced_and_one_in_use_is_not() {
        let place = Place::new();
        let (socket, file) = bind(&place).unwrap();
        assert_eq!(bind(&place).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        // Its queue is full: that is in use, too.
        let knock = || {
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            client.connect(&SockAddr::unix(&place.0).unwrap()).is_ok().then_some(client)
        };
        let waiting: Vec<Socket> = std::iter::from_fn(knock).collect();
        assert_eq!(bind(&place).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop((socket, waiting));
        std::mem::forget(file);
        assert!(place.0.exists(), "as after a kill");
        let _replaced = bind(&place).unwrap();
        assert!(UnixStream::connect(&place.0).is_ok());
    }

    #[test]
    fn what_is_no_socket_stays() {
        let place = Place::new();
        fs::write(&place.0, "precious").unwrap();
        assert_eq!(bind(&place).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&place.0).unwrap(), b"precious");
    }

    #[test]
    fn the_file_of_another_is_not_removed() {
        let place = Place::new();
        let (_socket, file) = bind(&place).unwrap();
        fs::remove_file(&place.0).unwrap();
        let _other = bind(&place).unwrap();
        drop(file);
        assert!(place.0.exists());
    }
}
