//! Makes and removes the pods and volumes of a warm pool.

use std::sync::Arc;

use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch},
};
use neuralinverse_api::{WarmPool, Workspace, labels};
use serde_json::json;

use super::decide::Before;
use crate::{
    context::Context,
    error::{During, Result},
    hash,
    key::Key,
    kubernetes::{PersistentVolumeClaim, Pod},
    references::{Problem, References},
    refusal,
    workspace::children::{pod, volume},
    write,
};

/// What is being done when creating fails for no reason of the cluster's.
const CREATING: &str = "creating a warm pod";

/// Makes one pod with its volume, after those `before` it that did not become ready, or says why Kubernetes
/// did not take it. What a crash leaves in between is a volume that nobody uses, which is removed later.
pub async fn create(
    context: &Context,
    pool: &WarmPool,
    references: &References,
    before: Option<&Before>,
    salt: usize,
) -> Result<Option<Problem>> {
    let namespace = pool.namespace().unwrap_or_default();
    let name = name(pool, context.now(), salt);
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), &namespace);
    match write::create(&volumes, &volume::warm(pool, &name, references)).await {
        Ok(volume) => context.caches.volumes.apply(volume),
        Err(error) => return refusal::of("PersistentVolumeClaim", CREATING, error).map(Some),
    };
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &namespace);
    let mut pod = pod::warm(pool, &name, references, &context.urls);
    if let Some(before) = before {
        pod.annotations_mut().insert(labels::FAILED_BEFORE.to_owned(), before.to_string());
    }
    match write::create(&pods, &pod).await {
        Ok(pod) => context.caches.pods.apply(pod),
        Err(error) => return refusal::of("Pod", CREATING, error).map(Some),
    };
    // One that misses it is as good.
    if let Err(error) = pods.patch(&name, &write::params(), &without_managers()?).await {
        tracing::debug!(%error, pod = name, "its managers are kept");
    }
    Ok(None)
}

/// Ends for good that the API server keeps who set which field of a pod, as Kubernetes documents it: nobody applies
/// ours, and that is two fifths of what each further write of one costs it. Scheduler and kubelet write a pod five times
/// until it is ready, and a launch once more.
fn without_managers() -> Result<Patch<()>> {
    write::json_patch(json!([{ "op": "add", "path": "/metadata/managedFields", "value": [{}] }]))
}

/// A name of its own for a pod and its volume: one that a retried request keeps.
fn name(pool: &WarmPool, now: Timestamp, salt: usize) -> String {
    let unique = format!("{}/{}/{salt}", pool.uid().unwrap_or_default(), now.as_nanosecond());
    let short = hash::short(unique, 4);
    let pool: String = pool.name_any().chars().take(50).collect();
    format!("{}-{short}", pool.trim_end_matches(['-', '.']))
}

/// Removes free pods, each only if nobody claimed it since we looked.
pub async fn delete(context: &Context, pool: &Key, pods: &[Arc<Pod>], names: &[String]) -> Result<()> {
    for pod in pods.iter().filter(|pod| names.contains(&pod.name_any())) {
        let Some(_reservation) = context.reserved.take(&pod.uid().unwrap_or_default()) else { continue };
        tracing::info!(%pool, pod = pod.name_any(), "removing a free warm pod");
        write::delete_unchanged(&context.client, pod.as_ref()).await?;
    }
    Ok(())
}

/// Removes volumes that were made for the pool and that no pod and no workspace uses.
pub async fn sweep(context: &Context, pool: &Key, volumes: &[Arc<PersistentVolumeClaim>]) -> Result<()> {
    for volume in volumes {
        let name = volume.name_any();
        let pods: Api<Pod> = Api::namespaced(context.client.clone(), &pool.namespace);
        // A warm volume has its pod's name. Our memory may be old, and work may be on it.
        let has_pod = pods.get_opt(&name).await.during("looking for a volume's pod")?.is_some();
        if !has_pod && !is_named(context, &pool.namespace, &name).await? {
            tracing::info!(%pool, volume = name, "removing a warm volume that nobody uses");
            write::delete_unchanged(&context.client, volume.as_ref()).await?;
        }
    }
    Ok(())
}

/// Whether the status of a workspace names this volume: it took the pod, and may have worked, before that was said on
/// the volume.
async fn is_named(context: &Context, namespace: &str, volume: &str) -> Result<bool> {
    let workspaces: Api<Workspace> = Api::namespaced(context.client.clone(), namespace);
    for field in ["status.volume", "status.lostVolume"] {
        let named = ListParams::default().fields(&format!("{field}={volume}")).limit(1);
        let named = workspaces.list_metadata(&named).await.during("looking for a volume's workspace")?;
        if !named.items.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
