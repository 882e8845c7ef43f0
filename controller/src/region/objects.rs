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
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": metadata(install::WORKSPACES_ROLE, namespace),
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": install::WORKSPACES_ROLE,
            },
            "subjects": [{
                "kind": "ServiceAccount", "name": install::CONTROLLER, "namespace": controller_namespace,
            }],
        }),
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

fn metadata(name: &str, namespace: &str) -> Value {
    json!({ "name": name, "namespace": namespace, "labels": { labels::MANAGED_BY: labels::CONTROLLER } })
}
