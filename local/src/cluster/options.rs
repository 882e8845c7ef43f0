//! What a cluster consists of, as the caller asks for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::NODES;
use crate::error::{Error, Result};

/// The label that tells the nodes of the system from those of workspaces.
pub const ROLE_LABEL: &str = "neuralinverse.com/role";

/// A cluster to start.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    pub(super) name: String,
    pub(super) nodes: Vec<NodeOptions>,
    pub(super) persist: bool,
    pub(super) api_server_args: Vec<String>,
}

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeOptions {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) taints: Vec<String>,
}

impl ClusterOptions {
    /// A cluster with one system node, which carries the control plane, and as many workspace nodes.
    pub fn new(name: impl Into<String>, workspace_nodes: u8) -> Self {
        let workspaces =
            (1..=workspace_nodes).map(|number| NodeOptions::workspace(format!("workspace-{number}")));
        let nodes = std::iter::once(NodeOptions::system("system")).chain(workspaces).collect();
        Self { name: name.into(), nodes, persist: false, api_server_args: Vec::new() }
    }

    /// These nodes instead; the first one carries the control plane.
    #[must_use]
    pub fn with_nodes(mut self, nodes: Vec<NodeOptions>) -> Self {
        self.nodes = nodes;
        self
    }

    /// One more argument for the API server.
    #[must_use]
    pub fn with_api_server_arg(mut self, arg: impl Into<String>) -> Self {
        self.api_server_args.push(arg.into());
        self
    }

    /// The cluster stays when its starter ends, until `neuralinverse-local down`.
    #[must_use]
    pub fn persist(mut self) -> Self {
        self.persist = true;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        check_name(&self.name, 24)?;
        if self.nodes.is_empty() || self.nodes.len() > usize::from(NODES) {
            return Err(Error::TooManyNodes(NODES));
        }
        self.nodes.iter().try_for_each(NodeOptions::check)
    }
}

impl NodeOptions {
    /// A node for the control plane and the controllers.
    pub fn system(name: impl Into<String>) -> Self {
        Self::new(name, "system").with_label("node-role.kubernetes.io/control-plane", "")
    }

    /// A node for workspaces.
    pub fn workspace(name: impl Into<String>) -> Self {
        Self::new(name, "workspace")
    }

    /// Adds a label.
    #[must_use]
    pub fn with_label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Adds a taint in kubectl's words: `key=value:NoSchedule`.
    #[must_use]
    pub fn with_taint(mut self, taint: impl Into<String>) -> Self {
        self.taints.push(taint.into());
        self
    }

    fn new(name: impl Into<String>, role: &str) -> Self {
        Self { name: name.into(), labels: BTreeMap::new(), taints: Vec::new() }.with_label(ROLE_LABEL, role)
    }

    pub(super) fn check(&self) -> Result<()> {
        // The names of the cluster's own folders.
        if ["control", "volumes"].contains(&self.name.as_str()) {
            return Err(Error::BadName(self.name.clone()));
        }
        check_name(&self.name, 16)
    }
}

/// Names become parts of the paths of sockets, of which the kernel takes 107 characters.
fn check_name(name: &str, longest: usize) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = (1..=longest).contains(&name.len())
        && name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-');
    if good { Ok(()) } else { Err(Error::BadName(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_break_paths_or_kubernetes_are_refused() {
        for (name, good) in [
            ("demo", true),
            ("a-1", true),
            ("", false),
            ("1a", false),
            ("a-", false),
            ("A", false),
            ("../x", false),
        ] {
            assert_eq!(ClusterOptions::new(name, 1).check().is_ok(), good, "{name}");
        }
        assert!(NodeOptions::workspace("control").check().is_err());
    }
}
