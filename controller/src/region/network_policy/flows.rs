//! Who reaches whom by all policies of a region together.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::api::networking::v1::NetworkPolicy;
use neuralinverse_api::Region;
use serde_json::{Value, json};

use super::{
    controller,
    evaluate::{End, passes},
    part, workspaces,
};
use crate::{
    fixtures,
    region::part::{Part, Place},
};

const SYSTEM: &str = "neuralinverse-system";

fn policies(egress: &Value) -> Vec<NetworkPolicy> {
    let region: Region = fixtures::from(json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Region",
        "metadata": { "name": "cluster", "uid": "uid" },
        "spec": { "workspaceNamespaces": ["workspaces", "team"], "egress": egress },
    }));
    let place = Place { region: &region, namespace: SYSTEM };
    let resolvers = ["169.254.20.10".parse().unwrap()].into();
    let mut all = vec![controller(place)];
    all.extend([Part::Gitea, Part::Gateway, Part::Portal].map(|it| part(place, it, &resolvers)));
    let namespaces = region.spec.workspace_namespaces.iter();
    all.extend(namespaces.map(|it| workspaces(it, SYSTEM, &region.spec.egress, &resolvers)));
    all.into_iter().map(fixtures::from).collect()
}

fn end(name: &str) -> End {
    let managed = ("app.kubernetes.io/managed-by", "neuralinverse-controller");
    let program = |component| {
        vec![("app.kubernetes.io/name", "neuralinverse"), ("app.kubernetes.io/component", component)]
    };
    let (address, pod) = match name {
        "ada" => ("10.1.0.1", Some(("workspaces", vec![managed, ("cloud.neuralinverse.com/owner", "ada")]))),
        "bob" => ("10.1.0.2", Some(("workspaces", vec![managed, ("cloud.neuralinverse.com/owner", "bob")]))),
        "warm" => {
            ("10.1.0.3", Some(("workspaces", vec![managed, ("cloud.neuralinverse.com/warm-pool", "a")])))
        }
        "eve" => ("10.1.0.4", Some(("team", vec![managed]))),
        "gitea" | "gateway" | "portal" | "controller" => ("10.1.0.5", Some((SYSTEM, program(name)))),
        "resolver" => ("10.1.0.6", Some(("kube-system", vec![("k8s-app", "kube-dns")]))),
        "stranger" => ("10.1.0.7", Some(("default", vec![]))),
        // Its labels are a program's, its namespace is not.
        "impostor" => ("10.1.0.8", Some(("default", program("portal")))),
        "prometheus" => ("10.1.0.9", Some(("monitoring", vec![]))),
        "node resolver" => ("169.254.20.10", None),
        "kubelet" => ("192.168.1.1", None),
        "api server" => ("172.16.0.1", None),
        "service of the api server" => ("10.96.0.1", None),
        "metadata" => ("169.254.169.254", None),
        "metadata of Azure" => ("168.63.129.16", None),
        "metadata of AWS by IPv6" => ("fd00:ec2::254", None),
        "metadata by NAT64" => ("64:ff9b::a9fe:a9fe", None),
        "registry" => ("10.20.30.40", None),
        "registry by NAT64" => ("64:ff9b::a14:1e28", None),
        "internet" | "browser" => ("93.184.216.34", None),
        "internet by IPv6" => ("2606:2800::1", None),
        "internet by NAT64" => ("64:ff9b::5db8:d822", None),
        other => panic!("who is {other}?"),
    };
    let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let pod =
        pod.map(|(namespace, labels)| (namespace, labels.into_iter().map(text).collect::<BTreeMap<_, _>>()));
    End { address: address.parse::<IpAddr>().unwrap(), pod }
}

fn check(egress: Value, flows: &[(&str, &str, u16, bool)]) {
    let policies = policies(&egress);
    for &(from, to, port, wanted) in flows {
        let protocols: &[&str] = if port == 53 { &["UDP", "TCP"] } else { &["TCP"] };
        for protocol in protocols {
            let passes = passes(&policies, &end(from), &end(to), protocol, port);
            assert_eq!(passes, wanted, "{from} → {to} {protocol} {port} with {egress}");
        }
    }
}

