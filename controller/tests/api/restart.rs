//! A controller that was killed between two writes: the next one finds what there is and goes on.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use neuralinverse_api::{LaunchSource, Workspace, labels};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::Agent,
    leaders::{NAMESPACE, apply, pool},
    world::{Cluster, declare, eventually, pods_of, run_pod},
};

fn volume(name: &str, more: &Value) -> Result<PersistentVolumeClaim> {
    let mut metadata = json!({ "name": name, "labels": { labels::MANAGED_BY: labels::CONTROLLER } });
    json_merge(&mut metadata, more);
    Ok(serde_json::from_value(json!({
        "metadata": metadata,
        "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "5Gi" } },
        },
    }))?)
}

fn json_merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            more.iter().for_each(|(key, value)| json_merge(into.entry(key).or_insert(Value::Null), value));
        }
        (into, more) => *into = more.clone(),
    }
}

fn owner(kind: &str, object: &impl ResourceExt) -> Value {
    json!([{
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind, "name": object.name_any(),
        "uid": object.uid(), "controller": true,
    }])
}

/// What a claim writes on a pod.
async fn claim_by_hand(client: &Client, pod: &Pod, workspace: &Workspace) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let claimed = json!({ "metadata": {
        "labels": {
            labels::WARM_POOL: null, labels::WORKSPACE: workspace.name_any(),
            labels::WORKSPACE_UID: workspace.uid(), labels::EPOCH: "1",
        },
        "annotations": { labels::LAUNCH_SOURCE: "Warm", labels::LAUNCH_SINCE: jiff::Timestamp::now().to_string() },
        "ownerReferences": owner("Workspace", workspace),
    } });
    pods.patch(&pod.name_any(), &PatchParams::default(), &Patch::Merge(claimed)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_finished_once_and_what_nobody_uses_is_removed() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.admin()?;
    declare(&client).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), NAMESPACE);
    let workspaces: Api<Workspace> = Api::namespaced(client.clone(), NAMESPACE);

    let first = CancellationToken::new();
    cluster.controller("first", first.clone()).await?;
    pool(&client, "pool", 1).await?;
    let warm =
        eventually("there is a warm pod", || async { Ok(pods.list(&Default::default()).await?.items.pop()) })
            .await?;
    let warm = run_pod(&client, &warm).await?;
    first.cancel();

    // Killed after the claim: the pod has its owner, and no status says so.
    let spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
    apply(&client, "Workspace", "workspaces", "claimed", &spec).await?;
    claim_by_hand(&client, &warm, &workspaces.get("claimed").await?).await?;
    // Killed after the volume of a cold start: there is no pod for it.
    apply(&client, "Workspace", "workspaces", "begun", &spec).await?;
    let begun = workspaces.get("begun").await?;
    let labels = json!({ labels::WORKSPACE: "begun", labels::WORKSPACE_UID: begun.uid() });
    volumes.create(&PostParams::default(), &volume("begun-1", &json!({ "labels": labels }))?).await?;
    // Killed after the volume of a warm pod.
    let warm_label = json!({ "labels": { labels::WARM_POOL: "pool" } });
    volumes.create(&PostParams::default(), &volume("pool-orphan", &warm_label)?).await?;

    let second = CancellationToken::new();
    let url = cluster.controller("second", second.clone()).await?;
    let agent = Agent::of(&client, &url, &warm).await?;
    assert_eq!(agent.serve().await?.workspace, "claimed");
    let status = eventually("the claimed pod is in the status", || async {
        Ok(workspaces.get("claimed").await?.status.filter(|status| status.launch.is_some()))
    })
    .await?;
    assert_eq!((status.pod, status.epoch), (Some(warm.name_any()), 1));
    assert_eq!(status.launch.context("a launch")?.source, LaunchSource::Warm);

    let begun =
        eventually("the volume has got its pod", async || Ok(pods_of(&pods, "begun").await?.pop())).await?;
    let claims: Vec<_> = begun.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()).collect();
    assert!(
        claims
            .iter()
            .any(|it| it.persistent_volume_claim.as_ref().is_some_and(|it| it.claim_name == "begun-1"))
    );
    for name in ["claimed", "begun"] {
        assert_eq!(pods_of(&pods, name).await?.len(), 1, "{name}");
    }

    // A minute passes until the orphan is taken for one; nothing else is written meanwhile.
    eventually("the claimed volume says whose it is", || async {
        Ok(volumes.get(&warm.name_any()).await?.labels().get(labels::WORKSPACE).cloned())
    })
    .await?;
    eventually("the refill is counted", || async {
        let writes = cluster.writes(NAMESPACE)?;
        Ok(writes.iter().any(|write| write.starts_with("create events claimed")).then_some(()))
    })
    .await?;
    let before = cluster.settled_writes(NAMESPACE).await?.len();
    let orphan = || async {
        let volume = volumes.get_opt("pool-orphan").await?;
        Ok(volume.is_none_or(|volume| volume.metadata.deletion_timestamp.is_some()).then_some(()))
    };
    eventually("the orphan is gone", orphan).await.or(eventually("the orphan is gone", orphan).await)?;
    let quiet = cluster.settled_writes(NAMESPACE).await?.split_off(before);
    eprintln!("writes while waiting: {quiet:?}");
    assert!(quiet.iter().any(|write| write == "delete persistentvolumeclaims pool-orphan"));
    assert!(quiet.len() <= 4, "{quiet:#?}");
    second.cancel();
    Ok(())
}
