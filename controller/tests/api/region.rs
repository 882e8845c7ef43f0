//! The programs of a region: brought up in order beside a real Gitea, and taken away when nobody declares them.

use std::fmt::Debug;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{ConfigMap, Secret, Service},
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use neuralinverse_api::{
    Region,
    install::{
        CONTROLLER, GATEWAY, GATEWAY_SECRET, GITEA, GITEA_ADMIN_SECRET, GITEA_KEYS_SECRET, PORTAL,
        PORTAL_SESSION_SECRET, PORTAL_SIGN_IN_SECRET,
    },
};
use neuralinverse_local::gitea::{Gitea, GiteaOptions};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::world::{Cluster, SYSTEM, apply_cluster, eventually};

const URL: &str = "https://cloud.example.com";

#[tokio::test(flavor = "multi_thread")]
async fn a_region_brings_up_its_programs_and_takes_them_away() -> Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let gitea = Gitea::start(GiteaOptions::default().with_root_url("https://git.cloud.example.com")).await?;
    let cluster = Cluster::start_alone().await?;
    let client = cluster.admin()?;
    let (user, password) = gitea.admin();
    make_secret(&client, GITEA_ADMIN_SECRET, json!({ "username": user, "password": password })).await?;
    let shutdown = CancellationToken::new();
    cluster.controller_beside("one", CONTROLLER, Some(gitea.url()), shutdown.clone()).await?;

    a_region_that_breaks_a_rule_is_refused_by_the_api_server(&client).await?;
    the_portal_waits_for_gitea(&client).await?;
    let registered = the_portal_is_registered_at_gitea(&client, &gitea).await?;
    all_is_ready_when_all_serve(&client).await?;
    a_hand_that_changes_a_program_is_corrected(&client).await?;
    an_external_git_host_is_used_by_its_token(&client, &gitea, &registered).await?;
    what_is_declared_no_more_goes_but_not_what_people_made(&client).await?;
    shutdown.cancel();
    Ok(())
}

async fn a_region_that_breaks_a_rule_is_refused_by_the_api_server(client: &Client) -> Result<()> {
    for (spec, part) in [
        (json!({ "url": URL }), "write url and workspaceDomain"),
        (json!({ "url": URL, "workspaceDomain": "ws.test" }), "somebody must sign people in"),
        (json!({ "gitea": { "managed": {} } }), "gitea.managed needs url"),
        (
            json!({ "url": URL, "workspaceDomain": "ws.test", "gitea": {} }),
            "exactly one of managed and external",
        ),
        (json!({ "url": "http://cloud.example.com", "workspaceDomain": "ws.test" }), "spec.url"),
    ] {
        let error = declare(client, spec.clone()).await.err().with_context(|| format!("{spec} was taken"))?;
        ensure!(error.to_string().contains(part), "{spec}: {error}");
    }
    Ok(())
}

async fn the_portal_waits_for_gitea(client: &Client) -> Result<()> {
    declare(client, managed()).await?;
    until_condition(client, "GitReady", "Progressing").await?;
    let waiting = until_condition(client, "PortalReady", "Progressing").await?;
    ensure!(waiting.contains("Gitea"), "{waiting}");
    let set: StatefulSet = get(client, GITEA).await?;
    ensure!(set.spec.context("no spec")?.replicas == Some(1));
    let ini: ConfigMap = get(client, GITEA).await?;
    ensure!(ini.data.context("no data")?["app.ini"].contains("ROOT_URL = https://git.cloud.example.com/\n"));
    let keys: Secret = get(client, GITEA_KEYS_SECRET).await?;
    ensure!(keys.data.context("no keys")?.len() == 4);
    Ok(())
}

