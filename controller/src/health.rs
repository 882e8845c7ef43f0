//! Answers the kubelet: alive as long as it answers at all, ready once it knows what is in the cluster. And
//! Prometheus.

use std::sync::Arc;

use axum::{
    Router,
    http::{StatusCode, header},
    routing::get,
};
use tokio::sync::watch;

use crate::metrics::{CONTENT_TYPE, Metrics};

/// The routes; `ready` turns true once.
pub fn app(ready: watch::Receiver<bool>, metrics: Arc<Metrics>) -> Router {
    let ready = Arc::new(ready);
    let readyz = move || async move {
        match *ready.borrow() {
            true => (StatusCode::OK, "ok"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "still reading what is in the cluster"),
        }
    };
    let measured = move || async move {
        let text = metrics.text().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok::<_, StatusCode>(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
    };
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(measured))
}
