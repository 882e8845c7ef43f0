//! WarmPool: pods that were started before anybody asks.

mod autoscale;
mod schedule;

pub use autoscale::Autoscale;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
pub use schedule::{Day, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pods of one tier and template that are started before anybody asks, so that a workspace opens at
/// once. A workspace of the same namespace, tier and template takes the oldest ready one, or the oldest that starts.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "cloud.neuralinverse.com",
    version = "v1alpha1",
    kind = "WarmPool",
    plural = "warmpools",
    shortname = "niwarm",
    category = "neuralinverse",
    status = "WarmPoolStatus",
    namespaced,
    derive = "PartialEq",
    validation = Rule::new("has(self.spec.size) != has(self.spec.autoscale)")
        .message("write exactly one of size and autoscale: a fixed number, or limits for one that follows the launches"),
    validation = Rule::new("!has(self.spec.autoscale) || !has(self.spec.schedule) || self.spec.schedule.all(window, window.min <= self.spec.autoscale.max)")
        .message("no min in schedule may be above autoscale.max: raise max or lower that min"),
    printcolumn(name = "Tier", type_ = "string", json_path = ".spec.tier"),
    printcolumn(name = "Template", type_ = "string", json_path = ".spec.template"),
    printcolumn(name = "Desired", type_ = "integer", json_path = ".status.desired"),
    printcolumn(name = "Pods Ready", type_ = "integer", json_path = ".status.ready"),
    printcolumn(name = "Warming", type_ = "integer", json_path = ".status.warming"),
    printcolumn(name = "Hits", type_ = "integer", json_path = ".status.hits", priority = 1),
    printcolumn(name = "Misses", type_ = "integer", json_path = ".status.misses", priority = 1),
    printcolumn(name = "Launches/h", type_ = "integer", json_path = ".status.launchesPerHour", priority = 1),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct WarmPoolSpec {
    /// Name of the WorkspaceTier of the pods.
    #[schemars(length(min = 1, max = 63))]
    pub tier: String,

    /// Name of the WorkspaceTemplate of the pods.
    #[schemars(length(min = 1, max = 63))]
    pub template: String,

    /// How many free pods are kept ready. Write this or `autoscale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub size: Option<i32>,

    /// How many free pods are kept ready is computed from the launches of the last hour and the time that a
    /// pod takes to get ready. Write this or `size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<Autoscale>,

    /// Times of the week at which at least so many free pods are kept ready, such as office hours. Where
    /// windows overlap, the largest counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub schedule: Vec<Window>,
}

/// What the controller saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WarmPoolStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// How many free pods are wanted now.
    #[serde(default)]
    pub desired: i32,

    /// How many free pods are ready to be taken.
    #[serde(default)]
    pub ready: i32,

    /// How many are starting.
    #[serde(default)]
    pub warming: i32,

    /// How many workspaces have taken a pod of the pool, since the pool exists.
    #[serde(default)]
    pub hits: i64,

    /// How many workspaces that the pool was meant for found none that was ready, since the pool
    /// exists.
    #[serde(default)]
    pub misses: i64,

    /// How many workspaces that the pool is meant for were launched lately, per hour; to within a seventh.
    #[serde(default)]
    pub launches_per_hour: i32,

    /// How long a pod of the pool takes from its creation until it is ready, in seconds, as seen last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up_seconds: Option<i32>,

    /// `Ready` and `Accepted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
