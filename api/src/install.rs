//! What a cluster needs before it can be a region: CRDs, rights and the controller.
//!
//! The same objects travel inside the Terraform provider and stand in `deploy/install.yaml`.
//!
//! Rights are narrow: over the whole cluster the controller reads what it must see, labels nodes and keeps Karpenter's NodePools;
//! it writes pods and volumes and reads Secrets only in the workspace namespaces, where it binds one
//! ClusterRole to itself.

pub mod admission;
pub mod program;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{GROUP, Images, Kind, agent, labels};

/// ClusterRole that the controller binds to itself in each workspace namespace.
pub const WORKSPACES_ROLE: &str = "neuralinverse-workspaces";

/// ClusterRole that the controller binds to the portal in each workspace namespace.
pub const PORTAL_WORKSPACES_ROLE: &str = "neuralinverse-portal-workspaces";

/// ClusterRole that the controller binds to the gateway in each workspace namespace.
pub const GATEWAY_WORKSPACES_ROLE: &str = "neuralinverse-gateway-workspaces";

/// ServiceAccount of workspaces' pods, in each workspace namespace. It has no rights.
pub const WORKSPACE_ACCOUNT: &str = "neuralinverse-workspace";

/// Name of the Deployment, Service, ServiceAccount, ClusterRole and field manager.
pub const CONTROLLER: &str = labels::CONTROLLER;

/// Secret with which the portal proves itself to sidecars, in the controller's namespace. The controller
/// keeps it: `ca.crt`, `tls.crt` and `tls.key`.
pub const PORTAL_SECRET: &str = "neuralinverse-portal-tls";

/// Name of the gateway's Deployment, Service and ServiceAccount, in the controller's namespace.
pub const GATEWAY: &str = "neuralinverse-gateway";

/// Secret with the certificate of the gateway. The controller keeps it: `ca.crt`, `tls.crt` and `tls.key`.
pub const GATEWAY_SECRET: &str = "neuralinverse-gateway-tls";

/// Name of the portal's Deployment, Service and ServiceAccount, in the controller's namespace.
pub const PORTAL: &str = "neuralinverse-portal";

/// Name of the managed Gitea's StatefulSet and Service, in the controller's namespace.
pub const GITEA: &str = "neuralinverse-gitea";

/// Secret with the key that seals the portal's sessions. Made in the cluster, never changed.
pub const PORTAL_SESSION_SECRET: &str = "neuralinverse-portal-session";

/// Secret with the portal's id and secret at Gitea: `clientId` and `clientSecret`.
pub const PORTAL_SIGN_IN_SECRET: &str = "neuralinverse-portal-sign-in";

/// Port of the managed Gitea's Service.
pub const GITEA_PORT: u16 = 3000;

/// Secret with the keys of the managed Gitea. Made in the cluster: without them its database is of little use.
pub const GITEA_KEYS_SECRET: &str = "neuralinverse-gitea-keys";

/// Secret with the administrator of the managed Gitea: `username` and `password`. Made in the cluster.
pub const GITEA_ADMIN_SECRET: &str = "neuralinverse-gitea-admin";

/// Name of the image that holds the controller, the gateway and the portal.
pub const SERVICE_IMAGE: &str = "service";

/// Name of the image that holds the sidecar.
pub const AGENT_IMAGE: &str = "agent";

/// How the controller is installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Install {
    /// Namespace of the controller.
    #[serde(default = "namespace")]
    pub namespace: String,

    /// Replicas of the controller. One of them leads; each answers the workspaces.
    #[serde(default = "replicas")]
    pub replicas: i32,

    /// Labels of the nodes that the controller runs on. Without it, any node that is not kept for workspaces.
    #[serde(default)]
    pub node_selector: Option<std::collections::BTreeMap<String, String>>,
}

fn namespace() -> String {
    "neuralinverse-system".to_owned()
}

fn replicas() -> i32 {
    1
}

impl Default for Install {
    fn default() -> Self {
        Self { namespace: namespace(), replicas: replicas(), node_selector: None }
    }
}

