//! What the door proves itself with: a key that never leaves this process, and the controller's word for
//! it, renewed at half of its life. Connections that are open stay open.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::{
    error::Unspecified,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use http::{Method, StatusCode};
use neuralinverse_api::agent::{CERTIFICATE_PATH, Certificate, CertificateRequest};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer,
        pem::{self, PemObject},
    },
    server::VerifierBuilderError,
    version::TLS13,
};
use tokio::{sync::watch, time::sleep};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::portal::Portal;
use crate::{
    backoff::Backoff,
    client::{self, Client},
    identity,
};

/// How long the controller may take to sign.
const ANSWER: Duration = Duration::from_secs(5);

/// However short a life is, the controller is not asked more often.
const LEAST: Duration = Duration::from_millis(500);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The controller was not reached.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The authority cannot be read.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The controller did not sign.
    #[error("the controller answered {0}")]
    Status(StatusCode),
    /// It speaks another language.
    #[error("the controller's answer: {0}")]
    Json(#[from] serde_json::Error),
    /// It sent no certificate.
    #[error("the controller's certificate: {0}")]
    Pem(#[from] pem::Error),
    /// No key could be made.
    #[error("no key could be made")]
    Key(#[from] Unspecified),
    /// The authority is of no use.
    #[error("the authority: {0}")]
    Authority(#[from] VerifierBuilderError),
    /// Certificate and key do not go together.
    #[error("the certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// A certificate in use.
pub struct Proof {
    acceptor: TlsAcceptor,
    valid: Duration,
}

/// Supplies the door for ever, `first` with what has been asked for already.
pub async fn keep(client: &Client, first: Result<Proof, Error>, supply: watch::Sender<Option<TlsAcceptor>>) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    let mut failure = String::new();
    let mut answer = first;
    loop {
        match answer {
            Ok(Proof { acceptor, valid }) => {
                supply.send_replace(Some(acceptor));
                info!(seconds = valid.as_secs(), "got a certificate for the door");
                failure.clear();
                backoff.reset();
                sleep((valid / 2).max(LEAST)).await;
            }
            Err(error) => {
                let text = error.to_string();
                if text != failure {
                    warn!(error = text, "no certificate for the door; it is tried again");
                    failure = text;
                }
                sleep(backoff.next()).await;
            }
        }
        answer = ask(client).await;
    }
}

/// Makes a key, and has it signed.
pub async fn ask(client: &Client) -> Result<Proof, Error> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
    let request = CertificateRequest { public_key: key.public_key().as_ref().to_vec() };
    let connection = client.connection().await?;
    let request = (Method::POST, CERTIFICATE_PATH, serde_json::to_string(&request)?);
    let answer = client.exchange(connection, request, ANSWER).await?;
    if answer.status() != StatusCode::OK {
        return Err(Error::Status(answer.status()));
    }
    let answer: Certificate = serde_json::from_slice(answer.body())?;
    let chain = CertificateDer::pem_slice_iter(answer.chain.as_bytes()).collect::<Result<_, _>>()?;
    let key = PrivatePkcs8KeyDer::from(key.to_pkcs8v1()?.as_ref().to_vec());
    let config = config(client.authority()?, chain, key.into())?;
    let valid = Duration::from_secs(answer.valid_seconds);
    Ok(Proof { acceptor: TlsAcceptor::from(Arc::new(config)), valid })
}

fn config(
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let provider = Arc::new(default_provider());
    let portal = Portal::new(roots, Arc::clone(&provider))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(portal))
        .with_single_cert(chain, key)?;
    // A session that is taken up again would not prove anything anew.
    config.send_tls13_tickets = 0;
    Ok(config)
}
