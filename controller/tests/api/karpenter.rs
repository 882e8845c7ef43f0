//! Node pools whose nodes the real Karpenter adds and removes. Its machines are Node objects and nothing more: kwok
//! says that they and the pods on them are ready.

use std::fmt::Debug;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::{
    core::v1::{Node, PersistentVolume, Pod},
    storage::v1::StorageClass,
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
    core::{ClusterResourceScope, GroupVersionKind},
};
use neuralinverse_api::{Region, WarmPool, Workspace, WorkspaceNodePool, WorkspaceTier};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::world::{World, apply_cluster, eventually};

/// A pool of Karpenter's, and the tier on it, both named like the namespace.
struct Pool {
    world: World,
    name: String,
}

impl Pool {
    async fn declare() -> Result<Self> {
        let world = World::with_karpenter().await?;
        let name = world.namespace.clone();
        let pool = Self { world, name };
        pool.prepare().await?;
        pool.apply(json!({})).await?;
        let tier = json!({ "cpu": "2", "memory": "2Gi", "storage": "1Gi", "nodePool": pool.name });
        apply_cluster::<WorkspaceTier>(&pool.world.client, pool.ours("WorkspaceTier", tier)).await?;
        Ok(pool)
    }

    /// What a cloud's installation has: a class of machines, and volumes.
    async fn prepare(&self) -> Result<()> {
        let client = &self.world.client;
        let class = json!({
            "apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass", "metadata": { "name": "default" },
        });
        self.karpenters("karpenter.kwok.sh", "v1alpha1", "KWOKNodeClass")
            .patch("default", &PatchParams::apply("test"), &Patch::Apply(class))
            .await?;
        let storage = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": "by-hand" },
            "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer",
        });
        apply_named::<StorageClass>(&self.world, "by-hand", storage).await?;
        for number in 0..4 {
            let name = format!("{}-{number}", self.name);
            let volume = json!({
                "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": name },
                "spec": {
                    "storageClassName": "by-hand", "accessModes": ["ReadWriteOnce"],
                    "capacity": { "storage": "1Gi" }, "hostPath": { "path": "/none" },
                },
            });
            apply_named::<PersistentVolume>(&self.world, &name, volume).await?;
        }
        let regions: Api<Region> = Api::all(client.clone());
        let patch = json!({ "spec": { "storageClassName": "by-hand" } });
        regions.patch("cluster", &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Declares the pool, with these fields beside the least that Karpenter needs.
    async fn apply(&self, more: Value) -> Result<WorkspaceNodePool> {
        let mut karpenter = json!({
            "nodeClassRef": { "group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default" },
            "requirements": [
                { "key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"] },
                { "key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"] },
                // Room for one pod of the tier.
                { "key": "karpenter.kwok.sh/instance-cpu", "operator": "In", "values": ["2"] },
            ],
            "limits": { "cpu": "100", "nodes": 4 },
            "disruption": { "consolidateAfter": "1s" },
        });
        if let (Some(karpenter), Some(more)) = (karpenter.as_object_mut(), more.as_object()) {
            karpenter.extend(more.clone());
        }
        let spec = json!({ "karpenter": karpenter, "hourlyPrices": { "*": "0.25" } });
        apply_cluster(&self.world.client, self.ours("WorkspaceNodePool", spec)).await
    }

    fn ours(&self, kind: &str, spec: Value) -> Value {
        json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind,
            "metadata": { "name": self.name }, "spec": spec,
        })
    }

    fn karpenters(&self, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let resource = match kind {
            "KWOKNodeClass" => ApiResource {
                plural: "kwoknodeclasses".to_owned(),
                ..ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
            },
            _ => ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)),
        };
        Api::all_with(self.world.client.clone(), &resource)
    }

    fn node_pools(&self) -> Api<DynamicObject> {
        self.karpenters("karpenter.sh", "v1", "NodePool")
    }

    fn pools(&self) -> Api<WorkspaceNodePool> {
        Api::all(self.world.client.clone())
    }

    /// The nodes that carry the pool's label.
    async fn nodes(&self) -> Result<Vec<Node>> {
        let nodes: Api<Node> = Api::all(self.world.client.clone());
        let labelled = ListParams::default().labels(&format!("workspace-tier={}", self.name));
        Ok(nodes.list(&labelled).await?.items)
    }

    /// A workspace whose pod runs on a node that was not there before.
    async fn launch(&self) -> Result<(Pod, Node)> {
        ensure!(self.nodes().await?.is_empty(), "there are nodes already");
        self.world.workspace("ada", json!({ "tier": self.name })).await?;
        let pod = eventually("the workspace's pod runs", || async {
            let pods = self.world.pods_of("ada").await?;
            let runs =
                |pod: &Pod| pod.status.as_ref().is_some_and(|it| it.phase.as_deref() == Some("Running"));
            Ok(pods.into_iter().find(runs))
        })
        .await
        .with_context(|| self.world.logs("karpenter"))?;
        let named = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).context("a node")?;
        let node = self.nodes().await?.into_iter().find(|node| node.name_any() == named);
        Ok((pod, node.context("the node carries the pool's label")?))
    }

    /// The node, another one than `other`, on which the free pod of the warm pool is ready.
    async fn free_pods_node(&self, other: Option<&str>) -> Result<String> {
        eventually("the free pod is ready on a node", || async {
            let pods: Api<Pod> = self.world.api();
            let free = ListParams::default().labels("cloud.neuralinverse.com/warm-pool=warm");
            let pods = pods.list(&free).await?.items;
            let ready =
                |pod: &&Pod| pod.status.as_ref().is_some_and(|it| it.phase.as_deref() == Some("Running"));
            let nodes = pods.iter().filter(ready).filter_map(|pod| pod.spec.as_ref()?.node_name.clone());
            Ok(nodes.into_iter().find(|node| Some(node.as_str()) != other))
        })
        .await
        .with_context(|| self.world.logs("karpenter"))
    }

    async fn stop(&self) -> Result<()> {
        self.world.workspace("ada", json!({ "tier": self.name, "runPolicy": "Stopped" })).await.map(drop)
    }

    async fn until_no_nodes(&self) -> Result<()> {
        eventually("the empty pool has shrunk", || async { Ok(self.nodes().await?.is_empty().then_some(())) })
            .await
            .with_context(|| self.world.logs("karpenter"))
    }

    /// Waits until `Ready` has this reason and its message says all of this.
    async fn until_says(&self, reason: &str, says: &[&str], not: &[&str]) -> Result<()> {
        eventually(&format!("the pool says {reason} {says:?}"), || async {
            let status = self.pools().get(&self.name).await?.status.unwrap_or_default();
            let ready = status.conditions.into_iter().find(|it| it.type_ == "Ready");
            let fits = |message: &str| {
                says.iter().all(|it| message.contains(it)) && !not.iter().any(|it| message.contains(it))
            };
            Ok(ready.filter(|ready| ready.reason == reason && fits(&ready.message)).map(drop))
        })
        .await
    }
}

