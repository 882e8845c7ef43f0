//! The certificate authority that sidecars and the portal trust, and our serving certificate.
//!
//! Only the authority is shared between replicas, in a Secret. Each replica makes a serving certificate
//! of its own at start and keeps it in memory, so that there is nothing to rotate. The authority does
//! not expire; to replace it, delete the Secret and restart the controller.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, api::PostParams};
use neuralinverse_api::labels;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{names::CA_SECRET, secret};

/// A certificate is valid this long before it was made: clocks of nodes differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret could not be read or made.
    #[error("reading or making Secret `{CA_SECRET}`: {0}")]
    Secret(#[from] kube::Error),
    /// The Secret holds something else.
    #[error("Secret `{CA_SECRET}` holds no certificate and key: delete it and restart the controller")]
    Damaged,
    /// A certificate could not be made.
    #[error("making a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused our certificate.
    #[error("using the certificate: {0}")]
    Rustls(#[from] rustls::Error),
}

/// The certificate authority that sidecars and the portal trust.
pub struct Authority {
    /// Its certificate, as PEM.
    pub certificate: String,
    key: String,
}

impl Authority {
    /// Reads it, or makes it when there is none. Of several replicas at once, one makes it.
    pub async fn ensure(client: &Client, namespace: &str) -> Result<Self, Error> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        if let Some(secret) = secrets.get_opt(CA_SECRET).await? {
            return Self::from_secret(&secret);
        }
        let new = Self::generate()?;
        match secrets.create(&PostParams::default(), &new.secret()).await {
            Ok(_) => Ok(new),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                Self::from_secret(&secrets.get(CA_SECRET).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn generate() -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, labels::CONTROLLER);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Ok(Self { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
    }

    fn secret(&self) -> Secret {
        secret::of_tls(CA_SECRET, &[("tls.crt", self.certificate.clone()), ("tls.key", self.key.clone())])
    }

    fn from_secret(secret: &Secret) -> Result<Self, Error> {
        let text = |key: &str| secret::text(secret, key);
        let (certificate, key) = text("tls.crt").zip(text("tls.key")).ok_or(Error::Damaged)?;
        Ok(Self { certificate, key })
    }

    /// What our server needs to be known by these host names and addresses.
    pub fn serving(&self, hosts: Vec<String>) -> Result<Arc<rustls::ServerConfig>, Error> {
        let key = KeyPair::generate()?;
        let certificate = self.sign(hosts, ExtendedKeyUsagePurpose::ServerAuth, None, &key)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Arc::new(config))
    }

    /// A certificate for one purpose and no other; for ever when `valid` is not given.
    pub fn sign(
        &self,
        names: Vec<String>,
        purpose: ExtendedKeyUsagePurpose,
        valid: Option<Duration>,
        key: &impl PublicKeyData,
    ) -> Result<Certificate, Error> {
        let mut params = CertificateParams::new(names)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        if let Some(valid) = valid {
            let now = SystemTime::now();
            params.not_before = (now - CLOCKS_DIFFER).into();
            params.not_after = (now + valid).into();
        }
        Ok(params.signed_by(key, &self.issuer()?)?)
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, Error> {
        let key = KeyPair::from_pem(&self.key).map_err(|_| Error::Damaged)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, labels::CONTROLLER);
        Ok(Issuer::new(params, key))
    }
}
