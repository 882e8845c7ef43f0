//! A volume, as far as it is read here.

use k8s_openapi::api::core::v1 as core;
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

/// A `v1` PersistentVolumeClaim.
#[derive(Resource, Clone, Debug, Default, PartialEq, Deserialize)]
#[resource(inherit = "core::PersistentVolumeClaim")]
pub struct PersistentVolumeClaim {
    /// Whose it is stands in its labels.
    pub metadata: ObjectMeta,
    /// What was asked for, and what was given.
    #[serde(default)]
    pub spec: PersistentVolumeClaimSpec,
    /// How it is.
    #[serde(default)]
    pub status: PersistentVolumeClaimStatus,
}

/// What was asked for, and what was given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolumeClaimSpec {
    /// The PersistentVolume.
    pub volume_name: Option<String>,
}

/// How it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PersistentVolumeClaimStatus {
    /// `Pending`, `Bound` or `Lost`.
    pub phase: Option<String>,
}
