//! The sidecar as the pod runs it: the real programs, a real Git server, and a controller that speaks the
//! real protocol over TLS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod authority;
mod controller;
mod gateway;
mod git_server;
mod harness;
mod ide;

mod a_launch;
mod a_repository;
mod the_door;
mod the_editor;
mod the_end;
mod the_gateway;
mod the_identity;
mod the_use;
