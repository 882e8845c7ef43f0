//! A workspace that finds no room on its nodes gets that of a free warm pod.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use neuralinverse_api::{WarmPool, WorkspaceNodePool, WorkspaceTemplate, WorkspaceTier};
use serde_json::{Value, json};

use crate::world::{World, apply_cluster, eventually};

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind,
        "metadata": { "name": name }, "spec": spec,
    })
}

/// A node of its own pool, with room for two CPUs, that the pool has taken in.
async fn node(client: &Client, name: &str) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let node = serde_json::from_value(json!({ "metadata": { "name": name, "labels": { "own": name } } }))?;
    nodes.create(&PostParams::default(), &node).await?;
    let status = json!({ "status": {
        "allocatable": { "cpu": "2", "memory": "16Gi", "pods": "110" },
        "conditions": [{ "type": "Ready", "status": "True", "reason": "Test", "lastHeartbeatTime": jiff::Timestamp::now().to_string() }],
    } });
    nodes.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
    let spec = json!({ "static": { "nodeSelector": { "own": name } } });
    apply_cluster::<WorkspaceNodePool>(client, object("WorkspaceNodePool", name, spec)).await?;
    eventually("the node is the pool's", || async {
        Ok(nodes.get(name).await?.labels().contains_key("workspace-tier").then_some(()))
    })
    .await
}

/// What the scheduler does.
async fn bind(world: &World, pod: &Pod, node: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{}/pods/{}/binding", world.namespace, pod.name_any());
    let body = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": { "name": pod.name_any() },
        "target": { "apiVersion": "v1", "kind": "Node", "name": node },
    });
    let request = axum::http::Request::post(path)
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&body)?)?;
    world.client.request::<Value>(request).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_pod_makes_room_for_a_workspace_and_comes_back_when_there_is_more() -> Result<()> {
    let world = World::new().await?;
    let own = format!("full-{}", world.namespace);
    node(&world.client, &own).await?;
    // The Region asks for half of a tier: one CPU a pod.
    let tier = json!({ "cpu": "2", "memory": "2Gi", "nodePool": own });
    apply_cluster::<WorkspaceTier>(&world.client, object("WorkspaceTier", &own, tier)).await?;
    let template = object("WorkspaceTemplate", &own, json!({ "image": "another:1" }));
    apply_cluster::<WorkspaceTemplate>(&world.client, template).await?;
    let pool = json!({ "tier": own, "template": "rust", "size": 2 });
    world.apply::<WarmPool>("WarmPool", "pool", pool).await?;
    let mut free = world.free_pods("pool", 2).await?;
    for pod in &free {
        bind(&world, pod, &own).await?;
        world.run_pod(pod).await?;
    }

    world.workspace("crowded", json!({ "tier": own, "template": own })).await?;
    let pod = world.pod_of("crowded", None).await?;
    let pods: Api<Pod> = world.api();
    let scheduled = |status: &str| {
        json!({ "status": { "conditions": [{
            "type": "PodScheduled", "status": status, "reason": "Unschedulable", "message": "Insufficient cpu",
        }] } })
    };
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(scheduled("False"))).await?;
    free.sort_by_key(|pod| (std::cmp::Reverse(pod.creation_timestamp().map(|time| time.0)), pod.name_any()));
    let (newest, oldest) = (&free[0], &free[1]);
    eventually("the newest goes", || async {
        let pod = pods.get(&newest.name_any()).await?;
        Ok(pod.metadata.deletion_timestamp.map(drop))
    })
    .await?;
    world
        .until("pool", "the pool says why it is not full", |pool: &WarmPool| {
            let ready = pool.status.as_ref()?.conditions.iter().find(|it| it.type_ == "Ready")?;
            (ready.reason == "Unschedulable").then_some(())
        })
        .await?;
    // What the kubelet does.
    pods.delete(&newest.name_any(), &DeleteParams::default().grace_period(0)).await?;
    let left = world.free_pods("pool", 1).await?;
    assert_eq!(left[0].uid(), oldest.uid());
    assert!(left[0].metadata.deletion_timestamp.is_none(), "one was enough");

    bind(&world, &pod, &own).await?;
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(scheduled("True"))).await?;
    world.free_pods("pool", 2).await.context("the pool is filled again")?;
    Ok(())
}
