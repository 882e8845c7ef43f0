//! runPolicy OnDemand: stopped when nobody uses it, waked by a wish, with a spec that stays as it was declared.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use neuralinverse_api::{LaunchSource, Workspace, WorkspaceStatus, labels};
use serde_json::{Value, json};

use crate::{agent::Agent, world::World};

async fn running(world: &World, name: &str, timeout: &str) -> Result<(Pod, Agent)> {
    world.running(name, None, json!({ "runPolicy": "OnDemand", "idleTimeout": timeout })).await
}

/// Wishes as the portal, or anybody with kubectl, does.
async fn wish(world: &World, name: &str, wake: Value, stop: Value) -> Result<()> {
    let annotations = json!({ (labels::WAKE_REQUESTED_AT): wake, (labels::STOP_REQUESTED_AT): stop });
    let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
    world.api::<Workspace>().patch(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

async fn status(world: &World, name: &str) -> Result<WorkspaceStatus> {
    world.api::<Workspace>().get(name).await?.status.context("a status")
}

/// Ages the start of a pod: a workspace is not unused for longer than it runs.
async fn age(world: &World, pod: &Pod) -> Result<()> {
    let patch = json!({ "metadata": { "annotations": { (labels::LAUNCH_SINCE): "2026-01-01T00:00:00Z" } } });
    world.api::<Pod>().patch(&pod.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_nobody_uses_is_stopped_and_a_wish_wakes_it_on_its_volume() -> Result<()> {
    let world = World::new().await?;
    let (first, agent) = running(&world, "idle", "1h").await?;
    assert_eq!(agent.assignment().await?.idle_after_seconds, Some(3600));
    let declared = world.api::<Workspace>().get("idle").await?;
    let volume = world.volume_of("idle").await?;
    age(&world, &first).await?;

    agent.report_idle(1, 3600).await?;
    let (ready, _) = world.until_reason("idle", "Ready", "Suspended").await?;
    assert_eq!(ready, "True");
    assert!(world.pods_of("idle").await?.is_empty());
    let suspended = status(&world, "idle").await?;
    assert_eq!(
        (suspended.pod, suspended.volume.as_deref(), suspended.epoch),
        (None, Some(volume.as_str()), 1)
    );
    assert!(suspended.suspended.is_some() && suspended.hours.is_some());
    assert_eq!(agent.report_idle(1, 3600).await?, 403);

    // By a clock that is wrong.
    wish(&world, "idle", json!("2020-01-01T00:00:00Z"), Value::Null).await?;
    let second = world.run_pod(&world.pod_of("idle", Some(&first)).await?).await?;
    let agent = Agent::of(&world.client, &world.url, &second).await?;
    assert_eq!(agent.serve().await?.epoch, 2);
    world.until_reason("idle", "Ready", "Available").await?;
    let resumed = status(&world, "idle").await?;
    assert_eq!((resumed.volume.as_deref(), resumed.suspended), (Some(volume.as_str()), None));
    assert_eq!(resumed.launch.context("a launch")?.source, LaunchSource::Resume);
    assert_eq!(world.api::<Workspace>().get("idle").await?.spec, declared.spec);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_uses_it_again_before_it_is_time_keeps_it_and_rest_costs_no_writes() -> Result<()> {
    let world = World::new().await?;
    let (pod, agent) = running(&world, "kept", "1h").await?;
    age(&world, &pod).await?;
    // A longer timeout has been declared, and the sidecar does not know yet.
    agent.report_idle(1, 1800).await?;
    world.until("kept", "idle", |it: &Workspace| it.status.as_ref()?.idle_since.clone()).await?;
    agent.report(1, neuralinverse_api::agent::RepositoryState::NotDeclared).await?;
    let used = |it: &Workspace| it.status.as_ref().is_some_and(|it| it.idle_since.is_none()).then_some(());
    world.until("kept", "used", used).await?;
    let before = world.settled_writes().await?;
    agent.report(1, neuralinverse_api::agent::RepositoryState::NotDeclared).await?;
    assert_eq!(world.settled_writes().await?, before);
    assert_eq!(world.pods_of("kept").await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn its_timer_stops_it_when_the_pod_has_nothing_more_to_say() -> Result<()> {
    let world = World::new().await?;
    let (pod, agent) = running(&world, "timer", "3s").await?;
    age(&world, &pod).await?;
    agent.report_idle(1, 0).await?;
    world.until_reason("timer", "Ready", "Suspended").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn its_user_stops_it_and_starts_it_again() -> Result<()> {
    let world = World::new().await?;
    let (first, _agent) = running(&world, "asked", "1h").await?;
    wish(&world, "asked", Value::Null, json!("2026-01-01T00:00:00Z")).await?;
    let (_, message) = world.until_reason("asked", "Ready", "Suspended").await?;
    assert!(message.contains("as its user asked"), "{message}");
    wish(&world, "asked", json!("2026-01-01T00:00:01Z"), Value::Null).await?;
    world.pod_of("asked", Some(&first)).await?;
    Ok(())
}
