//! A node's containerd: its configuration, its start, and the images in it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use super::record::Record;
use crate::{
    command::{command, output, succeeds},
    error::{At, Result},
    files, images,
    process::{Launch, Lifetime, Process, wait_until},
    tools::{Tool, Tools},
};

const READY: Duration = Duration::from_secs(60);

/// The programs that containerd starts by name.
const HELPERS: [Tool; 2] = [Tool::ContainerdShim, Tool::Runc];
const PLUGINS: [Tool; 3] = [Tool::CniBridge, Tool::CniHostLocal, Tool::CniPortmap];

/// The container runtime of one node.
#[derive(Debug, Clone)]
pub(super) struct Runtime {
    folder: PathBuf,
    ctr: PathBuf,
}

impl Runtime {
    pub(super) fn new(record: &Record, node: &str, tools: &Tools) -> Result<Self> {
        Ok(Self { folder: record.node_folder(node), ctr: tools.path(Tool::Ctr)?.to_owned() })
    }

    /// Where containerd listens.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("containerd.sock")
    }

    /// Starts containerd, and waits until it answers.
    pub(super) fn start(
        &self,
        record: &Record,
        node: &str,
        tools: &Tools,
        lifetime: Lifetime,
    ) -> Result<Process> {
        let pods = record.node_plan(node)?.pods();
        let network = record.netns_name(node);
        files::write(&self.folder.join("cni/10-pods.conflist"), &cni_config(&self.folder, &network, &pods))?;
        let config = self.folder.join("containerd.toml");
        files::write(&config, &config_toml(&self.folder, &folders(tools, &PLUGINS)?))?;
        let netns = record.netns(node);
        let launch = Launch {
            name: "containerd",
            program: tools.path(Tool::Containerd)?,
            args: vec![format!("--config={}", config.display())],
            env: Vec::new(),
            logs: &self.folder.join("log"),
            netns: Some(&netns),
            path: folders(tools, &HELPERS)?,
            lifetime,
        };
        let mut process = launch.start()?;
        wait_until("containerd's readiness", READY, [&mut process], || {
            succeeds(&mut self.ctr(&["version"]))
        })?;
        for archive in images::small::archives()? {
            self.import(&archive)?;
        }
        Ok(process)
    }

    /// Brings an image archive into the node; does nothing when its very content is there.
    pub(super) fn import(&self, archive: &Path) -> Result<()> {
        let wanted = images::oci::names(archive)?;
        let present = output(&mut self.ctr(&["images", "list"]))?;
        let there = |name: &str, digest: &str| {
            present.lines().any(|line| line.starts_with(&format!("{name} ")) && line.contains(digest))
        };
        if !wanted.is_empty() && wanted.iter().all(|(name, digest)| there(name, digest)) {
            return Ok(());
        }
        output(self.ctr(&["images", "import"]).arg(archive)).map(drop)
    }

    /// The sockets of the shims, which lie outside the node's folder. To be read before its removal.
    pub(super) fn remove_shim_sockets(&self) {
        let bundles = self.folder.join("run/io.containerd.runtime.v2.task/k8s.io");
        for bundle in fs::read_dir(bundles).into_iter().flatten().flatten() {
            for file in ["bootstrap.json", "address"] {
                let text = fs::read_to_string(bundle.path().join(file)).unwrap_or_default();
                let paths = text.split('"').filter_map(|part| part.trim().strip_prefix("unix://"));
                paths.for_each(|path| drop(fs::remove_file(path)));
            }
        }
    }

    fn ctr(&self, args: &[&str]) -> std::process::Command {
        let mut ctr = command(&self.ctr, ["--address"]);
        ctr.arg(self.socket()).args(["--namespace", "k8s.io"]).args(args);
        ctr
    }
}

fn folders(tools: &Tools, programs: &[Tool]) -> Result<Vec<PathBuf>> {
    let folder = |tool: &Tool| Ok(tools.path(*tool)?.parent().unwrap_or(Path::new("/")).to_owned());
    programs.iter().map(folder).collect()
}

fn config_toml(folder: &Path, plugins: &[PathBuf]) -> String {
    let (folder, pause) = (folder.display(), images::small::PAUSE);
    let plugins: Vec<_> =
        plugins.iter().map(|folder| format!("{:?}", folder.display().to_string())).collect();
    let plugins = plugins.join(", ");
    format!(
        r#"version = 3
root = "{folder}/containerd"
state = "{folder}/run"
# NRI and the optional-programs folder have one fixed place on a machine, and nodes share the machine.
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]

[grpc]
address = "{folder}/containerd.sock"

[plugins.'io.containerd.cri.v1.images']
snapshotter = "overlayfs"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{pause}"

[plugins.'io.containerd.cri.v1.runtime']
# Where CAP_SYS_RESOURCE is missing, runc fails to lower the score.
restrict_oom_score_adj = true
# Below our folder, so that they are found and removed with it.
netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = [{plugins}]
conf_dir = "{folder}/cni"
use_internal_loopback = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
Root = "{folder}/runc"
"#
    )
}

fn cni_config(folder: &Path, network: &str, pods: &str) -> String {
    let bridge = json!({
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": true,
        // Pods keep their addresses on the way to other nodes; the host hides them from the outside.
        "ipMasq": false,
        "hairpinMode": true,
        "ipam": {
            "type": "host-local",
            "dataDir": folder.join("ipam"),
            "ranges": [[{ "subnet": pods }]],
            "routes": [{ "dst": "0.0.0.0/0" }],
        },
    });
    let portmap =
        json!({ "type": "portmap", "backend": "nftables", "capabilities": { "portMappings": true } });
    json!({ "cniVersion": "1.0.0", "name": network, "plugins": [bridge, portmap] }).to_string()
}

/// Results of the CNI plugins that a killed node leaves in their common cache.
pub(super) fn remove_cni_results(record: &Record, node: &str) -> Result<()> {
    let cache = Path::new("/var/lib/cni/results");
    let prefix = format!("{}-", record.netns_name(node));
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            fs::remove_file(entry.path()).at(entry.path())?;
        }
    }
    Ok(())
}
