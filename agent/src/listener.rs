//! Ports of the sidecar: they are the pod's, which the user's programs share.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};
use tracing::warn;

use crate::backoff::Backoff;

/// Listens there as soon as nobody else does: the user's programs may hold the port for a while.
pub async fn listen(address: SocketAddr) -> TcpListener {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => warn!(%address, %error, "this address is taken; it is tried again"),
        }
        sleep(backoff.next()).await;
    }
}

/// Serves connections, `most` at a time, until dropped; with it, all of them end. One for which `serve` gives
/// nothing is closed.
pub async fn serve<S: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    most: usize,
    mut serve: impl FnMut(TcpStream) -> Option<S>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, _)) => if let Some(served) = serve(stream) {
                    connections.spawn(served);
                },
                Err(error) => refused(&error).await,
            },
        }
    }
}

/// Mostly too many open files: others must end first.
async fn refused(error: &io::Error) {
    warn!(%error, "a connection was not accepted");
    sleep(Duration::from_millis(100)).await;
}
