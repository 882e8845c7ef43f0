//! Who stands behind the portal: a sidecar as it expects one, and a Git host. Behind either, somebody tells
//! what was asked.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::{any, get},
};
use futures::{SinkExt, StreamExt, stream};
use http::{StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use neuralinverse_api::agent::door::{self, PORT};
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::pki::Authority;

/// A running sidecar; it ends when dropped.
pub struct Sidecar {
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address and a listener, before it is known whose pod it will be.
pub struct Vacancy {
    /// The address.
    pub address: IpAddr,
    listener: TcpListener,
}

impl Vacancy {
    /// Each has an address of its own in 127.0.0.0/8, as pods have theirs.
    pub async fn find() -> Result<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let process = std::process::id().to_be_bytes();
        for _ in 0..200 {
            let last = u8::try_from(NEXT.fetch_add(1, Ordering::Relaxed) % 250 + 2)?;
            let address = IpAddr::from(Ipv4Addr::new(127, 64 | (process[2] & 63), process[3], last));
            if let Ok(listener) = TcpListener::bind((address, PORT)).await {
                return Ok(Self { address, listener });
            }
        }
        anyhow::bail!("no free address with port {PORT}")
    }

    /// Serves as the sidecar of this pod.
    pub fn serve(self, authority: &Authority, pod_uid: &str) -> Result<Sidecar> {
        let acceptor = TlsAcceptor::from(Arc::new(authority.server(&door::name(pod_uid))?));
        let requests = Arc::new(AtomicUsize::new(0));
        let (listener, app) = (self.listener, editor(requests.clone()));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, idled) = (acceptor.clone(), Arc::new(Idled::default()));
                let app = app.clone().layer(middleware::from_fn_with_state(idled.clone(), close_the_used));
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.ok()?;
                    let service = TowerToHyperService::new(app);
                    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    tokio::select! {
                        ended = connection.with_upgrades() => ended.ok(),
                        () = idled.close.notified() => None,
                    }
                });
            }
        });
        Ok(Sidecar { requests, task })
    }
}

impl Sidecar {
    /// How many requests came through.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// A connection that closes as one does that was idle for too long.
#[derive(Default)]
struct Idled {
    used: AtomicBool,
    close: Notify,
}

/// Whoever asks for `/idled` on a connection that was used before finds it closed.
async fn close_the_used(State(idled): State<Arc<Idled>>, request: Request, next: Next) -> Response {
    if idled.used.swap(true, Ordering::SeqCst) && request.uri().path() == "/idled" {
        idled.close.notify_one();
        std::future::pending::<()>().await;
    }
    next.run(request).await
}

/// A Git host; it ends when dropped.
pub struct GitHost {
    /// Its URL.
    pub url: String,
    task: JoinHandle<()>,
}

impl GitHost {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = editor(Arc::default());
        Ok(Self { url, task: tokio::spawn(async move { drop(axum::serve(listener, app).await) }) })
    }
}

impl Drop for GitHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn editor(requests: Arc<AtomicUsize>) -> Router {
    let page = "<!doctype html><title>Editor</title><h1 id=editor>The editor</h1><p id=echo></p><script type=module src=/editor.js></script>";
    // What the browser's test looks at: a WebSocket on the origin that the page came from.
    let script = "const socket = new WebSocket(`ws://${location.host}/socket`);\
        socket.onopen = () => socket.send('through the portal');\
        socket.onmessage = (message) => { document.getElementById('echo').textContent = message.data };";
    Router::new()
        .route("/", get(async move || Html(page)))
        .route("/editor.js", get(async move || ([(header::CONTENT_TYPE, "text/javascript")], script)))
        .route("/echo", any(echo))
        .route("/idled", any(echo))
        .route("/stream", get(endless))
        .route("/cookies", get(cookies))
        .route("/socket", get(socket))
        .layer(middleware::from_fn_with_state(
            requests,
            async |State(count): State<Arc<AtomicUsize>>, request, next: Next| {
                count.fetch_add(1, Ordering::SeqCst);
                next.run(request).await
            },
        ))
}

async fn echo(request: Request) -> Result<Response, StatusCode> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let (method, uri) = (parts.method.to_string(), parts.uri.to_string());
    Ok(Json(json!({ "method": method, "uri": uri, "headers": headers, "bytes": body.len() })).into_response())
}

async fn endless() -> Body {
    Body::from_stream(stream::iter([Ok::<_, Infallible>("first ")]).chain(stream::pending()))
}

async fn cookies() -> Response {
    let cookies = [
        "theme=dark; Path=/",
        "__Host-workspace=stolen; Path=/; Secure",
        "__Host-session=stolen; Path=/; Secure",
    ];
    let mut response = "cookies".into_response();
    for cookie in cookies.map(header::HeaderValue::from_static) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

async fn socket(mut request: Request) -> Result<Response, StatusCode> {
    let key = request.headers().get("sec-websocket-key").ok_or(StatusCode::BAD_REQUEST)?;
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgrade.await.context("upgrade")?);
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(message) = socket.next().await {
            socket.send(message?).await?;
        }
        anyhow::Ok(())
    });
    let headers = [
        ("connection", "Upgrade".to_owned()),
        ("upgrade", "websocket".to_owned()),
        ("sec-websocket-accept", accept),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, axum::response::AppendHeaders(headers)).into_response())
}
