//! Health on a port of its own, so that it is not reachable from outside.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use http::StatusCode;

use crate::portal::Portal;

/// `/livez` and `/readyz`.
pub fn app(portal: Arc<Portal>) -> Router {
    Router::new().route("/livez", get(async || "ok")).route("/readyz", get(ready)).with_state(portal)
}

async fn ready(State(portal): State<Arc<Portal>>) -> (StatusCode, &'static str) {
    match portal.ready() && !portal.shutdown.is_cancelled() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the portal has not read everything yet"),
    }
}
