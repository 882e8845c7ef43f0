//! Claims: whoever is faster, a pod has one owner and a workspace one pod.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};
use neuralinverse_api::{WarmPool, Workspace};
use serde_json::json;

use crate::{
    agent::Agent,
    world::{World, eventually},
};

const COUNT: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_workspaces_at_once_take_twenty_pods_each_its_own() -> Result<()> {
    let world = World::new().await?;
    let size = json!({ "tier": "standard", "template": "rust", "size": COUNT });
    world.apply::<WarmPool>("WarmPool", "pool", size).await?;
    let mut started = HashSet::new();
    // No more than ten start at once: as they become ready, others follow.
    while started.len() < COUNT {
        let pods = world.api::<Pod>().list(&Default::default()).await?.items;
        for pod in pods.iter().filter(|pod| !started.contains(&pod.name_any())).cloned().collect::<Vec<_>>() {
            world.run_pod(&pod).await?;
            started.insert(pod.name_any());
        }
    }
    world
        .until("pool", "all are ready", |pool: &WarmPool| (pool.status.as_ref()?.ready == 20).then_some(()))
        .await?;
    let mut agents = Vec::new();
    for pod in world.api::<Pod>().list(&Default::default()).await?.items {
        let agent = Agent::of(&world.client, &world.url, &pod).await?;
        agents.push(tokio::spawn(async move { agent.serve().await }));
    }
    let declared = (0..COUNT).map(|number| {
        let world = &world;
        async move { world.workspace(&format!("w{number}"), json!({})).await }
    });
    futures::future::try_join_all(declared).await?;
    let mut owners = HashSet::new();
    for agent in agents {
        assert!(owners.insert(agent.await??.workspace), "a workspace was assigned twice");
    }
    assert_eq!(owners.len(), COUNT);
    let workspaces: Api<Workspace> = world.api();
    let all = eventually("all are ready", || async {
        let all = workspaces.list(&Default::default()).await?.items;
        let usable = all.iter().filter(|it| it.status.as_ref().is_some_and(|status| status.launch.is_some()));
        Ok((usable.count() == COUNT).then_some(all))
    })
    .await?;
    let pods: HashMap<_, _> = all
        .iter()
        .map(|it| (it.status.as_ref().and_then(|status| status.pod.clone()), it.name_any()))
        .collect();
    assert_eq!(pods.len(), COUNT);
    assert!(pods.keys().all(|pod| pod.as_ref().is_some_and(|pod| started.contains(pod))));
    let mut times: Vec<_> =
        all.iter().filter_map(|it| Some(it.status.as_ref()?.launch?.milliseconds)).collect();
    times.sort_unstable();
    eprintln!("warm launches at once, milliseconds: {times:?}");
    Ok(())
}
