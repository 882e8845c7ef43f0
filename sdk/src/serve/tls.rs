//! Mutual TLS without a certificate authority: each side shows a certificate made for this process alone, and
//! knows the other's byte for byte.
//!
//! The CLI's certificate is a self-signed P-521 authority, which the usual verifier refuses as a client; so
//! the check here is equality, then the signature that proves the CLI holds the key.

use std::sync::Arc;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};
use thiserror::Error as ThisError;
use tokio_rustls::TlsAcceptor;

/// Why the connection cannot be encrypted.
#[derive(Debug, ThisError)]
pub(super) enum TlsError {
    #[error("`PLUGIN_CLIENT_CERT` is not a certificate in PEM: {0}")]
    ClientCertificate(#[source] rustls::pki_types::pem::Error),
    #[error("cannot make a certificate: {0}")]
    OwnCertificate(#[from] rcgen::Error),
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] Error),
}

/// The server's half, made anew for each process and never written to disk.
pub(super) struct Identity {
    /// DER; the CLI trusts exactly this.
    pub(super) certificate: Vec<u8>,
    pub(super) acceptor: TlsAcceptor,
}

impl Identity {
    /// An identity that talks to the holder of this certificate (PEM) only.
    pub(super) fn for_client(pem: &str) -> Result<Self, TlsError> {
        let client = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(TlsError::ClientCertificate)?;
        let key = KeyPair::generate()?; // P-256
        let mut parameters = CertificateParams::new(["localhost".to_owned()])?; // the name the CLI checks
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = parameters.self_signed(&key)?;
        let key =
            PrivateKeyDer::try_from(key.serialize_der()).map_err(|text| Error::General(text.to_owned()))?;

        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            ThisClient { certificate: client, algorithms: provider.signature_verification_algorithms };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec()]; // Go drops a connection that agreed on none
        Ok(Self { certificate: certificate.der().to_vec(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

/// Accepts one certificate.
#[derive(Debug)]
struct ThisClient {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for ThisClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
