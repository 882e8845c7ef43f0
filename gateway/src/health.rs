//! Health on a port of its own, so that workspaces do not reach it.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use http::StatusCode;

use crate::gateway::Gateway;

/// `/livez` and `/readyz`.
pub(crate) fn app(gateway: Arc<Gateway>) -> Router {
    Router::new().route("/livez", get(async || "ok")).route("/readyz", get(ready)).with_state(gateway)
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> (StatusCode, &'static str) {
    match gateway.ready() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the gateway has not read all pods yet"),
    }
}
