//! What one owner's workspaces may be and use together.

use anyhow::Result;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use neuralinverse_api::{Region, Workspace};
use serde_json::{Value, json};

use crate::world::World;

/// Declares limits for an owner of this test's own, beside what others declare of the Region.
async fn limit(world: &World, limits: Value) -> Result<String> {
    let owner = format!("owner-{}", world.namespace);
    let region = json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Region", "metadata": { "name": "cluster" },
        "spec": { "ownerExceptions": { (owner.as_str()): limits } },
    });
    let params = PatchParams::apply(&format!("limits-{}", world.namespace));
    Api::<Region>::all(world.client.clone()).patch("cluster", &params, &Patch::Apply(region)).await?;
    Ok(owner)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_over_the_limit_waits_until_another_stops() -> Result<()> {
    let world = World::new().await?;
    let owner = limit(&world, json!({ "running": 1 })).await?;
    world.workspace("first", json!({ "owner": owner })).await?;
    let pod = world.pod_of("first", None).await?;
    world.workspace("second", json!({ "owner": owner })).await?;
    let (status, message) = world.until_reason("second", "Accepted", "OwnerLimit").await?;
    assert!(status == "False" && message.contains(&owner) && message.contains("stop one"), "{message}");
    world.until_reason("second", "Ready", "OwnerLimit").await?;
    assert!(world.pods_of("second").await?.is_empty());

    world.workspace("first", json!({ "owner": owner, "runPolicy": "Stopped" })).await?;
    world.pod_of("second", None).await?;
    world.until_reason("second", "Accepted", "Valid").await?;

    // It was there first, and now another runs.
    world.workspace("first", json!({ "owner": owner, "runPolicy": "Always" })).await?;
    world.until_reason("first", "Accepted", "OwnerLimit").await?;
    limit(&world, json!({ "running": 2 })).await?;
    world.pod_of("first", Some(&pod)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn more_workspaces_than_an_owner_may_have_get_nothing_until_one_is_deleted() -> Result<()> {
    let world = World::new().await?;
    let owner = limit(&world, json!({ "workspaces": 1 })).await?;
    world.workspace("first", json!({ "owner": owner, "runPolicy": "Stopped" })).await?;
    world.until_reason("first", "Accepted", "Valid").await?;
    world.workspace("second", json!({ "owner": owner })).await?;
    let (_, message) = world.until_reason("second", "Accepted", "OwnerLimit").await?;
    assert!(message.contains("delete one"), "{message}");
    world.api::<Workspace>().delete("first", &DeleteParams::default()).await?;
    world.pod_of("second", None).await?;
    Ok(())
}
