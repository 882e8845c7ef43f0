//! The objects that a workspace consists of, each built by a pure function.

pub mod containers;
pub mod pod;
mod security;
#[cfg(test)]
mod tests;
pub mod volume;
pub mod volumes;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};
use neuralinverse_api::{Workspace, labels};

use crate::hash;

/// Labels of everything that we make.
pub fn managed() -> BTreeMap<String, String> {
    BTreeMap::from([(labels::MANAGED_BY.to_owned(), labels::CONTROLLER.to_owned())])
}

/// Whether we made it.
pub fn is_managed(object: &impl ResourceExt) -> bool {
    object.labels().get(labels::MANAGED_BY).is_some_and(|by| by == labels::CONTROLLER)
}

/// Labels that say whose a pod or volume is.
pub fn workspace_labels(workspace: &Workspace) -> BTreeMap<String, String> {
    BTreeMap::from([
        (labels::WORKSPACE.to_owned(), workspace.name_any()),
        (labels::WORKSPACE_UID.to_owned(), workspace.uid().unwrap_or_default()),
    ])
}

/// Labels of a volume with somebody's work.
pub fn volume_labels(workspace: &Workspace) -> BTreeMap<String, String> {
    let mut labels = workspace_labels(workspace);
    labels.insert(labels::OWNER.to_owned(), workspace.spec.owner.clone());
    labels
}

/// Name of a pod or volume that is made for a workspace. Of its UID too: there may still be one of an earlier workspace
/// of the same name, a volume that is kept or a pod on a lost node.
pub fn name(workspace: &Workspace, epoch: i64) -> String {
    format!("{}-{epoch}-{}", workspace.name_any(), hash::short(workspace.uid().unwrap_or_default(), 4))
}

/// The one owner of a pod. It does not block the owner's deletion, so we need no right to
/// its finalizers.
pub fn owned_by<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: owner.name_any(),
        uid: owner.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}
