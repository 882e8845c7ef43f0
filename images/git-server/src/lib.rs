//! A small Git server for the demo and the tests: Git's own `http-backend` behind HTTP.
//!
//! Everybody may read, nobody may write. What lies under `/private/` asks for a user and a password.

mod backend;
pub mod sample;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Largest request: what a client says it has already.
const REQUEST_LIMIT: usize = 16 << 20;

/// What is served, and to whom.
#[derive(Clone, Debug)]
pub struct Served {
    /// Folder with the bare repositories.
    pub root: PathBuf,
    /// User and password of `/private/`; without them nobody reads it.
    pub credentials: Option<(String, String)>,
}

/// The server.
pub fn app(served: Served) -> Router {
    Router::new().fallback(answer).layer(DefaultBodyLimit::max(REQUEST_LIMIT)).with_state(Arc::new(served))
}

async fn answer(
    State(served): State<Arc<Served>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if uri.path().starts_with("/private/") && !served.knows(&headers) {
        let challenge = (header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"private\""));
        return (StatusCode::UNAUTHORIZED, [challenge]).into_response();
    }
    match backend::run(&served.root, &method, &uri, &headers, &body).await {
        Ok(response) => response,
        Err(error) => {
            eprintln!("git-server: {} failed: {error}", uri.path());
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

impl Served {
    fn knows(&self, headers: &HeaderMap) -> bool {
        self.credentials.as_ref().is_some_and(|(username, password)| {
            let expected = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
            headers.get(header::AUTHORIZATION).is_some_and(|given| given.as_bytes() == expected.as_bytes())
        })
    }
}