/// All objects, in the order in which they are applied.
pub fn objects(install: &Install, images: &Images) -> Vec<Value> {
    let mut objects = crds();
    objects.extend(rights(&install.namespace));
    // After the rights that they ask for.
    objects.extend(admission::objects());
    objects.push(service(&install.namespace));
    objects.push(deployment(install, images));
    objects
}

/// The CRDs.
pub fn crds() -> Vec<Value> {
    Kind::all().into_iter().filter_map(|kind| serde_json::to_value(kind.crd).ok()).collect()
}

/// Labels of a program's objects, and of its pods.
pub fn labels_of(component: &str) -> Value {
    json!({ "app.kubernetes.io/name": "neuralinverse", "app.kubernetes.io/component": component })
}

fn managed() -> Value {
    labels_of("controller")
}

fn rights(namespace: &str) -> Vec<Value> {
    let mut objects = vec![json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": namespace, "labels": {
            "app.kubernetes.io/name": "neuralinverse",
            "pod-security.kubernetes.io/enforce": "restricted",
        } },
    })];
    let controller = Account { name: CONTROLLER, component: "controller", namespace };
    objects.push(controller.account());
    objects.extend(controller.anywhere(cluster_rules()));
    objects.push(controller.role(WORKSPACES_ROLE, workspace_rules()));
    objects.extend(controller.at_home(own_rules()));

    let portal = Account { name: PORTAL, component: "portal", namespace };
    objects.push(portal.account());
    objects.extend(portal.anywhere(json!([
        { "apiGroups": [GROUP], "resources": ["regions", "workspacetiers", "workspacetemplates", "workspaces"], "verbs": ["get", "list", "watch"] },
    ])));
    objects.push(portal.role(PORTAL_WORKSPACES_ROLE, portal_rules()));
    objects.extend(portal.at_home(json!([
        { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch", "create", "patch", "delete"] },
    ])));

    let gateway = Account { name: GATEWAY, component: "gateway", namespace };
    objects.push(gateway.account());
    objects.push(gateway.role(GATEWAY_WORKSPACES_ROLE, gateway_rules()));
    objects
}

/// A program's ServiceAccount, and what it may do.
struct Account<'a> {
    name: &'a str,
    component: &'a str,
    namespace: &'a str,
}

impl Account<'_> {
    fn account(&self) -> Value {
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.metadata(true) })
    }

    /// Rights in all namespaces, and over what is in none.
    fn anywhere(&self, rules: Value) -> [Value; 2] {
        [self.role(self.name, rules), self.binding("ClusterRole", false)]
    }

    /// Rights in the programs' own namespace.
    fn at_home(&self, rules: Value) -> [Value; 2] {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": self.metadata(true),
            "rules": rules,
        });
        [role, self.binding("Role", true)]
    }

    /// Rights that nobody has before they are bound.
    fn role(&self, name: &str, rules: Value) -> Value {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": name, "labels": labels_of(self.component) }, "rules": rules,
        })
    }

    fn binding(&self, kind: &str, namespaced: bool) -> Value {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": format!("{kind}Binding"),
            "metadata": self.metadata(namespaced),
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": self.name },
            "subjects": [{ "kind": "ServiceAccount", "name": self.name, "namespace": self.namespace }],
        })
    }

    fn metadata(&self, namespaced: bool) -> Value {
        let mut metadata = json!({ "name": self.name, "labels": labels_of(self.component) });
        if namespaced {
            metadata["namespace"] = self.namespace.into();
        }
        metadata
    }
}

