//! The Git host of a region.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LocalObject;
use crate::Quantity;

/// The Git host of a region: one that the controller runs, or one that is there already.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.managed) != has(self.external)")
    .message("write exactly one of managed and external"))]
pub struct Gitea {
    /// A Gitea that the controller runs in its own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedGitea>,

    /// A Gitea that somebody else runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalGitea>,
}

/// A Gitea that the controller runs, with SQLite and a volume. Browsers reach it at the portal's
/// host with `git.` before it.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
// Of the whole and not of each field: a field that cannot change would make Terraform replace the Region.
#[x_kube(
    validation = Rule::new("self.storage == oldSelf.storage")
        .message("storage cannot be changed: enlarge the volume by hand"),
    validation = Rule::new("has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)")
        .message("storageClassName cannot be changed: move the data by hand"),
)]
pub struct ManagedGitea {
    /// Container image, rootless. A newer one migrates the database at start; there is no way back.
    #[serde(default = "image")]
    #[schemars(length(min = 1, max = 500))]
    pub image: String,

    /// Size of the volume that holds repositories and database. Cannot be changed.
    #[serde(default = "storage")]
    pub storage: Quantity,

    /// StorageClass of that volume. Without it, the cluster's default class. Git needs a local or block disk. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class_name: Option<String>,

    /// Memory that it may use. A large push or clone needs hundreds of MiB for a moment.
    #[serde(default = "memory")]
    pub memory: Quantity,
}

/// A Gitea that somebody else runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalGitea {
    /// URL as browsers and `git clone` write it, without a slash at the end.
    #[schemars(length(max = 500), regex(pattern = r"^https?://[^@/\s]+(/[^@\s]*[^@/\s])?$"))]
    pub url: String,

    /// Secret in the controller's namespace whose key `token` is an access token of an administrator, with
    /// the scopes `write:admin`, `write:user` and `write:repository`.
    pub token_secret_ref: LocalObject,
}

fn image() -> String {
    "docker.io/gitea/gitea:1.26.0-rootless".to_owned()
}

#[expect(clippy::unwrap_used, reason = "a literal, parsed by a test")]
fn storage() -> Quantity {
    "20Gi".parse().unwrap()
}

#[expect(clippy::unwrap_used, reason = "a literal, parsed by a test")]
fn memory() -> Quantity {
    "2Gi".parse().unwrap()
}
