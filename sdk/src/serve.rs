//! The process: from the handshake with the CLI to the exit code.
//!
//! The CLI starts the provider once per configuration, reads one line from its standard output, connects, and
//! calls `Shutdown` when done. Facts: hashicorp/go-plugin `server.go`, `client.go`, `mtls.go`.

mod connection;
mod handshake;
mod listener;
mod log;
mod reattach;
mod service;
mod tls;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::Provider;
use crate::rpc::App;
use handshake::Invitation;
use listener::Listener;

/// Who the provider is.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Full address, e.g. `registry.terraform.io/acme/acme`; its last two parts name the provider in debug
    /// mode.
    pub address: String,
    /// Version without `v`, for logs.
    pub version: String,
}

/// Why the provider cannot serve. The text goes to standard error, which the CLI shows.
#[derive(Debug, Error)]
enum ServeError {
    #[error("cannot listen for the CLI: {0}")]
    Listen(#[source] io::Error),
    #[error("cannot tell the CLI where to connect: {0}")]
    Announce(#[source] io::Error),
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error(transparent)]
    Handshake(#[from] handshake::HandshakeError),
}

/// Serves the provider until the CLI shuts it down. `main` returns the exit code.
///
/// With the argument `-debug` it prints a `TF_REATTACH_PROVIDERS` line and serves until interrupted.
///
/// Must run inside a tokio runtime with IO and time enabled; `#[tokio::main]` is one.
pub async fn serve(provider: impl Provider + 'static, options: ServeOptions) -> ExitCode {
    let debug = std::env::args().skip(1).any(|argument| argument == "-debug" || argument == "--debug");
    let served =
        if debug { serve_debug(provider, &options).await } else { serve_cli(provider, &options).await };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// One run of the CLI.
async fn serve_cli(provider: impl Provider + 'static, options: &ServeOptions) -> Result<(), ServeError> {
    let invitation = Invitation::from_env()?;
    log::init(&options.address);
    tracing::debug!(version = options.version, "starting");
    let identity = invitation.client_certificate.as_deref().map(tls::Identity::for_client).transpose()?;
    let listener = Listener::bind(&invitation).await.map_err(ServeError::Listen)?;
    let (certificate, acceptor) = identity.map(|identity| (identity.certificate, identity.acceptor)).unzip();
    let shutdown = CancellationToken::new();
    ignore_interrupts(&shutdown)?;
    handshake::announce(&listener, certificate.as_deref()).map_err(ServeError::Announce)?;
    let app = App::new(Arc::new(provider), options.address.clone(), false);
    let exit_when_left = true;
    connection::serve(listener, acceptor, Arc::new(app), shutdown, exit_when_left).await;
    Ok(())
}

/// Many runs of the CLI, until interrupted.
async fn serve_debug(provider: impl Provider + 'static, options: &ServeOptions) -> Result<(), ServeError> {
    log::init(&options.address);
    let listener = Listener::bind(&Invitation::default()).await.map_err(ServeError::Listen)?;
    reattach::announce(&listener, &options.address).map_err(ServeError::Announce)?;
    let shutdown = CancellationToken::new();
    shut_down_on_interrupt(&shutdown)?;
    let app = App::new(Arc::new(provider), options.address.clone(), true);
    let exit_when_left = false;
    connection::serve(listener, None, Arc::new(app), shutdown, exit_when_left).await;
    Ok(())
}

/// Ctrl-C reaches the whole process group, but the CLI answers it, with `StopProvider`. Termination shuts
/// down.
fn ignore_interrupts(shutdown: &CancellationToken) -> Result<(), ServeError> {
    let mut interrupts = interrupts().map_err(ServeError::Signals)?;
    tokio::spawn(async move { while interrupts.recv().await.is_some() {} });
    on_termination(shutdown)
}

fn shut_down_on_interrupt(shutdown: &CancellationToken) -> Result<(), ServeError> {
    let mut interrupts = interrupts().map_err(ServeError::Signals)?;
    let token = shutdown.clone();
    tokio::spawn(async move {
        interrupts.recv().await;
        token.cancel();
    });
    on_termination(shutdown)
}

#[cfg(unix)]
fn interrupts() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}

#[cfg(windows)]
fn interrupts() -> io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}

#[cfg(unix)]
fn on_termination(shutdown: &CancellationToken) -> Result<(), ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminations = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let token = shutdown.clone();
    tokio::spawn(async move {
        terminations.recv().await;
        token.cancel();
    });
    Ok(())
}

#[cfg(windows)]
fn on_termination(_shutdown: &CancellationToken) -> Result<(), ServeError> {
    Ok(()) // Windows ends processes without asking
}
