//! Tokens as a cluster makes them, and as it does not.

#[cfg(test)]
mod cluster;

use cluster::{AUDIENCE, Cluster, Key, claims};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use neuralinverse_identity::{Error, Identity};
use serde_json::json;

fn invalid(answer: Result<Identity, Error>) -> bool {
    matches!(answer, Err(Error::Invalid))
}

#[tokio::test]
async fn a_token_of_the_cluster_names_its_pod() {
    let cluster = Cluster::new();
    let identity = cluster.verifier().await.verify(&cluster.key.sign(&claims())).await.unwrap();
    let expected = Identity { namespace: "workspaces".into(), pod: "ws-1".into(), uid: "uid-1".into() };
    assert_eq!(identity, expected);
}

#[tokio::test]
async fn a_token_that_says_something_else_is_refused() {
    let cluster = Cluster::new();
    let verifier = cluster.verifier().await;
    let past = 1_000_000_000;
    let future = 9_000_000_000_u64;
    for (what, claim, value) in [
        ("another audience", "aud", json!(["https://kubernetes.default.svc"])),
        ("an audience that ours begins with", "aud", json!([&AUDIENCE[..AUDIENCE.len() - 1]])),
        ("no audience", "aud", json!(null)),
        ("another issuer", "iss", json!("https://elsewhere")),
        ("no issuer", "iss", json!(null)),
        ("expired", "exp", json!(past)),
        ("without an end", "exp", json!(null)),
        ("not yet valid", "nbf", json!(future)),
        ("no pod", "kubernetes.io", json!({ "namespace": "workspaces" })),
        ("nothing of Kubernetes", "kubernetes.io", json!(null)),
    ] {
        let mut claims = claims();
        match value.is_null() {
            true => drop(claims.as_object_mut().unwrap().remove(claim)),
            false => claims[claim] = value,
        }
        assert!(invalid(verifier.verify(&cluster.key.sign(&claims)).await), "{what}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let cluster = Cluster::new();
    let verifier = cluster.verifier().await;
    let good = cluster.key.sign(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let other = Key::new("first").sign(&claims());
    for garbage in [
        String::new(),
        "..".to_owned(),
        "garbage".to_owned(),
        "\u{0}\u{ffff}.a.b".to_owned(),
        good[..good.len() - 5].to_owned(),
        format!("{good}."),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], other.rsplit('.').next().unwrap()),
        other,
    ] {
        assert!(invalid(verifier.verify(&garbage).await), "{garbage}");
    }
}

#[tokio::test]
async fn the_algorithm_is_the_keys_and_not_the_tokens() {
    let cluster = Cluster::new();
    let verifier = cluster.verifier().await;
    let header = |algorithm: &str| Key::part(&json!({ "alg": algorithm, "kid": "first", "typ": "JWT" }));
    let payload = Key::part(&claims());
    for algorithm in ["none", "None", "NONE", ""] {
        assert!(invalid(verifier.verify(&format!("{}.{payload}.", header(algorithm))).await), "{algorithm}");
    }
    // The public key is public: it must not pass as a shared secret.
    let mut shared = Header::new(Algorithm::HS256);
    shared.kid = Some("first".to_owned());
    for secret in [cluster.key.public_point(), serde_json::to_vec(&cluster.key.jwk()).unwrap()] {
        let token = encode(&shared, &claims(), &EncodingKey::from_secret(&secret)).unwrap();
        assert!(invalid(verifier.verify(&token).await));
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_read_anew_for_an_unknown_one_but_not_for_each() {
    let mut cluster = Cluster::new();
    let verifier = cluster.verifier().await;
    assert_eq!(cluster.reads(), 1);
    cluster.replace_key("second");
    let token = cluster.key.sign(&claims());

    // Just read: whoever sends tokens with unknown keys causes no requests.
    for _ in 0..100 {
        assert!(invalid(verifier.verify(&token).await));
    }
    assert_eq!(cluster.reads(), 1);

    tokio::time::advance(std::time::Duration::from_secs(11)).await;
    verifier.verify(&token).await.unwrap();
    let strange = Key::new("third").sign(&claims());
    for _ in 0..100 {
        assert!(invalid(verifier.verify(&strange).await));
    }
    assert_eq!(cluster.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_gives_no_keys_is_said_to_be_at_fault() {
    let mut cluster = Cluster::new();
    let verifier = cluster.verifier().await;
    let known = cluster.key.sign(&claims());
    cluster.replace_key("second");
    cluster.fail();
    tokio::time::advance(std::time::Duration::from_secs(11)).await;
    assert!(matches!(verifier.verify(&cluster.key.sign(&claims())).await, Err(Error::Keys(_))));
    verifier.verify(&known).await.unwrap();
}