async fn apply_named<K>(world: &World, name: &str, object: Value) -> Result<K>
where
    K: kube::Resource<DynamicType = (), Scope = ClusterResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::all(world.client.clone());
    Ok(api.patch(name, &PatchParams::apply("test"), &Patch::Apply(object)).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_on_an_empty_pool_gets_a_node_and_the_node_goes_when_the_workspace_stops() -> Result<()> {
    let pool = Pool::declare().await?;
    pool.until_says("Available", &[], &[]).await?;
    let (_, node) = pool.launch().await?;
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let ours = taints.iter().find(|taint| taint.key == "workspace-tier").context("the pool's taint")?;
    assert_eq!((ours.value.as_deref(), ours.effect.as_str()), (Some(pool.name.as_str()), "NoSchedule"));
    assert_eq!(node.labels().get("karpenter.sh/nodepool"), Some(&pool.name));

    let status = eventually("the status counts node and workspace", || async {
        let status = pool.pools().get(&pool.name).await?.status.unwrap_or_default();
        Ok((status.nodes == 1 && status.workspaces == 1).then_some(status))
    })
    .await?;
    // The Region asks for half of a tier.
    assert_eq!((status.used.cpu.to_string(), status.used.memory.to_string()), ("1".into(), "1Gi".into()));
    assert!(status.capacity.cpu.milli() >= 1000, "{status:?}");
    assert_eq!(status.hourly_cost.map(|cost| cost.to_string()).as_deref(), Some("0.25"));

    pool.stop().await?;
    pool.until_no_nodes().await?;
    eventually("the status counts no node", || async {
        let status = pool.pools().get(&pool.name).await?.status.unwrap_or_default();
        Ok((status.nodes == 0 && status.workspaces == 0).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn free_pods_move_from_an_outdated_node_workspaces_stay_and_their_pool_waits_when_it_is_deleted()
-> Result<()> {
    let pool = Pool::declare().await?;
    let (pod, node) = pool.launch().await?;

    let warm = json!({ "tier": pool.name, "template": "rust", "size": 1 });
    pool.world.apply::<WarmPool>("WarmPool", "warm", warm).await?;
    let free = pool.free_pods_node(None).await?;
    assert_ne!(free, node.name_any());

    // Another template: Karpenter replaces the node of the free pod, and would replace the other.
    pool.apply(json!({ "expireAfter": "720h" })).await?;
    pool.free_pods_node(Some(&free)).await?;
    eventually("the free pod's first node has gone", || async {
        let nodes = pool.nodes().await?;
        Ok((!nodes.iter().any(|node| node.name_any() == free)).then_some(()))
    })
    .await
    .with_context(|| pool.world.logs("karpenter"))?;
    let claims = pool.karpenters("karpenter.sh", "v1", "NodeClaim");
    let claims = claims.list(&ListParams::default()).await?.items;
    let of_node = claims.iter().find(|claim| claim.data["status"]["nodeName"] == node.name_any().as_str());
    let claim = of_node.context("the claim of the workspace's node")?;
    let conditions = claim.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
    assert!(conditions.iter().any(|it| it["type"] == "Drifted" && it["status"] == "True"), "{conditions:?}");
    assert!(claim.metadata.deletion_timestamp.is_none());
    let stays = |nodes: &[Node]| nodes.iter().any(|it| it.uid() == node.uid());
    assert!(stays(&pool.nodes().await?), "the workspace lost its node");

    // What others change in Karpenter's NodePool is put right.
    let patch = json!({ "spec": { "template": { "spec": { "taints": [] } } } });
    pool.node_pools().patch(&pool.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    eventually("the taint is back", || async {
        let there = pool.node_pools().get(&pool.name).await?;
        let taint = &there.data["spec"]["template"]["spec"]["taints"][0];
        Ok((taint["value"] == pool.name.as_str()).then_some(()))
    })
    .await?;

    pool.pools().delete(&pool.name, &DeleteParams::default()).await?;
    let (tier, workspace) = (format!("tier `{}`", pool.name), format!("workspace `{}/ada`", pool.name));
    let warm = format!("warm pool `{}/warm`", pool.name);
    pool.until_says("InUse", &[&tier, &workspace, &warm], &[]).await?;
    let still = pool.world.pods_of("ada").await?;
    assert_eq!(still.first().and_then(ResourceExt::uid), pod.uid(), "the workspace lost its pod");
    assert!(stays(&pool.nodes().await?), "the workspace lost its node");

    pool.stop().await?;
    pool.until_says("InUse", &[&tier], &[&workspace]).await?;
    let warm_pools: Api<WarmPool> = pool.world.api();
    warm_pools.delete("warm", &DeleteParams::default()).await?;
    pool.until_says("InUse", &[&tier], &["warm pool"]).await?;
    let tiers: Api<WorkspaceTier> = Api::all(pool.world.client.clone());
    let workspaces: Api<Workspace> = pool.world.api();
    workspaces.delete("ada", &DeleteParams::default()).await?;
    tiers.delete(&pool.name, &DeleteParams::default()).await?;
    eventually("the pool has gone, and its nodes before it", || async {
        let gone = pool.pools().get_opt(&pool.name).await?.is_none();
        ensure!(!gone || pool.nodes().await?.is_empty(), "the pool went before its nodes");
        Ok(gone.then_some(()))
    })
    .await
    .with_context(|| pool.world.logs("karpenter"))?;
    assert!(pool.node_pools().get_opt(&pool.name).await?.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_pool_that_somebody_else_made_is_left_alone() -> Result<()> {
    let world = World::with_karpenter().await?;
    let name = world.namespace.clone();
    let pool = Pool { world, name };
    let class = json!({ "group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "theirs" });
    let theirs = json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": { "name": pool.name },
        "spec": { "template": { "spec": { "nodeClassRef": class, "requirements": [] } } },
    });
    pool.node_pools().patch(&pool.name, &PatchParams::apply("somebody"), &Patch::Apply(theirs)).await?;
    pool.apply(json!({})).await?;
    pool.until_says("Refused", &["did not make", "another name"], &[]).await?;
    pool.pools().delete(&pool.name, &DeleteParams::default()).await?;
    eventually("the pool has gone", || async {
        Ok(pool.pools().get_opt(&pool.name).await?.is_none().then_some(()))
    })
    .await?;
    let there = pool.node_pools().get(&pool.name).await?;
    assert_eq!(there.data["spec"]["template"]["spec"]["nodeClassRef"]["name"], "theirs");
    Ok(())
}
