//! One connection to localhost, and the one to the gateway that serves it.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use http::{
    HeaderValue, Request, Response, StatusCode, Version,
    header::{CONTENT_TYPE, InvalidHeaderValue},
};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::Mutex};
use tracing::debug;

use super::{Gateway, body::Answer, head};
use crate::{identity, server};

/// Why a request is not passed on.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("this is the way to the region's gateway, at http://localhost:{0} only")]
    Misdirected(u16),
    #[error("the region's gateway is not reached: {0}")]
    Server(#[from] server::Error),
    #[error("the region's gateway broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the region's gateway is not asked: {0}")]
    Identity(#[from] identity::Error),
    #[error("the region's gateway is not asked: {0}")]
    Token(#[from] InvalidHeaderValue),
}

impl Refusal {
    fn answer(self) -> Response<Answer> {
        debug!(error = %self, "a request to the gateway was not passed on");
        let status = match self {
            Self::Misdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            _ => StatusCode::BAD_GATEWAY,
        };
        let mut answer = Response::new(Answer::Sentence(Some(format!("{self}\n").into())));
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        answer
    }
}

/// Serves it until the client has gone. Both connections carry one request at a time, so that what one side cannot
/// take yet the other does not send.
pub async fn serve(stream: TcpStream, address: SocketAddr, gateway: Arc<Gateway>) {
    let kept = Mutex::new(None);
    let service = service_fn(|request| {
        let (gateway, kept) = (&gateway, &kept);
        async move {
            let passed = pass(request, address, gateway, kept).await;
            Ok::<_, Infallible>(passed.unwrap_or_else(Refusal::answer))
        }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        debug!(%error, "a connection to the gateway broke off");
    }
}

type Kept = Mutex<Option<SendRequest<Incoming>>>;

async fn pass(
    mut request: Request<Incoming>,
    address: SocketAddr,
    gateway: &Gateway,
    kept: &Kept,
) -> Result<Response<Answer>, Refusal> {
    if !head::is_meant(request.uri(), request.headers(), address) {
        return Err(Refusal::Misdirected(address.port()));
    }
    let host = HeaderValue::try_from(gateway.server.authority())?;
    // Read anew, since the kubelet renews it.
    let mut token = HeaderValue::try_from(format!("Bearer {}", gateway.identity.gateway_token()?))?;
    token.set_sensitive(true);
    head::outgoing(request.headers_mut(), host, token);
    *request.version_mut() = Version::HTTP_11;

    let mut kept = kept.lock().await;
    let mut waiting = kept.take();
    let alive = match &mut waiting {
        Some(sender) => sender.ready().await.is_ok(),
        None => false,
    };
    let mut sender = match waiting {
        Some(sender) if alive => sender,
        _ => connect(gateway).await?,
    };
    let (mut parts, body) = sender.send_request(request).await?.into_parts();
    *kept = Some(sender);
    head::strip(&mut parts.headers);
    parts.version = Version::HTTP_11;
    Ok(Response::from_parts(parts, Answer::Passed(body)))
}

async fn connect(gateway: &Gateway) -> Result<SendRequest<Incoming>, Refusal> {
    let tls = gateway.server.connect(&gateway.identity).await?;
    let (sender, connection) = handshake(TokioIo::new(tls)).await?;
    // It ends with its sender; what it fails with, the sender says too.
    tokio::spawn(connection);
    Ok(sender)
}
