//! The provider under real Terraform and OpenTofu, from no cluster at all to a real API server.
//!
//! `NEURALINVERSE_TERRAFORMS` lists the command lines to test with, separated by colons; without it,
//! `terraform` of the path. Files are named by what they need: `offline_…` nothing, `server_…` an API server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod controller;
mod harness;
mod offline_bad_input;
mod offline_plan;
mod server_conflicts;
mod server_credentials;
mod server_delete;
mod server_errors;
mod server_import;
mod server_interrupt;
mod server_kinds;
mod server_lookalike;
mod server_ready;
mod server_region;
