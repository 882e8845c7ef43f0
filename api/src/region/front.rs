//! What browsers and workspaces meet first: the portal and the gateway.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LocalObject;

/// The portal: dashboard of workspaces, and the proxy that opens them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Portal {
    /// How many of them run. Sessions survive the loss of one.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub replicas: i32,

    /// How it is reached from outside. Whatever ends TLS stands before it.
    #[serde(default)]
    pub service: PortalService,
}

impl Default for Portal {
    fn default() -> Self {
        Self { replicas: one(), service: PortalService::default() }
    }
}

/// The portal's Service. Its port 80 serves the portal's host, `git.` before it, and all hosts of the
/// workspace domain: an Ingress or Gateway sends them all there and ends TLS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortalService {
    /// Type of the Service.
    #[serde(default)]
    pub r#type: ServiceType,

    /// Port on every node, for the type NodePort. Without it, Kubernetes chooses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,
}

/// Type of a Service, as Kubernetes defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Inside the cluster, for an Ingress or Gateway.
    #[default]
    ClusterIP,
    /// On a port of every node.
    NodePort,
    /// Behind a load balancer of the cloud.
    LoadBalancer,
}

/// The gateway: the one door of workspaces to Git.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// How many of them run.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub replicas: i32,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { replicas: one() }
    }
}

/// Who signs people in at the portal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    /// An OpenID Connect issuer. At the issuer, the portal's redirect URI is `<url>/sign-in/callback`.
    pub oidc: Oidc,
}

/// An OpenID Connect issuer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Oidc {
    /// URL of the issuer, exactly as it names itself.
    #[schemars(length(max = 500), regex(pattern = r"^https?://[^@\s]+$"))]
    pub issuer: String,

    /// Id of the portal at the issuer.
    #[schemars(length(min = 1, max = 500))]
    pub client_id: String,

    /// Secret in the controller's namespace whose key `clientSecret` is the portal's secret at the issuer.
    /// Without it, the portal is a public client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_ref: Option<LocalObject>,

    /// Scopes besides `openid`.
    #[serde(default = "scopes")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 100)))]
    pub scopes: Vec<String>,
}

fn scopes() -> Vec<String> {
    vec!["profile".to_owned(), "email".to_owned()]
}

fn one() -> i32 {
    1
}
