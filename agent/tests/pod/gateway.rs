//! A gateway that lets one token through to a Git server, and remembers what it was told.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::post,
};
use futures::StreamExt;
use neuralinverse_git_server::{Served, app};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{authority::Authority, controller::Tls};

/// The token that is good until a test says otherwise.
pub const TOKEN: &str = "first-gateway-token";

/// What people know the Git host by. Nothing listens there.
pub const GIT_URL: &str = "http://git.example.invalid";

pub struct Gateway {
    pub url: String,
    /// Holds its repositories.
    pub root: TempDir,
    heard: Arc<Heard>,
}

struct Heard {
    token: Mutex<String>,
    heads: Mutex<Vec<HeaderMap>>,
    strangers: AtomicUsize,
}

impl Gateway {
    pub async fn start(authority: &Authority) -> Self {
        let root = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
        let acceptor = TlsAcceptor::from(Arc::new(authority.server()));
        let heard = Arc::new(Heard {
            token: Mutex::new(TOKEN.to_owned()),
            heads: Mutex::default(),
            strangers: AtomicUsize::new(0),
        });
        let git = app(Served { root: root.path().to_owned(), credentials: None });
        let app = Router::new()
            .route("/echo", post(echo))
            .nest("/git", git)
            .layer(from_fn_with_state(Arc::clone(&heard), known));
        let listener = Tls { tcp, acceptor, accepted: Arc::default() };
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { url, root, heard }
    }

    /// From now on only this token is good.
    pub fn accept_only(&self, token: &str) {
        token.clone_into(&mut self.heard.token.lock().unwrap());
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<HeaderMap> {
        self.heard.heads.lock().unwrap().clone()
    }

    /// How many requests had no good token.
    pub fn strangers(&self) -> usize {
        self.heard.strangers.load(Ordering::Relaxed)
    }
}

async fn known(State(heard): State<Arc<Heard>>, request: Request, next: Next) -> Response {
    heard.heads.lock().unwrap().push(request.headers().clone());
    let good = format!("Bearer {}", heard.token.lock().unwrap());
    if request.headers().get(AUTHORIZATION).is_some_and(|given| *given == *good) {
        return next.run(request).await;
    }
    heard.strangers.fetch_add(1, Ordering::Relaxed);
    StatusCode::FORBIDDEN.into_response()
}

/// Gives back each piece as it comes.
async fn echo(body: Body) -> Body {
    Body::from_stream(body.into_data_stream().map(|piece| Ok::<_, Infallible>(piece.unwrap_or_default())))
}
