//! Region: what one cluster offers, declared once a cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One cluster with everything that its workspaces need. There is one a cluster, named `cluster`;
/// it sets the images, namespaces and storage of the region.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "cloud.neuralinverse.com",
    version = "v1alpha1",
    kind = "Region",
    plural = "regions",
    shortname = "nireg",
    category = "neuralinverse",
    status = "RegionStatus",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name == 'cluster'")
        .message("a cluster is one region: its Region is named `cluster`; the name for people goes to displayName"),
    printcolumn(name = "Display Name", type_ = "string", json_path = ".spec.displayName"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Workspaces", type_ = "integer", json_path = ".status.workspaces"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RegionSpec {
    /// Name of the region for people, such as `Singapore`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub display_name: Option<String>,

    /// Where the images of the controller and of the agent come from.
    #[serde(default)]
    pub images: Images,

    /// StorageClass of the workspaces' volumes. Without it, the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class_name: Option<String>,

    /// Namespaces that workspaces and warm pools live in. The controller makes them and sets pod
    /// security `restricted` on them. Pods cannot move between namespaces, so each has its own
    /// warm pools; Kubernetes is tested to 3,000 pods a namespace.
    #[serde(default = "workspace_namespaces")]
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))
    )]
    pub workspace_namespaces: Vec<String>,

    /// Share of a tier's CPU and memory that its pods request from the scheduler, in percent.
    /// Limits are always the tier's full size. Below 100, nodes are overcommitted: for small machines.
    #[serde(default = "requests_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub requests_percent: i32,

    /// What happens to CRDs, workspaces and their volumes when the region is removed by Terraform.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

fn workspace_namespaces() -> Vec<String> {
    vec!["workspaces".to_owned()]
}

fn requests_percent() -> i32 {
    100
}

/// Where images come from, and how they are pulled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// Registry and folder, without a slash at the end.
    #[serde(default = "registry")]
    #[schemars(length(min = 1, max = 253))]
    pub registry: String,

    /// Tag of the images. Without it, the version of the provider or manifest that installs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub tag: Option<String>,

    /// When a node pulls an image.
    #[serde(default)]
    pub pull_policy: PullPolicy,

    /// Names of Secrets of type `kubernetes.io/dockerconfigjson` in the pods' own namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub pull_secrets: Vec<String>,
}

fn registry() -> String {
    "ghcr.io/neuralinverse".to_owned()
}

impl Default for Images {
    fn default() -> Self {
        Self { registry: registry(), tag: None, pull_policy: PullPolicy::default(), pull_secrets: Vec::new() }
    }
}

impl Images {
    /// The image `name` of this release, at our own version where no tag is declared.
    pub fn image(&self, name: &str) -> String {
        let tag = self.tag.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"));
        format!("{}/{name}:{tag}", self.registry)
    }
}

/// When a node pulls an image, as Kubernetes defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// When the node does not have it.
    #[default]
    IfNotPresent,
    /// At every start.
    Always,
    /// Never: it must be on the node already.
    Never,
}

impl PullPolicy {
    /// As the Kubernetes API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IfNotPresent => "IfNotPresent",
            Self::Always => "Always",
            Self::Never => "Never",
        }
    }
}

/// What happens to what users made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// CRDs, workspaces, volumes and namespaces stay.
    #[default]
    Retain,
    /// They are deleted.
    Delete,
}

/// What the controller saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegionStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Version of the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,

    /// How many workspaces there are, stopped ones included.
    #[serde(default)]
    pub workspaces: i32,

    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
