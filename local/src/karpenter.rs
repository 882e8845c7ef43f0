//! Karpenter without a cloud: its decisions are the real ones, its machines are Node objects and nothing more.

use std::fs;

use crate::{
    error::{At, Result},
    kwok::{self, Nodes},
    process::Process,
    servers::Servers,
    tools::Tool,
};

/// What it needs besides the control plane.
pub(crate) const TOOLS: [Tool; 3] = [Tool::KubeScheduler, Tool::Kwok, Tool::Karpenter];

/// Defines Karpenter's kinds, and starts kwok and Karpenter.
pub(crate) fn start(servers: &Servers) -> Result<[Process; 2]> {
    define(servers)?;
    let kubeconfig = servers.admin().display().to_string();
    let karpenter = [
        "--disable-leader-election=true",
        // Ports that nobody asks for are any.
        "--metrics-port=0",
        "--health-probe-port=0",
        // Pods come one by one in tests: no waiting for more of them.
        "--batch-idle-duration=100ms",
    ];
    Ok([
        kwok::start(servers, &Nodes::OfKarpenter)?,
        servers.start_with(
            Tool::Karpenter,
            karpenter.map(String::from).to_vec(),
            vec![("KUBECONFIG", kubeconfig)],
        )?,
    ])
}

fn define(servers: &Servers) -> Result<()> {
    let folder = servers.tools.path(Tool::Karpenter)?.with_file_name("crds");
    let kubectl = servers.kubectl()?;
    let mut manifests = Vec::new();
    for file in fs::read_dir(&folder).at(&folder)? {
        let path = file.at(&folder)?.path();
        manifests.push(fs::read_to_string(&path).at(path)?);
    }
    kubectl.apply(&manifests.join("\n---\n"))?;
    kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?;
    Ok(())
}
