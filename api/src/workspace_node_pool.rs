//! WorkspaceNodePool: nodes that only workspaces run on.

mod karpenter;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
pub use karpenter::{
    Budget, ConsolidationPolicy, Disruption, DisruptionReason, KarpenterNodes, Limits, NodeClassRef,
    Operator, Requirement,
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Money, Quantity};

/// Nodes that are kept for workspaces: nodes that are there, or nodes that Karpenter adds and removes. They carry
/// the label and the taint `workspace-tier=<name of the pool>`; only pods of this pool's tiers tolerate it.
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
    validation = Rule::new("has(self.spec.static) != has(self.spec.karpenter)")
        .message("write exactly one of static and karpenter: nodes that are there, or nodes that Karpenter adds and removes"),
    printcolumn(name = "Nodes", type_ = "integer", json_path = ".status.nodes"),
    printcolumn(name = "Schedulable", type_ = "integer", json_path = ".status.schedulableNodes", priority = 1),
    printcolumn(name = "CPU Used", type_ = "string", json_path = ".status.used.cpu"),
    printcolumn(name = "CPU", type_ = "string", json_path = ".status.capacity.cpu"),
    printcolumn(name = "Memory Used", type_ = "string", json_path = ".status.used.memory"),
    printcolumn(name = "Memory", type_ = "string", json_path = ".status.capacity.memory"),
    printcolumn(name = "Workspaces", type_ = "integer", json_path = ".status.workspaces"),
    printcolumn(name = "Warm Pods", type_ = "integer", json_path = ".status.warmPods"),
    printcolumn(name = "Cost/h", type_ = "string", json_path = ".status.hourlyCost"),
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
    /// Nodes that exist already, chosen by their labels. Write this or `karpenter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#static: Option<StaticNodes>,

    /// Nodes that Karpenter adds when a pod finds no room, and removes when they are empty. Write this or `static`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub karpenter: Option<KarpenterNodes>,

    /// What a node costs an hour, by its instance type (label `node.kubernetes.io/instance-type`), such as
    /// `0.4032`; `*` is any other. In the currency that the region counts in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 200))]
    pub hourly_prices: BTreeMap<String, Money>,
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

    /// What the nodes have for pods, all together.
    #[serde(default)]
    pub capacity: Resources,

    /// What workspaces and warm pods on these nodes ask for, all together.
    #[serde(default)]
    pub used: Resources,

    /// How many workspaces run on the nodes.
    #[serde(default)]
    pub workspaces: i32,

    /// How many free warm pods are on the nodes.
    #[serde(default)]
    pub warm_pods: i32,

    /// What the nodes cost an hour, by `hourlyPrices`. Not there while one of them has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_cost: Option<Money>,

    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// CPUs and memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// CPUs, such as `16` or `7500m`.
    pub cpu: Quantity,

    /// Memory in bytes, such as `61Gi`, rounded down to MiB.
    pub memory: Quantity,
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpu: Quantity::from_milli(0), memory: Quantity::from_milli(0) }
    }
}
