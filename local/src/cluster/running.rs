//! A cluster in the hands of its owner: starting its parts in order, and taking them away in order.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{
    addons, network, node::Node, options::NodeOptions, plan::NODES, record::Record, runtime::Runtime,
};
use crate::{
    error::{At, Error, Result},
    files,
    kubectl::Kubectl,
    leftovers,
    lock::Lock,
    pki::Authority,
    process::{self, Lifetime, Process, wait_until},
    servers::{PATIENCE_WITH_NODES, Servers},
    tools::{Tool, Tools},
};

const READY: Duration = Duration::from_secs(90);
const API_PORT: u16 = 6443;
const ETCD_PORT: u16 = 2379;

/// A cluster and the processes that we started for it.
#[derive(Debug)]
pub(crate) struct Running {
    record: Record,
    tools: Tools,
    kubectl: Kubectl,
    lifetime: Lifetime,
    /// By node; none of a cluster that somebody else started.
    processes: BTreeMap<String, Vec<Process>>,
    removed: bool,
    /// Held by the owner; nobody owns a detached cluster for long.
    lock: Option<Lock>,
}

impl Running {
    pub(super) fn new(record: Record, tools: Tools, lifetime: Lifetime, lock: Option<Lock>) -> Result<Self> {
        let kubectl = Kubectl::new(tools.path(Tool::Kubectl)?, &record.kubeconfig());
        Ok(Self { record, tools, kubectl, lifetime, processes: BTreeMap::new(), removed: false, lock })
    }

    pub(crate) fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.record.kubeconfig()
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// Starts everything. Certificates are made when `fresh`; else those on disk serve on.
    pub(super) fn run(&mut self, fresh: bool) -> Result<()> {
        let nodes = self.record.nodes.clone();
        network::open_host(&self.record)?;
        addons::write_resolv_conf(&self.record)?;
        if fresh {
            let authority = self.servers()?.issue()?;
            nodes.iter().try_for_each(|node| self.node(node).issue(&authority, &self.server()?))?;
            files::give_to_caller(&self.kubeconfig())?;
        }
        nodes.iter().try_for_each(|node| self.node(node).attach())?;
        self.start_api_and_runtimes(&nodes)?;
        nodes.iter().try_for_each(|node| self.join(node))?;
        self.start_controllers()?;
        self.wait_ready(&nodes)?;
        nodes.iter().try_for_each(|node| self.label(node))
    }

    /// From now on the cluster lives until it is removed by name.
    pub(super) fn detach(&mut self) -> Result<()> {
        self.record.detached = true;
        self.record.save()?;
        self.lock = None;
        Ok(())
    }

    pub(crate) fn add_node(&mut self, options: NodeOptions) -> Result<()> {
        options.check()?;
        if self.record.nodes.len() >= usize::from(NODES) {
            return Err(Error::TooManyNodes(NODES));
        }
        if self.record.nodes.iter().any(|node| node.name == options.name) {
            return Err(Error::BadName(options.name));
        }
        self.record.nodes.push(options.clone());
        self.record.save()?;
        let authority = Authority::load(&self.record.control().join("pki"))?;
        self.node(&options).issue(&authority, &self.server()?)?;
        self.node(&options).attach()?;
        let runtime = self.node(&options).start_runtime()?;
        self.keep(&options.name, runtime);
        self.join(&options)?;
        self.wait_ready(std::slice::from_ref(&options))?;
        self.label(&options)
    }

    pub(crate) fn stop_node(&mut self, name: &str) -> Result<()> {
        let options = self.options(name)?;
        network::unplug(self.record.node_plan(name)?)?;
        if self.carries_control_plane(name) {
            leftovers::kill_users_of(&self.record.control());
        }
        self.node(&options).kill();
        self.processes.remove(name).into_iter().flatten().for_each(|mut process| process.kill());
        Ok(())
    }

    pub(crate) fn start_node(&mut self, name: &str) -> Result<()> {
        let options = self.options(name)?;
        network::plug(self.record.plan(), self.record.node_plan(name)?)?;
        let nodes = [options];
        if self.carries_control_plane(name) {
            self.start_api_and_runtimes(&nodes)?;
            self.start_controllers()?;
        } else {
            let runtime = self.node(&nodes[0]).start_runtime()?;
            self.keep(name, runtime);
        }
        self.join(&nodes[0])?;
        self.wait_ready(&nodes)
    }

    pub(crate) fn load_image(&self, archive: &Path) -> Result<()> {
        archive.metadata().at(archive)?;
        let import =
            |node: &NodeOptions| Runtime::new(&self.record, &node.name, &self.tools)?.import(archive);
        thread::scope(|scope| {
            let handles: Vec<_> = self.record.nodes.iter().map(|node| scope.spawn(|| import(node))).collect();
            handles.into_iter().try_for_each(|handle| handle.join().unwrap_or(Err(Error::Thread)))
        })
    }

    pub(crate) fn logs(&self, program: &str) -> String {
        let (node, program) = program.split_once('/').unwrap_or(("control", program));
        process::tail(&self.record.folder().join(node).join("log").join(format!("{program}.log")))
    }

    pub(crate) fn node_address(&self, node: &str) -> Result<std::net::Ipv4Addr> {
        Ok(self.record.node_plan(node)?.address())
    }