#[test]
fn only_the_portal_reaches_a_workspace_and_only_its_door() {
    check(
        json!({}),
        &[
            ("portal", "ada", 8444, true),
            ("portal", "warm", 8444, true),
            ("portal", "eve", 8444, true),
            ("portal", "ada", 8445, false),
            ("portal", "ada", 22, false),
            ("bob", "ada", 8444, false),
            ("bob", "ada", 3000, false),
            ("bob", "warm", 8444, false),
            ("eve", "ada", 8444, false),
            ("gateway", "ada", 8444, false),
            ("controller", "ada", 8444, false),
            ("gitea", "ada", 8444, false),
            ("stranger", "ada", 8444, false),
            ("impostor", "ada", 8444, false),
            ("internet", "ada", 8444, false),
        ],
    );
}

#[test]
fn a_workspace_reaches_the_internet_and_the_regions_doors_but_nothing_else_of_the_cluster() {
    for who in ["ada", "warm", "eve"] {
        check(
            json!({}),
            &[
                (who, "resolver", 53, true),
                (who, "node resolver", 53, true),
                (who, "node resolver", 80, false),
                (who, "resolver", 9153, false),
                (who, "controller", 8443, true),
                (who, "controller", 8080, false),
                (who, "gateway", 8443, true),
                (who, "gateway", 8080, false),
                (who, "gitea", 3000, false),
                (who, "portal", 8080, false),
                (who, "stranger", 80, false),
                (who, "kubelet", 10250, false),
                (who, "api server", 6443, false),
                (who, "service of the api server", 443, false),
                (who, "metadata", 80, false),
                (who, "metadata of Azure", 80, false),
                (who, "metadata of AWS by IPv6", 80, false),
                (who, "metadata by NAT64", 80, false),
                (who, "registry", 443, false),
                (who, "registry by NAT64", 443, false),
                (who, "internet", 443, true),
                (who, "internet by IPv6", 443, true),
                (who, "internet by NAT64", 443, true),
                (who, "internet", 22, true),
            ],
        );
    }
}

#[test]
fn a_region_without_internet_has_dns_its_own_doors_and_what_is_allowed() {
    check(
        json!({ "internet": false }),
        &[
            ("ada", "internet", 443, false),
            ("ada", "internet", 53, false),
            ("ada", "internet by IPv6", 443, false),
            ("ada", "registry", 443, false),
            ("ada", "resolver", 53, true),
            ("ada", "gateway", 8443, true),
            ("ada", "controller", 8443, true),
            ("gitea", "internet", 443, false),
        ],
    );
    check(
        json!({ "internet": false, "allow": ["10.20.30.0/24"] }),
        &[
            ("ada", "registry", 443, true),
            ("gitea", "registry", 443, true),
            ("ada", "internet", 443, false),
            ("ada", "kubelet", 10250, false),
        ],
    );
}

#[test]
fn what_is_denied_or_metadata_is_never_reached_whatever_is_allowed() {
    check(
        json!({ "allow": ["0.0.0.0/0", "::/0"], "deny": ["93.184.216.0/24", "192.168.0.0/16"] }),
        &[
            ("ada", "registry", 443, true),
            ("ada", "metadata", 80, false),
            ("ada", "metadata of Azure", 80, false),
            ("ada", "metadata of AWS by IPv6", 80, false),
            ("ada", "metadata by NAT64", 80, false),
            ("ada", "internet", 443, false),
            ("ada", "internet by NAT64", 443, false),
            ("ada", "internet by IPv6", 443, true),
            ("ada", "kubelet", 10250, false),
        ],
    );
}

#[test]
fn each_program_lets_in_who_needs_it() {
    check(
        json!({}),
        &[
            ("browser", "portal", 8080, true),
            ("stranger", "portal", 8080, true),
            ("portal", "gitea", 3000, true),
            ("gateway", "gitea", 3000, true),
            ("controller", "gitea", 3000, true),
            ("stranger", "gitea", 3000, false),
            ("impostor", "gitea", 3000, false),
            ("browser", "gitea", 3000, false),
            ("stranger", "gateway", 8443, false),
            ("stranger", "controller", 8443, false),
            ("prometheus", "controller", 8080, true),
            ("prometheus", "gateway", 8080, true),
            ("prometheus", "portal", 8081, true),
            ("ada", "portal", 8081, false),
            ("gitea", "internet", 443, true),
            ("gitea", "metadata", 80, false),
            ("gitea", "kubelet", 10250, false),
            ("controller", "api server", 6443, true),
            ("portal", "service of the api server", 443, true),
        ],
    );
}