/// What the controller may do in its own namespace: run the parts of the region.
fn own_rules() -> Value {
    let parts = [GITEA, GATEWAY, PORTAL];
    let secrets = [PORTAL_SECRET, GATEWAY_SECRET, PORTAL_SIGN_IN_SECRET];
    let policies = [GITEA, GATEWAY, PORTAL, CONTROLLER];
    json!([
        { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"] },
        { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create"] },
        { "apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["patch"] },
        { "apiGroups": ["apps"], "resources": ["deployments", "statefulsets"], "verbs": ["get", "list", "watch", "create"] },
        { "apiGroups": ["apps"], "resources": ["deployments", "statefulsets"], "resourceNames": parts, "verbs": ["patch", "delete"] },
        { "apiGroups": [""], "resources": ["services", "configmaps"], "verbs": ["get", "create"] },
        { "apiGroups": [""], "resources": ["services", "configmaps"], "resourceNames": parts, "verbs": ["patch", "delete"] },
        { "apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["get", "create"] },
        { "apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "resourceNames": policies, "verbs": ["patch", "delete"] },
    ])
}

/// What the portal may do in workspace namespaces.
fn portal_rules() -> Value {
    json!([
        { "apiGroups": [GROUP], "resources": ["workspaces"], "verbs": ["create", "patch", "delete"] },
        { "apiGroups": [GROUP], "resources": [admission::OWNERS], "verbs": [admission::USE] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] },
    ])
}

/// What the gateway may do in workspace namespaces.
fn gateway_rules() -> Value {
    json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"] }])
}

/// What the controller may do anywhere.
fn cluster_rules() -> Value {
    let kinds = Kind::all();
    let plurals: Vec<&str> = kinds.iter().map(Kind::plural).collect();
    let statuses: Vec<String> = plurals.iter().map(|plural| format!("{plural}/status")).collect();
    json!([
        { "apiGroups": [GROUP], "resources": plurals, "verbs": ["get", "list", "watch"] },
        { "apiGroups": [GROUP], "resources": statuses, "verbs": ["patch"] },
        // Its finalizer.
        { "apiGroups": [GROUP], "resources": ["workspacenodepools"], "verbs": ["patch"] },
        { "apiGroups": ["karpenter.sh"], "resources": ["nodepools"], "verbs": ["get", "list", "watch", "create", "patch", "delete"] },
        { "apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch", "patch"] },
        { "apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["get"] },
        { "apiGroups": [""], "resources": ["pods", "persistentvolumeclaims"], "verbs": ["get", "list", "watch"] },
        { "apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "create", "patch"] },
        { "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings"], "verbs": ["get", "create", "patch"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": [WORKSPACES_ROLE, PORTAL_WORKSPACES_ROLE, GATEWAY_WORKSPACES_ROLE], "verbs": ["bind"] },
    ])
}

/// What it may do in workspace namespaces.
fn workspace_rules() -> Value {
    json!([
        { "apiGroups": [""], "resources": ["pods", "persistentvolumeclaims"], "verbs": ["create", "patch", "delete"] },
        { "apiGroups": [""], "resources": ["pods/resize"], "verbs": ["patch"] },
        { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"] },
        { "apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "create", "patch"] },
        { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] },
        { "apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["get", "create", "patch"] },
        { "apiGroups": [GROUP], "resources": ["workspaces"], "verbs": [admission::RUN] },
    ])
}

fn service(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": CONTROLLER, "namespace": namespace, "labels": managed() },
        "spec": {
            "selector": managed(),
            "ports": [{ "name": "agents", "port": agent::PORT, "targetPort": "agents" }],
        },
    })
}

fn deployment(install: &Install, images: &Images) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": CONTROLLER, "namespace": install.namespace, "labels": managed() },
        "spec": {
            "replicas": install.replicas,
            "selector": { "matchLabels": managed() },
            "template": {
                "metadata": { "labels": managed() },
                "spec": {
                    "serviceAccountName": CONTROLLER,
                    "nodeSelector": install.node_selector.clone().unwrap_or_default(),
                    "imagePullSecrets": program::pull_secrets(images),
                    "priorityClassName": "system-cluster-critical",
                    "securityContext": program::pod_security(program::USER),
                    "topologySpreadConstraints": program::spread(&managed()),
                    "containers": [controller_container(images)],
                },
            },
        },
    })
}

fn controller_container(images: &Images) -> Value {
    let more = json!({
        "env": [
            { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
            { "name": "POD_NAMESPACE", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } },
        ],
        "ports": [
            { "name": "agents", "containerPort": agent::PORT },
            { "name": "health", "containerPort": 8080 },
        ],
        "resources": { "requests": { "cpu": "50m", "memory": "64Mi" }, "limits": { "memory": "256Mi" } },
    });
    program::container("controller", images, CONTROLLER, more)
}
