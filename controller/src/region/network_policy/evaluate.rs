//! What NetworkPolicies mean, by the rules of Kubernetes' API: no engine runs where unit tests do.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use kube::ResourceExt;

/// One end of a connection.
pub struct End {
    pub address: IpAddr,
    /// Namespace and labels of a pod; none of any other machine.
    pub pod: Option<(&'static str, BTreeMap<String, String>)>,
}

/// Whether a connection is made: whoever begins it may go out, and whoever is asked lets it in.
pub fn passes(policies: &[NetworkPolicy], from: &End, to: &End, protocol: &str, port: u16) -> bool {
    let ports = |ports: &Option<Vec<NetworkPolicyPort>>| {
        ports.as_ref().is_none_or(|ports| ports.iter().any(|it| is_port(it, protocol, port)))
    };
    let out = directed(policies, from, "Egress", |namespace, spec| {
        let mut rules = spec.egress.iter().flatten();
        rules.any(|rule| ports(&rule.ports) && is_one_of(&rule.to, namespace, to))
    });
    let into = directed(policies, to, "Ingress", |namespace, spec| {
        let mut rules = spec.ingress.iter().flatten();
        rules.any(|rule| ports(&rule.ports) && is_one_of(&rule.from, namespace, from))
    });
    out && into
}

/// All is allowed where no policy selects the pod; else what one of them allows.
fn directed(
    policies: &[NetworkPolicy],
    end: &End,
    direction: &str,
    allows: impl Fn(&str, &NetworkPolicySpec) -> bool,
) -> bool {
    let Some((namespace, labels)) = &end.pod else { return true };
    let mut selected = policies
        .iter()
        .filter(|policy| policy.namespace().as_deref() == Some(*namespace))
        .filter_map(|policy| policy.spec.as_ref())
        .filter(|spec| spec.policy_types.iter().flatten().any(|type_| type_ == direction))
        .filter(|spec| spec.pod_selector.as_ref().is_none_or(|selector| selects(selector, labels)))
        .peekable();
    selected.peek().is_none() || selected.any(|spec| allows(namespace, spec))
}

fn is_one_of(peers: &Option<Vec<NetworkPolicyPeer>>, namespace: &str, end: &End) -> bool {
    peers.as_ref().is_none_or(|peers| peers.is_empty() || peers.iter().any(|it| is_peer(it, namespace, end)))
}

fn is_peer(peer: &NetworkPolicyPeer, namespace: &str, end: &End) -> bool {
    if let Some(block) = &peer.ip_block {
        let within = |net: &String| net.parse::<IpNet>().unwrap().contains(&end.address);
        return within(&block.cidr) && !block.except.iter().flatten().any(within);
    }
    let Some((its_namespace, labels)) = &end.pod else { return false };
    let names = BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), (*its_namespace).to_owned())]);
    let namespaces = match &peer.namespace_selector {
        Some(selector) => selects(selector, &names),
        None => *its_namespace == namespace,
    };
    namespaces && peer.pod_selector.as_ref().is_none_or(|selector| selects(selector, labels))
}

fn is_port(wanted: &NetworkPolicyPort, protocol: &str, port: u16) -> bool {
    wanted.protocol.as_deref().unwrap_or("TCP") == protocol
        && wanted.port.as_ref().is_none_or(|it| *it == IntOrString::Int(port.into()))
}

fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal
        && selector.match_expressions.iter().flatten().all(|it| {
            let listed =
                labels.get(&it.key).is_some_and(|value| it.values.iter().flatten().any(|v| v == value));
            match it.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                other => panic!("{other} is not used"),
            }
        })
}
