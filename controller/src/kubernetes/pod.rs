//! A pod, as far as it is read here.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1 as core,
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Time},
};
use kube::{
    Resource,
    api::{ObjectMeta, Resize},
};
use serde::Deserialize;

/// A `v1` Pod.
#[derive(Resource, Clone, Debug, Default, PartialEq, Deserialize)]
#[resource(inherit = "core::Pod")]
pub struct Pod {
    /// Whose it is, and what it was made from, stand in its labels and annotations.
    pub metadata: ObjectMeta,
    /// What it was made with.
    #[serde(default)]
    pub spec: PodSpec,
    /// What the scheduler and the kubelet say.
    #[serde(default)]
    pub status: PodStatus,
}

impl Resize for Pod {}

/// What it was made with.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The user's, the sidecar's.
    pub containers: Box<[Container]>,
    /// Whether users in it are users of the node.
    pub host_users: Option<bool>,
    /// The node that it was placed on.
    pub node_name: Option<String>,
    /// The nodes that it may be placed on.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Its priority.
    pub priority_class_name: Option<String>,
    /// Its runtime.
    pub runtime_class_name: Option<String>,
    /// Those that are claimed, once it is in a cache.
    pub volumes: Box<[Volume]>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: Option<String>,
    /// Its size.
    pub resources: ResourceRequirements,
}

/// The size of a container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ResourceRequirements {
    /// What it may use.
    pub limits: Amounts,
    /// What the scheduler counts.
    pub requests: Amounts,
}

/// Amounts, in the API server's spelling.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Amounts {
    /// CPUs.
    pub cpu: Option<Quantity>,
    /// Bytes.
    pub memory: Option<Quantity>,
}

/// A volume.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Its name in the pod.
    pub name: String,
    /// What it is, if it is claimed.
    pub persistent_volume_claim: Option<core::PersistentVolumeClaimVolumeSource>,
}

/// What the scheduler and the kubelet say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: Option<String>,
    /// Why it is so, in a word.
    pub reason: Option<String>,
    /// Why it is so, for people.
    pub message: Option<String>,
    /// The generation of the spec that the kubelet has seen.
    pub observed_generation: Option<i64>,
    /// Those that are read here, once it is in a cache.
    pub conditions: Box<[PodCondition]>,
    /// Of the sidecar and what prepares.
    pub init_container_statuses: Box<[ContainerStatus]>,
    /// Of the user's container.
    pub container_statuses: Box<[ContainerStatus]>,
}

/// What is said of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCondition {
    /// What about.
    #[serde(rename = "type")]
    pub type_: PodConditionType,
    /// Whether it is so.
    pub status: ConditionStatus,
    /// Why, in a word.
    #[serde(default)]
    pub reason: Option<String>,
    /// Why, for people.
    #[serde(default)]
    pub message: Option<String>,
    /// Since when.
    #[serde(default)]
    pub last_transition_time: Option<Time>,
}

/// The conditions that are read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum PodConditionType {
    /// It has a node.
    PodScheduled,
    /// All its containers say so.
    Ready,
    /// It has to leave its node.
    DisruptionTarget,
    /// Its new size waits.
    PodResizePending,
    /// Its new size is being given.
    PodResizeInProgress,
    /// Any other.
    #[serde(other)]
    Other,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    #[serde(other)]
    Unknown,
}

/// How a container is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// Whether it has passed its startup probe.
    pub started: Option<bool>,
    /// What it does.
    pub state: ContainerState,
}

/// What a container does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// What it waits for, if it does.
    pub waiting: Option<core::ContainerStateWaiting>,
}

/// What is made, as it is seen: without what the API server adds.
impl From<core::PodSpec> for PodSpec {
    fn from(spec: core::PodSpec) -> Self {
        let volumes = spec.volumes.unwrap_or_default().into_iter();
        Self {
            containers: spec.containers.into_iter().map(Container::from).collect(),
            host_users: spec.host_users,
            node_name: spec.node_name,
            node_selector: spec.node_selector,
            priority_class_name: spec.priority_class_name,
            runtime_class_name: spec.runtime_class_name,
            volumes: volumes.map(Volume::from).collect(),
        }
    }
}

impl From<core::Container> for Container {
    fn from(container: core::Container) -> Self {
        let resources = container.resources.unwrap_or_default();
        Self {
            name: container.name,
            image: container.image,
            resources: ResourceRequirements {
                limits: resources.limits.unwrap_or_default().into(),
                requests: resources.requests.unwrap_or_default().into(),
            },
        }
    }
}

impl From<BTreeMap<String, Quantity>> for Amounts {
    fn from(mut amounts: BTreeMap<String, Quantity>) -> Self {
        Self { cpu: amounts.remove("cpu"), memory: amounts.remove("memory") }
    }
}

impl From<core::Volume> for Volume {
    fn from(volume: core::Volume) -> Self {
        Self { name: volume.name, persistent_volume_claim: volume.persistent_volume_claim }
    }
}
