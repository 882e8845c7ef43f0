//! The way to the sidecar of a workspace pod: HTTP/1.1 inside TLS, where both sides prove themselves.
//!
//! A sidecar's certificate is for `<pod uid>.pod.neuralinverse`. Inside the portal a request's host is
//! `<pod uid>.<address>.pod.neuralinverse`: connections are kept by host, so by pod, and never handed to
//! another pod that got the same address; resolving is reading the name.
//!
//! The portal's own certificate is for clients only and names [`door::CLIENT`]; those of sidecars are for servers
//! only. Else a sidecar, signed by the same authority, could pass for the portal before its neighbours.

use std::{
    future::{Ready, ready},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response, Uri};
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, ResolveServerName};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use neuralinverse_api::agent::door::{self, DOMAIN, PORT};
use rustls::{ClientConfig, pki_types::ServerName};
use tower::Service;
use tracing::{info, warn};

use crate::pods::Place;

mod files;

use files::Files;
pub use files::TlsError;

const CONNECT: Duration = Duration::from_secs(5);

/// How long a connection without requests is kept: code-server closes one after 5 s, as Node's servers do.
const IDLE: Duration = Duration::from_secs(4);

/// How often the files of the certificate are looked at.
const REREAD: Duration = Duration::from_secs(30);

/// A client for sidecars.
pub struct Sidecars {
    folder: PathBuf,
    current: RwLock<(Files, Https)>,
}

type Https = Client<HttpsConnector<HttpConnector<Addresses>>, Body>;

/// Why a request did not reach a sidecar.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No request can be made of it.
    #[error(transparent)]
    Request(#[from] http::Error),
    /// No answer.
    #[error(transparent)]
    Client(#[from] hyper_util::client::legacy::Error),
}

impl SendError {
    /// Whether nothing has been sent yet.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_connect())
    }
}

impl Sidecars {
    /// Reads `ca.crt`, `tls.crt` and `tls.key` in a folder, as Kubernetes mounts them.
    pub fn from_folder(folder: &Path) -> Result<Self, TlsError> {
        let files = Files::read(folder)?;
        let client = client(files.config()?);
        Ok(Self { folder: folder.to_owned(), current: RwLock::new((files, client)) })
    }

    /// Looks at the files again; whether they are others now. Then new connections use them, and those in
    /// use go on.
    pub fn reread(&self) -> Result<bool, TlsError> {
        let files = Files::read(&self.folder)?;
        if self.current.read().unwrap_or_else(PoisonError::into_inner).0 == files {
            return Ok(false);
        }
        let client = client(files.config()?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = (files, client);
        Ok(true)
    }

    /// Rereads the files from time to time, since certificates are renewed; never returns.
    pub async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(REREAD).await;
            match self.reread() {
                Ok(true) => info!("the portal has a new certificate"),
                Ok(false) => {}
                Err(error) => warn!(error = &error as &dyn std::error::Error, "the old certificate stays"),
            }
        }
    }

    /// Sends a request, whose URI has a path only, to the sidecar of a pod.
    pub async fn send(
        &self,
        place: &Place,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, SendError> {
        let host = host(place);
        let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
        let uri = Uri::builder()
            .scheme("https")
            .authority(format!("{host}:{PORT}"))
            .path_and_query(path)
            .build()?;
        *request.uri_mut() = uri;
        let client = self.current.read().unwrap_or_else(PoisonError::into_inner).1.clone();
        let again = repeatable(&request);
        match (client.request(request).await, again) {
            // It was idle, and closed before it could answer.
            (Err(error), Some(again)) if !error.is_connect() => Ok(client.request(again).await?),
            (answer, _) => Ok(answer?),
        }
    }
}

/// The same request once more, if it brings nothing along and twice is as good as once.
fn repeatable(request: &Request<Body>) -> Option<Request<Body>> {
    if !request.method().is_safe() || !request.body().is_end_stream() {
        return None;
    }
    let mut again = Request::new(Body::empty());
    request.method().clone_into(again.method_mut());
    request.uri().clone_into(again.uri_mut());
    request.headers().clone_into(again.headers_mut());
    Some(again)
}

fn client(config: ClientConfig) -> Https {
    let mut http = HttpConnector::new_with_resolver(Addresses);
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only()
        .with_server_name_resolver(PodNames)
        .enable_http1()
        .wrap_connector(http);
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(connector)
}

fn host(place: &Place) -> String {
    let address = match place.address {
        IpAddr::V4(address) => format!("{:08x}", address.to_bits()),
        IpAddr::V6(address) => format!("{:032x}", address.to_bits()),
    };
    format!("{}.{address}.{DOMAIN}", place.uid)
}

/// Pod and address out of a host that [`host`] made.
fn parse(host: &str) -> Option<(&str, IpAddr)> {
    let (pod, address) = host.strip_suffix(DOMAIN)?.strip_suffix('.')?.rsplit_once('.')?;
    let address = match address.len() {
        8 => Ipv4Addr::from_bits(u32::from_str_radix(address, 16).ok()?).into(),
        _ => Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?).into(),
    };
    Some((pod, address))
}

/// The name that a sidecar has to prove.
struct PodNames;

impl ResolveServerName for PodNames {
    fn resolve(&self, uri: &Uri) -> Result<ServerName<'static>, Box<dyn std::error::Error + Send + Sync>> {
        let (pod, _) = uri.host().and_then(parse).ok_or("not the host of a sidecar")?;
        Ok(ServerName::try_from(door::name(pod))?)
    }
}

/// The address that a host carries.
#[derive(Clone)]
struct Addresses;

impl Service<Name> for Addresses {
    type Response = std::iter::Once<SocketAddr>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let address = parse(name.as_str()).map(|(_, address)| std::iter::once(SocketAddr::new(address, 0)));
        ready(address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not the host of a sidecar")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_carries_pod_and_address() {
        for address in ["10.244.1.7", "127.0.0.1", "fd00::1:2"] {
            let place = Place {
                uid: "0b0e3d5c-5a4e-4d39-9f4e-0d8a1c6b7e21".to_owned(),
                address: address.parse().unwrap(),
            };
            assert_eq!(parse(&host(&place)), Some((place.uid.as_str(), place.address)));
            let uri =
                Uri::builder().scheme("https").authority(host(&place)).path_and_query("/").build().unwrap();
            let name = PodNames.resolve(&uri).unwrap();
            assert_eq!(name.to_str(), "0b0e3d5c-5a4e-4d39-9f4e-0d8a1c6b7e21.pod.neuralinverse");
        }
    }
}
