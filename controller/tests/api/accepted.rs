//! Faults across objects: shown on the object with the fix, and gone when they are mended.

use anyhow::Result;
use neuralinverse_api::WorkspaceTier;
use serde_json::json;

use crate::world::{World, apply_cluster};

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_of_a_tier_that_is_missing_says_so_and_starts_when_the_tier_appears() -> Result<()> {
    let world = World::new().await?;
    world.workspace("early", json!({ "tier": "late" })).await?;
    let (status, message) = world.until_reason("early", "Accepted", "TierNotFound").await?;
    assert_eq!(status, "False");
    assert!(message.contains("`late`") && message.contains("`standard`"), "{message}");
    world.until_reason("early", "Ready", "TierNotFound").await?;
    assert!(world.pods_of("early").await?.is_empty());

    let tier = json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceTier",
        "metadata": { "name": "late" },
        "spec": { "cpu": "1", "memory": "1Gi", "nodePool": "default" },
    });
    apply_cluster::<WorkspaceTier>(&world.client, tier).await?;
    world.until_reason("early", "Accepted", "Valid").await?;
    world.pod_of("early", None).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_full_is_named_and_raising_it_helps() -> Result<()> {
    use k8s_openapi::api::core::v1::ResourceQuota;
    use kube::api::{Patch, PatchParams};
    let world = World::new().await?;
    let quota = |pods: &str| {
        json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "pods" },
            "spec": { "hard": { "pods": pods } },
        })
    };
    let quotas = world.api::<ResourceQuota>();
    quotas.patch("pods", &PatchParams::apply("test"), &Patch::Apply(quota("0"))).await?;
    world
        .until("pods", "the quota is counted", |quota: &ResourceQuota| quota.status.as_ref()?.hard.clone())
        .await?;
    world.workspace("refused", json!({})).await?;
    let (_, message) = world.until_reason("refused", "Ready", "QuotaExceeded").await?;
    assert!(message.contains("exceeded quota") && message.contains("smaller tier"), "{message}");

    quotas.patch("pods", &PatchParams::apply("test"), &Patch::Apply(quota("1"))).await?;
    world.pod_of("refused", None).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quota_of_storage_is_named_as_such() -> Result<()> {
    use k8s_openapi::api::core::v1::ResourceQuota;
    let world = World::new().await?;
    let quota: ResourceQuota = serde_json::from_value(json!({
        "metadata": { "name": "storage" }, "spec": { "hard": { "requests.storage": "1Gi" } },
    }))?;
    world.api::<ResourceQuota>().create(&Default::default(), &quota).await?;
    world
        .until("storage", "the quota is counted", |quota: &ResourceQuota| quota.status.as_ref()?.hard.clone())
        .await?;
    world.workspace("refused", json!({})).await?;
    let (_, message) = world.until_reason("refused", "Ready", "StorageQuotaExceeded").await?;
    assert!(message.contains("requests.storage") && message.contains("quota of storage"), "{message}");
    Ok(())
}
