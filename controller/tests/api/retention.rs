//! What is left of a workspace that is deleted: its volume, for a while.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use neuralinverse_api::{
    Workspace,
    labels::{RETAINED_UNTIL, WORKSPACE_UID},
};
use serde_json::{Value, json};

use crate::world::{World, eventually};

/// Makes a workspace, deletes it, and gives the name of its volume and until when that is kept.
async fn deleted(world: &World, name: &str) -> Result<(String, Timestamp)> {
    world.workspace(name, json!({})).await?;
    world.pod_of(name, None).await?;
    let volume = world.volume_of(name).await?;
    world.api::<Workspace>().delete(name, &DeleteParams::default()).await?;
    let until = world.until(&volume, "the volume is retained", retained).await?;
    Ok((volume, until.parse()?))
}

fn retained(volume: &PersistentVolumeClaim) -> Option<String> {
    volume.annotations().get(RETAINED_UNTIL).cloned()
}

async fn annotate(world: &World, volume: &str, annotation: Value) -> Result<()> {
    let patch = json!({ "metadata": { "annotations": { (RETAINED_UNTIL): annotation } } });
    world.api::<PersistentVolumeClaim>().patch(volume, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_volume_of_a_deleted_workspace_is_kept_for_its_time_and_its_pod_goes() -> Result<()> {
    let world = World::new().await?;
    let (volume, until) = deleted(&world, "gone").await?;
    let left = until.duration_since(Timestamp::now());
    assert!(
        left > SignedDuration::from_hours(7 * 24 - 1) && left <= SignedDuration::from_hours(7 * 24),
        "{left}"
    );
    eventually("the pod is gone", || async { Ok(world.pods_of("gone").await?.is_empty().then_some(())) })
        .await?;
    let kept = world.volume(&volume).await?;
    assert_eq!((kept.metadata.deletion_timestamp.as_ref(), kept.owner_references().len()), (None, 0));

    // Another one of the same name gets a volume of its own.
    world.workspace("gone", json!({})).await?;
    world.pod_of("gone", None).await?;
    assert_ne!(world.volume_of("gone").await?, volume);

    annotate(&world, &volume, json!("2026-01-01T00:00:00Z")).await?;
    eventually("the volume is gone", || async {
        let volume = world.api::<PersistentVolumeClaim>().get_opt(&volume).await?;
        Ok(volume.is_none_or(|volume| volume.metadata.deletion_timestamp.is_some()).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retained_volume_is_taken_up_again_as_the_docs_say() -> Result<()> {
    let world = World::new().await?;
    let (volume, _) = deleted(&world, "again").await?;
    world.workspace("again", json!({ "runPolicy": "Stopped" })).await?;
    world.until_reason("again", "Ready", "Stopped").await?;
    let uid = world.api::<Workspace>().get("again").await?.uid().context("a UID")?;
    let labels = json!({ "metadata": { "labels": { (WORKSPACE_UID): uid } } });
    let patch = Patch::Merge(labels);
    world.api::<PersistentVolumeClaim>().patch(&volume, &PatchParams::default(), &patch).await?;
    annotate(&world, &volume, Value::Null).await?;
    assert_eq!(world.volume_of("again").await?, volume);
    world.workspace("again", json!({ "runPolicy": "Always" })).await?;
    let pod = world.pod_of("again", None).await?;
    let volumes: Vec<_> = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()).collect();
    assert!(
        volumes
            .iter()
            .any(|it| it.persistent_volume_claim.as_ref().is_some_and(|it| it.claim_name == volume))
    );
    Ok(())
}
