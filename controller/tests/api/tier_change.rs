//! A tier that changes: in place where a running pod can follow, else by a restart that its user asked for.

use anyhow::{Context, Result};
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::api::resource::Quantity};
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use neuralinverse_api::{Workspace, WorkspaceNodePool, WorkspaceTier};
use serde_json::{Value, json};

use crate::{
    agent::Agent,
    world::{World, apply_cluster, eventually},
};

/// Declares a tier of its own, so that other tests keep theirs.
async fn tier(world: &World, name: &str, cpu: &str, node_pool: &str) -> Result<String> {
    let name = format!("{}-{name}", world.namespace);
    let spec = json!({ "cpu": cpu, "memory": "2Gi", "nodePool": node_pool });
    apply_cluster::<WorkspaceTier>(&world.client, declared("WorkspaceTier", &name, spec)).await?;
    Ok(name)
}

fn declared(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind, "metadata": { "name": name },
        "spec": spec,
    })
}

async fn running(world: &World, name: &str, tier: &str) -> Result<Pod> {
    let (pod, _) = world.running(name, None, json!({ "tier": tier })).await?;
    world.until_reason(name, "UpToDate", "Applied").await?;
    Ok(pod)
}

fn cpu(pod: &Pod) -> Option<Quantity> {
    let resources = pod.spec.as_ref()?.containers.first()?.resources.as_ref()?;
    resources.limits.as_ref()?.get("cpu").cloned()
}

/// Waits until the pod has this limit and is noted to be of this tier, and is still the same pod.
async fn resized(world: &World, pod: &Pod, wanted: &str, tier: &str) -> Result<()> {
    let same: Pod = world
        .until(&pod.name_any(), "the pod is resized", |pod: &Pod| {
            let noted = pod.annotations().get("cloud.neuralinverse.com/tier").is_some_and(|it| it == tier);
            (noted && cpu(pod) == Some(Quantity(wanted.to_owned()))).then(|| pod.clone())
        })
        .await?;
    assert_eq!((same.uid(), same.metadata.deletion_timestamp), (pod.uid(), None));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_of_the_same_nodes_reaches_the_running_pod_in_place() -> Result<()> {
    let world = World::new().await?;
    let small = tier(&world, "small", "1", "default").await?;
    let large = tier(&world, "large", "4", "default").await?;
    let pod = running(&world, "grow", &small).await?;

    world.workspace("grow", json!({ "tier": large })).await?;
    resized(&world, &pod, "4", &large).await?;
    world.until_reason("grow", "UpToDate", "Applied").await?;

    // The tier itself grows.
    tier(&world, "large", "6", "default").await?;
    resized(&world, &pod, "6", &large).await?;
    let says = |reason: &str| {
        json!({ "status": { "conditions": [
            { "type": "Ready", "status": "True" },
            { "type": "PodResizePending", "status": "True", "reason": reason, "message": "node has 4 CPUs" },
        ] } })
    };
    for (reason, expected) in [("Deferred", "ResizeDeferred"), ("Infeasible", "ResizeInfeasible")] {
        let status = Patch::Merge(says(reason));
        world.api::<Pod>().patch_status(&pod.name_any(), &PatchParams::default(), &status).await?;
        let (state, message) = world.until_reason("grow", "UpToDate", expected).await?;
        assert!(state == "False" && message.contains("node has 4 CPUs"), "{state} {message}");
    }
    let status = world.api::<Workspace>().get("grow").await?.status.context("a status")?;
    assert_eq!((status.pod, status.epoch), (pod.metadata.name, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_beyond_the_quota_is_refused_with_the_next_step_and_the_workspace_runs_on() -> Result<()> {
    let world = World::new().await?;
    let small = tier(&world, "small", "1", "default").await?;
    let large = tier(&world, "large", "4", "default").await?;
    running(&world, "full", &small).await?;
    let quota: k8s_openapi::api::core::v1::ResourceQuota = serde_json::from_value(json!({
        "metadata": { "name": "full" }, "spec": { "hard": { "requests.cpu": "1" } },
    }))?;
    world.api().create(&Default::default(), &quota).await?;
    world
        .until("full", "the quota is counted", |quota: &k8s_openapi::api::core::v1::ResourceQuota| {
            quota.status.as_ref()?.used.as_ref().map(|_| ())
        })
        .await?;
    world.workspace("full", json!({ "tier": large })).await?;
    let (_, message) = world.until_reason("full", "UpToDate", "ResizeRefused").await?;
    assert!(message.contains("exceeded quota") && message.contains("smaller tier"), "{message}");
    world.until_reason("full", "Ready", "Available").await?;
    world.workspace("full", json!({ "tier": small })).await?;
    world.until_reason("full", "UpToDate", "Applied").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_of_other_nodes_restarts_the_workspace_that_chose_it_and_no_other() -> Result<()> {
    let world = World::new().await?;
    let nodes = format!("{}-nodes", world.namespace);
    let pool =
        declared("WorkspaceNodePool", &nodes, json!({ "static": { "nodeSelector": { "pool": nodes } } }));
    apply_cluster::<WorkspaceNodePool>(&world.client, pool).await?;
    let here = tier(&world, "here", "1", "default").await?;
    let there = tier(&world, "there", "1", &nodes).await?;
    let first = running(&world, "move", &here).await?;
    let volume = world.volume_of("move").await?;

    world.workspace("move", json!({ "tier": there })).await?;
    let second = world.run_pod(&world.pod_of("move", Some(&first)).await?).await?;
    let selector = second.spec.as_ref().and_then(|spec| spec.node_selector.clone()).unwrap_or_default();
    assert_eq!(selector.get("workspace-tier"), Some(&nodes));
    Agent::of(&world.client, &world.url, &second).await?.serve().await?;
    world.until_reason("move", "UpToDate", "Applied").await?;
    let status = world.api::<Workspace>().get("move").await?.status.context("a status")?;
    assert_eq!((status.epoch, status.volume), (2, Some(volume)));

    // Whoever changes the tier may not take anybody's pod.
    tier(&world, "there", "1", "default").await?;
    world.until_reason("move", "UpToDate", "NextStart").await?;
    let pods = world.pods_of("move").await?;
    assert_eq!(pods.iter().map(ResourceExt::uid).collect::<Vec<_>>(), [second.uid()]);
    world.api::<Pod>().delete(&second.name_any(), &DeleteParams::default()).await?;
    eventually("the next pod is where the tier is now", || async {
        let pods = world.pods_of("move").await?;
        Ok(pods.iter().any(|pod| pod.name_any().starts_with("move-3-")).then_some(()))
    })
    .await?;
    world.until_reason("move", "UpToDate", "Applied").await.map(drop)
}
