//! What lies outside of the cluster: which addresses a pod may reach there.

use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use neuralinverse_api::Egress;
use serde_json::{Value, json};

/// Where clouds tell a machine, and whoever asks from it, its secrets.
const METADATA: [&str; 9] = [
    "169.254.0.0/16",         // link-local: nearly all of them, and tokens of pods on some
    "168.63.129.16/32",       // Azure
    "100.100.100.200/32",     // Alibaba
    "192.0.0.192/32",         // Oracle
    "fe80::/10",              // link-local
    "fd00:ec2::254/128",      // AWS
    "fd20:ce::254/128",       // Google
    "fd00:c1::a9fe:a9fe/128", // Oracle
    "fd00:42::42/128",        // Scaleway
];

/// Addresses that are not the Internet's: pods, Services and nodes have them, and company networks.
const PRIVATE: [&str; 14] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4", // some clouds give them to pods and nodes
    "::1/128",
    "fc00::/7",
    "fec0::/10",
    "ff00::/8",
];

/// By which an IPv6 network reaches IPv4, as `64:ff9b::` before the address.
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

/// The peers of an egress rule; none where nothing is reached. Policies only add up, so each peer has its
/// own exceptions.
pub fn peers(egress: &Egress) -> Vec<Value> {
    let never: Vec<IpNet> = parse(METADATA).chain(parse(egress.deny.iter().map(String::as_str))).collect();
    let private: Vec<IpNet> = parse(PRIVATE).chain(never.iter().copied()).collect();
    let internet = if egress.internet { &["0.0.0.0/0", "::/0"][..] } else { &[] };
    let public = parse(internet.iter().copied()).filter_map(|net| block(net, &private));
    let allowed = parse(egress.allow.iter().map(String::as_str)).filter_map(|net| block(net, &never));
    public.chain(allowed).collect()
}

/// The network without the exceptions; none if nothing is left of it.
fn block(net: IpNet, except: &[IpNet]) -> Option<Value> {
    let translated = except.iter().filter_map(|net| match net {
        IpNet::V4(net) => Some(IpNet::V6(through_nat64(*net))),
        IpNet::V6(_) => None,
    });
    let except = IpNet::aggregate(&except.iter().copied().chain(translated).collect());
    if except.iter().any(|hole| hole.contains(&net)) {
        return None;
    }
    let holes: Vec<String> = except.iter().filter(|hole| net.contains(*hole)).map(IpNet::to_string).collect();
    let mut block = json!({ "cidr": net.to_string() });
    if !holes.is_empty() {
        block["except"] = holes.into();
    }
    Some(json!({ "ipBlock": block }))
}

fn through_nat64(net: Ipv4Net) -> Ipv6Net {
    let address = Ipv6Addr::from(u128::from(NAT64) | u128::from(u32::from(net.network())));
    Ipv6Net::new_assert(address, 96 + net.prefix_len())
}

/// What is not a network, the API server has refused.
fn parse<'a>(nets: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = IpNet> {
    nets.into_iter().filter_map(|net| net.parse::<IpNet>().ok()).map(|net| net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(internet: bool, allow: &[&str], deny: &[&str]) -> Egress {
        let texts = |nets: &[&str]| nets.iter().map(|&net| net.to_owned()).collect();
        Egress { internet, allow: texts(allow), deny: texts(deny) }
    }

    #[test]
    fn our_own_networks_parse() {
        assert_eq!(parse(METADATA).count(), METADATA.len());
        assert_eq!(parse(PRIVATE).count(), PRIVATE.len());
    }

    #[test]
    fn a_network_is_allowed_without_what_is_denied_in_it() {
        for (allow, deny, wanted) in [
            (&["10.0.0.0/8"][..], &[][..], json!([{ "ipBlock": { "cidr": "10.0.0.0/8" } }])),
            (
                &["10.0.0.0/8"],
                &["10.9.0.0/16"],
                json!([{ "ipBlock": { "cidr": "10.0.0.0/8", "except": ["10.9.0.0/16"] } }]),
            ),
            (&["10.9.1.0/24"], &["10.9.0.0/16"], json!([])),
            (&["10.9.0.0/16"], &["10.9.0.0/16"], json!([])),
            (&["169.254.169.254/32"], &[], json!([])),
            (
                &["100.64.0.0/10"],
                &[],
                json!([{ "ipBlock": { "cidr": "100.64.0.0/10", "except": ["100.100.100.200/32"] } }]),
            ),
            (&["fd00:1::/32"], &[], json!([{ "ipBlock": { "cidr": "fd00:1::/32" } }])),
            (&["64:ff9b::a9fe:a9fe/128"], &[], json!([])),
        ] {
            assert_eq!(json!(peers(&egress(false, allow, deny))), wanted, "{allow:?} without {deny:?}");
        }
    }

    #[test]
    fn the_internet_is_two_peers_with_exceptions_within_them() {
        let peers = peers(&egress(true, &[], &["203.0.113.0/24"]));
        assert_eq!(peers.len(), 2);
        for peer in peers {
            let net: IpNet = peer["ipBlock"]["cidr"].as_str().unwrap().parse().unwrap();
            let holes = peer["ipBlock"]["except"].as_array().unwrap();
            assert!(!holes.is_empty());
            for hole in holes {
                let hole: IpNet = hole.as_str().unwrap().parse().unwrap();
                assert!(net.contains(&hole) && net != hole, "{hole} in {net}");
            }
        }
    }
}
