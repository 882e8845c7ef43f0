//! Workspace: one developer's place to work.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, Money};

/// One developer's place to work: a pod with a volume, taken from a warm pool or started for it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "cloud.neuralinverse.com",
    version = "v1alpha1",
    kind = "Workspace",
    plural = "workspaces",
    shortname = "niws",
    category = "neuralinverse",
    status = "WorkspaceStatus",
    namespaced,
    derive = "PartialEq",
    selectable = ".spec.owner",
    selectable = ".spec.tier",
    selectable = ".status.volume",
    selectable = ".status.lostVolume",
    validation = Rule::new("size(self.metadata.name) <= 52")
        .message("the name must have at most 52 characters, since pods and volumes are named after it"),
    printcolumn(name = "Owner", type_ = "string", json_path = ".spec.owner"),
    printcolumn(name = "Tier", type_ = "string", json_path = ".spec.tier"),
    printcolumn(name = "Template", type_ = "string", json_path = ".spec.template"),
    printcolumn(name = "Running", type_ = "string", json_path = ".status.conditions[?(@.type=='Running')].status"),
    printcolumn(name = "Pod", type_ = "string", json_path = ".status.pod"),
    printcolumn(name = "Node", type_ = "string", json_path = ".status.node", priority = 1),
    printcolumn(name = "Launch", type_ = "string", json_path = ".status.launch.source", priority = 1),
    printcolumn(name = "Milliseconds", type_ = "integer", json_path = ".status.launch.milliseconds", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceSpec {
    /// Stable id of the developer. Cannot be changed.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("owner cannot be changed: create another workspace"))]
    pub owner: String,

    /// Name of the WorkspaceTier. A change is applied at once: a running pod is resized in place where the tiers
    /// differ in CPU and memory only; otherwise the workspace stops and starts again on its volume.
    #[schemars(length(min = 1, max = 63))]
    pub tier: String,

    /// Name of the WorkspaceTemplate. A change is applied at the next start.
    #[schemars(length(min = 1, max = 63))]
    pub template: String,

    /// Git repository to be cloned into the workspace's folder at the first start. A change is used
    /// as long as nothing has been cloned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,

    /// Environment variables of terminals and tasks, on top of the template's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 200))]
    pub env: BTreeMap<String, String>,

    /// Secrets of the same namespace whose keys become environment variables. Each must carry the
    /// label `cloud.neuralinverse.com/owner=<owner>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub env_from: Vec<LocalSecret>,

    /// Name and address for commits, written to the developer's own Git configuration at the first start
    /// where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_author: Option<GitAuthor>,

    /// When the workspace runs.
    #[serde(default)]
    pub run_policy: RunPolicy,

    /// How long nobody may use a workspace of runPolicy `OnDemand` before it is stopped. Use is work in the editor,
    /// anything that a terminal reads or writes, and any command that a terminal still waits for; an editor that is
    /// open and not worked in is none. Without it, 30m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= duration('1s')").message("idleTimeout must be at least 1s"))]
    pub idle_timeout: Option<Duration>,
}

impl WorkspaceSpec {
    /// How long nobody may use it before it is stopped; `None` when it runs also unused.
    pub fn stops_after(&self) -> Option<Duration> {
        let timeout = || self.idle_timeout.clone().unwrap_or_else(|| Duration::minutes(30));
        (self.run_policy == RunPolicy::OnDemand).then(timeout)
    }
}

/// Name and address for commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitAuthor {
    /// Name, such as `Ada Lovelace`.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[^\x00-\x1f<>]+$"))]
    pub name: String,

    /// Mail address.
    #[schemars(length(min = 3, max = 254), regex(pattern = r"^[^\x00-\x20<>]+@[^\x00-\x20<>]+$"))]
    pub email: String,
}

/// A Git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    /// URL over HTTP or HTTPS, without a user or password in it.
    #[schemars(length(max = 2000), regex(pattern = r"^https?://[^@\s]+$"))]
    pub url: String,

    /// Branch to check out. Without it, the repository's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[^-\s][^\s]*$"))]
    pub branch: Option<String>,

    /// Secret of type `kubernetes.io/basic-auth` with the credentials for the clone. It must carry
    /// the label `cloud.neuralinverse.com/owner=<owner>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalSecret>,
}

/// A Secret in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalSecret {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// When a workspace runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RunPolicy {
    /// It runs until it is stopped.
    #[default]
    Always,
    /// It runs from its creation until nobody has used it for its idleTimeout, and again from the next visit.
    OnDemand,
    /// It has no pod; its volume is kept.
    Stopped,
}

/// What the controller saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Name of the pod, as long as there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,

    /// How often the workspace was given a pod. A pod of an older epoch is fenced off.
    #[serde(default)]
    pub epoch: i64,

    /// Node that the pod runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,

    /// Name of the PersistentVolumeClaim that holds the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,

    /// Name of the volume that held the work when it was lost with its node, or deleted. As long as it is named
    /// here the workspace waits for its work to be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_volume: Option<String>,

    /// How the last start went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<Launch>,

    /// Whether the repository was cloned; then a change of it in the spec is not used any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repository_cloned: bool,

    /// Since when nobody uses a workspace of runPolicy `OnDemand`, as its pod said. It says so only when its
    /// idleTimeout has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_since: Option<Time>,

    /// That it was stopped because nobody used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspended>,

    /// How many hours it has run until it last stopped or got another tier, such as `12.3456`. What `run` says comes
    /// on top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,

    /// What these hours cost, in the Region's currency, such as `11.85`. Without it, none of them had a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,

    /// Since when it runs as it does, as long as it runs. Added to `hours` and `cost` when it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,

    /// `Ready`, `Accepted`, `Running`, `RepositoryReady`, while there is a pod `UpToDate`, and while work is
    /// missing `Restored`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// That a workspace was stopped because nobody used it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspended {
    /// When that was decided.
    pub since: Time,

    /// The annotation `cloud.neuralinverse.com/wake-requested-at` as it was then. Another one wakes the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<String>,
}

/// That a workspace runs, as one tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Epoch of the pod.
    pub epoch: i64,

    /// Since when.
    pub since: Time,

    /// Name of the tier that the pod has.
    pub tier: String,

    /// The tier's price of an hour when this began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_price: Option<Money>,
}

/// How a start went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// Where the pod came from.
    pub source: LaunchSource,

    /// From the wish (creation, a change of runPolicy, or a visit) to a usable workspace, in milliseconds.
    pub milliseconds: i64,
}

/// Where a pod came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LaunchSource {
    /// Taken from a warm pool, ready.
    Warm,
    /// Started with a new volume, or taken from a warm pool before it was ready.
    Cold,
    /// Started with the workspace's volume.
    Resume,
}
