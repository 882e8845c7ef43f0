//! WorkspaceTier: the size of a workspace.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Money, Quantity};

/// The size of a workspace and the nodes that it runs on.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "cloud.neuralinverse.com",
    version = "v1alpha1",
    kind = "WorkspaceTier",
    plural = "workspacetiers",
    shortname = "nitier",
    category = "neuralinverse",
    status = "WorkspaceTierStatus",
    derive = "PartialEq",
    printcolumn(name = "CPU", type_ = "string", json_path = ".spec.cpu"),
    printcolumn(name = "Memory", type_ = "string", json_path = ".spec.memory"),
    printcolumn(name = "Storage", type_ = "string", json_path = ".spec.storage"),
    printcolumn(name = "Node Pool", type_ = "string", json_path = ".spec.nodePool"),
    printcolumn(name = "Running", type_ = "integer", json_path = ".status.running"),
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
pub struct WorkspaceTierSpec {
    /// CPUs of the user's container, such as `2` or `500m`. Pods that run are resized in place.
    pub cpu: Quantity,

    /// Memory of the user's container in bytes, such as `2Gi`. Pods that run are resized in place.
    pub memory: Quantity,

    /// Size in bytes of the volume that a new workspace gets. Volumes that exist keep their size.
    #[serde(default = "storage")]
    pub storage: Quantity,

    /// Price of an hour that a workspace of this tier runs, in the Region's currency, such as `0.96`. Only running is
    /// priced. A change holds for pods that start from then on. Without it, no cost is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_price: Option<Money>,

    /// Name of the WorkspaceNodePool whose nodes these workspaces run on. A change is used from their next start.
    #[schemars(length(min = 1, max = 63))]
    pub node_pool: String,

    /// RuntimeClass of the pods, such as `gvisor`. Without it, the cluster's default runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub runtime_class_name: Option<String>,

    /// Whether the pods have users of their own, so that whoever breaks out of one is nobody on the node. Needs
    /// nodes with Linux 6.3, containerd 2.0 and runc 1.2 or newer, and volumes that can map users, which NFS
    /// cannot: elsewhere the pods do not start.
    #[serde(default)]
    pub user_namespaces: bool,

    /// PriorityClass of the pods. Warm pods have it from the start, since a priority cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
}

#[expect(clippy::unwrap_used, reason = "a literal, parsed by a test")]
fn storage() -> Quantity {
    "10Gi".parse().unwrap()
}

/// What the controller saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceTierStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// How many workspaces of this tier run.
    #[serde(default)]
    pub running: i32,

    /// `Ready` and `Accepted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
