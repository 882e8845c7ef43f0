//! How the portal is known to the issuer that signs people in.

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use neuralinverse_api::{SignIn, install::PORTAL_SIGN_IN_SECRET, labels};

use super::{
    git_host::{GitHost, Refusal},
    part::portal,
};
use crate::{
    error::{During, Result},
    secret,
};

/// Annotation of the Secret: what it was registered for.
const REGISTERED_FOR: &str = "cloud.neuralinverse.com/registered-for";

/// As it is declared, at an issuer of somebody else's.
pub fn declared(sign_in: &SignIn) -> portal::Client {
    let oidc = &sign_in.oidc;
    portal::Client {
        id: oidc.client_id.clone(),
        secret: oidc.client_secret_ref.as_ref().map(|secret| secret.name.clone()),
        scopes: oidc.scopes.clone(),
        revision: String::new(),
    }
}

/// Registers it at Gitea, unless that was done. What Gitea tells once is kept in a Secret; lost between the
/// two, it is told anew.
pub async fn keep(
    client: &Client,
    namespace: &str,
    host: &GitHost,
    issuer: &str,
    portal_url: &str,
) -> Result<Result<portal::Client, Refusal>> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let redirect = format!("{portal_url}/sign-in/callback");
    let registered_for = format!("{issuer} {redirect}");
    let there = secrets.get_opt(PORTAL_SIGN_IN_SECRET).await.during("reading the portal's sign-in")?;
    let known = there.filter(|it| it.annotations().get(REGISTERED_FOR) == Some(&registered_for));
    if let Some(known) = known.as_ref().and_then(of) {
        return Ok(Ok(known));
    }
    let application = match host.register(&redirect).await {
        Ok(application) => application,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let data = [("clientId", application.client_id), ("clientSecret", application.client_secret)];
    let mut secret = secret::of(PORTAL_SIGN_IN_SECRET, &data);
    secret.annotations_mut().insert(REGISTERED_FOR.to_owned(), registered_for);
    let params = PatchParams::apply(labels::CONTROLLER).force();
    let written = secrets.patch(PORTAL_SIGN_IN_SECRET, &params, &Patch::Apply(&secret)).await;
    let written = written.during("writing the portal's sign-in")?;
    tracing::info!(secret = PORTAL_SIGN_IN_SECRET, "registered the portal at Gitea");
    Ok(of(&written).ok_or_else(|| Refusal::Unreachable {
        url: issuer.to_owned(),
        reason: "it gave the portal no id".to_owned(),
    }))
}

fn of(secret: &Secret) -> Option<portal::Client> {
    let id = secret::text(secret, "clientId").filter(|id| !id.is_empty())?;
    secret::text(secret, "clientSecret").filter(|text| !text.is_empty())?;
    Some(portal::Client::at_gitea(id, secret.resource_version().unwrap_or_default()))
}
