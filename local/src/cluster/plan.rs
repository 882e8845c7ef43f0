//! Which addresses a cluster uses: a block per cluster, cut into pods, Services and links.
//!
//! The blocks lie in 198.18.0.0/15, set apart for tests (RFC 2544), so they meet no network that a machine is in.

use std::net::Ipv4Addr;

/// As many clusters live on a machine at once.
pub(super) const CLUSTERS: u8 = 16;
/// As many nodes has a cluster at most.
pub(super) const NODES: u8 = 16;
/// The whole range, that of all clusters.
pub(super) const RANGE: &str = "198.18.0.0/15";

const BASE: u32 = u32::from_be_bytes([198, 18, 0, 0]);
const BLOCK: u32 = 1 << 13;
const SERVICES: u32 = 1 << 12;
const LINKS: u32 = SERVICES + (1 << 11);

/// The addresses of one cluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClusterPlan {
    index: u8,
}

/// The addresses of one node.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodePlan {
    cluster: ClusterPlan,
    index: u8,
}

impl ClusterPlan {
    pub(super) fn new(index: u8) -> Self {
        Self { index }
    }

    /// The cluster's whole block.
    pub(super) fn block(self) -> String {
        format!("{}/19", self.at(0))
    }

    /// All pods of the cluster.
    pub(super) fn pods(self) -> String {
        format!("{}/20", self.at(0))
    }

    /// All Services.
    pub(super) fn services(self) -> String {
        format!("{}/21", self.at(SERVICES))
    }

    /// The Service of the API server.
    pub(super) fn api_service(self) -> Ipv4Addr {
        self.at(SERVICES + 1)
    }

    /// The Service of the DNS server.
    pub(super) fn dns_service(self) -> Ipv4Addr {
        self.at(SERVICES + 10)
    }

    pub(super) fn node(self, index: u8) -> NodePlan {
        NodePlan { cluster: self, index }
    }

    fn at(self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from(BASE + u32::from(self.index) * BLOCK + offset)
    }
}

impl NodePlan {
    /// The node's own pods.
    pub(super) fn pods(self) -> String {
        format!("{}/24", self.cluster.at(u32::from(self.index) << 8))
    }

    /// The host's end of the link, the node's way out.
    pub(super) fn gateway(self) -> Ipv4Addr {
        self.cluster.at(LINKS + 4 * u32::from(self.index) + 1)
    }

    /// The node's address.
    pub(super) fn address(self) -> Ipv4Addr {
        self.cluster.at(LINKS + 4 * u32::from(self.index) + 2)
    }

    /// The name of the host's end of the link; the kernel allows 15 characters.
    pub(super) fn link(self) -> String {
        format!("ni{}-{}", self.cluster.index, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_node_of_the_last_cluster_is_inside_the_range() {
        let cluster = ClusterPlan::new(CLUSTERS - 1);
        let node = cluster.node(NODES - 1);
        assert_eq!(cluster.block(), "198.19.224.0/19");
        assert_eq!(cluster.services(), "198.19.240.0/21");
        assert_eq!(cluster.dns_service(), Ipv4Addr::new(198, 19, 240, 10));
        assert_eq!(node.pods(), "198.19.239.0/24");
        assert_eq!(node.address(), Ipv4Addr::new(198, 19, 248, 62));
    }
}
