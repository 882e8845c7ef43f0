//! A line of JSON for each answer: which pod, what for, how it ended and how long it took. No path and no name of a
//! person or repository.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use tokio::time::Instant;
use tracing::info;

use crate::pods::Pod;

/// Whom an answer is for, as far as that became known.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// The pod.
    pub pod: Arc<Pod>,
    /// What it asked for, such as `git-upload-pack`.
    pub service: &'static str,
}

/// Measures until the answer begins; streams may last for hours.
pub(crate) async fn log(request: Request, next: Next) -> Response {
    let (start, method) = (Instant::now(), request.method().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let answered = response.extensions().get::<Answered>();
    info!(
        target: "access",
        %method,
        route = route.as_ref().map(MatchedPath::as_str),
        namespace = answered.map(|it| it.pod.namespace.as_str()),
        pod = answered.map(|it| it.pod.name.as_str()),
        service = answered.map(|it| it.service),
        status = response.status().as_u16(),
        milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
    );
    response
}
