//! What there is of a workspace.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{Api, ResourceExt, api::ListParams};
use neuralinverse_api::{Workspace, labels};

use super::decide::Observed;
use crate::{
    change::{PodIndex, VolumeIndex},
    context::Context,
    error::{During, Result, not_found},
    key::Key,
    references,
};

/// What there is of `workspace`, from memory. Only a volume that ought to be there and is not costs a
/// request.
pub async fn observe(context: &Context, workspace: &Workspace) -> Result<Observed> {
    let namespace = workspace.namespace().unwrap_or_default();
    let spec = &workspace.spec;
    Ok(Observed {
        references: references::resolve(&context.caches, &namespace, &spec.tier, &spec.template),
        pods: pods(context, workspace),
        volume: volume(context, workspace, &namespace).await?,
        volumes: volumes(context, workspace),
    })
}

/// All pods that carry the workspace's UID, as far as we know.
pub fn pods(context: &Context, workspace: &Workspace) -> Vec<Arc<Pod>> {
    context.caches.pods.by(&PodIndex::Workspace(workspace.uid().unwrap_or_default()))
}

/// All volumes that carry the workspace's UID, as far as we know.
fn volumes(context: &Context, workspace: &Workspace) -> Vec<Arc<PersistentVolumeClaim>> {
    context.caches.volumes.by(&VolumeIndex::Workspace(workspace.uid().unwrap_or_default()))
}

/// Asks the API server for the workspace's pods: somebody else may have got one that our watch has not
/// brought yet.
pub async fn recall(context: &Context, workspace: &Workspace) -> Result<()> {
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &workspace.namespace().unwrap_or_default());
    let uid = workspace.uid().unwrap_or_default();
    let params = ListParams::default().labels(&format!("{}={uid}", labels::WORKSPACE_UID));
    let pods = api.list(&params).await.during("listing a workspace's pods")?;
    pods.items.into_iter().for_each(|pod| {
        context.caches.pods.apply(pod);
    });
    Ok(())
}

async fn volume(
    context: &Context,
    workspace: &Workspace,
    namespace: &str,
) -> Result<Option<Arc<PersistentVolumeClaim>>> {
    let named = workspace.status.as_ref().and_then(|status| status.volume.as_deref());
    let volume = match named {
        Some(name) => match context.caches.volumes.get(&Key::new(namespace, name)) {
            Some(volume) => Some(volume),
            None => live(context, namespace, name).await?,
        },
        None => {
            let mut volumes = volumes(context, workspace);
            volumes.retain(|volume| !volume.annotations().contains_key(labels::RETAINED_UNTIL));
            volumes.sort_by_key(|volume| volume.creation_timestamp().map(|time| time.0));
            volumes.pop()
        }
    };
    Ok(volume.filter(|volume| volume.metadata.deletion_timestamp.is_none()))
}

async fn live(context: &Context, namespace: &str, name: &str) -> Result<Option<Arc<PersistentVolumeClaim>>> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), namespace);
    match api.get(name).await {
        Ok(volume) => Ok(Some(context.caches.volumes.apply(volume))),
        Err(error) if not_found(&error) => Ok(None),
        Err(error) => Err(error).during("looking for the workspace's volume"),
    }
}
