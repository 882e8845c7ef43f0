//! What workspaces reach of the region's services, as their owners.
//!
//! ```text
//!  user's Git ─► sidecar ──TLS, pod's token──► caller: which pod, does it still exist, whose is it
//!                                                │
//!                                                └─► git: as the owner's user ─► Gitea
//! ```
//!
//! Who calls is decided once, in [`caller`], for every room. A room is a folder: what it serves and to what it
//! passes that on. In a workspace is no credential for any of it; whatever the pod's owner may do there is
//! decided by the service itself.

use std::sync::Arc;

use axum::{Router, middleware};
use http::StatusCode;

mod access;
pub mod args;
pub mod caller;
pub mod gateway;
pub mod git;
mod health;
pub mod pods;
mod run;
mod server;
pub mod tls;

use gateway::Gateway;

/// Everything that the gateway answers.
pub fn app(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .merge(git::routes())
        .fallback(async || (StatusCode::NOT_FOUND, git::SERVED))
        .layer(middleware::from_fn(access::log))
        .with_state(gateway)
}
