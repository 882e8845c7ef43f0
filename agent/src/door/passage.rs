//! One connection through the door: proof of the portal first, then bytes both ways.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, copy, copy_bidirectional, sink},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::debug;

use crate::activity::Ears;

/// How long a stranger may take to prove to be the portal.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long the portal may take to hear that there is no IDE.
const FAREWELL: Duration = Duration::from_secs(5);

/// A silent connection is asked after this many seconds whether its other end still exists: what a lost
/// node leaves behind would take the place of others for ever.
const SILENCE: u32 = 60;

/// What the portal gets when no IDE listens.
const NO_IDE: &str = "HTTP/1.1 502 Bad Gateway\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 36\r\n\
    connection: close\r\n\
    \r\n\
    no IDE listens in this workspace yet";

/// Serves it until both sides have ended.
pub async fn serve(acceptor: TlsAcceptor, stream: TcpStream, ide: Arc<Path>, ears: Ears) {
    if let Err(error) = prepare(&stream) {
        return debug!(%error, "a connection broke off");
    }
    let mut portal = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(portal)) => portal,
        Ok(Err(error)) => return debug!(%error, "somebody did not prove to be the portal"),
        Err(_) => return debug!("somebody took too long to prove to be the portal"),
    };
    let passed = match UnixStream::connect(&*ide).await {
        Ok(mut ide) => copy_bidirectional(&mut Heard { stream: portal, ears }, &mut ide).await.map(drop),
        Err(_) => timeout(FAREWELL, turn_away(&mut portal)).await.unwrap_or(Ok(())),
    };
    if let Err(error) = passed {
        debug!(%error, "a connection broke off");
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Keystrokes are small and waited for.
    stream.set_nodelay(true)?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &SILENCE)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &10)?;
    setsockopt(stream, sockopt::TcpKeepCount, &3)?;
    Ok(())
}

/// Answers what is asked, not before: a client takes an answer without a question for a fault. The rest of
/// the question is read, since closing before it would take the answer away from the client.
async fn turn_away(portal: &mut TlsStream<TcpStream>) -> io::Result<()> {
    if portal.read(&mut [0; 1024]).await? > 0 {
        portal.write_all(NO_IDE.as_bytes()).await?;
    }
    portal.shutdown().await?;
    copy(portal, &mut sink()).await?;
    Ok(())
}

/// The portal's side, where what it says is heard.
struct Heard {
    stream: TlsStream<TcpStream>,
    ears: Ears,
}

impl AsyncRead for Heard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.ears.hear(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Heard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_without_an_ide_has_the_length_that_it_says() {
        let (head, body) = NO_IDE.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}
