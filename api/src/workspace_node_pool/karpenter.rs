//! Nodes that Karpenter adds and removes, in the words of its own NodePool.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, Quantity};

/// Nodes that Karpenter adds when a pod of this pool finds no room, and removes when they are empty. The
/// controller keeps a `karpenter.sh/v1` NodePool of the pool's name.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KarpenterNodes {
    /// The NodeClass of the cloud, which says what machines are made from: image, network, disk, identity.
    pub node_class_ref: NodeClassRef,

    /// What a node must be like: instance types, zones, capacity type, architecture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub requirements: Vec<Requirement>,

    /// How far the pool may grow. Without it, as far as workspaces and warm pods ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,

    /// When Karpenter removes nodes by itself. It never disrupts a node with a workspace that runs.
    #[serde(default)]
    pub disruption: Disruption,

    /// How old a node may become, such as `720h`. An older one takes no new pods and goes when its last workspace
    /// stops. Without it, nodes do not age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<Duration>,
}

/// A NodeClass of the cloud.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
// Of the whole and not of each field: a field that cannot change would make Terraform replace a pool in use.
#[x_kube(validation = Rule::new("self.group == oldSelf.group && self.kind == oldSelf.kind")
    .message("group and kind cannot be changed: declare another pool, and move the tiers to it"))]
pub struct NodeClassRef {
    /// API group, such as `karpenter.k8s.aws` or `karpenter.azure.com`. Cannot be changed.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[^/]*$"))]
    pub group: String,

    /// Kind, such as `EC2NodeClass` or `AKSNodeClass`. Cannot be changed.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,

    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What a label of the node must be.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(self.operator in ['In', 'NotIn']) || has(self.values) && size(self.values) > 0")
        .message("the operators In and NotIn need values"),
    validation = Rule::new("!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || size(self.values) == 0")
        .message("the operators Exists and DoesNotExist take no values"),
    validation = Rule::new("!(self.operator in ['Gt', 'Lt', 'Gte', 'Lte']) || has(self.values) && size(self.values) == 1")
        .message("the operators Gt, Lt, Gte and Lte need one value, a whole number"),
)]
pub struct Requirement {
    /// The label, such as `node.kubernetes.io/instance-type`, `topology.kubernetes.io/zone`,
    /// `karpenter.sh/capacity-type` or `kubernetes.io/arch`.
    #[schemars(length(min = 1, max = 316))]
    pub key: String,

    /// How `values` are meant.
    pub operator: Operator,

    /// Values of the label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 63)))]
    pub values: Vec<String>,

    /// How many of the values there must be to choose from, so that one that a cloud has run out of does not stop
    /// the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 50))]
    pub min_values: Option<i32>,
}

/// How the values of a requirement are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "Karpenter's own words")]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
    Gte,
    Lte,
}

/// How far a pool may grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// CPUs of all nodes together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,

    /// Memory of all nodes together, in bytes, such as `512Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,

    /// How many nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub nodes: Option<i32>,
}

/// When Karpenter removes nodes by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disruption {
    /// Which nodes are removed: those without pods, or also those whose free warm pods fit elsewhere.
    #[serde(default)]
    pub consolidation_policy: ConsolidationPolicy,

    /// How long no pod came or went before a node is removed.
    #[serde(default = "consolidate_after")]
    pub consolidate_after: Duration,

    /// How many nodes at a time. Where several are in force the lowest counts. Without any, 10 %, at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub budgets: Vec<Budget>,
}

fn consolidate_after() -> Duration {
    Duration::minutes(5)
}

impl Default for Disruption {
    fn default() -> Self {
        Self {
            consolidation_policy: ConsolidationPolicy::default(),
            consolidate_after: consolidate_after(),
            budgets: Vec::new(),
        }
    }
}

/// Which nodes Karpenter removes to save money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "Karpenter's own words")]
pub enum ConsolidationPolicy {
    #[default]
    WhenEmpty,
    WhenEmptyOrUnderutilized,
}

/// How many nodes Karpenter may remove at a time.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.schedule) == has(self.duration)")
    .message("write both schedule and duration, or none of them"))]
pub struct Budget {
    /// A number of nodes or a share of them, such as `2` or `10%`. `0` is none.
    #[schemars(regex(pattern = r"^((100|[0-9]{1,2})%|[0-9]{1,5})$"))]
    pub nodes: String,

    /// Why nodes are removed. Without it, for whatever reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3), extend("x-kubernetes-list-type" = "set"))]
    pub reasons: Vec<DisruptionReason>,

    /// When it begins to be in force, as cron writes it, in UTC, such as `0 8 * * mon-fri`. Without it, always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub schedule: Option<String>,

    /// How long it stays in force, in whole minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
}

/// Why Karpenter removes a node by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "Karpenter's own words")]
pub enum DisruptionReason {
    Empty,
    Underutilized,
    Drifted,
}
