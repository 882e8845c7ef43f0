//! WorkspaceNodePool: nodes that only workspaces run on.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nodes that are kept for workspaces. The controller puts the label and the taint
/// `workspace-tier=<name of the pool>` on them; only pods of this pool's tiers tolerate it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "cloud.neuralinverse.com",
    version = "v1alpha1",
    kind = "WorkspaceNodePool",
    plural = "workspacenodepools",
    shortname = "nipool",
    category = "neuralinverse",
    status = "WorkspaceNodePoolStatus",
    derive = "PartialEq",
    printcolumn(name = "Nodes", type_ = "integer", json_path = ".status.nodes"),
    printcolumn(name = "Schedulable", type_ = "integer", json_path = ".status.schedulableNodes"),
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
pub struct WorkspaceNodePoolSpec {
    /// Nodes that exist already, chosen by their labels.
    pub r#static: StaticNodes,
}

/// Nodes that somebody else adds and removes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticNodes {
    /// Labels that a node must carry, all of them. A node that matches two pools belongs to the one
    /// whose name comes first.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 20))]
    pub node_selector: BTreeMap<String, String>,
}

/// What the controller saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceNodePoolStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// How many nodes belong to the pool.
    #[serde(default)]
    pub nodes: i32,

    /// How many of them are ready and not cordoned.
    #[serde(default)]
    pub schedulable_nodes: i32,

    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
