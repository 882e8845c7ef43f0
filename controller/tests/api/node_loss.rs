//! A node that is lost: where the volume can be elsewhere, so is the workspace; where it cannot, it begins anew.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use neuralinverse_api::{Workspace, labels};
use serde_json::{Value, json};

use crate::{
    agent::Agent,
    world::{World, eventually},
};

/// A workspace that runs on a node, with a disk of this kind.
struct Placed {
    world: World,
    node: String,
    pod: Pod,
    volume: String,
}

impl Placed {
    async fn new(disk: impl Fn(&str) -> Value) -> Result<Self> {
        let world = World::new().await?;
        let node = format!("{}-lost", world.namespace);
        world.node(&node).await?;

        world.workspace("work", json!({})).await?;
        let pod = world.pod_of("work", None).await?;
        let volume = world.volume_of("work").await?;
        let mut spec = json!({
            "capacity": { "storage": "5Gi" }, "accessModes": ["ReadWriteOnce"],
            "claimRef": { "namespace": world.namespace, "name": volume },
        });
        spec.as_object_mut()
            .context("an object")?
            .extend(disk(&node).as_object().cloned().unwrap_or_default());
        let disk = json!({ "metadata": { "name": node }, "spec": spec });
        let disks: Api<PersistentVolume> = Api::all(world.client.clone());
        disks.create(&PostParams::default(), &from(disk)?).await?;
        let bound = json!({
            "metadata": { "annotations": { "volume.kubernetes.io/selected-node": node } },
            "spec": { "volumeName": node },
        });
        let volumes: Api<PersistentVolumeClaim> = world.api();
        volumes.patch(&volume, &PatchParams::default(), &Patch::Merge(bound)).await?;

        world.bind(&pod, &node).await?;
        let pod = world.run_pod(&pod).await?;
        Agent::of(&world.client, &world.url, &pod).await?.serve().await?;
        world.until_reason("work", "Ready", "Available").await?;
        Ok(Self { world, node, pod, volume })
    }

    /// As the docs say for a node that came back: the workspace stops, and its new volume goes for the old one.
    async fn is_taken_up_again(&self, new: &str) -> Result<()> {
        let world = &self.world;
        world.workspace("work", json!({ "runPolicy": "Stopped" })).await?;
        world.until_reason("work", "Running", "Stopped").await?;
        let volumes: Api<PersistentVolumeClaim> = world.api();
        let unprotected = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        volumes.delete(new, &DeleteParams::default()).await?;
        // Nothing protects it: no kubelet says that its pod has ended.
        volumes.patch(new, &PatchParams::default(), &unprotected).await.ok();
        world
            .until("work", "it has no volume", |workspace: &Workspace| {
                workspace.status.as_ref()?.volume.is_none().then_some(())
            })
            .await?;
        let free = Patch::Merge(json!({ "metadata": { "annotations": { (labels::RETAINED_UNTIL): null } } }));
        volumes.patch(&self.volume, &PatchParams::default(), &free).await?;
        world
            .until("work", "it has its volume back", |workspace: &Workspace| {
                let status = workspace.status.as_ref()?;
                (status.volume.as_ref() == Some(&self.volume) && status.lost_volume.is_none()).then_some(())
            })
            .await
    }

    /// The node has not answered for a long time.
    async fn silence(&self) -> Result<()> {
        let ready =
            json!({ "type": "Ready", "status": "Unknown", "lastTransitionTime": "2026-01-01T00:00:00Z" });
        let status = Patch::Merge(json!({ "status": { "conditions": [ready] } }));
        let nodes: Api<Node> = Api::all(self.world.client.clone());
        nodes.patch_status(&self.node, &PatchParams::default(), &status).await?;
        Ok(())
    }
}

fn from<K: serde::de::DeserializeOwned>(object: Value) -> Result<K> {
    Ok(serde_json::from_value(object)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_is_lost_with_its_node_is_kept_and_the_workspace_begins_on_another() -> Result<()> {
    let tied = |node: &str| {
        let host = json!({ "key": "kubernetes.io/hostname", "operator": "In", "values": [node] });
        json!({
            "hostPath": { "path": "/nowhere" },
            "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [host] }] } },
        })
    };
    let lost = Placed::new(tied).await?;
    let Placed { world, pod: first, .. } = &lost;
    let left_behind = Agent::of(&world.client, &world.url, first).await?;
    lost.silence().await?;
    let second = world.run_pod(&world.pod_of("work", Some(first)).await?).await?;
    assert!(second.name_any().starts_with("work-2-"), "{}", second.name_any());
    // The kubelet of the lost node never says that the first one has ended, and it has no say all the same.
    let left = world.api::<Pod>().get(&first.name_any()).await?;
    assert!(left.metadata.deletion_timestamp.is_some());
    assert_eq!(left_behind.ask("").await?.status(), 403);
    let agent = Agent::of(&world.client, &world.url, &second).await?;
    assert_eq!(agent.serve().await?.epoch, 2);
    world.until_reason("work", "Ready", "Available").await?;
    let (state, message) = world.until_reason("work", "Restored", "RestorePending").await?;
    assert!(state == "False" && message.contains(&lost.volume), "{message}");
    let status = world.api::<Workspace>().get("work").await?.status.context("a status")?;
    assert_eq!((status.epoch, status.lost_volume.as_ref()), (2, Some(&lost.volume)));
    assert_ne!(status.volume.as_ref(), Some(&lost.volume));
    let kept = world
        .until(&lost.volume, "the lost volume is retained", |volume: &PersistentVolumeClaim| {
            volume.annotations().contains_key(labels::RETAINED_UNTIL).then(|| volume.clone())
        })
        .await?;
    assert_eq!(kept.metadata.deletion_timestamp, None);
    lost.is_taken_up_again(&status.volume.context("a volume")?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_of_the_network_is_used_elsewhere_once_nobody_writes_to_it_any_more() -> Result<()> {
    let lost = Placed::new(|_| json!({ "csi": { "driver": "network.test", "volumeHandle": "v" } })).await?;
    let Placed { world, pod: first, .. } = &lost;
    lost.silence().await?;
    let (_, message) = world.until_reason("work", "Ready", "NodeLost").await?;
    assert!(message.contains(&lost.node) && message.contains("out-of-service"), "{message}");
    assert_eq!(world.pods_of("work").await?.len(), 1, "two pods on one volume");

    // Somebody says that its machine is off; Kubernetes removes the pod.
    let taints = json!([{ "key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute" }]);
    let taints = Patch::Merge(json!({ "spec": { "taints": taints } }));
    let nodes: Api<Node> = Api::all(world.client.clone());
    nodes.patch(&lost.node, &PatchParams::default(), &taints).await?;
    let second = world.pod_of("work", Some(first)).await?;
    let claims: Vec<_> = second.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()).collect();
    assert!(
        claims
            .iter()
            .any(|it| { it.persistent_volume_claim.as_ref().is_some_and(|it| it.claim_name == lost.volume) })
    );
    let second = world.run_pod(&second).await?;
    Agent::of(&world.client, &world.url, &second).await?.serve().await?;
    world.until_reason("work", "Ready", "Available").await?;
    eventually("no work is missing", || async {
        let status = world.api::<Workspace>().get("work").await?.status;
        Ok(status.filter(|it| {
            it.epoch == 2 && it.lost_volume.is_none() && it.volume.as_ref() == Some(&lost.volume)
        }))
    })
    .await?;
    Ok(())
}
