//! Volumes with somebody's work: kept as long as their workspace is there, and for the Region's workspaceRetention
//! after that.

mod decide;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube::{Api, ResourceExt, api::Patch};
use neuralinverse_api::{Workspace, labels};
use serde_json::{Value, json};

use self::decide::{Step, decide};
use crate::{
    change::{Change, VolumeIndex},
    context::Context,
    error::{During, Result},
    key::Key,
    kubernetes::PersistentVolumeClaim,
    queue::Next,
    reconciler::{Reconciler, resync},
    write,
};

/// Reconciles volumes with somebody's work.
pub struct Volumes(pub Arc<Context>);

impl Reconciler for Volumes {
    const KIND: &'static str = "PersistentVolumeClaim";

    fn all(&self) -> Vec<Key> {
        let volumes = self.0.caches.volumes.all();
        volumes
            .iter()
            .filter(|volume| workspace_of(volume).is_some())
            .map(|it| Key::of(it.as_ref()))
            .collect()
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        match change {
            Change::Volume(volume) if workspace_of(volume).is_some() => vec![Key::of(volume.as_ref())],
            // One that is gone is told of as it was last.
            Change::Workspace(workspace) if self.known(workspace).is_none() => self.of(workspace),
            // It may name another one now.
            Change::WorkspaceStatus(workspace) => {
                let named = workspace.status.as_ref().and_then(|status| status.volume.as_ref());
                let mut volumes = self.of(workspace);
                volumes.retain(|volume| Some(&volume.name) != named);
                volumes
            }
            Change::Region => self.all(),
            _ => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let caches = &self.0.caches;
        let volume = caches.volumes.get(key).filter(|volume| volume.metadata.deletion_timestamp.is_none());
        let Some(volume) = volume else { return Ok(Next::Never) };
        let Some((name, uid)) = workspace_of(&volume) else { return Ok(Next::Never) };
        // Without a Region nobody says how long.
        let Some(region) = caches.region() else { return Ok(resync(key)) };
        let workspace = caches.workspaces.get(&Key::new(&key.namespace, name));
        let workspace = workspace.filter(|workspace| workspace.metadata.uid.as_deref() == Some(uid));
        match decide(&volume, workspace.as_deref(), self.0.now()) {
            Step::Keep => Ok(resync(key)),
            Step::Disown => self.patch(&volume, json!({})).await.map(|_| resync(key)),
            Step::Use => {
                let not_any_more = json!({ labels::RETAINED_UNTIL: null });
                self.patch(&volume, not_any_more).await.map(|_| resync(key))
            }
            Step::Wait(time) => Ok(Next::After(time)),
            Step::Delete => self.delete(&volume).await.map(|()| Next::Never),
            Step::Retain if workspace.is_some() => {
                let note = format!("workspace {name} has another volume and does not use this one");
                self.retain(&volume, &note, region.spec.workspace_retention.seconds()).await?;
                Ok(resync(key))
            }
            // Our memory may be old.
            Step::Retain if lives(&self.0, &key.namespace, name, uid).await? => Ok(resync(key)),
            Step::Retain => match region.spec.workspace_retention.seconds() {
                0 => self.delete(&volume).await.map(|()| Next::Never),
                seconds => {
                    let note = format!("workspace {name} was deleted");
                    self.retain(&volume, &note, seconds).await.map(|()| resync(key))
                }
            },
        }
    }
}

impl Volumes {
    /// The volumes that carry the UID of a workspace.
    fn of(&self, workspace: &Workspace) -> Vec<Key> {
        let index = VolumeIndex::Workspace(workspace.uid().unwrap_or_default());
        self.0.caches.volumes.by(&index).iter().map(|volume| Key::of(volume.as_ref())).collect()
    }

    fn known(&self, workspace: &Workspace) -> Option<Arc<Workspace>> {
        let known = self.0.caches.workspaces.get(&Key::of(workspace));
        known.filter(|known| known.metadata.uid == workspace.metadata.uid)
    }

    async fn delete(&self, volume: &PersistentVolumeClaim) -> Result<()> {
        tracing::info!(volume = volume.name_any(), "deleting a volume whose time is over");
        write::delete_unchanged(&self.0.client, volume).await
    }

    /// Says on the volume until when it is kept.
    async fn retain(&self, volume: &PersistentVolumeClaim, why: &str, seconds: u64) -> Result<()> {
        let time = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        let now = Timestamp::from_second(self.0.now().as_second()).unwrap_or_default();
        let until = now.checked_add(time).unwrap_or(Timestamp::MAX);
        let retained = self.patch(volume, json!({ labels::RETAINED_UNTIL: until.to_string() })).await?;
        let note = format!("{why}: its work is kept until {until}");
        self.0.events.normal(retained.as_ref(), "Retained", note);
        Ok(())
    }

    /// Writes annotations on the copy that we looked at, and takes away owners that an earlier release gave it.
    async fn patch(
        &self,
        volume: &PersistentVolumeClaim,
        annotations: Value,
    ) -> Result<Arc<PersistentVolumeClaim>> {
        let patch = Patch::Merge(json!({ "metadata": {
            "resourceVersion": volume.resource_version(), "annotations": annotations, "ownerReferences": [],
        } }));
        let api: Api<PersistentVolumeClaim> =
            Api::namespaced(self.0.client.clone(), &volume.namespace().unwrap_or_default());
        let patched = api.patch(&volume.name_any(), &write::params(), &patch).await;
        Ok(self.0.caches.volumes.apply(patched.during("writing until when a volume is kept")?))
    }
}

/// Name and UID of the workspace whose work a volume holds.
fn workspace_of(volume: &PersistentVolumeClaim) -> Option<(&str, &str)> {
    let labels = volume.labels();
    Some((labels.get(labels::WORKSPACE)?, labels.get(labels::WORKSPACE_UID)?))
}

async fn lives(context: &Context, namespace: &str, name: &str, uid: &str) -> Result<bool> {
    let api: Api<Workspace> = Api::namespaced(context.client.clone(), namespace);
    let workspace = api.get_opt(name).await.during("looking for a volume's workspace")?;
    Ok(workspace.is_some_and(|workspace| workspace.metadata.uid.as_deref() == Some(uid)))
}
