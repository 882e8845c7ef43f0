//! A server of the region: where it is, and what it must prove.

use std::{io, time::Duration};

use http::Uri;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;

use crate::identity::{self, Identity};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// The URL is not that of a server of ours.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// Not `https`.
    #[error("the URL must be https://HOST:PORT")]
    Form,
    /// A host that no certificate can have.
    #[error("the host of the URL is no name: {0}")]
    Host(#[from] InvalidDnsNameError),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The authority cannot be used.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// No connection, or none to the true server.
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
}

/// A server that the authority vouches for.
pub struct Server {
    host: String,
    port: u16,
    name: ServerName<'static>,
}

impl Server {
    /// The one at `url`.
    pub fn new(url: &Uri) -> Result<Self, UrlError> {
        let host = url.host().filter(|_| url.scheme_str() == Some("https")).ok_or(UrlError::Form)?.to_owned();
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
        Ok(Self { host, port: url.port_u16().unwrap_or(443), name })
    }

    /// Its `host` header.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A new connection.
    pub async fn connect(&self, identity: &Identity) -> Result<TlsStream<TcpStream>, Error> {
        let connector = identity.connector()?;
        let connected = async {
            let tcp = TcpStream::connect((self.host.trim_matches(['[', ']']), self.port)).await?;
            tcp.set_nodelay(true)?;
            connector.connect(self.name.clone(), tcp).await
        };
        let connected = timeout(CONNECT, connected).await;
        Ok(connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?)
    }
}
