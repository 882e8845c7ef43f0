//! WarmPool: pods that were started before anybody asks.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pods of one tier and template that are started before anybody asks, so that a workspace opens at
/// once. A workspace of the same namespace, tier and template takes the oldest ready one.
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
    printcolumn(name = "Tier", type_ = "string", json_path = ".spec.tier"),
    printcolumn(name = "Template", type_ = "string", json_path = ".spec.template"),
    printcolumn(name = "Size", type_ = "integer", json_path = ".spec.size"),
    printcolumn(name = "Pods Ready", type_ = "integer", json_path = ".status.ready"),
    printcolumn(name = "Warming", type_ = "integer", json_path = ".status.warming"),
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

    /// How many free pods are kept ready.
    #[schemars(range(min = 0, max = 1000))]
    pub size: i32,
}

/// What the controller saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WarmPoolStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// How many free pods are ready to be taken.
    #[serde(default)]
    pub ready: i32,

    /// How many are starting.
    #[serde(default)]
    pub warming: i32,

    /// `Ready` and `Accepted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
