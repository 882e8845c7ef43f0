//! What a workspace's pod is given, and what stands around it: as the API server has it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::{
    core::v1::{Container, Pod, ServiceAccount},
    networking::v1::NetworkPolicy,
    node::v1::RuntimeClass,
};
use kube::{Api, Client, ResourceExt, api::PostParams};
use neuralinverse_api::{
    Region, WarmPool, WorkspaceTier,
    agent::paths::IDENTITY,
    install::{CONTROLLER, GATEWAY, GITEA, PORTAL, WORKSPACE_ACCOUNT},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::world::{Cluster, SYSTEM, World, apply_cluster, eventually};

const POLICY: &str = "neuralinverse-workspaces";

#[tokio::test(flavor = "multi_thread")]
async fn a_network_policy_holds_before_there_can_be_a_pod_and_selects_warm_and_claimed_ones() -> Result<()> {
    let world = World::new().await?;
    let policy = world.api::<NetworkPolicy>().get(POLICY).await?;
    let account = world.api::<ServiceAccount>().get(WORKSPACE_ACCOUNT).await?;
    let version = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok()).context("a version");
    ensure!(version(policy.resource_version())? < version(account.resource_version())?);

    let selector = policy.spec.context("a spec")?.pod_selector.context("a selector")?;
    let selected = selector.match_labels.context("labels")?;
    let is_selected = |pod: &Pod| selected.iter().all(|(key, value)| pod.labels().get(key) == Some(value));
    world
        .apply::<WarmPool>("WarmPool", "pool", json!({ "tier": "standard", "template": "rust", "size": 1 }))
        .await?;
    let warm = world.free_pods("pool", 1).await?.remove(0);
    ensure!(is_selected(&warm), "{:?}", warm.labels());
    world.run_pod(&warm).await?;
    world
        .until("pool", "it is ready", |pool: &WarmPool| (pool.status.as_ref()?.ready == 1).then_some(()))
        .await?;
    world.workspace("mine", json!({})).await?;
    let claimed = world.pod_of("mine", None).await?;
    ensure!(claimed.uid() == warm.uid(), "it was started cold");
    ensure!(is_selected(&claimed), "{:?}", claimed.labels());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_container_has_no_token_and_only_the_sidecar_has_the_pods() -> Result<()> {
    let world = World::new().await?;
    world.workspace("mine", json!({})).await?;
    let spec = world.pod_of("mine", None).await?.spec.context("a spec")?;
    ensure!(spec.automount_service_account_token == Some(false));
    let tokens: Vec<&str> = (spec.volumes.iter().flatten())
        .filter(|volume| serde_json::to_string(volume).is_ok_and(|it| it.contains("serviceAccountToken")))
        .map(|volume| volume.name.as_str())
        .collect();
    ensure!(tokens == ["identity"], "{tokens:?}");
    let all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    for container in all {
        let paths = mounts(container);
        ensure!(!paths.iter().any(|(_, path)| path.contains("serviceaccount")), "{paths:?}");
        let has_token = paths.iter().any(|(name, path)| name == "identity" && path == IDENTITY);
        ensure!(has_token == (container.name == "agent"), "{}: {paths:?}", container.name);
    }
    Ok(())
}

fn mounts(container: &Container) -> Vec<(String, String)> {
    let mounts = container.volume_mounts.iter().flatten();
    mounts.map(|mount| (mount.name.clone(), mount.mount_path.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_with_user_namespaces_makes_pods_whose_users_are_nobody_on_the_node() -> Result<()> {
    let world = World::new().await?;
    declare_tier(&world, "own-users", json!({ "userNamespaces": true })).await?;
    world.workspace("mine", json!({ "tier": "own-users" })).await?;
    ensure!(world.pod_of("mine", None).await?.spec.context("a spec")?.host_users == Some(false));
    world.workspace("plain", json!({})).await?;
    ensure!(world.pod_of("plain", None).await?.spec.context("a spec")?.host_users.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_names_the_runtime_of_its_pods() -> Result<()> {
    let world = World::new().await?;
    let class: RuntimeClass =
        serde_json::from_value(json!({ "metadata": { "name": "sandbox" }, "handler": "runsc" }))?;
    Api::<RuntimeClass>::all(world.client.clone()).create(&PostParams::default(), &class).await?;
    declare_tier(&world, "sandboxed", json!({ "runtimeClassName": "sandbox" })).await?;
    world.workspace("mine", json!({ "tier": "sandboxed" })).await?;
    let spec = world.pod_of("mine", None).await?.spec.context("a spec")?;
    ensure!(spec.runtime_class_name.as_deref() == Some("sandbox"), "{:?}", spec.runtime_class_name);
    Ok(())
}

async fn declare_tier(world: &World, name: &str, more: Value) -> Result<()> {
    let mut spec = json!({ "cpu": "2", "memory": "2Gi", "nodePool": "default" });
    spec.as_object_mut().context("an object")?.extend(more.as_object().context("an object")?.clone());
    let tier = json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceTier",
        "metadata": { "name": name }, "spec": spec,
    });
    apply_cluster::<WorkspaceTier>(&world.client, tier).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_privileged_pod_is_refused_beside_workspaces() -> Result<()> {
    let world = World::new().await?;
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "root" },
        "spec": {
            "serviceAccountName": WORKSPACE_ACCOUNT, "hostNetwork": true,
            "containers": [{ "name": "root", "image": "debian", "securityContext": { "privileged": true } }],
        },
    }))?;
    let refused = world.api::<Pod>().create(&PostParams::default(), &pod).await;
    let error = refused.err().context("it was taken")?.to_string();
    ensure!(error.contains("violates PodSecurity \"restricted"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_regions_rule_becomes_its_policies_and_they_follow_what_is_declared() -> Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cluster = Cluster::start_alone().await?;
    let client = cluster.admin()?;
    for egress in
        [json!({ "allow": ["10.0.0.1/8"] }), json!({ "deny": ["10.0.0/8"] }), json!({ "allow": ["::/129"] })]
    {
        let error = declare(&client, json!({ "egress": egress })).await.err();
        let error = error.with_context(|| format!("{egress} was taken"))?.to_string();
        ensure!(error.contains("10.20.0.0/16"), "{error}");
    }
    let shutdown = CancellationToken::new();
    let rule = json!({ "allow": ["10.20.0.0/16", "fd00:1::/64"], "deny": ["10.20.9.0/24", "2001:db8::/32"] });
    declare(&client, json!({ "egress": rule })).await?;
    cluster.controller("one", shutdown.clone()).await?;
    until_blocks(&client, &["0.0.0.0/0", "::/0", "10.20.0.0/16", "fd00:1::/64"]).await?;
    until_programs(&client, &[CONTROLLER]).await?;

    declare(
        &client,
        json!({
            "egress": { "internet": false }, "url": "https://cloud.example.com", "workspaceDomain": "ws.example.net",
            "gitea": { "managed": {} },
        }),
    )
    .await?;
    until_blocks(&client, &[]).await?;
    // The portal's comes with the portal, once Gitea signs people in.
    until_programs(&client, &[CONTROLLER, GATEWAY, GITEA]).await?;
    let oidc = json!({ "oidc": { "issuer": "https://id.example.com", "clientId": "portal" } });
    let alone =
        json!({ "url": "https://cloud.example.com", "workspaceDomain": "ws.example.net", "signIn": oidc });
    declare(&client, alone).await?;
    until_programs(&client, &[CONTROLLER, PORTAL]).await?;
    shutdown.cancel();
    Ok(())
}

async fn declare(client: &Client, mut spec: Value) -> Result<Region> {
    spec["workspaceNamespaces"] = json!(["workspaces"]);
    let object = json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Region",
        "metadata": { "name": "cluster" }, "spec": spec,
    });
    apply_cluster(client, object).await
}

/// Waits until workspaces reach these networks on all ports, and no others.
async fn until_blocks(client: &Client, wanted: &[&str]) -> Result<()> {
    let api: Api<NetworkPolicy> = Api::namespaced(client.clone(), "workspaces");
    eventually(&format!("the policy allows {wanted:?}"), || async {
        let Some(policy) = api.get_opt(POLICY).await? else { return Ok(None) };
        let rules = policy.spec.and_then(|spec| spec.egress).unwrap_or_default();
        let anywhere = rules.into_iter().filter(|rule| rule.ports.is_none());
        let peers = anywhere.flat_map(|rule| rule.to.unwrap_or_default());
        let blocks: Vec<_> = peers.filter_map(|peer| Some(peer.ip_block?.cidr)).collect();
        Ok((blocks == wanted).then_some(()))
    })
    .await
}

/// Waits until these programs have policies, and no others.
async fn until_programs(client: &Client, wanted: &[&str]) -> Result<()> {
    let api: Api<NetworkPolicy> = Api::namespaced(client.clone(), SYSTEM);
    eventually(&format!("policies of {wanted:?}"), || async {
        let names: Vec<_> = api.list(&Default::default()).await?.iter().map(ResourceExt::name_any).collect();
        Ok((names == wanted).then_some(()))
    })
    .await
}

/// Rows of the table are worth what stands behind them.
#[test]
fn every_test_that_the_page_on_isolation_names_is_there() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a folder")?;
    let page = std::fs::read_to_string(root.join("docs/isolation.md"))?;
    let mut sources = String::new();
    for folder in ["agent", "controller", "gateway", "identity", "portal", "tests"] {
        read(&root.join(folder), &mut sources)?;
    }
    let names = page.split('`').skip(1).step_by(2).filter(|name| {
        name.matches('_').count() > 2 && name.chars().all(|it| it.is_ascii_lowercase() || it == '_')
    });
    let mut count = 0;
    for name in names {
        ensure!(sources.contains(&format!("fn {name}(")), "there is no `{name}`");
        count += 1;
    }
    ensure!(count > 20, "{count} tests are named");
    Ok(())
}

fn read(folder: &Path, into: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, into)?;
        } else if path.extension().is_some_and(|it| it == "rs") {
            into.push_str(&std::fs::read_to_string(path)?);
        }
    }
    Ok(())
}
