//! The Git host's own origin, where the region has a Gitea of its own: everything goes to it and back.
//!
//! Nobody signs in to us here. Gitea asks people itself, by its cookies in browsers and by a password or a
//! token in `git clone`. Our own cookies never come here, since `__Host-` keeps them on the portal's host.

use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri, header,
    uri::{Authority, Scheme},
};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tracing::warn;

use crate::{headers::Relayed, portal::Portal, relay};

const CONNECT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(50);

/// The way to the region's Gitea.
pub struct GitHost {
    client: Client<HttpConnector, Body>,
    address: Authority,
}

/// The URL is of no use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a URL of the form http://host:port")]
pub struct NotAnUpstream(String);

impl GitHost {
    /// Takes the URL of a Gitea in the same cluster.
    pub fn new(url: &str) -> Result<Self, NotAnUpstream> {
        let unusable = || NotAnUpstream(url.to_owned());
        let parts = url.parse::<Uri>().map_err(|_| unusable())?.into_parts();
        let whole = parts.path_and_query.is_none_or(|it| it == "/");
        let http = parts.scheme == Some(Scheme::HTTP);
        let address = parts.authority.filter(|it| http && whole && !it.as_str().contains('@'));
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, address: address.ok_or_else(unusable)? })
    }

    /// Where it is, as a URL without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn send(&self, mut request: Request) -> Result<http::Response<Incoming>, Error> {
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.address.clone());
        uri.path_and_query = uri.path_and_query.or_else(|| "/".parse().ok());
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
        self.client.request(request).await
    }
}

/// All of the Git host's origin.
pub(crate) fn routes() -> Router<Arc<Portal>> {
    Router::new().fallback(pass)
}

async fn pass(State(portal): State<Arc<Portal>>, mut request: Request) -> Response {
    let (Some(git), Some(host)) = (&portal.git, portal.site.git_host()) else {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|it| it.0);
    let browser = request.extensions_mut().remove::<OnUpgrade>();
    relay::headers::request(request.headers_mut(), portal.site.scheme(), host);
    introduce(request.headers_mut(), peer);
    let answer = match git.send(request).await {
        Ok(answer) => answer,
        Err(error) => {
            warn!(error = &error as &dyn std::error::Error, "git host");
            return no_answer();
        }
    };
    let (lasts, shutdown) = (lasts(&answer), portal.shutdown.clone());
    // A clone under way may end; what has no end must not hold us up.
    let over = async move { if lasts { shutdown.cancelled().await } else { pending().await } };
    let mut response = relay::answer(answer, browser, over).unwrap_or_else(no_answer);
    response.extensions_mut().insert(Relayed);
    response
}

/// Says who asks, so that Gitea's log and limits see people and not us.
fn introduce(headers: &mut HeaderMap, peer: Option<SocketAddr>) {
    let address = peer.map(|peer| peer.ip().to_canonical().to_string());
    if let Some(value) = address.and_then(|address| HeaderValue::try_from(address).ok()) {
        headers.insert("x-forwarded-for", value.clone());
        headers.insert("x-real-ip", value);
    }
}

/// Whether this goes on until somebody leaves.
fn lasts(answer: &http::Response<Incoming>) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let events = kind.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    events || answer.status() == StatusCode::SWITCHING_PROTOCOLS
}

fn no_answer() -> Response {
    let headers = [(header::RETRY_AFTER, "3"), (header::REFRESH, "3")];
    (StatusCode::BAD_GATEWAY, headers, "the Git host does not answer\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_plain_http_in_the_cluster() {
        for (url, usable) in [
            ("http://neuralinverse-gitea.system.svc:3000", true),
            ("http://127.0.0.1:3000/", true),
            ("https://gitea.svc", false),
            ("http://user:secret@gitea.svc", false),
            ("http://gitea.svc/sub", false),
            ("gitea.svc:3000", false),
            ("", false),
        ] {
            assert_eq!(GitHost::new(url).is_ok(), usable, "{url}");
        }
    }

    #[test]
    fn gitea_hears_who_asks() {
        for (peer, seen) in [
            (Some("203.0.113.7:1234"), Some("203.0.113.7")),
            (Some("[::ffff:203.0.113.7]:1234"), Some("203.0.113.7")),
            (Some("[2001:db8::1]:1234"), Some("2001:db8::1")),
            (None, None),
        ] {
            let mut headers = HeaderMap::new();
            introduce(&mut headers, peer.map(|it| it.parse().unwrap()));
            for name in ["x-forwarded-for", "x-real-ip"] {
                assert_eq!(headers.get(name).map(|it| it.to_str().unwrap()), seen, "{peer:?}");
            }
        }
    }
}
