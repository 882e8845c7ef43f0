//! What nodes have, and what pods ask of them.

use k8s_openapi::{api::core::v1::Node, apimachinery::pkg::api::resource};
use neuralinverse_api::Quantity;

use crate::kubernetes::Pod;

/// What a pod asks of a node, or what a node has left: thousandths of a CPU and of a byte, and places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Thousandths of a CPU.
    pub cpu: i128,
    /// Thousandths of a byte.
    pub memory: i128,
    /// How many pods.
    pub pods: i128,
}

impl Amount {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, memory: self.memory + other.memory, pods: self.pods + other.pods }
    }

    /// What is left without the other.
    pub fn minus(self, other: Self) -> Self {
        Self { cpu: self.cpu - other.cpu, memory: self.memory - other.memory, pods: self.pods - other.pods }
    }

    /// Whether the other fits into it.
    pub fn covers(self, other: Self) -> bool {
        self.cpu >= other.cpu && self.memory >= other.memory && self.pods >= other.pods
    }
}

/// The node that a pod holds a part of, which one that ended does not.
pub fn held_node(pod: &Pod) -> Option<&str> {
    let holds = !matches!(pod.status.phase.as_deref(), Some("Failed" | "Succeeded"));
    pod.spec.node_name.as_deref().filter(|_| holds)
}

/// What a pod asks of its node. Our sidecar asks for little, and the same of each.
pub fn asks(pod: &Pod) -> Amount {
    let amount = |quantity: &Option<_>| quantity.as_ref().map(milli).unwrap_or_default();
    let requests = pod.spec.containers.iter().map(|container| &container.resources.requests);
    requests.fold(Amount { pods: 1, ..Amount::default() }, |sum, requests| {
        sum.plus(Amount { cpu: amount(&requests.cpu), memory: amount(&requests.memory), pods: 0 })
    })
}

/// What a node has for pods.
pub fn has(node: &Node) -> Amount {
    let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
    let amount = |name: &str| allocatable.and_then(|all| all.get(name)).map(milli).unwrap_or_default();
    Amount { cpu: amount("cpu"), memory: amount("memory"), pods: amount("pods") / 1000 }
}

fn milli(quantity: &resource::Quantity) -> i128 {
    quantity.0.parse::<Quantity>().map_or(0, |quantity| quantity.milli())
}
