//! HTTP as it stands on the wire: no library changes a path here, and a connection stays until it is closed.

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{DEADLINE, gateway::Gateway};

/// A connection to the gateway.
pub struct Connection(TlsStream<TcpStream>);

/// An answer whose body has a length.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Connection {
    /// Opens one.
    pub async fn open(gateway: &Gateway) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&gateway.authority)?)?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(gateway.address()?).await?;
        let name = ServerName::try_from("localhost")?;
        Ok(Self(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
    }

    /// Sends what is written.
    pub async fn send(&mut self, text: &str) -> Result<()> {
        self.0.write_all(text.as_bytes()).await?;
        Ok(self.0.flush().await?)
    }

    /// Sends a request without a body.
    pub async fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = if method == "POST" { "content-length: 0\r\n" } else { "" };
        self.send(&format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{length}{headers}\r\n")).await?;
        timeout(DEADLINE, self.answer(method)).await.context("no answer")?
    }

    async fn answer(&mut self, method: &str) -> Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await?);
        }
        let head = String::from_utf8(head)?.to_lowercase();
        let status = head.split(' ').nth(1).context("a status")?.parse()?;
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let mut body = Vec::new();
        if let Some(length) = header("content-length:").filter(|_| method != "HEAD") {
            body.resize(length.parse()?, 0);
            self.0.read_exact(&mut body).await?;
        } else if header("transfer-encoding:").is_some() {
            while !body.ends_with(b"0\r\n\r\n") {
                body.push(self.0.read_u8().await?);
            }
        }
        Ok(Answer { status, head, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// Waits until the other side closes, however it does that.
    pub async fn closed(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        let closed = timeout(DEADLINE, self.0.read_to_end(&mut rest)).await.context("it stays open")?;
        anyhow::ensure!(rest.is_empty(), "{closed:?} {}", String::from_utf8_lossy(&rest));
        Ok(())
    }
}

/// One request on a connection of its own.
pub async fn ask(gateway: &Gateway, path: &str, token: &str) -> Result<Answer> {
    let authorization = format!("Bearer {token}");
    Connection::open(gateway).await?.request("GET", path, &[("authorization", &authorization)]).await
}
