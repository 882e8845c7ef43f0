//! What the sidecar of a workspace pod and the controller say to each other.
//!
//! HTTP/1.1 with JSON over TLS. The sidecar sends its pod-bound service account token (audience
//! [`AUDIENCE`]) as bearer; the controller knows the pod by the token's pod UID. An answer of 401
//! or 403 means that the pod has no say any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::GitAuthor;

/// Audience of the token.
pub const AUDIENCE: &str = "neuralinverse-controller";

/// `GET`: the [`Assignment`] as soon as there is one whose revision differs from the query's
/// `known`; `204 No Content` after [`POLL_SECONDS`] without. While the workspace is not ready the answer
/// is the known one then: whoever gets an assignment reports, whatever it has reported before. With `Retry-After` the
/// sidecar stays away for so many seconds: of many workspaces that are ready not each can hold a connection.
pub const ASSIGNMENT_PATH: &str = "/v1/assignment";

/// `POST` of a [`Report`]; `204 No Content` when the status has been written.
pub const REPORT_PATH: &str = "/v1/report";

/// `POST` of a [`CertificateRequest`]; the answer is a [`Certificate`] for [`door::name`] of the pod that
/// the token names.
pub const CERTIFICATE_PATH: &str = "/v1/certificate";

/// How long a poll waits, in seconds.
pub const POLL_SECONDS: u64 = 50;

/// Port of the controller's Service.
pub const PORT: u16 = 8443;

/// Key of the controller's certificate authority in its ConfigMap.
pub const CA_KEY: &str = "ca.crt";

/// The way from a workspace to the region's gateway. In the user's container it is a port of localhost,
/// without any credential; the sidecar passes on what comes there over TLS, with a token of its own.
pub mod gateway {
    /// Audience of the sidecar's token for the gateway.
    pub const AUDIENCE: &str = "neuralinverse-gateway";

    /// Port of the gateway's Service.
    pub const PORT: u16 = 8443;

    /// Port of localhost in a workspace pod.
    pub const LOCAL_PORT: u16 = 8445;

    /// Path under which the gateway has the Git host's repositories: `/git/<owner>/<repository>.git/…`.
    pub const GIT_PATH: &str = "/git";

    /// Environment variables for any process of a workspace, so that its Git goes through the gateway for
    /// what is at `git_url` and nothing else. Remotes keep the URL that people know.
    pub fn git_environment(git_url: &str) -> [(&'static str, String); 5] {
        let gateway = format!("http://localhost:{LOCAL_PORT}{GIT_PATH}/");
        [
            ("GIT_CONFIG_COUNT", "2".to_owned()),
            ("GIT_CONFIG_KEY_0", format!("url.{gateway}.insteadOf")),
            ("GIT_CONFIG_VALUE_0", format!("{git_url}/")),
            // It is in this pod, whatever proxy leads out of it.
            ("GIT_CONFIG_KEY_1", format!("http.{gateway}.proxy")),
            ("GIT_CONFIG_VALUE_1", String::new()),
        ]
    }
}

/// The sidecar's door to the workspace: TLS, where both sides prove themselves. Inside it is what the IDE
/// speaks, unchanged.
pub mod door {
    /// Port of the pod.
    pub const PORT: u16 = 8444;

    /// Name in the portal's certificate, which is for clients only. Those of sidecars are for servers
    /// only: else a sidecar, signed by the same authority, could pass for the portal at its neighbours.
    pub const CLIENT: &str = "portal.neuralinverse";

    /// Domain of the names that sidecars prove.
    pub const DOMAIN: &str = "pod.neuralinverse";

    /// The name that the sidecar of a pod proves.
    pub fn name(pod_uid: &str) -> String {
        format!("{pod_uid}.{DOMAIN}")
    }
}

/// Where the parts of a workspace pod meet. The controller writes them into the pod.
pub mod paths {
    /// The developer's home in the user's container: the folder [`HOME_FOLDER`] of the volume.
    pub const HOME: &str = "/home/developer";

    /// The developer's home in the volume.
    pub const HOME_FOLDER: &str = "home";

