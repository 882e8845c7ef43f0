//! What an API server says of its token keys.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kube::client::Body;
use neuralinverse_identity::Verifier;
use serde_json::{Value, json};

/// Whom the tokens here are for.
pub const AUDIENCE: &str = "neuralinverse-test";

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// What a token of a pod says.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ["other", AUDIENCE], "exp": 8_000_000_000_u64, "nbf": 1_000_000_000,
        "sub": "system:serviceaccount:workspaces:default",
        "kubernetes.io": {
            "namespace": "workspaces",
            "pod": { "name": "ws-1", "uid": "uid-1" },
            "serviceaccount": { "name": "default", "uid": "uid-2" },
        },
    })
}

/// A key of a cluster.
#[derive(Clone)]
pub struct Key {
    id: String,
    der: Vec<u8>,
    point: Vec<u8>,
}

impl Key {
    /// A new one with this id.
    pub fn new(id: &str) -> Self {
        let der =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap();
        Self { id: id.to_owned(), der: der.as_ref().to_vec(), point: pair.public_key().as_ref().to_vec() }
    }

    /// A token that says this.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.clone());
        encode(&header, claims, &EncodingKey::from_ec_der(&self.der)).unwrap()
    }

    /// The public key as the cluster publishes it.
    pub fn jwk(&self) -> Value {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.id,
            "x": part(&self.point[1..33]), "y": part(&self.point[33..]),
        })
    }

    /// The public key as bytes.
    pub fn public_point(&self) -> Vec<u8> {
        self.point.clone()
    }

    /// A part of a token.
    pub fn part(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }
}

struct Served {
    key: Key,
    reads: usize,
    fails: bool,
}

/// An API server that knows nothing else.
pub struct Cluster {
    /// The key that it signs with.
    pub key: Key,
    served: Arc<Mutex<Served>>,
}

impl Cluster {
    /// One with a key `first`.
    pub fn new() -> Self {
        let key = Key::new("first");
        let served = Served { key: key.clone(), reads: 0, fails: false };
        Self { key, served: Arc::new(Mutex::new(served)) }
    }

    /// A verifier that has read its keys.
    pub async fn verifier(&self) -> Verifier {
        let served = self.served.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = answer(&mut served.lock().unwrap(), request.uri().path());
            async move { Ok::<_, Infallible>(answer) }
        });
        Verifier::discover(kube::Client::new(service, "default"), AUDIENCE).await.unwrap()
    }

    /// Signs with another key from now on, and no longer knows the one before.
    pub fn replace_key(&mut self, id: &str) {
        self.key = Key::new(id);
        self.served.lock().unwrap().key = self.key.clone();
    }

    /// How often the keys were read.
    pub fn reads(&self) -> usize {
        self.served.lock().unwrap().reads
    }

    /// Answers nothing any more.
    pub fn fail(&self) {
        self.served.lock().unwrap().fails = true;
    }
}

fn answer(served: &mut Served, path: &str) -> Response<Body> {
    let (status, answer) = match path {
        _ if served.fails => (503, json!({ "kind": "Status", "code": 503, "message": "not now" })),
        "/.well-known/openid-configuration" => (200, json!({ "issuer": ISSUER })),
        "/openid/v1/jwks" => {
            served.reads += 1;
            (200, json!({ "keys": [served.key.jwk()] }))
        }
        _ => (404, json!({ "kind": "Status", "code": 404, "message": path })),
    };
    Response::builder().status(status).body(Body::from(answer.to_string().into_bytes())).unwrap()
}
