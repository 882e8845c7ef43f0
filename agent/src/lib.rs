//! Sidecar of a workspace pod: makes the pod the workspace of whoever got it.
//!
//! ```text
//!   controller ◄──long poll── poll ──assignment──┬─► bridge ──Unix socket──► launcher, in the user's container
//!        ▲                                       └─► repository ──► git clone
//!        └──────────── report ◄── what the two achieved ──┘
//!
//!   git, in any container ──localhost──► gateway ──TLS, with the pod's token──► the region's gateway
//!
//!   portal ──TLS, both sides prove themselves──► door ──Unix socket──► IDE, in the user's container
//!                                                └─► activity: whether somebody works there, or in a terminal
//! ```
//!
//! Each box is one endless loop in its own file; [`run`] joins them by watch channels. They share one
//! thread: a pod pays for its sidecar's memory all the time, and it mostly waits.

mod activity;
mod author;
mod backoff;
mod bridge;
mod client;
mod door;
mod editor;
mod gateway;
mod git;
mod identity;
pub mod install;
mod listener;
mod place;
mod poll;
mod ready;
mod report;
mod repository;
pub mod run;
mod server;

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
    Run(Box<run::Options>),
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
