//! In-cluster controller of Neural Inverse Cloud.
//!
//! ```text
//!   API server ──watch──► caches ──changes──► reconcilers (on the replica that leads)
//!        ▲                  │  ▲                  │ observe, decide, apply, status
//!        └──────writes──────┼──┴──────────────────┘ what a write returns goes into the caches
//!                           ▼
//!   sidecars ──TLS──► agents: whose am I (long poll), this is how I am (report), on every replica
//! ```
//!
//! Decisions are pure functions (`decide`, `status`, the builders in `workspace::children`); the rest
//! reads and writes. Every write can be repeated and carries its own precondition.

mod agents;
mod amount;
mod args;
mod cache;
mod caches;
mod change;
mod config;
mod contains;
mod context;
mod error;
mod events;
#[cfg(test)]
mod fixtures;
mod hash;
mod health;
mod key;
mod kubernetes;
mod leader;
mod metrics;
mod names;
mod node_pool;
mod overwritten;
mod queue;
mod reconciler;
mod references;
mod refusal;
mod region;
mod run;
#[cfg(test)]
mod schedules;
mod secret;
mod template;
mod tier;
mod tls;
mod volume;
mod warm_pool;
mod workspace;
mod write;

pub use args::Args;
pub use config::Config;
pub use run::{Error, run};
