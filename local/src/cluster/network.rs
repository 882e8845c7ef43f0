//! A node's network namespace: a link to the host, and routes there and back.
//!
//! ```text
//! host ── niC-N ═══ eth0 ── node's namespace ── cni0 ═══ pods
//! ```
//! Nodes reach one another through the host, which has a route to the pods of each.

use super::{
    plan::{ClusterPlan, NodePlan, RANGE},
    record::Record,
};
use crate::{
    command::{command, output, output_with_input, succeeds},
    error::{At, Result},
};

/// Prepares the host: it forwards between nodes, and hides the cluster's addresses from the world outside.
pub(super) fn open_host(record: &Record) -> Result<()> {
    let forward = "/proc/sys/net/ipv4/ip_forward";
    std::fs::write(forward, "1").at(forward)?;
    let (table, block) = (table(record), record.plan().block());
    let rules = format!(
        "table ip {table} {{}}
delete table ip {table}
table ip {table} {{
  chain out {{
    type nat hook postrouting priority srcnat;
    ip saddr {block} ip daddr != {RANGE} masquerade
  }}
}}
"
    );
    output_with_input(&mut command("nft", ["-f", "-"]), &rules)?;
    Ok(())
}

/// Undoes [`open_host`]; forwarding stays on, since others may rely on it by now.
pub(super) fn close_host(record: &Record) {
    succeeds(&mut command("nft", ["delete", "table", "ip", &table(record)]));
}

/// Makes the node's namespace with its link and routes.
pub(super) fn attach(record: &Record, node: &str) -> Result<()> {
    let (netns, plan) = (record.netns_name(node), record.node_plan(node)?);
    let (link, gateway, address) = (plan.link(), plan.gateway().to_string(), plan.address().to_string());
    ip(&["netns", "add", &netns])?;
    ip(&["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &netns])?;
    ip(&["address", "add", &format!("{gateway}/30"), "dev", &link])?;
    ip(&["link", "set", &link, "up"])?;
    ip(&["-n", &netns, "link", "set", "lo", "up"])?;
    ip(&["-n", &netns, "address", "add", &format!("{address}/30"), "dev", "eth0"])?;
    ip(&["-n", &netns, "link", "set", "eth0", "up"])?;
    ip(&["-n", &netns, "route", "add", "default", "via", &gateway])?;
    // Sysctls of a namespace are files of the process that is in it.
    let enter = format!("--net={}", record.netns(node).display());
    output(&mut command("nsenter", [&enter, "--", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))?;
    add_routes(record.plan(), plan)
}

/// Cuts the node off, as a pulled cable does; the host's routes through the link go with it.
pub(super) fn unplug(plan: NodePlan) -> Result<()> {
    ip(&["link", "set", &plan.link(), "down"])
}

/// Plugs the node in again.
pub(super) fn plug(cluster: ClusterPlan, plan: NodePlan) -> Result<()> {
    ip(&["link", "set", &plan.link(), "up"])?;
    add_routes(cluster, plan)
}

/// Removes the node's namespace and link, and with them their routes and rules.
pub(super) fn detach(record: &Record, node: &str) {
    if let Ok(plan) = record.node_plan(node) {
        succeeds(&mut command("ip", ["link", "delete", &plan.link()]));
    }
    succeeds(&mut command("ip", ["netns", "delete", &record.netns_name(node)]));
}

fn add_routes(cluster: ClusterPlan, plan: NodePlan) -> Result<()> {
    let address = plan.address().to_string();
    ip(&["route", "replace", &plan.pods(), "via", &address])?;
    if plan.address() == cluster.node(0).address() {
        // The host reaches Services through the first node.
        ip(&["route", "replace", &cluster.services(), "via", &address])?;
    }
    Ok(())
}

fn table(record: &Record) -> String {
    format!("neuralinverse_{}", record.name.replace('-', "_"))
}

fn ip(args: &[&str]) -> Result<()> {
    output(&mut command("ip", args)).map(drop)
}
