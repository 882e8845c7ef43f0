//! Does what was decided.

use std::fmt::Debug;

use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt, api::Patch, core::NamespaceResourceScope};
use neuralinverse_api::{LaunchSource, Workspace, condition::Reason, labels};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    children::{
        self, containers,
        pod::{self, Launched},
        volume, volume_labels,
    },
    claim::{claim, missed},
    decide::{Plan, Start},
};
use crate::{
    cache::{Cache, Cached},
    context::Context,
    error::{During, Error, Result, not_found, refused, text},
    kubernetes::{PersistentVolumeClaim, Pod},
    references::{Problem, References},
    refusal, write,
};

/// Does what was decided for `workspace`, whose start was wished for at `since`. Says why Kubernetes did
/// not take the pod, its new size or the volume, if it did not.
pub async fn apply(
    context: &Context,
    workspace: &Workspace,
    plan: &Plan,
    references: &Result<References, Problem>,
    since: Timestamp,
) -> Result<Option<Problem>> {
    let Plan { unused, delete, own, resize, note, start, suspend: _, look_again: _ } = plan;
    if let Some(volume) = own {
        give(context, workspace, volume).await?;
    }
    for volume in unused {
        tracing::info!(volume = volume.name_any(), "deleting a volume that was never used");
        write::delete_unchanged(&context.client, volume.as_ref()).await?;
    }
    for pod in delete {
        tracing::info!(pod = pod.name_any(), "deleting a pod that has no say any more");
        write::delete_uid(&context.client, pod.as_ref()).await?;
    }
    if let Some(pod) = note {
        note_tier(context, workspace, pod).await?;
    }
    if let (Some(pod), Ok(references)) = (resize, references) {
        return resize_pod(context, pod, references).await;
    }
    match (start, references) {
        (Some(start), Ok(references)) => get_pod(context, workspace, start, references, since).await,
        _ => Ok(None),
    }
}

/// Says on a volume that came from a warm pool whose work it holds.
async fn give(context: &Context, workspace: &Workspace, volume: &str) -> Result<()> {
    let mut labels = json!(volume_labels(workspace));
    labels[labels::WARM_POOL] = json!(null);
    let patch = Patch::Merge(json!({ "metadata": { "labels": labels } }));
    let api: Api<PersistentVolumeClaim> = namespaced(context, workspace);
    match api.patch(volume, &write::params(), &patch).await {
        // Somebody deleted it: nothing is left to be labelled, and the rest must go on.
        Err(error) if not_found(&error) => Ok(()),
        given => {
            context.caches.volumes.apply(given.during("giving the volume to its workspace")?);
            Ok(())
        }
    }
}

/// Gives a pod the size of its tier while it runs. Quotas count it at once; the kubelet answers in the pod's
/// conditions.
async fn resize_pod(context: &Context, pod: &Pod, references: &References) -> Result<Option<Problem>> {
    let container = json!({ "name": containers::WORKSPACE, "resources": containers::size(references) });
    let patch = Patch::Strategic(json!({ "spec": { "containers": [container] } }));
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &pod.namespace().unwrap_or_default());
    match api.patch_resize(&pod.name_any(), &write::params(), &patch).await {
        Ok(resized) => {
            tracing::info!(pod = resized.name_any(), "a pod gets another size while it runs");
            context.caches.pods.apply(resized);
            Ok(None)
        }
        Err(error) if not_found(&error) => Ok(None),
        Err(error) if refused(&error) => {
            let message = format!(
                "Kubernetes refused the pod's new size ({}): raise the quota, or choose a smaller tier",
                text(&error)
            );
            Ok(Some(Problem::new(Reason::ResizeRefused, message)))
        }
        Err(error) => Err(Error::Api { what: "resizing a pod", source: error }),
    }
}

/// Notes on a pod which tier it is of.
async fn note_tier(context: &Context, workspace: &Workspace, pod: &Pod) -> Result<()> {
    let annotations = json!({ labels::TIER: workspace.spec.tier });
    let patch = Patch::Merge(json!({ "metadata": { "uid": pod.uid(), "annotations": annotations } }));
    let api: Api<Pod> = namespaced(context, workspace);
    match api.patch(&pod.name_any(), &write::params(), &patch).await {
        Err(error) if not_found(&error) => Ok(()),
        noted => {
            context.caches.pods.apply(noted.during("noting the tier of a pod")?);
            Ok(())
        }
    }
}

async fn get_pod(
    context: &Context,
    workspace: &Workspace,
    start: &Start,
    references: &References,
    since: Timestamp,
) -> Result<Option<Problem>> {
    let Start { epoch, volume } = start.clone();
    if volume.is_none() && claim(context, workspace, epoch, since, references).await?.is_some() {
        return Ok(None);
    }
    let (source, name) = match volume {
        Some(volume) => (source(workspace), volume),
        None => {
            let name = children::name(workspace, epoch);
            let volume = volume::cold(workspace, &name, references);
            let refused = create(context, workspace, &context.caches.volumes, &volume).await?;
            if refused.is_some() {
                return Ok(refused);
            }
            // Once a launch: the next try, if there is one, begins with the volume.
            missed(context, workspace);
            (LaunchSource::Cold, name)
        }
    };
    let pod = pod::started(workspace, &Launched { epoch, source, since }, &name, references, &context.urls);
    create(context, workspace, &context.caches.pods, &pod).await
}

/// A volume that was made for a start that Kubernetes then refused holds no work yet.
fn source(workspace: &Workspace) -> LaunchSource {
    match workspace.status.as_ref().is_none_or(|status| status.epoch == 0) {
        true => LaunchSource::Cold,
        false => LaunchSource::Resume,
    }
}

/// Creates an object of the workspace. One that we made before, when the answer was lost or we were
/// killed, is as good. Says why Kubernetes did not take it, if it did not.
async fn create<K>(
    context: &Context,
    workspace: &Workspace,
    cache: &Cache<K>,
    object: &(impl ResourceExt + Serialize),
) -> Result<Option<Problem>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Cached,
    K: Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = namespaced(context, workspace);
    match write::create(&api, object).await {
        Ok(made) => {
            cache.apply(made);
            Ok(None)
        }
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let there = api.get(&object.name_any()).await.during("reading what exists already")?;
            let ours = there.labels().get(labels::WORKSPACE_UID) == workspace.uid().as_ref();
            if !ours || there.meta().deletion_timestamp.is_some() {
                return Ok(Some(occupied(&there)));
            }
            cache.apply(there);
            Ok(None)
        }
        Err(error) => refusal::of(&K::kind(&()), "creating a pod or volume", error).map(Some),
    }
}

fn occupied<K: Resource<DynamicType = ()>>(there: &K) -> Problem {
    let message = format!(
        "{} `{}` exists and is not this workspace's: delete it, or wait until it is gone",
        K::kind(&()),
        there.name_any()
    );
    Problem::new(Reason::Refused, message)
}

fn namespaced<K>(context: &Context, workspace: &Workspace) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(context.client.clone(), &workspace.namespace().unwrap_or_default())
}
