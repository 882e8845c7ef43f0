//! Between controllers and server: requests wait until the schedule says what becomes of them.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::{self, header::CONTENT_TYPE};
use kube::client::Body;
use serde_json::Value;
use tokio::sync::oneshot;

use super::server::{Answer, Request};

/// A request that waits.
pub struct Call {
    /// Who asks.
    pub replica: usize,
    pub request: Request,
    answer: oneshot::Sender<Answer>,
}

impl Call {
    /// Answers, if somebody still waits for it.
    pub fn answer(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }

    /// Whether whoever asked is gone.
    pub fn abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

impl fmt::Display for Call {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let abandoned = if self.abandoned() { " (gone)" } else { "" };
        write!(to, "{}{abandoned}: {} {}", self.replica, self.request.method, self.request.path)
    }
}

/// All requests that wait, the oldest first.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<Vec<Call>>>);

impl Wire {
    /// The client of a replica.
    pub fn client(&self, replica: usize) -> kube::Client {
        let wire = self.clone();
        let service = tower::service_fn(move |request| wire.clone().send(replica, request));
        kube::Client::new(service, "default")
    }

    /// The requests that wait.
    pub fn waiting(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(
        self,
        replica: usize,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.map_err(std::io::Error::other)?;
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let request = Request {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            content_type: content_type.unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        };
        // What people are told takes no part.
        let events = request.path.starts_with("/apis/events.k8s.io/");
        let answer = match events {
            true => Ok((201, request.body)),
            false => {
                let (answer, answered) = oneshot::channel();
                self.waiting().push(Call { replica, request, answer });
                answered.await
            }
        };
        let (code, object) = answer.map_err(|_| std::io::Error::other("the connection broke"))?;
        let body = serde_json::to_vec(&object).map_err(std::io::Error::other)?;
        http::Response::builder().status(code).body(Body::from(body)).map_err(std::io::Error::other)
    }
}
