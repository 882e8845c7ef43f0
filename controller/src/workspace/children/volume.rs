//! The volume that holds the work. It is made before the pod, so that it outlives it, and has no owner: nobody's
//! deletion may take work along. Its labels say whose it is; what nobody needs any more is removed by the pool that
//! made it, or when its time is over after the workspace was deleted.

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use kube::{ResourceExt, api::ObjectMeta};
use neuralinverse_api::{WarmPool, Workspace, labels};

use super::{managed, volume_labels};
use crate::references::References;

/// The volume of a warm pod.
pub fn warm(pool: &WarmPool, name: &str, references: &References) -> PersistentVolumeClaim {
    let mut labels = managed();
    labels.insert(labels::WARM_POOL.to_owned(), pool.name_any());
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: pool.namespace(),
        labels: Some(labels),
        ..Default::default()
    };
    PersistentVolumeClaim { metadata, spec: Some(spec(references)), status: None }
}

/// The volume of a workspace that starts without a warm pod.
pub fn cold(workspace: &Workspace, name: &str, references: &References) -> PersistentVolumeClaim {
    let mut labels = managed();
    labels.extend(volume_labels(workspace));
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: workspace.namespace(),
        labels: Some(labels),
        ..Default::default()
    };
    PersistentVolumeClaim { metadata, spec: Some(spec(references)), status: None }
}

fn spec(references: &References) -> PersistentVolumeClaimSpec {
    let storage = references.tier.storage.to_kubernetes();
    PersistentVolumeClaimSpec {
        access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
        storage_class_name: references.region.storage_class_name.clone(),
        resources: Some(VolumeResourceRequirements {
            requests: Some([("storage".to_owned(), storage)].into()),
            limits: None,
        }),
        ..Default::default()
    }
}
