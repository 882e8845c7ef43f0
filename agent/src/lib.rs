//! Sidecar of a workspace pod: makes the pod the workspace of whoever got it.
//!
//! ```text
//!   controller ◄──long poll── poll ──assignment──┬─► bridge ──Unix socket──► launcher, in the user's container
//!        ▲                                       └─► repository ──► git clone
//!        └──────────── report ◄── what the two achieved ──┘
//!
//!   portal ──TLS, both sides prove themselves──► door ──Unix socket──► IDE, in the user's container
//! ```
//!
//! Each box is one endless loop in its own file; [`run`] joins them by watch channels. They share one
//! thread: a pod pays for its sidecar's memory all the time, and it mostly waits.

mod backoff;
mod bridge;
mod client;
mod door;
mod git;
mod identity;
pub mod install;
mod place;
mod poll;
mod ready;
mod report;
mod repository;
pub mod run;

use clap::{Parser, Subcommand};

/// Sidecar of a workspace pod
#[derive(Parser)]
#[command(version)]
pub struct Args {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    Install(install::Options),
    Run(run::Options),
}

impl Args {
    /// Does what was asked for.
    pub fn run(self) -> anyhow::Result<()> {
        match self.role {
            Role::Install(options) => Ok(install::install(&options)?),
            Role::Run(options) => run::run(&options),
        }
    }
}
