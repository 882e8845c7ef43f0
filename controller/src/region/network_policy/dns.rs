//! Whom pods ask for names: the cluster's resolver, whatever it is.
//!
//! Mostly a pod in `kube-system`, which a policy sees by its labels, after the Service's address has become
//! the pod's. Where each node has its own resolver, or the cloud has one, the address stays what it is: it
//! stands in our own `resolv.conf`, as in that of every pod of the cluster.

use std::{collections::BTreeSet, fs, net::IpAddr};

use serde_json::{Value, json};

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Namespaces of resolvers.
const NAMESPACES: [&str; 2] = ["kube-system", "openshift-dns"];

/// The resolvers that we ask ourselves.
pub fn resolvers() -> BTreeSet<IpAddr> {
    parse(&fs::read_to_string(RESOLV_CONF).unwrap_or_default())
}

fn parse(resolv_conf: &str) -> BTreeSet<IpAddr> {
    let servers = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = servers.filter_map(|server| server.trim().parse::<IpAddr>().ok());
    addresses.filter(|address| !address.is_loopback() && !address.is_unspecified()).collect()
}

/// The egress rules.
pub fn rules(resolvers: &BTreeSet<IpAddr>) -> Vec<Value> {
    let ports = |ports: &[u16]| -> Vec<Value> {
        let each = ports.iter().flat_map(|port| ["UDP", "TCP"].map(|protocol| (port, protocol)));
        each.map(|(port, protocol)| json!({ "protocol": protocol, "port": port })).collect()
    };
    let namespaces = json!({ "matchExpressions": [
        { "key": super::NAMESPACE_NAME, "operator": "In", "values": NAMESPACES },
    ] });
    // OpenShift's resolver listens on 5353.
    let mut rules = vec![json!({ "to": [{ "namespaceSelector": namespaces }], "ports": ports(&[53, 5353]) })];
    if !resolvers.is_empty() {
        let block = |address: &IpAddr| {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            json!({ "ipBlock": { "cidr": format!("{address}/{bits}") } })
        };
        let peers: Vec<Value> = resolvers.iter().map(block).collect();
        rules.push(json!({ "to": peers, "ports": ports(&[53]) }));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_those_that_another_machine_could_ask() {
        let text = "# nameserver 9.9.9.9\nsearch svc.cluster.local\nnameserver 10.96.0.10\n\
                    nameserver 127.0.0.53\nnameserver\tfd00::a\nnameserver fe80::1%eth0\n";
        let wanted: BTreeSet<IpAddr> = ["10.96.0.10", "fd00::a"].map(|it| it.parse().unwrap()).into();
        assert_eq!(parse(text), wanted);
        assert!(parse("").is_empty());
    }
}
