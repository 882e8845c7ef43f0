//! kwok says of nodes and of the pods on them what a kubelet would say: that they are ready.

use crate::{error::Result, process::Process, servers::Servers, tools::Tool};

/// What it makes of nodes and pods, from its own examples. Without stages it ends at once.
const STAGES: [&str; 4] = [
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-delete.yaml",
];

/// How many seconds all nodes may say nothing: so that hundreds of them, whose leases are renewed each quarter of
/// their time, are no load.
pub(crate) const PATIENCE_WITH_NODES: u32 = 300;

/// Nodes that it speaks for.
pub(crate) enum Nodes {
    /// All that there are.
    All,
    /// Those that Karpenter makes.
    OfKarpenter,
}

/// Starts it.
pub(crate) fn start(servers: &Servers, nodes: &Nodes) -> Result<Process> {
    let folder = servers.tools.path(Tool::Kwok)?.with_file_name("stage");
    let mut args: Vec<_> =
        STAGES.iter().map(|stage| format!("--config={}", folder.join(stage).display())).collect();
    args.push(format!("--kubeconfig={}", servers.admin().display()));
    // A lease is renewed each quarter of its time: sooner than the controller manager takes a node for lost.
    args.extend(match nodes {
        Nodes::All => ["--manage-all-nodes=true".to_owned(), "--node-lease-duration-seconds=400".to_owned()],
        Nodes::OfKarpenter => [
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake".to_owned(),
            "--node-lease-duration-seconds=20".to_owned(),
        ],
    });
    servers.start(Tool::Kwok, args)
}
