//! Who the pod is and whom it trusts: files that the kubelet renews at any time.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use neuralinverse_api::agent::{CA_KEY, paths::GATEWAY_TOKEN};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_rustls::TlsConnector;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the projected volume is missing.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file holds no certificate.
    #[error("{} holds no certificate authority: {reason}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The folder with the tokens and `ca.crt`.
pub struct Identity {
    folder: PathBuf,
    connector: Mutex<Option<(Vec<u8>, TlsConnector)>>,
}

impl Identity {
    /// The identity in that folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), connector: Mutex::default() }
    }

    /// The token for the controller as it is now.
    pub fn token(&self) -> Result<String, Error> {
        self.text("token")
    }

    /// The token for the gateway as it is now.
    pub fn gateway_token(&self) -> Result<String, Error> {
        self.text(GATEWAY_TOKEN)
    }

    fn text(&self, name: &str) -> Result<String, Error> {
        let (path, bytes) = self.read(name)?;
        let text = String::from_utf8(bytes);
        let token = text.map_err(|error| Error::Read { path, source: io::Error::other(error) })?;
        Ok(token.trim().to_owned())
    }

    /// Connects to servers that the authority vouches for; made anew only when its file changed.
    pub fn connector(&self) -> Result<TlsConnector, Error> {
        let (path, pem) = self.read(CA_KEY)?;
        let mut known = self.connector.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, connector)) = &*known
            && *of == pem
        {
            return Ok(connector.clone());
        }
        let config = config(&pem).map_err(|reason| Error::Authority { path, reason })?;
        let connector = TlsConnector::from(Arc::new(config));
        *known = Some((pem, connector.clone()));
        Ok(connector)
    }

    /// The authority as it is now.
    pub fn authority(&self) -> Result<RootCertStore, Error> {
        let (path, pem) = self.read(CA_KEY)?;
        roots(&pem).map_err(|reason| Error::Authority { path, reason })
    }

    fn read(&self, name: &str) -> Result<(PathBuf, Vec<u8>), Error> {
        let path = self.folder.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok((path, bytes)),
            Err(source) => Err(Error::Read { path, source }),
        }
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("the file is empty".to_owned());
    }
    Ok(roots)
}

fn config(pem: &[u8]) -> Result<ClientConfig, String> {
    let roots = roots(pem)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
