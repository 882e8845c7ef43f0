//! The process: from the handshake with the CLI to the exit code.

use std::process::ExitCode;

use crate::Provider;

/// Who the provider is.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Full address, e.g. `registry.terraform.io/acme/acme`; its last two parts name the provider in debug mode.
    pub address: String,
    /// Version without `v`, for logs.
    pub version: String,
}

/// Serves the provider until the CLI shuts it down. `main` returns the exit code.
///
/// With the argument `-debug` it prints a `TF_REATTACH_PROVIDERS` line and serves until interrupted.
pub async fn serve(provider: impl Provider + 'static, options: ServeOptions) -> ExitCode {
    let _ = (provider, options);
    ExitCode::FAILURE
}
