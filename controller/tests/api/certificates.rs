//! Who gets a certificate, and what it is good for.

use std::sync::Arc;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use neuralinverse_api::{agent::Certificate, install::PORTAL_SECRET, labels};
use rcgen::KeyPair;
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier, verify_server_name},
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::{ParsedCertificate, WebPkiClientVerifier},
};
use serde_json::json;

use crate::{
    agent::Agent,
    world::{SYSTEM, World, eventually},
};

/// A certificate, and the authority that is to vouch for it.
struct Proof {
    certificate: CertificateDer<'static>,
    roots: Arc<RootCertStore>,
}

impl Proof {
    async fn new(world: &World, certificate: &[u8]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&portal(world).await?["ca.crt"])?)?;
        Ok(Self { certificate: CertificateDer::from_pem_slice(certificate)?, roots: Arc::new(roots) })
    }

    fn names(&self, name: &str) -> Result<bool> {
        let parsed = ParsedCertificate::try_from(&self.certificate)?;
        Ok(verify_server_name(&parsed, &ServerName::try_from(name)?).is_ok())
    }

    fn is_server(&self, name: &str) -> Result<bool> {
        let provider = Arc::new(default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), provider).build()?;
        let name = ServerName::try_from(name)?;
        Ok(verifier.verify_server_cert(&self.certificate, &[], &name, &[], UnixTime::now()).is_ok())
    }

    fn is_client(&self) -> Result<bool> {
        let provider = Arc::new(default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), provider).build()?;
        Ok(verifier.verify_client_cert(&self.certificate, &[], UnixTime::now()).is_ok())
    }
}

/// The Secret that the controller keeps for the portal.
async fn portal(world: &World) -> Result<std::collections::BTreeMap<String, Vec<u8>>> {
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), SYSTEM);
    let secret =
        eventually("a certificate for the portal", || async { Ok(secrets.get_opt(PORTAL_SECRET).await?) })
            .await?;
    let data = secret.data.context("data")?;
    Ok(data.into_iter().map(|(key, value)| (key, value.0)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_gets_a_certificate_for_the_pod_of_its_token_and_for_servers_only() -> Result<()> {
    let world = World::new().await?;
    world.workspace("mine", json!({})).await?;
    let pod = world.pod_of("mine", None).await?;
    let agent = Agent::of(&world.client, &world.url, &pod).await?;
    let key = KeyPair::generate()?;
    let answer: Certificate =
        agent.certificate(key.public_key_raw()).await?.error_for_status()?.json().await?;
    assert_eq!(answer.valid_seconds, 24 * 3600);
    let proof = Proof::new(&world, answer.chain.as_bytes()).await?;
    assert!(proof.is_server(&format!("{}.pod.neuralinverse", pod.uid().context("a UID")?))?);
    assert!(!proof.names("another.pod.neuralinverse")? && !proof.names("portal.neuralinverse")?);
    assert!(!proof.is_client()?, "it could pass for the portal");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_pod_of_ours_gets_no_certificate() -> Result<()> {
    let world = World::new().await?;
    world.workspace("mine", json!({})).await?;
    let pod = world.pod_of("mine", None).await?;
    let key = KeyPair::generate()?;
    let stranger = Agent::with_audience(&world.client, &world.url, &pod, "somebody-else").await?;
    assert_eq!(stranger.certificate(key.public_key_raw()).await?.status(), 401);
    let agent = Agent::of(&world.client, &world.url, &pod).await?;
    assert_eq!(agent.certificate(b"no key").await?.status(), 400);
    world.api::<Pod>().delete(&pod.name_any(), &DeleteParams::default()).await?;
    world.pod_of("mine", Some(&pod)).await?;
    assert_eq!(agent.certificate(key.public_key_raw()).await?.status(), 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_s_certificate_is_made_once_and_again_when_it_is_due() -> Result<()> {
    let world = World::new().await?;
    let first = portal(&world).await?;
    let proof = Proof::new(&world, &first["tls.crt"]).await?;
    assert!(proof.is_client()? && proof.names("portal.neuralinverse")?);
    assert!(!proof.is_server("portal.neuralinverse")?);
    KeyPair::from_pem(std::str::from_utf8(&first["tls.key"])?)?;

    // Another namespace is prepared: the Region has been looked at again.
    World::new().await?;
    let writes = world.system_writes()?;
    let of_portal = writes.iter().filter(|write| write.ends_with(PORTAL_SECRET));
    assert_eq!(of_portal.count(), 1, "{writes:?}");

    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), SYSTEM);
    let due = json!({ "metadata": { "annotations": { labels::RENEW_AT: "2026-01-01T00:00:00Z" } } });
    secrets.patch(PORTAL_SECRET, &PatchParams::default(), &Patch::Merge(due)).await?;
    World::new().await?;
    eventually("another certificate", || async {
        Ok((portal(&world).await?["tls.crt"] != first["tls.crt"]).then_some(()))
    })
    .await
}
