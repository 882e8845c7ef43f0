//! The certificates with which the portal proves itself to sidecars, and the gateway to everybody: Secrets
//! beside the controller, written when they are missing or due. Each is for clients only or for servers only,
//! and of no use for the other.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use neuralinverse_api::{
    agent::{CA_KEY, door},
    install::{GATEWAY_SECRET, PORTAL_SECRET},
    labels,
};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair};

use crate::{
    error::{During, Result},
    secret,
    tls::{self, Authority},
};

/// How long it is valid.
const VALID: Duration = Duration::from_secs(30 * 24 * 3600);

/// A certificate that is kept.
pub struct Kept {
    /// Name of its Secret.
    secret: &'static str,
    names: Vec<String>,
    purpose: ExtendedKeyUsagePurpose,
}

impl Kept {
    /// The portal's.
    pub fn portal() -> Self {
        let purpose = ExtendedKeyUsagePurpose::ClientAuth;
        Self { secret: PORTAL_SECRET, names: vec![door::CLIENT.to_owned()], purpose }
    }

    /// The gateway's, known by these names.
    pub fn gateway(names: Vec<String>) -> Self {
        Self { secret: GATEWAY_SECRET, names, purpose: ExtendedKeyUsagePurpose::ServerAuth }
    }

    /// Keeps it.
    pub async fn keep(&self, client: &Client, namespace: &str, authority: &Authority) -> Result<()> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let there = secrets.get_opt(self.secret).await.during("reading a certificate of the region")?;
        let now = Timestamp::now();
        if there.is_some_and(|there| !due(&there, authority, now)) {
            return Ok(());
        }
        let new = self.make(authority, now)?;
        let params = PatchParams::apply(labels::CONTROLLER).force();
        let written = secrets.patch(self.secret, &params, &Patch::Apply(&new)).await;
        written.during("writing a certificate of the region")?;
        tracing::info!(secret = self.secret, "made a certificate");
        Ok(())
    }

    fn make(&self, authority: &Authority, now: Timestamp) -> Result<Secret, tls::Error> {
        let key = KeyPair::generate()?;
        let certificate = authority.sign(self.names.clone(), self.purpose.clone(), Some(VALID), &key)?;
        let data = [
            (CA_KEY, authority.certificate.clone()),
            ("tls.crt", certificate.pem()),
            ("tls.key", key.serialize_pem()),
        ];
        let mut secret = secret::of_tls(self.secret, &data);
        secret.annotations_mut().insert(labels::RENEW_AT.to_owned(), (now + VALID * 2 / 3).to_string());
        Ok(secret)
    }
}

/// Whether a new one is needed: at two thirds of its life, for another authority, or when it is damaged.
fn due(secret: &Secret, authority: &Authority, now: Timestamp) -> bool {
    let renew_at = secret.annotations().get(labels::RENEW_AT).and_then(|at| at.parse::<Timestamp>().ok());
    let holds =
        |key: &str| secret.data.as_ref().and_then(|data| data.get(key)).map(|value| value.0.as_slice());
    renew_at.is_none_or(|at| at <= now)
        || holds(CA_KEY) != Some(authority.certificate.as_bytes())
        || ["tls.crt", "tls.key"].into_iter().any(|key| holds(key).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_until_two_thirds_of_its_life_and_while_it_is_whole() {
        let authority = Authority::generate().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let kept = Kept::portal().make(&authority, now).unwrap();
        let day = Duration::from_secs(24 * 3600);
        for (age, is_due) in [(0, false), (19, false), (20, true), (31, true)] {
            assert_eq!(due(&kept, &authority, now + day * age), is_due, "{age} days");
        }
        assert!(due(&kept, &Authority::generate().unwrap(), now), "of another authority");
        for key in ["ca.crt", "tls.crt", "tls.key"] {
            let mut damaged = kept.clone();
            damaged.data.as_mut().unwrap().remove(key);
            assert!(due(&damaged, &authority, now), "without {key}");
        }
        let mut damaged = kept;
        damaged.annotations_mut().clear();
        assert!(due(&damaged, &authority, now), "without its date");
    }
}
