//! A cgroup per node, the root of all its pods: several kubelets share a machine, and a node's pods end together.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::error::{At, Result};

const ROOT: &str = "/sys/fs/cgroup";

/// The name of a node's cgroup as the kubelet takes it.
pub(super) fn name(cluster: &str, node: &str) -> String {
    format!("/neuralinverse-local/{cluster}/{node}")
}

/// Makes the cgroup in every hierarchy.
pub(super) fn create(cluster: &str, node: &str) -> Result<()> {
    for hierarchy in hierarchies() {
        let mut folder = hierarchy.clone();
        for part in name(cluster, node).split('/').filter(|part| !part.is_empty()) {
            pass_controllers_on(&folder);
            let parent = folder.clone();
            folder.push(part);
            fs::create_dir_all(&folder).at(&folder)?;
            inherit_cpuset(&parent, &folder)?;
        }
        pass_controllers_on(&folder);
    }
    Ok(())
}

/// Kills all processes of the node's pods.
pub(super) fn kill_all(cluster: &str, node: &str) {
    // A process may start another one between the listing and its end.
    for _ in 0..50 {
        let folders = hierarchies()
            .into_iter()
            .flat_map(|hierarchy| tree(&in_hierarchy(&hierarchy, &name(cluster, node))));
        let pids: Vec<i32> = folders.flat_map(|folder| processes(&folder)).collect();
        if pids.is_empty() {
            return;
        }
        for pid in pids {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Removes the node's cgroups, and the cluster's when this was its last node.
pub(super) fn remove(cluster: &str, node: &str) {
    for hierarchy in hierarchies() {
        for folder in tree(&in_hierarchy(&hierarchy, &name(cluster, node))) {
            let _ = fs::remove_dir(folder);
        }
        let _ = fs::remove_dir(in_hierarchy(&hierarchy, &format!("/neuralinverse-local/{cluster}")));
        let _ = fs::remove_dir(hierarchy.join("neuralinverse-local"));
    }
}

/// The mounted hierarchies: one in version 2; in version 1 one per controller, of which names with commas are links, and
/// beside them one of version 2 that takes no part in the limits.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        return vec![root.to_owned()];
    }
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let folders =
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    folders.filter(|folder| folder.join("cgroup.procs").exists()).collect()
}

fn in_hierarchy(hierarchy: &Path, name: &str) -> PathBuf {
    hierarchy.join(name.trim_start_matches('/'))
}

/// Version 2: children get the controllers that their parent passes on. One by one: those that the machine keeps for
/// itself are refused, and the kubelet says which of them it misses.
fn pass_controllers_on(folder: &Path) {
    let passed_on = folder.join("cgroup.subtree_control");
    let controllers = fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
    for controller in controllers.split_whitespace() {
        let _ = fs::write(&passed_on, format!("+{controller}"));
    }
}

/// Version 1: a new cpuset has no processors, and takes no process until it does.
fn inherit_cpuset(parent: &Path, folder: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let (from, to) = (parent.join(file), folder.join(file));
        if from.exists() && to.exists() && !parent.join("cgroup.controllers").exists() {
            fs::write(&to, fs::read(&from).at(&from)?).at(to)?;
        }
    }
    Ok(())
}

/// A folder and those below it, the innermost first.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let children = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = children.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut all: Vec<_> = folders.flat_map(|entry| tree(&entry.path())).collect();
    all.push(folder.to_owned());
    all
}

fn processes(folder: &Path) -> Vec<i32> {
    let list = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    list.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0).collect()
}
