//! Sidecar of a workspace pod.

use std::process::ExitCode;

use clap::Parser;
use neuralinverse_agent::Args;

fn main() -> ExitCode {
    Args::parse().run().map_or_else(
        |error| {
            eprintln!("neuralinverse-agent: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
