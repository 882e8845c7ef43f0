//! TLS and HTTP/1.1 for workspaces. A connection ends with the pod that calls over it.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a stranger may take to say hello.
const HELLO: Duration = Duration::from_secs(10);

/// How long a connection may have nothing to say between two requests. Longer than sidecars keep theirs.
const IDLE: Duration = Duration::from_secs(120);

/// Ties a connection to a pod. Requests of a connection come one after the other, so the last one's pod is
/// that of all that is under way.
#[derive(Clone)]
pub(crate) struct Tie(watch::Sender<CancellationToken>);

impl Tie {
    pub(crate) fn to(&self, gone: &CancellationToken) {
        self.0.send_replace(gone.clone());
    }
}

/// Serves until `shutdown`; then requests under way may end. A handshake holds up nobody else.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    app: Router,
    shutdown: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(acceptor.clone(), stream, app.clone(), shutdown.clone()));
            }
            Err(error) => {
                // Mostly too many open files: others must end first.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection(acceptor: TlsAcceptor, stream: TcpStream, app: Router, shutdown: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let stream = match timeout(HELLO, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => return tracing::debug!("a TLS handshake took too long"),
    };
    let (tie, tied) = watch::channel(CancellationToken::new());
    let service = TowerToHyperService::new(app.layer(Extension(Tie(tie))));
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut cut = pin!(cut(tied));
    let (mut goes_down, mut drains) = (pin!(shutdown.cancelled()), false);
    loop {
        let served = tokio::select! {
            served = &mut served => served,
            () = &mut cut => return tracing::debug!("a connection ends with its pod"),
            () = &mut goes_down, if !drains => {
                drains = true;
                served.as_mut().graceful_shutdown();
                continue;
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection broke off");
        }
        return;
    }
}

/// Returns when the pod is gone that the connection is tied to at that time.
async fn cut(mut tied: watch::Receiver<CancellationToken>) {
    loop {
        let gone = tied.borrow_and_update().clone();
        tokio::select! {
            () = gone.cancelled() => return,
            Ok(()) = tied.changed() => {}
        }
    }
}
