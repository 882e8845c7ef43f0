//! What goes wrong around the controller: an API server that hangs or is started anew, and people who change what
//! is not theirs.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use neuralinverse_api::{WarmPool, Workspace, WorkspaceStatus, labels};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::Agent,
    leaders::{NAMESPACE, apply, pool},
    world::{Cluster, World, declare, eventually, run_pod},
};

/// Longer than a Lease holds.
const SILENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_hangs_and_one_that_is_started_anew_are_waited_for() -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let client = cluster.admin()?;
    declare(&client).await?;
    let stop = CancellationToken::new();
    let url = cluster.controller("only", stop.clone()).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let workspaces: Api<Workspace> = Api::namespaced(client.clone(), NAMESPACE);
    let spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
    pool(&client, "pool", 1).await?;
    // Takes the warm pod, and gives the workspace's status when its sidecar has reported.
    let launch = async |name: &'static str| {
        let free = ListParams::default().labels(&format!("{}=pool", labels::WARM_POOL));
        let warm = eventually("there is a warm pod", || async {
            let pods = pods.list(&free).await?.items;
            Ok(pods.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none()))
        })
        .await?;
        let warm = run_pod(&client, &warm).await?;
        let pools: Api<WarmPool> = Api::namespaced(client.clone(), NAMESPACE);
        eventually("the pool knows", || async {
            Ok(pools.get("pool").await?.status.filter(|status| status.ready == 1))
        })
        .await?;
        apply(&client, "Workspace", "workspaces", name, &spec).await?;
        Agent::of(&client, &url, &warm).await?.serve().await?;
        let status: WorkspaceStatus = eventually("it is launched", || async {
            Ok(workspaces.get(name).await?.status.filter(|status| status.launch.is_some()))
        })
        .await?;
        ensure!(status.pod == Some(warm.name_any()), "{name}: {status:?}");
        anyhow::Ok((warm.uid(), status.epoch))
    };

    let before = launch("before").await?;
    cluster.control_plane.freeze_api_server()?;
    sleep(SILENCE).await;
    cluster.control_plane.thaw_api_server()?;
    let between = launch("between").await?;
    cluster.control_plane.restart_api_server()?;
    let after = launch("after").await?;

    for (name, (uid, epoch)) in [("before", before), ("between", between), ("after", after)] {
        let status = workspaces.get(name).await?.status.context("a status")?;
        let theirs = ListParams::default().labels(&format!("{}={name}", labels::WORKSPACE));
        let theirs = pods.list(&theirs).await?.items;
        let theirs: Vec<_> = theirs.iter().map(ResourceExt::uid).collect();
        ensure!(status.epoch == epoch && theirs == [uid], "{name}: {status:?}, {theirs:?}");
    }
    stop.cancel();
    Ok(())
}

async fn say(world: &World, name: &str, status: Value) -> Result<()> {
    let patch = Patch::Merge(json!({ "status": status }));
    world.api::<Workspace>().patch_status(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_somebody_else_wrote_is_corrected_and_costs_nobody_their_work() -> Result<()> {
    let world = World::new().await?;
    let (pod, agent) = world.running("told", None, json!({})).await?;
    // As a sidecar does: whatever it is given, it answers.
    let mut sidecar = JoinSet::new();
    sidecar.spawn(async move { agent.serve_all().await });
    let volume = world.volume_of("told").await?;
    for wrong in [
        json!({ "volume": "nobodys" }),
        json!({ "observedGeneration": 4711 }),
        json!({ "node": "nowhere", "launch": null }),
        // As after a restore from a backup without status.
        Value::Null,
    ] {
        say(&world, "told", wrong.clone()).await?;
        world
            .until("told", &format!("{wrong} is corrected"), |workspace: &Workspace| {
                let status = workspace.status.as_ref()?;
                let ready = status.conditions.iter().find(|it| it.type_ == "Ready")?;
                let right = status.pod == Some(pod.name_any())
                    && status.volume.as_ref() == Some(&volume)
                    && status.lost_volume.is_none()
                    && status.observed_generation == workspace.metadata.generation;
                (right && ready.status == "True").then_some(())
            })
            .await?;
    }
    let pods = world.pods_of("told").await?;
    assert_eq!(pods.iter().map(ResourceExt::uid).collect::<Vec<_>>(), [pod.uid()]);

    // Epoch and pod are what fences: whom they do not name has no say any more, and the work goes to the next.
    say(&world, "told", json!({ "pod": "nobodys" })).await?;
    let next = world.run_pod(&world.pod_of("told", Some(&pod)).await?).await?;
    assert_eq!(Agent::of(&world.client, &world.url, &next).await?.serve().await?.epoch, 2);
    world.until_reason("told", "Ready", "Available").await?;
    assert_eq!(world.volume_of("told").await?, volume);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_somebody_deleted_is_missed_aloud_and_the_workspace_starts_on_another() -> Result<()> {
    let world = World::new().await?;
    world.running("bare", None, json!({})).await?;
    let volume = world.volume_of("bare").await?;
    let volumes = world.api::<PersistentVolumeClaim>();
    // Kubernetes keeps it as long as the pod is there.
    volumes.delete(&volume, &DeleteParams::default()).await?;
    world.workspace("bare", json!({ "runPolicy": "Stopped" })).await?;
    world.until_reason("bare", "Running", "Stopped").await?;
    eventually("the volume is gone", || async {
        Ok(volumes.get_opt(&volume).await?.is_none().then_some(()))
    })
    .await?;
    world.workspace("bare", json!({ "runPolicy": "Always" })).await?;
    world.run_pod(&world.pod_of("bare", None).await?).await?;
    let (restored, message) = world.until_reason("bare", "Restored", "RestorePending").await?;
    ensure!(restored == "False" && message.contains(&volume), "{restored} {message}");
    ensure!(world.volume_of("bare").await? != volume);
    Ok(())
}
