//! What is known of a cluster on disk, enough to clean it up whatever happened to its starter.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    options::{ClusterOptions, NodeOptions},
    plan::{CLUSTERS, ClusterPlan, NodePlan},
};
use crate::{
    command::{command, output},
    error::{At, Error, Result},
    files,
    lock::Lock,
    paths,
};

/// The content of `cluster.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) name: String,
    index: u8,
    pub(super) nodes: Vec<NodeOptions>,
    pub(super) api_server_args: Vec<String>,
    /// Set when a detached cluster has started: from then on nobody's end is its end.
    pub(super) detached: bool,
}

impl Record {
    /// Chooses a free block of addresses, and writes the record before anything else exists.
    ///
    /// The caller holds [`all_lock`].
    pub(super) fn create(options: &ClusterOptions) -> Result<Self> {
        let taken: Vec<u8> = all()?.iter().map(|record| record.index).collect();
        // Another user's or an unknown state folder may hold a block too.
        let addresses = output(&mut command("ip", ["-4", "-o", "address"]))?;
        let used =
            |index: u8| addresses.contains(&format!(" {}/", ClusterPlan::new(index).node(0).gateway()));
        let index = (0..CLUSTERS)
            .find(|index| !taken.contains(index) && !used(*index))
            .ok_or(Error::Full(CLUSTERS))?;
        let record = Self {
            name: options.name.clone(),
            index,
            nodes: options.nodes.clone(),
            api_server_args: options.api_server_args.clone(),
            detached: false,
        };
        record.save()?;
        Ok(record)
    }

    /// Reads the record of the cluster `name`, if there is one.
    pub(super) fn load(name: &str) -> Result<Option<Self>> {
        let path = file(name);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(&path).at(&path)?;
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| Error::Damaged { path, reason: error.to_string() })
    }

    /// Writes the record; a reader sees the old or the new one.
    pub(super) fn save(&self) -> Result<()> {
        let (path, new) = (file(&self.name), self.folder().join("cluster.json.new"));
        files::write(&new, &serde_json::to_string_pretty(self).map_err(std::io::Error::other).at(&new)?)?;
        fs::rename(&new, &path).at(path)
    }

    /// The cluster's folder.
    pub(super) fn folder(&self) -> PathBuf {
        folder(&self.name)
    }

    /// The folder of the control plane.
    pub(super) fn control(&self) -> PathBuf {
        self.folder().join("control")
    }

    /// The administrator's kubeconfig.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.control().join("admin.kubeconfig")
    }

    /// The folder of one node.
    pub(super) fn node_folder(&self, node: &str) -> PathBuf {
        self.folder().join(node)
    }

    /// The cluster's addresses.
    pub(super) fn plan(&self) -> ClusterPlan {
        ClusterPlan::new(self.index)
    }

    /// A node's addresses; they follow from its place in the list.
    pub(super) fn node_plan(&self, node: &str) -> Result<NodePlan> {
        let index = self.nodes.iter().position(|other| other.name == node);
        let index =
            index.and_then(|index| u8::try_from(index).ok()).ok_or_else(|| Error::NoNode(node.to_owned()))?;
        Ok(self.plan().node(index))
    }

    /// The name of a node's network namespace.
    pub(super) fn netns_name(&self, node: &str) -> String {
        format!("ni-{}-{node}", self.name)
    }

    /// The file of a node's network namespace.
    pub(super) fn netns(&self, node: &str) -> PathBuf {
        Path::new("/var/run/netns").join(self.netns_name(node))
    }
}

/// The records of all clusters; damaged ones are left out.
pub(super) fn all() -> Result<Vec<Record>> {
    let entries = fs::read_dir(paths::clusters()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter_map(|name| Record::load(&name).ok().flatten()).collect())
}

/// The lock of one cluster: its starter holds it.
pub(super) fn lock_file(name: &str) -> PathBuf {
    paths::clusters().join(".locks").join(name)
}

/// The lock under which clusters come into being and leftovers are removed.
pub(super) fn all_lock() -> Result<Lock> {
    Lock::wait(&paths::clusters().join(".lock"))
}

fn folder(name: &str) -> PathBuf {
    paths::clusters().join(name)
}

fn file(name: &str) -> PathBuf {
    folder(name).join("cluster.json")
}
