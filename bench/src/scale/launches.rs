//! Workspaces: many at once for the load, and launches at random whose times count.

use std::{collections::HashMap, ops::Range, time::Duration};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
    runtime::watcher,
};
use neuralinverse_api::Workspace;
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout};

use crate::cluster::{NAMESPACES, TEMPLATES, eventually, template_name};

/// Launches whose times count.
const LAUNCHES: usize = 100;

/// Time between two of them.
const PACE: Duration = Duration::from_millis(250);

/// Milliseconds from creation to ready.
#[derive(Debug)]
pub struct Times {
    pub p50: u128,
    pub p99: u128,
}

/// Creates those, and waits until all workspaces run.
pub async fn fill(client: &Client, numbers: Range<usize>) -> Result<()> {
    let (start, total) = (Instant::now(), numbers.end);
    let create = |number: usize| create(client, format!("load-{number}"), number);
    stream::iter(numbers.clone()).map(create).buffer_unordered(16).try_collect::<Vec<_>>().await?;
    let all: Api<Workspace> = Api::all(client.clone());
    eventually("all workspaces to run", || async {
        let ready = all.list(&ListParams::default()).await?.items.iter().filter(|it| is_ready(it)).count();
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok((ready >= total).then_some(()))
    })
    .await?;
    eprintln!("{} more workspaces run after {:?}", numbers.len(), start.elapsed());
    Ok(())
}

/// Launches on warm pods, one after the other at a steady pace, in turn from each pool.
pub async fn measure(client: &Client, prefix: &str) -> Result<Times> {
    let all: Api<Workspace> = Api::all(client.clone());
    let mut events = watcher(all, watcher::Config::default().labels("bench=measured").any_semantic()).boxed();
    while let Some(event) = events.next().await {
        if matches!(event?, watcher::Event::InitDone) {
            break;
        }
    }
    let start = Instant::now() + PACE;
    let launch = |number: usize| async move {
        sleep_until(start + PACE * u32::try_from(number)?).await;
        let (name, since) = (format!("{prefix}-{number}"), Instant::now());
        create(client, name.clone(), number).await?;
        anyhow::Ok((name, since))
    };
    let created = stream::iter(0..LAUNCHES).map(launch).buffer_unordered(LAUNCHES).try_collect::<Vec<_>>();
    let ready = async {
        let mut ready = HashMap::new();
        while ready.len() < LAUNCHES {
            match timeout(Duration::from_secs(300), events.next())
                .await
                .context("launches that do not end")?
            {
                Some(Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object))) => {
                    if is_ready(&object) && object.name_any().starts_with(prefix) {
                        ready.entry(object.name_any()).or_insert_with(Instant::now);
                    }
                }
                Some(_) => {}
                None => bail!("the watch ended"),
            }
        }
        Ok(ready)
    };
    let (created, ready) = tokio::try_join!(created, ready)?;
    let time = |(name, since): (String, Instant)| Some(ready.get(&name)?.duration_since(since).as_millis());
    let mut times: Vec<_> = created.into_iter().filter_map(time).collect();
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Ok(Times { p50: at(50).context("no times")?, p99: at(99).context("no times")? })
}

async fn create(client: &Client, name: String, number: usize) -> Result<()> {
    let namespace = NAMESPACES[number % NAMESPACES.len()];
    let measured = if name.starts_with("load-") { "load" } else { "measured" };
    let workspace: Workspace = serde_json::from_value(json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
        "metadata": { "name": name, "labels": { "bench": measured } },
        "spec": {
            "owner": format!("owner-{}", number % 500), "tier": "starter",
            "template": template_name(number / NAMESPACES.len() % TEMPLATES), "env": { "EDITOR": "nano" },
        },
    }))?;
    let api: Api<Workspace> = Api::namespaced(client.clone(), namespace);
    api.create(&PostParams::default(), &workspace).await.with_context(|| name)?;
    Ok(())
}

fn is_ready(workspace: &Workspace) -> bool {
    let conditions = workspace.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
}
