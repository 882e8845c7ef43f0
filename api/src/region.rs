//! Region: what one cluster offers, declared once a cluster.

mod egress;
mod front;
mod gitea;
mod owner_limits;

use std::collections::BTreeMap;

pub use egress::Egress;
pub use front::{Gateway, Oidc, Portal, PortalService, ServiceType, SignIn};
pub use gitea::{ExternalGitea, Gitea, ManagedGitea};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
pub use owner_limits::OwnerLimits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

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
    validation = Rule::new("has(self.spec.url) == has(self.spec.workspaceDomain)")
        .message("write url and workspaceDomain, or none of them: the portal needs both"),
    validation = Rule::new("!has(self.spec.gitea) || !has(self.spec.gitea.managed) || has(self.spec.url)")
        .message("gitea.managed needs url: its own address is that host with `git.` before it"),
    validation = Rule::new("!has(self.spec.url) || has(self.spec.gitea) || has(self.spec.signIn)")
        .message("somebody must sign people in at the portal: write gitea or signIn.oidc"),
    printcolumn(name = "Display Name", type_ = "string", json_path = ".spec.displayName"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
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

    /// URL of the portal as browsers see it: `https://` and a host; plain http only on localhost. Without
    /// it, the region has no portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 253),
        regex(pattern = r"^(https://[a-z0-9.-]+(:[0-9]+)?|http://([a-z0-9-]+\.)*localhost(:[0-9]+)?)$")
    )]
    pub url: Option<String>,

    /// Domain under which each workspace has a host of its own, with a port where it is not the scheme's.
    /// Another registrable domain than the portal's, since workspaces run strangers' code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), regex(pattern = r"^[a-z0-9.-]+(:[0-9]+)?$"))]
    pub workspace_domain: Option<String>,

    /// The Git host. It signs people in at the portal, unless `signIn` names somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gitea: Option<Gitea>,

    /// Who signs people in at the portal. Without it, Gitea.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn>,

    /// The portal.
    #[serde(default)]
    pub portal: Portal,

    /// The gateway.
    #[serde(default)]
    pub gateway: Gateway,

    /// Where the images of the controller and of the agent come from.
    #[serde(default)]
    pub images: Images,

    /// Currency of all prices, as ISO 4217 writes it.
    #[serde(default = "currency")]
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub currency: String,

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

    /// What workspaces reach besides DNS and the region's own programs, where the cluster's network enforces
    /// NetworkPolicies. Metadata services of clouds are never reached.
    #[serde(default)]
    pub egress: Egress,

    /// Share of a tier's CPU and memory that its pods request from the scheduler, in percent.
    /// Limits are always the tier's full size. Below 100, nodes are overcommitted: for small machines.
    #[serde(default = "requests_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub requests_percent: i32,

    /// What the workspaces of one owner may be and use together. Above it, none starts; what runs goes on.
    #[serde(default)]
    pub owner_limits: OwnerLimits,

    /// Limits of single owners, by their stable id, instead of ownerLimits as a whole.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 1000))]
    pub owner_exceptions: BTreeMap<String, OwnerLimits>,

    /// How long a node may be silent (not ready, or unreachable) until the workspaces on it start elsewhere. What
    /// was on a volume that cannot leave the node is then missing there. One that is gone, or has the taint
    /// `node.kubernetes.io/out-of-service`, is lost at once.
    #[serde(default = "node_loss_timeout")]
    #[x_kube(validation = Rule::new("self >= duration('1s')").message("nodeLossTimeout must be at least 1s"))]
    pub node_loss_timeout: Duration,

    /// How long the volume of a deleted workspace is kept. `0s`: not at all. A change holds for workspaces that are
    /// deleted from then on.
    #[serde(default = "workspace_retention")]
    pub workspace_retention: Duration,

    /// What happens to CRDs, workspaces and their volumes when the region is removed by Terraform.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl RegionSpec {
    /// URL of the Git host as browsers and `git clone` write it, without a slash at the end.
    pub fn git_url(&self) -> Option<String> {
        let gitea = self.gitea.as_ref()?;
        if let Some(external) = &gitea.external {
            return Some(external.url.clone());
        }
        let (scheme, host) = self.url.as_deref()?.split_once("://")?;
        Some(format!("{scheme}://git.{host}"))
    }

    /// What the workspaces of `owner` may be and use together.
    pub fn limits_of(&self, owner: &str) -> &OwnerLimits {
        self.owner_exceptions.get(owner).unwrap_or(&self.owner_limits)
    }

    /// Who signs people in at the portal: the issuer's URL.
    pub fn issuer(&self) -> Option<String> {
        match &self.sign_in {
            Some(sign_in) => Some(sign_in.oidc.issuer.clone()),
            None => self.git_url(),
        }
    }
}

/// An object in the controller's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalObject {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

fn workspace_namespaces() -> Vec<String> {
    vec!["workspaces".to_owned()]
}

fn currency() -> String {
    "USD".to_owned()
}

fn node_loss_timeout() -> Duration {
    Duration::minutes(5)
}

fn workspace_retention() -> Duration {
    Duration::days(7)
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

    /// URL of the portal, once it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,

    /// URL of the Git host, once it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_url: Option<String>,

    /// How many workspaces there are, stopped ones included.
    #[serde(default)]
    pub workspaces: i32,

    /// `Ready` and, for what is declared, `GitReady`, `GatewayReady` and `PortalReady`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(value: Value) -> RegionSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_git_host_is_beside_the_portal_or_somebody_elses() {
        let external = json!({ "url": "https://git.corp.test", "tokenSecretRef": { "name": "gitea" } });
        for (value, git, issuer) in [
            (json!({}), None, None),
            (
                json!({ "url": "https://cloud.test", "workspaceDomain": "ws.test", "gitea": { "managed": {} } }),
                Some("https://git.cloud.test"),
                Some("https://git.cloud.test"),
            ),
            (
                json!({
                    "url": "http://cloud.localhost:8080", "gitea": { "managed": {} },
                    "signIn": { "oidc": { "issuer": "https://id.test", "clientId": "portal" } },
                }),
                Some("http://git.cloud.localhost:8080"),
                Some("https://id.test"),
            ),
            (
                json!({ "gitea": { "external": external } }),
                Some("https://git.corp.test"),
                Some("https://git.corp.test"),
            ),
        ] {
            let spec = spec(value);
            assert_eq!((spec.git_url().as_deref(), spec.issuer().as_deref()), (git, issuer));
        }
    }

    #[test]
    fn our_own_sizes_parse() {
        let gitea = spec(json!({ "gitea": { "managed": {} } })).gitea.unwrap().managed.unwrap();
        assert_eq!((gitea.storage.to_string(), gitea.memory.to_string()), ("20Gi".into(), "2Gi".into()));
    }
}
