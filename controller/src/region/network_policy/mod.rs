//! Who may speak with whom, as NetworkPolicies. Whether they hold is up to the cluster's network: the door,
//! the gateway and the controller ask for proof in any case.
//!
//! ```text
//!  anybody ─► portal ─► workspace (door) ─► DNS, controller, gateway, outside by the Region's rule
//!               └─► Gitea ◄─ gateway, controller
//! ```
//!
//! A policy that selects a pod denies all that no policy allows. Workspaces are selected by the label that
//! warm pods have from the start, so that nothing changes at a claim.
//!
//! Only ingress of the controller, the gateway and the portal is bound: they speak with the API server, whose
//! address no selector matches and no policy can name in advance.

mod dns;
#[cfg(test)]
mod evaluate;
#[cfg(test)]
mod flows;
mod outside;

use std::{collections::BTreeSet, net::IpAddr};

use neuralinverse_api::{
    Egress,
    agent::{self, door},
    install::{self, labels_of},
    labels,
};
use serde_json::{Value, json};

pub use self::dns::resolvers;
use super::part::{NETWORK_POLICY, Part, Place};

/// Of the workspaces, in each of their namespaces.
const WORKSPACES: &str = "neuralinverse-workspaces";

/// Label with its name that each namespace has.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Port of the pods that serve the portal.
const PORTAL_PORT: u16 = 8080;

/// Of the workspaces in a namespace.
pub fn workspaces(
    namespace: &str,
    controller_namespace: &str,
    egress: &Egress,
    resolvers: &BTreeSet<IpAddr>,
) -> Value {
    let home = json!({ NAMESPACE_NAME: controller_namespace });
    let program = |component: &str| json!({ "namespaceSelector": { "matchLabels": home }, "podSelector": { "matchLabels": labels_of(component) } });
    let mut out = dns::rules(resolvers);
    out.push(json!({ "to": [program("controller")], "ports": [tcp(agent::PORT)] }));
    out.push(json!({ "to": [program("gateway")], "ports": [tcp(agent::gateway::PORT)] }));
    out.extend(outside_rule(egress));
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {
            "name": WORKSPACES, "namespace": namespace, "labels": { labels::MANAGED_BY: labels::CONTROLLER },
        },
        "spec": {
            "podSelector": { "matchLabels": { labels::MANAGED_BY: labels::CONTROLLER } },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{ "from": [program("portal")], "ports": [tcp(door::PORT)] }],
            "egress": out,
        },
    })
}

/// Of a program of the region.
pub fn part(place: Place, part: Part, resolvers: &BTreeSet<IpAddr>) -> Value {
    let mut policy = place.object(part, NETWORK_POLICY);
    policy["spec"] = match part {
        Part::Gitea => {
            let from = ["portal", "gateway", "controller"]
                .map(|component| json!({ "podSelector": { "matchLabels": labels_of(component) } }));
            let mut spec =
                spec(part.labels(), vec![json!({ "from": from, "ports": [tcp(install::GITEA_PORT)] })]);
            // It needs nothing of the cluster, and fetches what people name.
            let mut out = dns::rules(resolvers);
            out.extend(outside_rule(&place.region.spec.egress));
            spec["policyTypes"] = json!(["Ingress", "Egress"]);
            spec["egress"] = out.into();
            spec
        }
        Part::Gateway => {
            spec(part.labels(), vec![from_workspaces(place, agent::gateway::PORT), from_others(place, 8080)])
        }
        Part::Portal => {
            spec(part.labels(), vec![json!({ "ports": [tcp(PORTAL_PORT)] }), from_others(place, 8081)])
        }
    };
    policy
}

/// Of the controller itself.
pub fn controller(place: Place) -> Value {
    let labels = labels_of("controller");
    let mut policy = place.named(install::CONTROLLER, labels.clone(), NETWORK_POLICY);
    policy["spec"] = spec(labels, vec![from_workspaces(place, agent::PORT), from_others(place, 8080)]);
    policy
}

fn spec(pods: Value, ingress: Vec<Value>) -> Value {
    json!({ "podSelector": { "matchLabels": pods }, "policyTypes": ["Ingress"], "ingress": ingress })
}

/// Lets in the pods of workspaces.
fn from_workspaces(place: Place, port: u16) -> Value {
    let from = json!({
        "namespaceSelector": namespaces(place, "In"),
        "podSelector": { "matchLabels": { labels::MANAGED_BY: labels::CONTROLLER } },
    });
    json!({ "from": [from], "ports": [tcp(port)] })
}

/// Lets in who watches our programs. Their kubelet needs no rule.
fn from_others(place: Place, port: u16) -> Value {
    json!({ "from": [{ "namespaceSelector": namespaces(place, "NotIn") }], "ports": [tcp(port)] })
}

fn namespaces(place: Place, operator: &str) -> Value {
    let names = &place.region.spec.workspace_namespaces;
    json!({ "matchExpressions": [{ "key": NAMESPACE_NAME, "operator": operator, "values": names }] })
}

/// No rule where nothing outside is reached: one without peers would allow everything.
fn outside_rule(egress: &Egress) -> Option<Value> {
    let peers = outside::peers(egress);
    (!peers.is_empty()).then(|| json!({ "to": peers }))
}

fn tcp(port: u16) -> Value {
    json!({ "protocol": "TCP", "port": port })
}
