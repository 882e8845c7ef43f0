//! A certificate authority, and what it vouches for.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PublicKeyData,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
};

pub struct Authority {
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub struct Proof(CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub fn sign(
        &self,
        name: &str,
        purpose: ExtendedKeyUsagePurpose,
        key: &impl PublicKeyData,
    ) -> rcgen::Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        params.signed_by(key, &self.issuer).unwrap()
    }

    pub fn prove(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> Proof {
        let key = KeyPair::generate().unwrap();
        let certificate = self.sign(name, purpose, &key);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Proof(certificate.der().clone(), key)
    }

    /// A server on this machine.
    pub fn server(&self) -> ServerConfig {
        let Proof(certificate, key) = self.prove("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap()
    }

    /// A client that trusts this authority alone.
    pub fn client(&self, proof: Option<Proof>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        match proof {
            Some(Proof(certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => builder.with_no_client_auth(),
        }
    }
}
