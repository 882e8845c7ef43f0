//! What a namespace needs before workspaces can live in it.

use std::{collections::BTreeSet, net::IpAddr};

use neuralinverse_api::{Egress, agent, install, labels};
use serde_json::{Value, json};

use super::network_policy;
use crate::names::{CA_CONFIG_MAP, SERVICE_ACCOUNT};

/// What is the same in all of them.
#[derive(Clone, Copy)]
pub struct Common<'a> {
    /// Namespace of the controller.
    pub controller_namespace: &'a str,
    /// Certificate of the authority that signs for the controller, the gateway and the portal.
    pub authority: &'a str,
    /// What workspaces reach.
    pub egress: &'a Egress,
    /// Whom they ask for names.
    pub resolvers: &'a BTreeSet<IpAddr>,
}

/// The objects, in the order in which they can be made: our own rights before what needs them, and the
/// network's rules before the account without which there are no pods.
pub fn all(namespace: &str, common: Common) -> Vec<Value> {
    let Common { controller_namespace, authority, egress, resolvers } = common;
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
        network_policy::workspaces(namespace, controller_namespace, egress, resolvers),
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
