//! What a namespace needs before workspaces can live in it.

use neuralinverse_api::{agent, install, labels};
use serde_json::{Value, json};

use crate::names::{CA_CONFIG_MAP, SERVICE_ACCOUNT};

/// The objects, in the order in which they can be made: our own rights before what needs them.
pub fn all(namespace: &str, controller_namespace: &str, authority: &str) -> Vec<Value> {
    vec![
        // A namespace that exists is adopted by these labels alone.
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": namespace, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            } },
        }),
        binding(namespace, install::WORKSPACES_ROLE, install::CONTROLLER, controller_namespace),
        binding(namespace, install::PORTAL_WORKSPACES_ROLE, install::PORTAL, controller_namespace),
        binding(namespace, install::GATEWAY_WORKSPACES_ROLE, install::GATEWAY, controller_namespace),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": metadata(SERVICE_ACCOUNT, namespace),
            "automountServiceAccountToken": false,
        }),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": metadata(CA_CONFIG_MAP, namespace),
            "data": { agent::CA_KEY: authority },
        }),
    ]
}

/// What a program of ours may do here.
fn binding(namespace: &str, role: &str, account: &str, account_namespace: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": metadata(role, namespace),
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": account_namespace }],
    })
}

fn metadata(name: &str, namespace: &str) -> Value {
    json!({ "name": name, "namespace": namespace, "labels": { labels::MANAGED_BY: labels::CONTROLLER } })
}
