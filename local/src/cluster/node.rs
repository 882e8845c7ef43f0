//! One node: its kubelet and its kube-proxy, beside the container runtime.

use std::{fs, path::Path};

use serde_json::json;

use super::{
    cgroup, network,
    options::NodeOptions,
    record::Record,
    runtime::{self, Runtime},
};
use crate::{
    error::Result,
    files, kubeconfig, leftovers,
    pki::{Authority, Subject},
    process::{Launch, Lifetime, Process},
    tools::{Tool, Tools},
};

/// A node of a cluster, running or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) record: &'a Record,
    pub(super) options: &'a NodeOptions,
    pub(super) tools: &'a Tools,
    pub(super) lifetime: Lifetime,
}

impl Node<'_> {
    /// Makes the node's certificates and kubeconfigs.
    pub(super) fn issue(&self, authority: &Authority, server: &str) -> Result<()> {
        let (name, folder) = (&self.options.name, self.record.node_folder(&self.options.name));
        let pki = folder.join("pki");
        let user = format!("system:node:{name}");
        let hosts = vec![self.record.node_plan(name)?.address().to_string(), name.clone()];
        let subject = Subject { user: &user, group: Some("system:nodes"), hosts };
        authority.issue(&pki, "kubelet", &subject)?;
        authority.issue(&pki, "kube-proxy", &Subject { user: "system:kube-proxy", ..Subject::default() })?;
        for program in ["kubelet", "kube-proxy"] {
            kubeconfig::write(&folder, &pki, &self.record.name, program, server)?;
        }
        Ok(())
    }

    /// Makes the node's network and cgroup.
    pub(super) fn attach(&self) -> Result<()> {
        network::attach(self.record, &self.options.name)?;
        cgroup::create(&self.record.name, &self.options.name)
    }

    /// Starts the node's container runtime. Needs no API server yet.
    pub(super) fn start_runtime(&self) -> Result<Process> {
        let name = &self.options.name;
        Runtime::new(self.record, name, self.tools)?.start(self.record, name, self.tools, self.lifetime)
    }

    /// Starts what joins the node to its cluster.
    pub(super) fn join(&self) -> Result<Vec<Process>> {
        let (name, folder) = (&self.options.name, self.record.node_folder(&self.options.name));
        let address = self.record.node_plan(name)?.address();
        let config = folder.join("kubelet.yaml");
        files::write(&config, &self.kubelet_config(&folder)?)?;
        let kubelet = vec![
            format!("--config={}", config.display()),
            format!("--kubeconfig={}/kubelet.kubeconfig", folder.display()),
            format!("--hostname-override={name}"),
            format!("--node-ip={address}"),
            format!("--root-dir={}/kubelet", folder.display()),
        ];
        let proxy = vec![
            format!("--kubeconfig={}/kube-proxy.kubeconfig", folder.display()),
            format!("--hostname-override={name}"),
            format!("--cluster-cidr={}", self.record.plan().pods()),
            "--proxy-mode=nftables".into(),
            // Zero leaves these settings of the kernel as they are; some machines let nobody change them.
            "--conntrack-max-per-core=0".into(),
            "--conntrack-min=0".into(),
            "--conntrack-tcp-timeout-established=0s".into(),
            "--conntrack-tcp-timeout-close-wait=0s".into(),
        ];
        Ok(vec![self.start(Tool::Kubelet, kubelet)?, self.start(Tool::KubeProxy, proxy)?])
    }

    /// Kills all that runs on the node, pods included, as a power cut does. Its disk stays.
    pub(super) fn kill(&self) {
        let folder = self.record.node_folder(&self.options.name);
        // Twice: containerd may start a shim between the listing and its end.
        leftovers::kill_users_of(&folder);
        leftovers::kill_users_of(&folder);
        cgroup::kill_all(&self.record.name, &self.options.name);
    }

    /// Removes what the killed node has outside its folder.
    pub(super) fn clean(&self) -> Result<()> {
        let (name, folder) = (&self.options.name, self.record.node_folder(&self.options.name));
        if let Ok(runtime) = Runtime::new(self.record, name, self.tools) {
            runtime.remove_shim_sockets();
        }
        leftovers::unmount_below(&folder);
        network::detach(self.record, name);
        cgroup::remove(&self.record.name, name);
        remove_log_links(&folder);
        runtime::remove_cni_results(self.record, name)
    }

    fn start(&self, tool: Tool, args: Vec<String>) -> Result<Process> {
        let netns = self.record.netns(&self.options.name);
        let logs = self.record.node_folder(&self.options.name).join("log");
        let program = self.tools.path(tool)?;
        let (name, lifetime) = (tool.name(), self.lifetime);
        let (env, path) = (Vec::new(), Vec::new());
        Launch { name, program, args, env, logs: &logs, netns: Some(&netns), path, lifetime }.start()
    }

    fn kubelet_config(&self, folder: &Path) -> Result<String> {
        let name = &self.options.name;
        let socket = Runtime::new(self.record, name, self.tools)?.socket();
        let config = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": false,
            "failSwapOn": false,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroup::name(&self.record.name, name),
            "containerRuntimeEndpoint": format!("unix://{}", socket.display()),
            "clusterDomain": "cluster.local",
            "clusterDNS": [self.record.plan().dns_service()],
            "resolvConf": self.record.control().join("resolv.conf"),
            "authentication": {
                "anonymous": { "enabled": false },
                "x509": { "clientCAFile": folder.join("pki/ca.crt") },
                "webhook": { "enabled": true },
            },
            "authorization": { "mode": "Webhook" },
            "tlsCertFile": folder.join("pki/kubelet.crt"),
            "tlsPrivateKeyFile": folder.join("pki/kubelet.key"),
            "registerWithTaints": self.options.taints.iter().filter_map(|taint| taint_object(taint)).collect::<Vec<_>>(),
            // A developer's disk is often nearly full, and evicting pods would not help it.
            "evictionHard": { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
            "imageGCHighThresholdPercent": 100,
            // Renewed four times as often as it lasts, so that a lost node is seen soon.
            "nodeLeaseDurationSeconds": 20,
            "podLogsDir": folder.join("pod-logs"),
            "volumePluginDir": folder.join("volume-plugins"),
            "maxPods": 250,
            "registryPullQPS": 0,
            "serializeImagePulls": false,
            "syncFrequency": "10s",
        });
        Ok(config.to_string())
    }
}

/// `key=value:effect` or `key:effect`, as kubectl writes it.
fn taint_object(taint: &str) -> Option<serde_json::Value> {
    let (rest, effect) = taint.rsplit_once(':')?;
    let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
    Some(json!({ "key": key, "value": value, "effect": effect }))
}

/// The kubelet links each container's log into one folder for the machine.
fn remove_log_links(folder: &Path) {
    for entry in fs::read_dir("/var/log/containers").into_iter().flatten().flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(folder)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
