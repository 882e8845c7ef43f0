//! Node pools: labels and taints come and go with what is declared.

use anyhow::Result;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use neuralinverse_api::WorkspaceNodePool;
use serde_json::{Value, json};

use crate::world::{World, apply_cluster, eventually};

async fn until_node(
    nodes: &Api<Node>,
    name: &str,
    what: &str,
    wanted: impl Fn(&Node) -> bool,
) -> Result<Node> {
    eventually(what, || async { Ok(nodes.get_opt(name).await?.filter(&wanted)) }).await
}

fn tainted(node: &Node, pool: &str) -> bool {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    taints.into_iter().any(|taint| {
        taint.key == "workspace-tier" && taint.value.as_deref() == Some(pool) && taint.effect == "NoSchedule"
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_labelled_and_tainted_as_long_as_a_pool_selects_them() -> Result<()> {
    let world = World::new().await?;
    let (name, pool) = (format!("node-{}", world.namespace), format!("pool-{}", world.namespace));
    let nodes: Api<Node> = Api::all(world.client.clone());
    let node: Node = serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { "own": world.namespace } },
        "spec": { "taints": [{ "key": "somebody", "effect": "NoSchedule" }] },
    }))?;
    nodes.create(&PostParams::default(), &node).await?;
    let declared = |selector: Value| {
        json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceNodePool",
            "metadata": { "name": pool }, "spec": { "static": { "nodeSelector": selector } },
        })
    };
    let own = json!({ "own": world.namespace });
    apply_cluster::<WorkspaceNodePool>(&world.client, declared(own.clone())).await?;
    let with = |node: &Node| node.labels().get("workspace-tier") == Some(&pool) && tainted(node, &pool);
    let without = |node: &Node| !node.labels().contains_key("workspace-tier") && !tainted(node, &pool);
    let labelled = until_node(&nodes, &name, "label and taint", with).await?;
    let others = labelled.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    assert!(others.into_iter().any(|taint| taint.key == "somebody"));
    let pools: Api<WorkspaceNodePool> = Api::all(world.client.clone());
    eventually("the node is counted", || async {
        Ok(pools.get(&pool).await?.status.filter(|status| status.nodes == 1))
    })
    .await?;

    let removed = json!({ "metadata": { "labels": { "own": null } } });
    nodes.patch(&name, &PatchParams::default(), &Patch::Merge(removed)).await?;
    until_node(&nodes, &name, "no label and taint after the node matches no more", without).await?;
    eventually("there are no nodes", || async {
        let conditions = pools.get(&pool).await?.status.map(|status| status.conditions).unwrap_or_default();
        Ok(conditions.into_iter().find(|it| it.reason == "NoNodes"))
    })
    .await?;

    let back = json!({ "metadata": { "labels": own } });
    nodes.patch(&name, &PatchParams::default(), &Patch::Merge(back)).await?;
    until_node(&nodes, &name, "label and taint again", with).await?;
    pools.delete(&pool, &DeleteParams::default()).await?;
    until_node(&nodes, &name, "no label and taint after the pool is gone", without).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_karpenter_s_says_that_there_is_no_karpenter() -> Result<()> {
    let world = World::new().await?;
    let name = format!("pool-{}", world.namespace);
    let class = json!({ "group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default" });
    let declared = json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceNodePool",
        "metadata": { "name": name }, "spec": { "karpenter": { "nodeClassRef": class } },
    });
    apply_cluster::<WorkspaceNodePool>(&world.client, declared).await?;
    let pools: Api<WorkspaceNodePool> = Api::all(world.client.clone());
    let message = eventually("the pool says why it has no nodes", || async {
        let conditions = pools.get(&name).await?.status.map(|status| status.conditions).unwrap_or_default();
        let why = conditions.into_iter().find(|it| it.reason == "KarpenterNotFound" && it.status == "False");
        Ok(why.map(|it| it.message))
    })
    .await?;
    assert!(message.contains("install Karpenter, or write static"), "{message}");
    pools.delete(&name, &DeleteParams::default()).await?;
    eventually("the pool has gone", || async { Ok(pools.get_opt(&name).await?.is_none().then_some(())) })
        .await
}
