//! Accepts connections and speaks HTTP/2 on them, until shutdown.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::listener::{Listener, Stream};
use super::service::Service;
use crate::rpc::App;

/// How long the last answers may take to leave; after two seconds the CLI kills the process.
const GOODBYE: Duration = Duration::from_millis(500);

/// Serves every connection until `shutdown`. With `exit_when_left`, also ends when the CLI is gone without a
/// word, so that a killed CLI leaves no process behind.
pub(super) async fn serve(
    listener: Listener,
    acceptor: Option<TlsAcceptor>,
    app: Arc<App>,
    shutdown: CancellationToken,
    exit_when_left: bool,
) {
    let service = Service::new(app, shutdown.clone());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => {
                if exit_when_left && connections.is_empty() && service.was_called() {
                    break;
                }
            }
            accepted = listener.accept() => match accepted {
                Ok(stream) => {
                    connections.spawn(connection(stream, acceptor.clone(), service.clone(), shutdown.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(Duration::from_millis(100)).await; // out of file handles, most likely
                }
            },
        }
    }
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(GOODBYE, all_ended).await.is_err() {
        tracing::debug!("a connection did not end in time");
    }
}

/// One connection. A CLI that only knocks, as Terraform does before it reattaches, is no error.
async fn connection(
    stream: Box<dyn Stream>,
    acceptor: Option<TlsAcceptor>,
    service: Service,
    shutdown: CancellationToken,
) {
    let stream: Box<dyn Stream> = match acceptor {
        None => stream,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(error) => return tracing::warn!(%error, "a client failed the TLS handshake"),
        },
    };
    let handler = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.call(request).await) }
    });
    let connection =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), handler);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended without goodbye");
    }
}
