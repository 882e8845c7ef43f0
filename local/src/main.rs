//! A real Kubernetes on one machine without a container engine, for tests and the demo.

use std::process::ExitCode;

use clap::Parser;
use neuralinverse_local::cli::Args;

fn main() -> ExitCode {
    match Args::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