    /// The host's address as the API server sees it: where it finds webhooks that run on the host.
    pub(crate) fn host_address(&self) -> std::net::Ipv4Addr {
        self.record.plan().node(0).gateway()
    }

    /// The names of the nodes that are ready; none when the API server does not answer.
    pub(super) fn ready_nodes(&self) -> Vec<String> {
        const QUERY: &str = r#"jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
        let answer =
            self.kubectl.run(&["get", "nodes", "-o", QUERY, "--request-timeout=5s"]).unwrap_or_default();
        answer.lines().filter_map(|line| line.strip_suffix("=True")).map(String::from).collect()
    }

    /// Ends the cluster's programs; its folder stays.
    pub(super) fn kill(&mut self) -> Result<()> {
        // Control plane first: it must not react to the nodes' end.
        leftovers::kill_users_of(&self.record.control());
        let nodes = self.record.nodes.clone();
        nodes.iter().for_each(|node| self.node(node).kill());
        std::mem::take(&mut self.processes).into_values().flatten().for_each(|mut process| process.kill());
        nodes.iter().try_for_each(|node| self.node(node).clean())?;
        network::close_host(&self.record);
        Ok(())
    }

    /// Ends the cluster, and removes all it has on the machine.
    pub(crate) fn remove(&mut self) -> Result<()> {
        self.removed = true;
        self.kill()?;
        let folder = self.record.folder();
        leftovers::unmount_below(&folder);
        std::fs::remove_dir_all(&folder).at(folder)
    }

    fn start_api_and_runtimes(&mut self, nodes: &[NodeOptions]) -> Result<()> {
        let (mut api, mut runtimes) = (Ok(Vec::new()), Vec::new());
        let servers = self.servers()?;
        thread::scope(|scope| {
            let handles: Vec<_> =
                nodes.iter().map(|node| scope.spawn(|| self.node(node).start_runtime())).collect();
            api = servers.start_api();
            runtimes =
                handles.into_iter().map(|handle| handle.join().unwrap_or(Err(Error::Thread))).collect();
        });
        let first = self.first();
        api?.into_iter().for_each(|process| self.keep(&first, process));
        for (node, runtime) in nodes.iter().zip(runtimes) {
            self.keep(&node.name, runtime?);
        }
        Ok(())
    }

    fn start_controllers(&mut self) -> Result<()> {
        let servers = self.servers()?;
        let mut processes = vec![servers.start_scheduler()?, servers.start_controllers(PATIENCE_WITH_NODES)?];
        processes.extend(addons::start(&self.record, &servers, &self.kubectl)?);
        let first = self.first();
        processes.into_iter().for_each(|process| self.keep(&first, process));
        Ok(())
    }

    fn join(&mut self, node: &NodeOptions) -> Result<()> {
        let processes = self.node(node).join()?;
        processes.into_iter().for_each(|process| self.keep(&node.name, process));
        Ok(())
    }

    fn wait_ready(&mut self, nodes: &[NodeOptions]) -> Result<()> {
        let mut processes = std::mem::take(&mut self.processes);
        let result = wait_until("readiness of all nodes", READY, processes.values_mut().flatten(), || {
            let ready = self.ready_nodes();
            nodes.iter().all(|node| ready.contains(&node.name))
        });
        self.processes = processes;
        result
    }

    /// As administrator: a kubelet may not give itself a role.
    fn label(&self, node: &NodeOptions) -> Result<()> {
        let labels: Vec<_> = node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let args = ["label", "node", &node.name, "--overwrite"];
        let args: Vec<_> = args.into_iter().chain(labels.iter().map(String::as_str)).collect();
        self.kubectl.run(&args).map(drop)
    }

    fn keep(&mut self, node: &str, process: Process) {
        self.processes.entry(node.to_owned()).or_default().push(process);
    }

    fn servers(&self) -> Result<Servers> {
        let first = &self.record.nodes.first().ok_or_else(|| Error::NoNode("system".to_owned()))?.name;
        Ok(Servers {
            tools: self.tools.clone(),
            name: self.record.name.clone(),
            folder: self.record.control(),
            netns: Some(self.record.netns(first)),
            lifetime: self.lifetime,
            address: self.record.node_plan(first)?.address(),
            port: API_PORT,
            etcd_port: ETCD_PORT,
            services: (self.record.plan().services(), self.record.plan().api_service()),
            api_server_args: self.record.api_server_args.clone(),
        })
    }

    fn server(&self) -> Result<String> {
        Ok(self.servers()?.url())
    }

    fn node<'a>(&'a self, options: &'a NodeOptions) -> Node<'a> {
        Node { record: &self.record, options, tools: &self.tools, lifetime: self.lifetime }
    }

    fn options(&self, name: &str) -> Result<NodeOptions> {
        let node = self.record.nodes.iter().find(|node| node.name == name);
        node.cloned().ok_or_else(|| Error::NoNode(name.to_owned()))
    }

    fn first(&self) -> String {
        self.record.nodes.first().map(|node| node.name.clone()).unwrap_or_default()
    }

    fn carries_control_plane(&self, name: &str) -> bool {
        self.first() == name
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.removed
            && !self.record.detached
            && let Err(error) = self.remove()
        {
            eprintln!("the cluster `{}` left something behind: {error}", self.record.name);
        }
    }
}