/// Gives the id that Gitea knows the portal by.
async fn the_portal_is_registered_at_gitea(client: &Client, gitea: &Gitea) -> Result<String> {
    let status = json!({ "observedGeneration": 9, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1 });
    say::<StatefulSet>(client, GITEA, status).await?;
    until_condition(client, "GitReady", "Available").await?;
    let portal: Deployment = eventually("the portal", || async { find(client, PORTAL).await }).await?;
    let secret: Secret = get(client, PORTAL_SIGN_IN_SECRET).await?;
    let data = secret.data.context("no data")?;
    let id = String::from_utf8(data["clientId"].0.clone())?;
    ensure!(arguments(&portal).contains(&format!("--client-id={id}")), "{:?}", arguments(&portal));

    let (user, password) = gitea.admin();
    let url = format!("{}/api/v1/user/applications/oauth2", gitea.url());
    let known: Value =
        reqwest::Client::new().get(url).basic_auth(user, Some(password)).send().await?.json().await?;
    ensure!(known.as_array().is_some_and(|all| all.len() == 1), "{known}");
    ensure!(known[0]["client_id"] == id.as_str(), "{known}");
    ensure!(known[0]["redirect_uris"] == json!([format!("{URL}/sign-in/callback")]), "{known}");
    Ok(id)
}

async fn all_is_ready_when_all_serve(client: &Client) -> Result<()> {
    until_condition(client, "Ready", "Progressing").await?;
    for name in [GATEWAY, PORTAL] {
        let status = json!({
            "observedGeneration": 9, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
        });
        say::<Deployment>(client, name, status).await?;
    }
    until_condition(client, "Ready", "Available").await?;
    let region: Region = Api::all(client.clone()).get("cluster").await?;
    let status = region.status.context("no status")?;
    ensure!(status.url.as_deref() == Some(URL), "{status:?}");
    ensure!(status.git_url.as_deref() == Some("https://git.cloud.example.com"), "{status:?}");
    for name in [GATEWAY_SECRET, PORTAL_SESSION_SECRET] {
        get::<Secret>(client, name).await?;
    }
    Ok(())
}

async fn a_hand_that_changes_a_program_is_corrected(client: &Client) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM);
    let patch = json!({ "spec": { "replicas": 0 } });
    api.patch(PORTAL, &PatchParams::default(), &Patch::Merge(patch)).await?;
    eventually("the portal has its replica again", || async {
        let portal: Deployment = get(client, PORTAL).await?;
        Ok(portal.spec.and_then(|spec| spec.replicas).filter(|replicas| *replicas == 1))
    })
    .await?;
    Ok(())
}

async fn an_external_git_host_is_used_by_its_token(
    client: &Client,
    gitea: &Gitea,
    managed: &str,
) -> Result<()> {
    let external = json!({
        "url": URL, "workspaceDomain": "ws.example.net",
        "gitea": { "external": { "url": gitea.url(), "tokenSecretRef": { "name": "corp-gitea" } } },
    });
    declare(client, external).await?;
    let message = until_condition(client, "GitReady", "Unavailable").await?;
    ensure!(message.contains("`corp-gitea`") && message.contains("`token`"), "{message}");

    make_secret(client, "corp-gitea", json!({ "token": "wrong" })).await?;
    eventually("the refusal", || async {
        Ok(condition(client, "GitReady").await?.filter(|(_, message)| message.contains("401")))
    })
    .await?;
    let (user, _) = gitea.admin();
    let scopes = "write:admin,write:user,write:repository";
    let command = ["admin", "user", "generate-access-token", "--raw", "--username", user];
    let printed = gitea.run(&[&command[..], &["--token-name", "corp", "--scopes", scopes]].concat())?;
    // Before it stands what Gitea says to root.
    let token = printed.lines().last().context("no token")?;
    Api::<Secret>::namespaced(client.clone(), SYSTEM).delete("corp-gitea", &DeleteParams::default()).await?;
    make_secret(client, "corp-gitea", json!({ "token": token.trim() })).await?;
    until_condition(client, "GitReady", "Available").await?;
    eventually("the managed one is gone", || async {
        Ok(find::<StatefulSet>(client, GITEA).await?.is_none().then_some(()))
    })
    .await?;
    // The same application, for another issuer: a new secret, and the portal is told.
    let portal = eventually("the portal knows the issuer", || async {
        let portal: Deployment = get(client, PORTAL).await?;
        Ok(Some(arguments(&portal)).filter(|it| it.contains(&format!("--issuer={}", gitea.url()))))
    })
    .await?;
    ensure!(portal.contains(&format!("--client-id={managed}")), "{portal:?}");
    ensure!(!portal.iter().any(|it| it.starts_with("--git-upstream")), "{portal:?}");
    Ok(())
}

