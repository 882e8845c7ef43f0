//! Where the CLI connects: a Unix socket of ours alone, or a local port where that cannot be.

use std::io;
#[cfg(unix)]
use std::path::PathBuf;

#[cfg(unix)]
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use super::handshake::Invitation;

/// A connected stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The longest path every Unix takes, less the closing zero.
#[cfg(unix)]
const MAX_SOCKET_PATH: usize = 103;

/// A bound socket; removed from disk when dropped.
pub(super) enum Listener {
    /// A socket in a directory only this user can enter.
    #[cfg(unix)]
    Unix { listener: UnixListener, path: PathBuf, _directory: TempDir },
    /// A port of the loopback address.
    Tcp { listener: TcpListener, port: u16 },
}

impl Listener {
    pub(super) async fn bind(invitation: &Invitation) -> io::Result<Self> {
        #[cfg(unix)]
        {
            let directory = directory(invitation)?;
            let path = directory.path().join("socket");
            if path.as_os_str().len() <= MAX_SOCKET_PATH {
                return Ok(Self::Unix { listener: UnixListener::bind(&path)?, path, _directory: directory });
            }
        }
        let (first, last) = invitation.ports.unwrap_or((10_000, 25_000));
        for port in first..=last {
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                return Ok(Self::Tcp { listener, port });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, format!("no free port from {first} to {last}")))
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            #[cfg(unix)]
            Self::Unix { listener, .. } => Ok(Box::new(listener.accept().await?.0)),
            Self::Tcp { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
        }
    }

    /// The kind of address, in the protocol's words.
    pub(super) fn network(&self) -> &'static str {
        match self {
            #[cfg(unix)]
            Self::Unix { .. } => "unix",
            Self::Tcp { .. } => "tcp",
        }
    }

    /// A socket path or `127.0.0.1:port`.
    pub(super) fn address(&self) -> String {
        match self {
            #[cfg(unix)]
            Self::Unix { path, .. } => path.display().to_string(),
            Self::Tcp { port, .. } => format!("127.0.0.1:{port}"),
        }
    }
}

#[cfg(unix)]
fn directory(invitation: &Invitation) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("plugin");
    match &invitation.socket_directory {
        Some(parent) => builder.tempdir_in(parent),
        None => builder.tempdir(),
    }
}
