//! Secrets that are made once, in the cluster, and never leave it. They have no owner: what they unlock
//! outlives the Region.

use aws_lc_rs::rand;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, api::PostParams};

use crate::{
    error::{During, Error, Result},
    secret,
};

/// A random text of 256 bits, in letters that need no quoting anywhere.
pub fn random() -> Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bits()?))
}

/// A key of the kind that the portal seals its sessions with.
pub fn session_key() -> Result<String> {
    Ok(BASE64_STANDARD.encode(bits()?))
}

fn bits() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// Makes the Secret where there is none. What is in one that is there stays.
pub async fn keep<'a>(
    client: &Client,
    namespace: &str,
    name: &str,
    data: impl FnOnce() -> Result<Vec<(&'a str, String)>>,
) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    if secrets.get_opt(name).await.during("reading a Secret of the region")?.is_some() {
        return Ok(());
    }
    match secrets.create(&PostParams::default(), &secret::of(name, &data()?)).await {
        // Another of us was faster: its values count.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => Err(error).during("making a Secret of the region"),
        Ok(_) => {
            tracing::info!(secret = name, "made a Secret");
            Ok(())
        }
    }
}
