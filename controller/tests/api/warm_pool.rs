//! Warm pools: filled, made smaller, renewed.

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use neuralinverse_api::{WarmPool, WorkspaceTemplate, labels};
use serde_json::{Value, json};

use crate::world::{World, apply_cluster, eventually};

fn template(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceTemplate",
        "metadata": { "name": name }, "spec": { "image": image },
    })
}

async fn declare(world: &World, template: &str, size: i32) -> Result<()> {
    let spec = json!({ "tier": "standard", "template": template, "size": size });
    world.apply::<WarmPool>("WarmPool", "pool", spec).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_filled_and_made_smaller_as_declared() -> Result<()> {
    let world = World::new().await?;
    declare(&world, "rust", 3).await?;
    for pod in &world.free_pods("pool", 3).await? {
        world.run_pod(pod).await?;
    }
    let ready = |count| {
        move |pool: &WarmPool| {
            let status = pool.status.as_ref()?;
            let ready = status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
            (status.ready == count && ready).then_some(())
        }
    };
    world.until("pool", "3 pods are ready", ready(3)).await?;
    declare(&world, "rust", 1).await?;
    world.free_pods("pool", 1).await?;
    world.until("pool", "1 pod is ready", ready(1)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_of_an_earlier_template_stays_until_a_new_one_is_ready() -> Result<()> {
    let world = World::new().await?;
    let name = format!("renewed-{}", world.namespace);
    apply_cluster::<WorkspaceTemplate>(&world.client, template(&name, "old:1")).await?;
    declare(&world, &name, 1).await?;
    let old = world.run_pod(&world.free_pods("pool", 1).await?[0]).await?;
    apply_cluster::<WorkspaceTemplate>(&world.client, template(&name, "new:1")).await?;
    let both = world.free_pods("pool", 2).await?;
    let new = both.iter().find(|pod| pod.uid() != old.uid()).expect("a new one");
    assert_eq!(new.spec.as_ref().expect("a spec").containers[0].image.as_deref(), Some("new:1"));
    world.run_pod(new).await?;
    let left = world.free_pods("pool", 1).await?;
    assert_eq!(left[0].uid(), new.uid());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_of_another_release_of_ours_is_taken_when_there_is_no_other() -> Result<()> {
    let world = World::new().await?;
    declare(&world, "rust", 1).await?;
    let pod = world.run_pod(&world.free_pods("pool", 1).await?[0]).await?;
    let older = json!({ "metadata": { "labels": { labels::REVISION: "older" } } });
    world.api::<Pod>().patch(&pod.name_any(), &PatchParams::default(), &Patch::Merge(older)).await?;
    let successor = world.free_pods("pool", 2).await?;
    assert!(successor.iter().any(|it| it.uid() != pod.uid()), "it is replaced");
    world.workspace("upgraded", json!({})).await?;
    assert_eq!(world.pod_of("upgraded", None).await?.uid(), pod.uid());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_is_named_by_pool_and_workspace() -> Result<()> {
    let world = World::new().await?;
    declare(&world, "rust", 1).await?;
    let pods: Api<Pod> = world.api();
    let status = json!({ "status": { "phase": "Pending", "containerStatuses": [{
        "name": "workspace", "image": "rust:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } },
    }] } });
    let free = world.free_pods("pool", 1).await?;
    pods.patch_status(&free[0].name_any(), &PatchParams::default(), &Patch::Merge(&status)).await?;
    world
        .until("pool", "the pool names the image", |pool: &WarmPool| {
            let ready = pool.status.as_ref()?.conditions.iter().find(|it| it.type_ == "Ready")?;
            (ready.reason == "ImagePullFailed").then_some(())
        })
        .await?;
    world.workspace("pulls", json!({})).await?;
    let pod = world.pod_of("pulls", None).await?;
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await?;
    let (_, message) = world.until_reason("pulls", "Ready", "ImagePullFailed").await?;
    assert!(message.contains("no such image"), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_does_not_become_ready_is_replaced_and_the_pool_goes_on_saying_why() -> Result<()> {
    let world = World::new().await?;
    declare(&world, "rust", 1).await?;
    let pods: Api<Pod> = world.api();
    let status = json!({ "status": {
        "phase": "Pending",
        // For long: it has had its time.
        "conditions": [{ "type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z" }],
        "containerStatuses": [{
            "name": "workspace", "image": "rust:1", "imageID": "", "ready": false, "restartCount": 9,
            "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "no such file" } },
        }],
    } });
    let broken = world.free_pods("pool", 1).await?.remove(0);
    pods.patch_status(&broken.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await?;
    let next = eventually("another one is tried", || async {
        let free = pods.list(&Default::default()).await?.items;
        Ok(free.into_iter().find(|pod| pod.uid() != broken.uid()))
    })
    .await?;
    assert!(
        next.annotations().get(labels::FAILED_BEFORE).is_some_and(|before| before.starts_with("1 PodFailed"))
    );
    let ready = |pool: &WarmPool| {
        let conditions = &pool.status.as_ref()?.conditions;
        conditions.iter().find(|it| it.type_ == "Ready").cloned()
    };
    world
        .until("pool", "the pool says why", |pool: &WarmPool| {
            ready(pool).filter(|it| it.reason == "PodFailed" && it.message.contains("no such file"))
        })
        .await?;
    eventually("the broken one is gone", || async {
        Ok(pods.get_opt(&broken.name_any()).await?.is_none().then_some(()))
    })
    .await?;
    world.run_pod(&next).await?;
    world
        .until("pool", "the pool is full", |pool: &WarmPool| ready(pool).filter(|it| it.status == "True"))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_deleted_takes_its_free_pods_along() -> Result<()> {
    let world = World::new().await?;
    declare(&world, "rust", 2).await?;
    world.free_pods("pool", 2).await?;
    world.api::<WarmPool>().delete("pool", &Default::default()).await?;
    eventually("the pods are gone", || async {
        let pods = world.api::<Pod>().list(&Default::default()).await?.items;
        Ok(pods.is_empty().then_some(()))
    })
    .await
}
