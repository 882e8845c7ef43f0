//! The portal's certificate and who signs those of sidecars, as files that are renewed while it runs.

use std::{fs, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};

/// What stands in the files.
#[derive(PartialEq, Eq)]
pub(super) struct Files {
    authorities: Vec<u8>,
    certificates: Vec<u8>,
    key: Vec<u8>,
}

/// Why there is no way to sidecars.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{0}`")]
    File(String, #[source] io::Error),
    /// A file does not hold what it should.
    #[error("`{0}`")]
    Pem(&'static str, #[source] pem::Error),
    /// Certificate, key and authority do not go together.
    #[error("the portal's certificate")]
    Certificate(#[from] rustls::Error),
}

impl Files {
    pub(super) fn read(folder: &Path) -> Result<Self, TlsError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(|error| TlsError::File(path.display().to_string(), error))
        };
        Ok(Self { authorities: read("ca.crt")?, certificates: read("tls.crt")?, key: read("tls.key")? })
    }

    /// The portal proves itself with these, and believes sidecars that the authorities know.
    pub(super) fn config(&self) -> Result<ClientConfig, TlsError> {
        let mut roots = RootCertStore::empty();
        for authority in certificates("ca.crt", &self.authorities)? {
            roots.add(authority)?;
        }
        let key =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| TlsError::Pem("tls.key", error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Ok(ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates("tls.crt", &self.certificates)?, key)?)
    }
}

fn certificates(name: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>();
    certificates.map_err(|error| TlsError::Pem(name, error))
}
