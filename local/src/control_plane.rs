//! etcd and a real API server on loopback, without nodes: what tests of controllers and providers need.

use std::{fs, path::PathBuf};

use crate::{
    blocking,
    error::{At, Result},
    karpenter,
    kubectl::Kubectl,
    kwok,
    own_folder::OwnFolder,
    paths,
    ports::Ports,
    process::{Lifetime, Process},
    servers::{self, Servers},
    tools::{self, Tool},
};

/// What a control plane consists of.
#[derive(Debug, Clone, Default)]
pub struct ControlPlaneOptions {
    controller_manager: bool,
    karpenter: bool,
    kwok: bool,
    api_server_args: Vec<String>,
}

impl ControlPlaneOptions {
    /// Also runs the controller manager: garbage collection, service accounts, deletion of namespaces.
    #[must_use]
    pub fn with_controller_manager(mut self) -> Self {
        self.controller_manager = true;
        self
    }

    /// Also runs the controller manager, the scheduler and Karpenter, whose machines are Node objects and nothing
    /// more; pods on them are said to run. Its NodeClass is `KWOKNodeClass`, group `karpenter.kwok.sh`.
    #[must_use]
    pub fn with_karpenter(mut self) -> Self {
        self.karpenter = true;
        self.with_controller_manager()
    }

    /// Also runs kwok, which says of every node and of the pods on it that they are ready.
    #[must_use]
    pub fn with_kwok(mut self) -> Self {
        self.kwok = true;
        self
    }

    /// One more argument for the API server, such as `--feature-gates=…`.
    #[must_use]
    pub fn with_api_server_arg(mut self, arg: impl Into<String>) -> Self {
        self.api_server_args.push(arg.into());
        self
    }
}

/// A running control plane. It stops when dropped, and with its process however that ends, so several tests may share one
/// in a `static`. Needs no root.
#[derive(Debug)]
pub struct ControlPlane {
    folder: OwnFolder,
    kubectl: Kubectl,
    servers: Servers,
    processes: Vec<Process>,
    server: String,
    _ports: Ports,
}

impl ControlPlane {
    /// Starts one and waits until it serves: about 5 s on two cores, plus minutes when the programs are not built yet.
    pub async fn start(options: ControlPlaneOptions) -> Result<Self> {
        blocking(move || Self::start_blocking(&options)).await
    }

    /// As [`start`](Self::start), for callers without a runtime.
    pub fn start_blocking(options: &ControlPlaneOptions) -> Result<Self> {
        let mut programs = vec![Tool::Etcd, Tool::KubeApiserver, Tool::Kubectl];
        programs.extend(options.controller_manager.then_some(Tool::KubeControllerManager));
        programs.extend(options.karpenter.then_some(karpenter::TOOLS).into_iter().flatten());
        programs.extend(options.kwok.then_some(Tool::Kwok));
        let tools = tools::ensure(&programs)?;
        let folder = OwnFolder::make(&paths::state().join(".control-planes"))?;
        let ports = Ports::take()?;
        let servers = Servers {
            tools,
            name: "control-plane".to_owned(),
            folder: folder.path().to_owned(),
            netns: None,
            lifetime: Lifetime::Owner,
            address: std::net::Ipv4Addr::LOCALHOST,
            port: ports.api,
            etcd_port: ports.etcd,
            services: ("10.96.0.0/16".to_owned(), [10, 96, 0, 1].into()),
            api_server_args: options.api_server_args.clone(),
        };
        servers.issue()?;
        let mut processes = servers.start_api()?;
        if options.controller_manager {
            let patience =
                if options.kwok { kwok::PATIENCE_WITH_NODES } else { servers::PATIENCE_WITH_NODES };
            processes.push(servers.start_controllers(patience)?);
        }
        if options.karpenter {
            processes.push(servers.start_scheduler()?);
            processes.extend(karpenter::start(&servers)?);
        }
        if options.kwok {
            processes.push(kwok::start(&servers, &kwok::Nodes::All)?);
        }
        let (kubectl, server) = (servers.kubectl()?, format!("https://127.0.0.1:{}", ports.api));
        Ok(Self { folder, kubectl, servers, processes, server, _ports: ports })
    }

    /// The administrator's kubeconfig file.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.folder.path().join("admin.kubeconfig")
    }

    /// The administrator's kubeconfig as YAML.
    pub fn kubeconfig(&self) -> Result<String> {
        let path = self.kubeconfig_path();
        fs::read_to_string(&path).at(path)
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// etcd's URL.
    pub fn etcd(&self) -> String {
        self.servers.etcd()
    }

    /// `kubectl` as administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Lets the API server hang: connections stay open and nobody answers.
    pub fn freeze_api_server(&self) -> Result<()> {
        self.signal_api_server("STOP")
    }

    /// Lets it go on.
    pub fn thaw_api_server(&self) -> Result<()> {
        self.signal_api_server("CONT")
    }

    fn signal_api_server(&self, signal: &str) -> Result<()> {
        let mut servers = self.processes.iter().filter(|it| it.name() == Tool::KubeApiserver.name());
        servers.try_for_each(|server| server.signal(signal))
    }

    /// Kills the API server and starts it again: every connection breaks off.
    pub fn restart_api_server(&mut self) -> Result<()> {
        for process in self.processes.iter_mut().filter(|it| it.name() == Tool::KubeApiserver.name()) {
            process.kill();
            *process = self.servers.start_api_server()?;
        }
        self.servers.wait_for_api(&mut self.processes)
    }

    /// The last log lines of a program, such as `kube-apiserver`.
    pub fn logs(&self, program: &str) -> String {
        self.processes.iter().find(|process| process.name() == program).map(Process::tail).unwrap_or_default()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // The controller manager and the API server before their etcd, and all before their folder.
        self.processes.iter_mut().rev().for_each(Process::kill);
    }
}
