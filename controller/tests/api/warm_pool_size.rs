//! How large warm pools are, and what is asked of them: declared, by the clock, by the launches.

use anyhow::{Context, Result};
use kube::ResourceExt;
use neuralinverse_api::{LaunchSource, WarmPool, WarmPoolStatus, Workspace};
use serde_json::{Value, json};

use crate::{
    agent::Agent,
    world::{World, eventually},
};

async fn declare(world: &World, more: Value) -> Result<WarmPool> {
    let mut spec = json!({ "tier": "standard", "template": "rust" });
    spec.as_object_mut().context("an object")?.extend(more.as_object().context("an object")?.clone());
    world.apply("WarmPool", "pool", spec).await
}

async fn until_status(
    world: &World,
    what: &str,
    wanted: impl Fn(&WarmPoolStatus) -> bool,
) -> Result<WarmPoolStatus> {
    world.until("pool", what, |pool: &WarmPool| pool.status.clone().filter(&wanted)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_with_the_fix() -> Result<()> {
    let world = World::new().await?;
    let office = |more: Value| {
        let mut window = json!({ "start": "08:00", "end": "18:00", "min": 5 });
        window.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "size": 1, "schedule": [window] })
    };
    let auto = |more: Value| json!({ "autoscale": more });
    for (spec, expected) in [
        (json!({}), "write exactly one of size and autoscale"),
        (json!({ "size": 1, "autoscale": { "max": 5 } }), "write exactly one of size and autoscale"),
        (auto(json!({ "min": 6, "max": 5 })), "min must not be above max"),
        (auto(json!({ "max": 5, "missProbability": "0" })), "missProbability must be above 0 and below 1"),
        (auto(json!({ "max": 5, "missProbability": "1" })), "missProbability must be above 0 and below 1"),
        (auto(json!({ "max": 5, "missProbability": 1 })), "missProbability must be above 0 and below 1"),
        (auto(json!({ "max": 5, "missProbability": "few" })), "should match"),
        (office(json!({ "start": "8:00" })), "should match"),
        (office(json!({ "end": "25:00" })), "should match"),
        (office(json!({ "end": "08:00" })), "start and end must differ"),
        (office(json!({ "days": [] })), "should have at least 1 items"),
        (office(json!({ "days": ["Holiday"] })), "supported values"),
        (
            json!({ "autoscale": { "max": 4 }, "schedule": office(json!({}))["schedule"] }),
            "no min in schedule may be above autoscale.max",
        ),
    ] {
        let error = declare(&world, spec.clone()).await.err().with_context(|| format!("{spec} was taken"))?;
        assert!(error.to_string().contains(expected), "{spec}: {error}");
    }
    let taken = declare(&world, auto(json!({ "max": 5 }))).await?;
    let autoscale = taken.spec.autoscale.context("autoscale")?;
    assert_eq!((autoscale.min, autoscale.max, autoscale.target()), (1, 5, 0.01));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_raises_the_floor_and_a_time_zone_that_does_not_exist_is_named() -> Result<()> {
    let world = World::new().await?;
    let every_day = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let always = |zone: &str, min: i32| json!({ "days": every_day, "start": "00:00", "end": "24:00", "timeZone": zone, "min": min });
    declare(&world, json!({ "size": 1, "schedule": [always("Asia/Kathmandu", 3)] })).await?;
    world.free_pods("pool", 3).await?;
    until_status(&world, "three are wanted", |status| status.desired == 3).await?;

    declare(
        &world,
        json!({ "size": 1, "schedule": [always("Asia/Kathmandu", 2), always("Asia/Shangri-La", 9)] }),
    )
    .await?;
    world.free_pods("pool", 2).await?;
    let status = until_status(&world, "the time zone is named", |status| {
        status.conditions.iter().any(|it| it.type_ == "Accepted" && it.reason == "TimeZoneNotFound")
    })
    .await?;
    assert!(status.conditions[0].message.contains("`Asia/Shangri-La`"), "{status:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_follows_the_launches_begins_with_its_fewest() -> Result<()> {
    let world = World::new().await?;
    declare(&world, json!({ "autoscale": { "min": 2, "max": 9, "missProbability": "0.05" } })).await?;
    world.free_pods("pool", 2).await?;
    let status = until_status(&world, "two are starting", |status| status.warming == 2).await?;
    assert_eq!((status.desired, status.hits, status.misses, status.launches_per_hour), (2, 0, 0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn launches_are_counted_by_whether_they_found_a_pod() -> Result<()> {
    let world = World::new().await?;
    declare(&world, json!({ "size": 1 })).await?;
    let pod = world.run_pod(&world.free_pods("pool", 1).await?[0]).await?;
    until_status(&world, "one is ready", |status| status.ready == 1).await?;
    world.workspace("hit", json!({})).await?;
    Agent::of(&world.client, &world.url, &pod).await?.serve().await?;
    world.until_reason("hit", "Ready", "Available").await?;
    until_status(&world, "the hit is counted", |status| (status.hits, status.misses) == (1, 0)).await?;

    world.workspace("miss", json!({})).await?;
    let pod = world.run_pod(&world.pod_of("miss", None).await?).await?;
    Agent::of(&world.client, &world.url, &pod).await?.serve().await?;
    world.until_reason("miss", "Ready", "Available").await?;
    let source = |name: &'static str| {
        let world = &world;
        async move {
            let status = world.api::<Workspace>().get(name).await?.status.context("a status")?;
            anyhow::Ok(status.launch.context("a launch")?.source)
        }
    };
    assert_eq!((source("hit").await?, source("miss").await?), (LaunchSource::Warm, LaunchSource::Cold));
    let status =
        until_status(&world, "the miss is counted", |status| (status.hits, status.misses) == (1, 1)).await?;
    assert!((2..=7).contains(&status.launches_per_hour), "{status:?}");

    // Resuming asks for no warm pod.
    world.workspace("miss", json!({ "runPolicy": "Stopped" })).await?;
    world.until_reason("miss", "Ready", "Stopped").await?;
    world.workspace("miss", json!({ "runPolicy": "Always" })).await?;
    world.pod_of("miss", Some(&pod)).await?;
    let status = until_status(&world, "nothing more is counted", |_| true).await?;
    assert_eq!((status.hits, status.misses), (1, 1));

    let labels = format!(r#"{{namespace="{}",pool="pool"}}"#, world.namespace);
    let wanted = [("claims_total", 2), ("hits_total", 1), ("misses_total", 1), ("desired", 1)];
    let text = eventually("the metrics say so", || async {
        let text = world.metrics().await?;
        let line = |(name, value)| format!("neuralinverse_warm_pool_{name}{labels} {value}\n");
        Ok(wanted.into_iter().map(line).all(|line| text.contains(&line)).then_some(text))
    })
    .await?;
    for source in ["warm", "cold"] {
        let count = format!(r#"neuralinverse_workspace_launch_duration_seconds_count{{source="{source}"}} "#);
        assert!(text.contains(&count), "{text}");
    }
    assert!(!text.contains("hit\"") && !text.contains(&pod.name_any()), "no workspace and no pod is named");
    Ok(())
}
