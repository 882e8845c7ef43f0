//! Stop, resume, lost pods: the volume stays with the workspace.

use anyhow::{Context, Result};
use kube::{ResourceExt, api::DeleteParams};
use neuralinverse_api::{LaunchSource, Workspace};
use serde_json::json;

use crate::{agent::Agent, world::World};

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_is_stopped_and_resumed_has_the_same_volume_and_the_next_epoch() -> Result<()> {
    let world = World::new().await?;
    let (first, _) = world.running("nap", None, json!({})).await?;
    let volume = world.volume_of("nap").await?;

    world.workspace("nap", json!({ "runPolicy": "Stopped" })).await?;
    let (ready, _) = world.until_reason("nap", "Ready", "Stopped").await?;
    assert_eq!(ready, "True");
    let (running, _) = world.until_reason("nap", "Running", "Stopped").await?;
    assert_eq!(running, "False");
    assert!(world.pods_of("nap").await?.is_empty());
    let stopped = world.api::<Workspace>().get("nap").await?.status.context("a status")?;
    assert_eq!((stopped.pod, stopped.volume.as_ref(), stopped.epoch), (None, Some(&volume), 1));

    world.workspace("nap", json!({ "runPolicy": "Always" })).await?;
    let second = world.run_pod(&world.pod_of("nap", Some(&first)).await?).await?;
    let assignment = Agent::of(&world.client, &world.url, &second).await?.serve().await?;
    assert_eq!(assignment.epoch, 2);
    world.until_reason("nap", "Ready", "Available").await?;
    let resumed = world.api::<Workspace>().get("nap").await?.status.context("a status")?;
    assert_eq!((resumed.pod, resumed.volume, resumed.epoch), (second.metadata.name, Some(volume), 2));
    assert_eq!(resumed.launch.context("a launch")?.source, LaunchSource::Resume);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_lost_is_replaced_on_the_same_volume_and_has_no_say_any_more() -> Result<()> {
    let world = World::new().await?;
    let (first, _) = world.running("lost", None, json!({})).await?;
    let volume = world.volume_of("lost").await?;
    let old = Agent::of(&world.client, &world.url, &first).await?;
    world
        .api::<k8s_openapi::api::core::v1::Pod>()
        .delete(&first.name_any(), &DeleteParams::default())
        .await?;
    let second = world.run_pod(&world.pod_of("lost", Some(&first)).await?).await?;
    let assignment = Agent::of(&world.client, &world.url, &second).await?.serve().await?;
    assert_eq!(assignment.epoch, 2);
    world.until_reason("lost", "Ready", "Available").await?;
    let status = world.api::<Workspace>().get("lost").await?.status.context("a status")?;
    assert_eq!((status.pod, status.volume, status.epoch), (second.metadata.name, Some(volume), 2));
    assert_eq!(old.ask("").await?.status(), 403);
    Ok(())
}
