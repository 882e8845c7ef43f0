//! Who is not answered.

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, api::DeleteParams};
use neuralinverse_api::agent::{ASSIGNMENT_PATH, RepositoryState};
use serde_json::json;

use crate::{agent::Agent, world::World};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_somebody_else_or_none_is_refused() -> Result<()> {
    let world = World::new().await?;
    world.workspace("mine", json!({})).await?;
    let pod = world.pod_of("mine", None).await?;
    let agent = Agent::with_audience(&world.client, &world.url, &pod, "somebody-else").await?;
    assert_eq!(agent.ask("").await?.status(), 401);
    let stranger = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build()?;
    let url = format!("{}{ASSIGNMENT_PATH}", world.url);
    assert_eq!(stranger.get(&url).send().await?.status(), 401);
    assert_eq!(stranger.get(&url).bearer_auth("nonsense").send().await?.status(), 401);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_pod_that_was_deleted_is_refused() -> Result<()> {
    let world = World::new().await?;
    world.workspace("mine", json!({})).await?;
    let pod = world.pod_of("mine", None).await?;
    let agent = Agent::of(&world.client, &world.url, &pod).await?;
    let assignment = agent.assignment().await?;
    world.api::<Pod>().delete(&pod.name_any(), &DeleteParams::default()).await?;
    world.pod_of("mine", Some(&pod)).await?;
    assert_eq!(agent.ask("").await?.status(), 403);
    assert_eq!(agent.report(assignment.epoch, RepositoryState::NotDeclared).await?, 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_another_epoch_is_refused() -> Result<()> {
    let world = World::new().await?;
    world.workspace("mine", json!({})).await?;
    let pod = world.pod_of("mine", None).await?;
    let agent = Agent::of(&world.client, &world.url, &pod).await?;
    assert_eq!(agent.report(7, RepositoryState::NotDeclared).await?, 409);
    Ok(())
}