async fn what_is_declared_no_more_goes_but_not_what_people_made(client: &Client) -> Result<()> {
    declare(client, json!({})).await?;
    eventually("programs are gone", || async {
        let left = (find::<Deployment>(client, PORTAL).await?, find::<Deployment>(client, GATEWAY).await?);
        let service = find::<Service>(client, PORTAL).await?;
        Ok((left.0.is_none() && left.1.is_none() && service.is_none()).then_some(()))
    })
    .await?;
    until_condition(client, "Ready", "Available").await?;
    for name in [GITEA_ADMIN_SECRET, GITEA_KEYS_SECRET] {
        get::<Secret>(client, name).await?;
    }
    Ok(())
}

fn managed() -> Value {
    json!({
        "url": URL, "workspaceDomain": "workspaces.example.net",
        "gitea": { "managed": { "storage": "1Gi" } },
    })
}

async fn declare(client: &Client, spec: Value) -> Result<Region> {
    let mut spec = spec;
    spec["workspaceNamespaces"] = json!(["workspaces"]);
    let object = json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Region",
        "metadata": { "name": "cluster" }, "spec": spec,
    });
    apply_cluster(client, object).await
}

async fn make_secret(client: &Client, name: &str, texts: Value) -> Result<()> {
    let secret = serde_json::from_value(json!({ "metadata": { "name": name }, "stringData": texts }))?;
    Api::<Secret>::namespaced(client.clone(), SYSTEM).create(&PostParams::default(), &secret).await?;
    Ok(())
}

async fn condition(client: &Client, type_: &str) -> Result<Option<(String, String)>> {
    let region: Region = Api::all(client.clone()).get("cluster").await?;
    let conditions = region.status.unwrap_or_default().conditions;
    Ok(conditions.into_iter().find(|it| it.type_ == type_).map(|it| (it.reason, it.message)))
}

/// Waits until a condition of the Region has this reason; gives its message.
async fn until_condition(client: &Client, type_: &str, reason: &str) -> Result<String> {
    let found = eventually(&format!("{type_} is {reason}"), || async {
        let found = condition(client, type_).await?;
        Ok(found.filter(|(found, _)| found == reason).map(|(_, message)| message))
    })
    .await;
    match found {
        Ok(message) => Ok(message),
        Err(error) => Err(error.context(format!("{:?}", condition(client, type_).await?))),
    }
}

async fn find<K>(client: &Client, name: &str) -> Result<Option<K>>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    Ok(Api::<K>::namespaced(client.clone(), SYSTEM).get_opt(name).await?)
}

async fn get<K>(client: &Client, name: &str) -> Result<K>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    find(client, name).await?.with_context(|| format!("there is no `{name}`"))
}

/// Says of a program what the cluster's own controllers say when it runs.
async fn say<K>(client: &Client, name: &str, status: Value) -> Result<()>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api = Api::<K>::namespaced(client.clone(), SYSTEM);
    let patch = Patch::Merge(json!({ "status": status }));
    api.patch_status(name, &PatchParams::default(), &patch).await.map(drop).with_context(|| name.to_owned())
}

fn arguments(deployment: &Deployment) -> Vec<String> {
    let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let container = pod.and_then(|pod| pod.containers.first());
    container.and_then(|container| container.args.clone()).unwrap_or_default()
}
