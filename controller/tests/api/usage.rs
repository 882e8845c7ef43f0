//! What was used is written down, and stays when the workspace goes.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};
use neuralinverse_api::{Workspace, WorkspaceTier, labels::USAGE};
use serde_json::{Value, json};

use crate::world::{World, apply_cluster, eventually};

/// A tier of its own with this price.
async fn tier(world: &World, name: &str, price: &str) -> Result<String> {
    let name = format!("{}-{name}", world.namespace);
    let object = json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceTier", "metadata": { "name": name },
        "spec": { "cpu": "1", "memory": "2Gi", "nodePool": "default", "hourlyPrice": price },
    });
    apply_cluster::<WorkspaceTier>(&world.client, object).await?;
    Ok(name)
}

async fn run(world: &World, tier: &str, other: Option<&Pod>) -> Result<Pod> {
    let (pod, _) = world.running("paid", other, json!({ "tier": tier })).await?;
    Ok(pod)
}

/// Waits until the ledger has so many entries, and gives them by epoch and tier.
async fn entries(world: &World, count: usize) -> Result<BTreeMap<(String, String), Value>> {
    eventually(&format!("the ledger has {count} entries"), || async {
        let maps = world.api::<ConfigMap>().list(&ListParams::default().labels(USAGE)).await?.items;
        assert!(maps.iter().all(|map| map.owner_references().is_empty()));
        let mut entries = BTreeMap::new();
        for (key, entry) in maps.into_iter().flat_map(|map| map.data.unwrap_or_default()) {
            let entry: Value = serde_json::from_str(&entry)?;
            let epoch = key.split('.').nth(1).context("an epoch")?.to_owned();
            let tier = entry["tier"].as_str().context("a tier")?.to_owned();
            anyhow::ensure!(entries.insert((epoch, tier), entry).is_none(), "counted twice: {key}");
        }
        Ok((entries.len() == count).then_some(entries))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_outlives_the_workspace() -> Result<()> {
    let world = World::new().await?;
    let small = tier(&world, "small", "0.96").await?;
    let large = tier(&world, "large", "2.5").await?;
    let first = run(&world, &small, None).await?;
    let begun = world.api::<Workspace>().get("paid").await?.status.context("a status")?;
    let begun = begun.run.context("it is counted")?;
    assert_eq!((begun.epoch, &begun.tier, begun.hourly_price), (1, &small, Some("0.96".parse()?)));

    // Of the same size: nothing is resized, and it is priced anew all the same.
    world.workspace("paid", json!({ "tier": large })).await?;
    let key = |epoch: &str, tier: &str| (epoch.to_owned(), tier.to_owned());
    let entry = entries(&world, 1).await?.remove(&key("1", &small)).context("the first tier")?;
    assert_eq!((&entry["workspace"], &entry["currency"]), (&json!("paid"), &json!("USD")));
    assert_eq!(entry["hourlyPrice"], "0.96");
    // The ledger comes first; who stops in between has never run as the other tier.
    let runs_as = |workspace: &Workspace| {
        let run = workspace.status.as_ref()?.run.as_ref()?;
        (run.tier == large).then_some(())
    };
    world.until("paid", "it runs as the other tier", runs_as).await?;

    world.workspace("paid", json!({ "tier": large, "runPolicy": "Stopped" })).await?;
    world.until_reason("paid", "Ready", "Stopped").await?;
    let stopped = world.api::<Workspace>().get("paid").await?.status.context("a status")?;
    assert!(stopped.run.is_none() && stopped.hours.is_some() && stopped.cost.is_some());
    assert!(entries(&world, 2).await?.contains_key(&key("1", &large)));

    world.workspace("paid", json!({ "tier": large, "runPolicy": "Always" })).await?;
    run(&world, &large, Some(&first)).await?;
    world.api::<Workspace>().delete("paid", &DeleteParams::default()).await?;
    assert!(entries(&world, 3).await?.contains_key(&key("2", &large)));
    Ok(())
}
