//! The way to Gitea: one pool of connections for Git's streams and for the API.

mod api;
mod credentials;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use axum::body::Body;
use http::{
    HeaderValue, Request, Response, Uri,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem, pem::PemObject},
};

use self::credentials::Credentials;
pub(super) use self::{
    api::{Listed, User},
    credentials::basic,
};

const CONNECT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(50);
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Why there is no way to Gitea.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Its URL cannot be used.
    #[error("`{0}` is no URL of Gitea: write http://host:port or https://host")]
    Url(String),
    /// The file with its authorities cannot be used.
    #[error("`{0}`: {1}")]
    Authorities(PathBuf, #[source] pem::Error),
    /// The TLS library refuses them.
    #[error("the certificate authorities of Gitea: {0}")]
    Tls(#[from] rustls::Error),
    /// Its administrator's credentials cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

pub use self::credentials::CredentialsError;

/// Why Gitea gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum GiteaError {
    /// Its administrator's credentials cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No request can be made of it.
    #[error("making a request: {0}")]
    Request(#[from] http::Error),
    /// There is no connection, or it broke off.
    #[error("reaching Gitea: {}", causes(.0))]
    Send(#[from] hyper_util::client::legacy::Error),
    /// It does not answer.
    #[error("Gitea did not answer within 30 s when {0}")]
    Late(&'static str),
    /// It says no.
    #[error("Gitea answered {1} when {0}")]
    Status(&'static str, http::StatusCode),
    /// It broke off, or says something else.
    #[error("Gitea's answer cannot be read when {0}: {1}")]
    Answer(&'static str, Box<dyn std::error::Error + Send + Sync>),
}

/// The library's own text says only that there was an error.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Gitea.
pub(super) struct Gitea {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    scheme: Scheme,
    authority: Authority,
    /// Path before everything, without a slash at the end.
    path: String,
    credentials: Credentials,
}

impl Gitea {
    /// Makes no request yet.
    pub(super) fn new(
        url: &str,
        credentials: PathBuf,
        authorities: Option<&Path>,
    ) -> Result<Self, SetupError> {
        let wrong = || SetupError::Url(url.to_owned());
        let Parts { scheme, authority, path_and_query, .. } =
            url.parse::<Uri>().map_err(|_| wrong())?.into_parts();
        let known = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        let path = path_and_query.as_ref().map_or("", PathAndQuery::path).trim_end_matches('/').to_owned();
        Ok(Self {
            client: client(tls(authorities)?),
            scheme: scheme.filter(known).ok_or_else(wrong)?,
            authority: authority.filter(|it| !it.as_str().contains('@')).ok_or_else(wrong)?,
            path,
            credentials: Credentials::new(credentials)?,
        })
    }

    /// Where a path of Gitea's is.
    pub(super) fn uri(&self, path_and_query: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path_and_query}", self.path))
            .build()
    }

    /// Path and query below Gitea's own path, out of what it redirects to.
    pub(super) fn below(&self, location: &HeaderValue) -> Option<Uri> {
        let uri: Uri = location.to_str().ok()?.parse().ok()?;
        let below = uri.path_and_query()?.as_str().strip_prefix(self.path.as_str())?;
        below.parse().ok()
    }

    /// Sends a request; its answer may take hours.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, GiteaError> {
        Ok(self.client.request(request).await?)
    }
}

fn client(tls: ClientConfig) -> Client<HttpsConnector<HttpConnector>, Body> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT));
    // A stream has no end in time, so a host that vanished is noticed here.
    http.set_keepalive(Some(KEEPALIVE));
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(connector)
}

fn tls(authorities: Option<&Path>) -> Result<ClientConfig, SetupError> {
    let config = ClientConfig::builder_with_provider(std::sync::Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?;
    let Some(file) = authorities else {
        // Compiled in: the image holds no list of authorities.
        return Ok(config.with_webpki_roots().with_no_client_auth());
    };
    let failed = |error| SetupError::Authorities(file.to_owned(), error);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(failed)? {
        roots.add(certificate.map_err(failed)?)?;
    }
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gitea(url: &str) -> Result<Gitea, SetupError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "t").unwrap();
        Gitea::new(url, folder.path().to_owned(), None)
    }

    #[test]
    fn paths_stand_below_the_url() {
        for (url, expected) in [
            ("http://gitea:3000", "http://gitea:3000/ada/x.git/git-upload-pack"),
            ("http://gitea:3000/", "http://gitea:3000/ada/x.git/git-upload-pack"),
            ("https://git.example.com/sub/", "https://git.example.com/sub/ada/x.git/git-upload-pack"),
        ] {
            assert_eq!(gitea(url).unwrap().uri("/ada/x.git/git-upload-pack").unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_url_of_gitea_is_named() {
        for url in ["", "gitea:3000", "/gitea", "ftp://gitea", "http://admin:secret@gitea", "http://"] {
            assert!(matches!(gitea(url), Err(SetupError::Url(_))), "{url}");
        }
    }

    #[test]
    fn a_redirection_stays_below_the_url() {
        for (url, location, expected) in [
            ("http://gitea", "/ada/y/info/refs?service=s", Some("/ada/y/info/refs?service=s")),
            ("http://gitea/sub", "/sub/ada/y/info/refs?service=s", Some("/ada/y/info/refs?service=s")),
            ("http://gitea", "https://git.example.com/ada/y/info/refs", Some("/ada/y/info/refs")),
            ("http://gitea/sub", "/ada/y/info/refs", None),
            ("http://gitea", "not a url", None),
        ] {
            let below = gitea(url).unwrap().below(&HeaderValue::from_static(location));
            assert_eq!(below.map(|it| it.to_string()).as_deref(), expected, "{url} {location}");
        }
    }
}
