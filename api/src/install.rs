//! What a cluster needs before it can be a region: CRDs, rights and the controller.
//!
//! The same objects travel inside the Terraform provider and stand in `deploy/install.yaml`.
//!
//! Rights are narrow: over the whole cluster the controller reads what it must see and labels nodes;
//! it writes pods and volumes and reads Secrets only in the workspace namespaces, where it binds one
//! ClusterRole to itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{GROUP, Images, Kind, agent, labels};

/// ClusterRole that the controller binds to itself in each workspace namespace.
pub const WORKSPACES_ROLE: &str = "neuralinverse-workspaces";

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

/// Port of the managed Gitea's Service.
pub const GITEA_PORT: u16 = 3000;

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
    objects.push(service(&install.namespace));
    objects.push(deployment(install, images));
    objects
}

/// The CRDs.
pub fn crds() -> Vec<Value> {
    Kind::all().into_iter().filter_map(|kind| serde_json::to_value(kind.crd).ok()).collect()
}

fn managed() -> Value {
    json!({ "app.kubernetes.io/name": "neuralinverse", "app.kubernetes.io/component": "controller" })
}

fn rights(namespace: &str) -> Vec<Value> {
    let subject = json!([{ "kind": "ServiceAccount", "name": CONTROLLER, "namespace": namespace }]);
    vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": namespace, "labels": {
                "app.kubernetes.io/name": "neuralinverse",
                "pod-security.kubernetes.io/enforce": "restricted",
            } },
        }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": CONTROLLER, "namespace": namespace, "labels": managed() },
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": CONTROLLER, "labels": managed() },
            "rules": cluster_rules(),
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": CONTROLLER, "labels": managed() },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": CONTROLLER },
            "subjects": subject,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": WORKSPACES_ROLE, "labels": managed() },
            "rules": workspace_rules(),
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": { "name": CONTROLLER, "namespace": namespace, "labels": managed() },
            "rules": [
                { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"] },
                { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create"] },
                { "apiGroups": [""], "resources": ["secrets"], "resourceNames": [PORTAL_SECRET], "verbs": ["patch"] },
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": CONTROLLER, "namespace": namespace, "labels": managed() },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": CONTROLLER },
            "subjects": subject,
        }),
    ]
}

/// What the controller may do anywhere.
fn cluster_rules() -> Value {
    let kinds = Kind::all();
    let plurals: Vec<&str> = kinds.iter().map(Kind::plural).collect();
    let statuses: Vec<String> = plurals.iter().map(|plural| format!("{plural}/status")).collect();
    json!([
        { "apiGroups": [GROUP], "resources": plurals, "verbs": ["get", "list", "watch"] },
        { "apiGroups": [GROUP], "resources": statuses, "verbs": ["patch"] },
        { "apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch", "patch"] },
        { "apiGroups": [""], "resources": ["pods", "persistentvolumeclaims"], "verbs": ["get", "list", "watch"] },
        { "apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "create", "patch"] },
        { "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings"], "verbs": ["get", "create", "patch"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": [WORKSPACES_ROLE], "verbs": ["bind"] },
    ])
}

/// What it may do in workspace namespaces.
fn workspace_rules() -> Value {
    json!([
        { "apiGroups": [""], "resources": ["pods", "persistentvolumeclaims"], "verbs": ["create", "patch", "delete"] },
        { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"] },
        { "apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "create", "patch"] },
        { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] },
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
    let pull_secrets: Vec<Value> = images.pull_secrets.iter().map(|name| json!({ "name": name })).collect();
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
                    "imagePullSecrets": pull_secrets,
                    "priorityClassName": "system-cluster-critical",
                    "securityContext": {
                        "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "topologySpreadConstraints": [{
                        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": { "matchLabels": managed() },
                    }],
                    "containers": [controller_container(images)],
                },
            },
        },
    })
}

fn controller_container(images: &Images) -> Value {
    json!({
        "name": "controller",
        "image": images.image(SERVICE_IMAGE),
        "imagePullPolicy": images.pull_policy.as_str(),
        "command": ["/neuralinverse-controller"],
        "env": [
            { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
            { "name": "POD_NAMESPACE", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } },
        ],
        "ports": [
            { "name": "agents", "containerPort": agent::PORT },
            { "name": "health", "containerPort": 8080 },
        ],
        "readinessProbe": { "httpGet": { "path": "/readyz", "port": "health" }, "periodSeconds": 2 },
        "livenessProbe": { "httpGet": { "path": "/livez", "port": "health" }, "periodSeconds": 10, "failureThreshold": 6 },
        "resources": { "requests": { "cpu": "50m", "memory": "64Mi" }, "limits": { "memory": "256Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
    })
}
