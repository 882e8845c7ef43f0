//! Where a workspace's pod is. Asked of the API server when somebody opens it, remembered as long as
//! it holds: the portal needs no view of every pod of the region for that.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{PoisonError, RwLock},
};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt};
use neuralinverse_api::{Workspace, labels};

/// Where one pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// UID of the pod, by which its sidecar proves itself.
    pub uid: String,
    /// Its address.
    pub address: IpAddr,
}

/// Why there is no place to go to.
#[derive(Debug, thiserror::Error)]
pub enum PodError {
    /// The workspace has no pod, or one that is not its own any more.
    #[error("the workspace has no pod")]
    None,
    /// The API server did not answer.
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

/// So many places are remembered; then it begins anew.
const CAPACITY: usize = 10_000;

/// The places that were asked for.
pub struct Pods {
    client: Client,
    /// By UID of the workspace; with the epoch, since a workspace changes pods.
    known: RwLock<HashMap<String, (i64, Place)>>,
}

impl Pods {
    /// Asks with this client.
    pub fn new(client: Client) -> Self {
        Self { client, known: RwLock::default() }
    }

    /// Where the workspace's pod is.
    pub async fn find(&self, workspace: &Workspace) -> Result<Place, PodError> {
        let status = workspace.status.as_ref().ok_or(PodError::None)?;
        let uid = workspace.uid().ok_or(PodError::None)?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&uid).cloned();
        if let Some((_, place)) = known.filter(|(epoch, _)| *epoch == status.epoch) {
            return Ok(place);
        }
        let name = status.pod.as_deref().ok_or(PodError::None)?;
        let namespace = workspace.namespace().ok_or(PodError::None)?;
        let pod = Api::<Pod>::namespaced(self.client.clone(), &namespace).get_opt(name).await?;
        let place = pod.and_then(|pod| place(&pod, &uid, status.epoch)).ok_or(PodError::None)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(uid, (status.epoch, place.clone()));
        Ok(place)
    }

    /// Forgets what turned out wrong: a pod whose sandbox was made anew has another address.
    pub fn forget(&self, workspace: &Workspace) {
        if let Some(uid) = workspace.uid() {
            self.known.write().unwrap_or_else(PoisonError::into_inner).remove(&uid);
        }
    }
}

/// The place of a pod that is this workspace's, at this epoch.
fn place(pod: &Pod, workspace_uid: &str, epoch: i64) -> Option<Place> {
    let label = |key: &str| pod.labels().get(key).map(String::as_str);
    let its = label(labels::WORKSPACE_UID) == Some(workspace_uid)
        && label(labels::EPOCH) == Some(epoch.to_string().as_str())
        && pod.metadata.deletion_timestamp.is_none();
    let address = pod.status.as_ref()?.pod_ip.as_deref()?.parse().ok()?;
    its.then_some(Place { uid: pod.uid()?, address })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_of_another_workspace_or_epoch_is_no_place() {
        for (workspace, epoch, address, deleted, found) in [
            ("w", "2", Some("10.0.0.7"), None, true),
            ("other", "2", Some("10.0.0.7"), None, false),
            ("w", "1", Some("10.0.0.7"), None, false),
            ("w", "2", None, None, false),
            ("w", "2", Some("10.0.0.7"), Some("2026-01-01T00:00:00Z"), false),
        ] {
            let pod: Pod = serde_json::from_value(json!({
                "metadata": { "name": "p", "uid": "pod-uid", "deletionTimestamp": deleted, "labels": {
                    (labels::WORKSPACE_UID): workspace, (labels::EPOCH): epoch,
                } },
                "status": { "podIP": address },
            }))
            .unwrap();
            assert_eq!(place(&pod, "w", 2).is_some(), found, "{workspace} {epoch} {address:?} {deleted:?}");
        }
    }
}
