//! A line of JSON for each answer: where, how it ended and how long it took. No path and no query: what
//! people open is in the audit records, and secrets of strangers may be in either.

use axum::{extract::Request, middleware::Next, response::Response};
use http::Method;
use tokio::time::Instant;
use tracing::info;

/// Which origin answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered(pub &'static str);

/// Measures until the answer begins; streams may last for hours.
pub async fn log(request: Request, next: Next) -> Response {
    let (start, method): (_, Method) = (Instant::now(), request.method().clone());
    let response = next.run(request).await;
    let origin = response.extensions().get::<Answered>().map_or("elsewhere", |it| it.0);
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    info!(target: "access", origin, %method, status = response.status().as_u16(), milliseconds);
    response
}
