//! Terraform provider of Neural Inverse Cloud.
//!
//! ```text
//!  provider.rs ── config.rs: regions ──► connection.rs ──► client.rs: one API server each ── error.rs: its answers
//!      └─ kind/: one adapter for every kind of api/     └─ region/: what `install` puts in
//! ```

mod address;
mod client;
mod config;
mod connection;
pub mod docs;
mod error;
mod kind;
mod provider;
mod region;

pub use provider::NeuralInverse;
