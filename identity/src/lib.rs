//! Which pod a caller is: its pod-bound service account token is verified with the cluster's public keys,
//! without a request to the API server.
//!
//! A token outlives its pod. That the pod still exists is for the caller to know, from its own watch.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use kube::Client;
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

/// How often the keys are read anew at most, whatever tokens strangers send.
const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no token for us, or has expired.
    #[error("the token is not valid here")]
    Invalid,
    /// The cluster's keys cannot be had now.
    #[error("reading the cluster's token keys: {0}")]
    Keys(#[from] kube::Error),
}

/// The pod that a token was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its UID.
    pub uid: String,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "kubernetes.io")]
    kubernetes: Kubernetes,
}

#[derive(Deserialize)]
struct Kubernetes {
    namespace: String,
    pod: Bound,
}

#[derive(Deserialize)]
struct Bound {
    name: String,
    uid: String,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

/// Verifies tokens for one audience.
pub struct Verifier {
    client: Client,
    audience: String,
    issuer: String,
    keys: RwLock<HashMap<String, DecodingKey>>,
    refreshed: Mutex<Instant>,
}

impl Verifier {
    /// Reads the cluster's issuer and keys.
    pub async fn discover(client: Client, audience: &str) -> Result<Self, Error> {
        let discovery: Discovery = get(&client, "/.well-known/openid-configuration").await?;
        let keys = RwLock::new(keys(&client).await?);
        let refreshed = Mutex::new(Instant::now());
        Ok(Self { client, audience: audience.to_owned(), issuer: discovery.issuer, keys, refreshed })
    }

    /// The pod that the token was made for.
    pub async fn verify(&self, token: &str) -> Result<Identity, Error> {
        let header = decode_header(token).map_err(|_| Error::Invalid)?;
        let id = header.kid.ok_or(Error::Invalid)?;
        let known = self.key(&id);
        let key = match known {
            Some(key) => key,
            None => {
                self.refresh().await?;
                self.key(&id).ok_or(Error::Invalid)?
            }
        };
        let claims =
            decode::<Claims>(token, &key, &self.validation(header.alg)).map_err(|_| Error::Invalid)?;
        let Kubernetes { namespace, pod } = claims.claims.kubernetes;
        Ok(Identity { namespace, pod: pod.name, uid: pod.uid })
    }

    /// A key and its algorithm belong together: the library refuses another family for the key.
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation
    }

    fn key(&self, id: &str) -> Option<DecodingKey> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The cluster may have got a new key since.
    async fn refresh(&self) -> Result<(), Error> {
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.elapsed() >= REFRESH_EVERY {
            let keys = keys(&self.client).await?;
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
            *refreshed = Instant::now();
        }
        Ok(())
    }
}

async fn keys(client: &Client) -> Result<HashMap<String, DecodingKey>, Error> {
    let set: JwkSet = get(client, "/openid/v1/jwks").await?;
    let keys = set
        .keys
        .iter()
        .filter_map(|key| Some((key.common.key_id.clone()?, DecodingKey::from_jwk(key).ok()?)));
    Ok(keys.collect())
}

async fn get<T: serde::de::DeserializeOwned>(client: &Client, path: &str) -> Result<T, Error> {
    let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    Ok(client.request(request).await?)
}
