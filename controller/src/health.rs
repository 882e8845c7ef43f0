//! Answers the kubelet: alive as long as it answers at all, ready once it knows what is in the cluster.

use std::sync::Arc;

use axum::{Router, http::StatusCode, routing::get};
use tokio::sync::watch;

/// The routes; `ready` turns true once.
pub fn app(ready: watch::Receiver<bool>) -> Router {
    let ready = Arc::new(ready);
    Router::new().route("/livez", get(|| async { "ok" })).route(
        "/readyz",
        get(move || async move {
            match *ready.borrow() {
                true => (StatusCode::OK, "ok"),
                false => (StatusCode::SERVICE_UNAVAILABLE, "still reading what is in the cluster"),
            }
        }),
    )
}