    /// The whole volume, in the sidecar only. What lies beside the home is the sidecar's own: nobody
    /// can plant a setting in it that Git would run.
    pub const VOLUME: &str = "/volume";

    /// Folder in memory that both containers see.
    pub const RUN: &str = "/run/neuralinverse";

    /// Socket that the launcher listens on.
    pub const SOCKET: &str = "/run/neuralinverse/launcher.sock";

    /// Socket that the IDE listens on. It has no other address.
    pub const IDE_SOCKET: &str = "/run/neuralinverse/ide.sock";

    /// The sidecar makes this file as soon as the launcher has answered it, the editor has (where there is
    /// one) and it polls the controller.
    /// `launcher ready`, the startup probe of the user's container, succeeds when the file is there.
    /// The sidecar itself can have no such probe: Kubernetes would start the launcher only after it.
    pub const READY: &str = "/run/neuralinverse/ready";

    /// What `neuralinverse-agent install <folder>` fills.
    pub const BIN: &str = "/opt/neuralinverse";

    /// First process of the user's container (`launcher run`), and its startup probe (`launcher ready`).
    pub const LAUNCHER: &str = "/opt/neuralinverse/launcher";

    /// `token` for the controller, [`GATEWAY_TOKEN`] and `ca.crt`, in the sidecar only. Not below [`RUN`], which both containers share: where
    /// `/var/run` is a link to `/run`, `/var/run/neuralinverse` would be.
    pub const IDENTITY: &str = "/etc/neuralinverse/identity";

    /// Name of the token for the gateway in [`IDENTITY`].
    pub const GATEWAY_TOKEN: &str = "gateway-token";

    /// The sidecar in its image.
    pub const AGENT: &str = "/usr/local/bin/neuralinverse-agent";
}

/// Whose the pod is now, and what that person's workspace consists of. Values of Secrets are in it:
/// it is never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Hash of everything else; tells one assignment from the next.
    pub revision: String,
    /// Namespace of the Workspace.
    pub namespace: String,
    /// Name of the Workspace.
    pub workspace: String,
    /// UID of the Workspace.
    pub workspace_uid: String,
    /// How often the workspace was given a pod, this one included.
    pub epoch: i64,
    /// Stable id of the developer.
    pub owner: String,
    /// What to clone, if anything.
    pub repository: Option<RepositoryToClone>,
    /// Environment of terminals and tasks: template, workspace and Secrets, in that order.
    pub env: BTreeMap<String, String>,
    /// Name and address for commits, if any are declared.
    pub git_author: Option<GitAuthor>,
    /// After how many seconds without use the sidecar says so. Never, if there is no number.
    #[serde(default)]
    pub idle_after_seconds: Option<u64>,
}

/// A repository and how to get at it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryToClone {
    /// URL without credentials.
    pub url: String,
    /// Branch, or the repository's default.
    pub branch: Option<String>,
    /// User and password, only for this clone.
    pub credentials: Option<Credentials>,
}

/// A user and a password or token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: String,
}

/// What the sidecar has to say. Sent at every change, and again until it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The epoch that it speaks of; a report of another epoch is refused.
    pub epoch: i64,
    /// Terminals open with the workspace's environment in the workspace's folder, and the editor answers.
    pub ready: bool,
    /// What became of the repository.
    pub repository: RepositoryState,
    /// For how many seconds nobody has used the workspace, when that are as many as the assignment asks for. Not a
    /// time: the clocks of two machines differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<u64>,
}

/// What became of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum RepositoryState {
    /// The assignment has none.
    NotDeclared,
    /// It is being cloned.
    Cloning,
    /// It is in the workspace's folder.
    Cloned,
    /// It could not be cloned; it is tried again.
    Failed {
        /// What Git said, in one line, without credentials.
        message: String,
    },
}

/// The key that a sidecar has made for its door. Whose the certificate becomes is not asked but known:
/// by the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequest {
    /// Public key on the curve P-256, as uncompressed point (65 bytes). The private one stays.
    pub public_key: Vec<u8>,
}

/// What the door proves itself with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Certificate chain, as PEM.
    pub chain: String,
    /// How long it is valid from now on; it is renewed after half of that.
    pub valid_seconds: u64,
}
