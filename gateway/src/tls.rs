//! The gateway's certificate, as it stands in a mounted Secret: renewed there, it is taken up here.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

/// How often the folder is looked at. A certificate is renewed long before it expires.
const LOOK: Duration = Duration::from_secs(30);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{0}`: {1}")]
    Read(PathBuf, #[source] io::Error),
    /// A file holds something else.
    #[error("`{0}`: {1}")]
    Pem(PathBuf, #[source] pem::Error),
    /// Certificate and key do not go together.
    #[error("the gateway's certificate: {0}")]
    Certificate(#[from] rustls::Error),
}

/// A certificate that follows its files.
#[derive(Debug)]
pub struct Certificate {
    folder: PathBuf,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    files: Files,
    key: Arc<CertifiedKey>,
}

/// What the files hold. Kubernetes exchanges both at once, but they are read one after the other: what does not
/// go together is read again later.
#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    /// Reads `tls.crt` and `tls.key` in a folder.
    pub fn from_folder(folder: &Path) -> Result<Arc<Self>, TlsError> {
        let files = Files::read(folder)?;
        let key = Arc::new(files.parse(folder)?);
        let current = RwLock::new(Current { files, key });
        Ok(Arc::new(Self { folder: folder.to_owned(), current }))
    }

    /// How the gateway proves itself with it.
    pub fn server(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Takes up what changes, until dropped.
    pub async fn follow(&self) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.reload() {
                Ok(true) => info!("the certificate was renewed"),
                Ok(false) => {}
                Err(error) => {
                    warn!(%error, "the certificate cannot be renewed: going on with the one before")
                }
            }
        }
    }

    /// Whether there was another one.
    fn reload(&self) -> Result<bool, TlsError> {
        let files = Files::read(&self.folder)?;
        if files == self.current.read().unwrap_or_else(PoisonError::into_inner).files {
            return Ok(false);
        }
        let key = Arc::new(files.parse(&self.folder)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Current { files, key };
        Ok(true)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).key.clone())
    }
}

impl Files {
    fn read(folder: &Path) -> Result<Self, TlsError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(|error| TlsError::Read(path, error))
        };
        Ok(Self { certificate: read("tls.crt")?, key: read("tls.key")? })
    }

    fn parse(&self, folder: &Path) -> Result<CertifiedKey, TlsError> {
        let failed = |name: &str| {
            let path = folder.join(name);
            move |error| TlsError::Pem(path, error)
        };
        let chain = CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(failed("tls.key"))?;
        let provider = aws_lc_rs::default_provider();
        Ok(CertifiedKey::from_der(chain.map_err(failed("tls.crt"))?, key, &provider)?)
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn write(folder: &Path, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        fs::write(folder.join("tls.crt"), &certificate).unwrap();
        fs::write(folder.join("tls.key"), &key).unwrap();
        (certificate, key)
    }

    fn served(certificate: &Certificate) -> Vec<u8> {
        certificate.current.read().unwrap().key.cert[0].to_vec()
    }

    #[test]
    fn a_renewed_certificate_is_taken_up_and_half_of_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "first");
        let certificate = Certificate::from_folder(folder.path()).unwrap();
        let first = served(&certificate);
        assert!(!certificate.reload().unwrap());

        let (_, second_key) = write(folder.path(), "second");
        write(folder.path(), "third");
        fs::write(folder.path().join("tls.key"), &second_key).unwrap();
        assert!(matches!(certificate.reload(), Err(TlsError::Certificate(_))));
        assert_eq!(served(&certificate), first);

        write(folder.path(), "fourth");
        assert!(certificate.reload().unwrap());
        assert_ne!(served(&certificate), first);
    }

    #[test]
    fn what_is_missing_or_no_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Certificate::from_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("tls.crt"), "{error}");
        write(folder.path(), "first");
        fs::write(folder.path().join("tls.key"), "nothing").unwrap();
        let error = Certificate::from_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("tls.key"), "{error}");
    }
}
