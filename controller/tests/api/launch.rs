//! Launches: from a warm pool in few writes, and cold.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Event, Pod, Secret};
use kube::{
    ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use neuralinverse_api::{LaunchSource, WarmPool, Workspace, agent::RepositoryState};
use serde_json::json;

use crate::{
    agent::Agent,
    world::{World, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_launch_takes_at_most_five_writes() -> Result<()> {
    let world = World::new().await?;
    world
        .apply::<WarmPool>("WarmPool", "pool", json!({ "tier": "standard", "template": "rust", "size": 1 }))
        .await?;
    let pod = world.run_pod(&world.free_pods("pool", 1).await?[0]).await?;
    world
        .until("pool", "the pool is ready", |pool: &WarmPool| {
            (pool.status.as_ref()?.ready == 1).then_some(())
        })
        .await?;
    let agent = Agent::of(&world.client, &world.url, &pod).await?;
    let waiting = tokio::spawn(async move { agent.serve().await });
    let before = world.settled_writes().await?.len();

    world.workspace("mine", json!({ "env": { "MINE": "1" } })).await?;
    let assignment = waiting.await??;
    assert_eq!(
        (assignment.workspace.as_str(), assignment.epoch, assignment.owner.as_str()),
        ("mine", 1, "ada")
    );
    assert_eq!(
        assignment.env,
        [("FROM", "template"), ("MINE", "1")].map(|(k, v)| (k.into(), v.into())).into()
    );

    let status = world.until("mine", "it is ready", |workspace: &Workspace| workspace.status.clone()).await?;
    assert_eq!((status.pod.as_deref(), status.epoch), (Some(pod.name_any().as_str()), 1));
    assert_eq!(status.volume, Some(pod.name_any()));
    assert_eq!(status.launch.context("a launch")?.source, LaunchSource::Warm);
    assert_eq!(status.observed_generation, Some(1));
    let conditions: Vec<_> = status
        .conditions
        .iter()
        .map(|it| (it.type_.as_str(), it.status.as_str(), it.reason.as_str()))
        .collect();
    assert_eq!(
        conditions,
        [
            ("Accepted", "True", "Valid"),
            ("Running", "True", "Available"),
            ("RepositoryReady", "True", "NotDeclared"),
            ("Ready", "True", "Available"),
            ("UpToDate", "True", "Applied"),
        ]
    );

    // The volume says whose it is after the launch; the pool is refilled and says so.
    let whose = world
        .until(
            &pod.name_any(),
            "the volume says whose it is",
            |volume: &k8s_openapi::api::core::v1::PersistentVolumeClaim| {
                volume.labels().get("cloud.neuralinverse.com/workspace").cloned()
            },
        )
        .await?;
    assert_eq!(whose, "mine");
    world.free_pods("pool", 1).await?;
    world
        .until("pool", "the pool says that it has none", |pool: &WarmPool| {
            (pool.status.as_ref()?.ready == 0).then_some(())
        })
        .await?;
    let launched = |event: &Event| event.reason.as_deref() == Some("Launched");
    eventually("the event", || async {
        Ok(world.api::<Event>().list(&ListParams::default()).await?.items.into_iter().find(launched))
    })
    .await?;

    let writes = world.settled_writes().await?.split_off(before);
    let another = |write: &str| write.starts_with("patch pods ") && !write.ends_with(&pod.name_any());
    let refill = |write: &&String| {
        write.starts_with("create pods")
            || write.starts_with("create persistentvolumeclaims")
            || another(write)
    };
    let launch: Vec<_> = writes.iter().filter(|write| !refill(write)).collect();
    eprintln!("writes of a warm launch: {launch:#?}");
    assert!(launch.len() <= 5, "{launch:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_ready_pod_the_workspace_takes_one_that_starts_on_a_node() -> Result<()> {
    let world = World::new().await?;
    world
        .apply::<WarmPool>("WarmPool", "slow", json!({ "tier": "standard", "template": "rust", "size": 1 }))
        .await?;
    let pod = world.free_pods("slow", 1).await?.remove(0);
    let pool_says = async |reason: &'static str| {
        world
            .until("slow", reason, |pool: &WarmPool| {
                let conditions = &pool.status.as_ref()?.conditions;
                let ready = conditions.iter().find(|it| it.type_ == "Ready")?;
                (ready.reason == reason).then_some(())
            })
            .await
    };
    let nowhere = json!({ "status": { "conditions": [
        { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node" },
    ] } });
    let pods = world.api::<Pod>();
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(nowhere)).await?;
    pool_says("Unschedulable").await?;
    let node = format!("{}-slow", world.namespace);
    world.node(&node).await?;
    world.bind(&pod, &node).await?;
    // The controller has seen that the pod has its node.
    pool_says("Progressing").await?;

    world.workspace("early", json!({})).await?;
    assert_eq!(world.pod_of("early", None).await?.name_any(), pod.name_any());
    world.until_reason("early", "Ready", "Progressing").await?;
    let pod = world.run_pod(&pod).await?;
    Agent::of(&world.client, &world.url, &pod).await?.serve().await?;
    world.until_reason("early", "Ready", "Available").await?;
    let status = world.api::<Workspace>().get("early").await?.status.context("a status")?;
    assert_eq!(
        (status.launch.context("a launch")?.source, status.volume),
        (LaunchSource::Cold, Some(pod.name_any()))
    );
    world
        .until("slow", "it is counted as a miss", |pool: &WarmPool| {
            (pool.status.as_ref()?.misses == 1).then_some(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_warm_pod_the_workspace_gets_its_own() -> Result<()> {
    let world = World::new().await?;
    world.workspace("cold", json!({ "repository": { "url": "https://example.com/a.git" } })).await?;
    let pod = world.pod_of("cold", None).await?;
    assert!(pod.name_any().starts_with("cold-1-"), "{}", pod.name_any());
    let volume = world.volume(&world.volume_of("cold").await?).await?;
    assert_eq!(
        (volume.labels()["cloud.neuralinverse.com/owner"].as_str(), volume.owner_references().len()),
        ("ada", 0)
    );
    world.until_reason("cold", "Ready", "Progressing").await?;

    let pod = world.run_pod(&pod).await?;
    let agent = Agent::of(&world.client, &world.url, &pod).await?;
    let assignment = agent.assignment().await?;
    assert_eq!(assignment.repository.context("a repository")?.url, "https://example.com/a.git");

    let message = "could not resolve host".to_owned();
    agent.report(1, RepositoryState::Failed { message }).await?;
    world.until_reason("cold", "Ready", "Available").await?;
    let (_, message) = world.until_reason("cold", "RepositoryReady", "CloneFailed").await?;
    assert!(message.contains("could not resolve host"), "{message}");

    agent.report(1, RepositoryState::Cloned).await?;
    world.until_reason("cold", "RepositoryReady", "Cloned").await?;
    let status = world.api::<Workspace>().get("cold").await?.status.context("a status")?;
    assert!(status.repository_cloned);
    assert_eq!(status.launch.context("a launch")?.source, LaunchSource::Cold);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_the_owner_reach_terminals_and_those_of_others_do_not() -> Result<()> {
    let world = World::new().await?;
    let secret = |name: &str, owner: &str| -> Secret {
        serde_json::from_value(json!({
            "metadata": { "name": name, "labels": { "cloud.neuralinverse.com/owner": owner } },
            "stringData": { "TOKEN": owner },
        }))
        .expect("a Secret")
    };
    world.api().create(&PostParams::default(), &secret("hers", "ada")).await?;
    world.api().create(&PostParams::default(), &secret("his", "bob")).await?;
    world.workspace("secretive", json!({ "envFrom": [{ "name": "his" }] })).await?;
    let pod = world.run_pod(&world.pod_of("secretive", None).await?).await?;
    let agent = Agent::of(&world.client, &world.url, &pod).await?;
    let waiting = tokio::spawn(async move { agent.serve().await });
    let (_, message) = world.until_reason("secretive", "Accepted", "SecretNotFound").await?;
    assert!(message.contains("cloud.neuralinverse.com/owner=ada"), "{message}");

    world.workspace("secretive", json!({ "envFrom": [{ "name": "hers" }] })).await?;
    let assignment = waiting.await??;
    assert_eq!(assignment.env.get("TOKEN").map(String::as_str), Some("ada"));
    world.until_reason("secretive", "Accepted", "Valid").await?;
    world.until_reason("secretive", "Ready", "Available").await?;
    Ok(())
}
