//! The control plane's programs and their arguments, the same for a bare control plane and for a cluster.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use crate::{
    error::Result,
    kubeconfig,
    kubectl::Kubectl,
    pki::{Authority, Subject},
    process::{Launch, Lifetime, Process, wait_until},
    tools::{Tool, Tools},
};

/// Generous: a busy machine with two cores needs 5 s.
const READY: Duration = Duration::from_secs(90);

/// How many seconds a node may say nothing: one that is lost is noticed soon, not after the usual 40.
pub(crate) const PATIENCE_WITH_NODES: u32 = 12;

/// Where a control plane's programs run and listen.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) tools: Tools,
    /// The cluster's name, the context in its kubeconfigs.
    pub(crate) name: String,
    /// Holds `pki/`, `log/`, `etcd/` and the kubeconfigs.
    pub(crate) folder: PathBuf,
    pub(crate) netns: Option<PathBuf>,
    pub(crate) lifetime: Lifetime,
    /// The address of the API server.
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) etcd_port: u16,
    /// The Services' address range, and the first address in it, which is the API server's own.
    pub(crate) services: (String, Ipv4Addr),
    /// More arguments for the API server.
    pub(crate) api_server_args: Vec<String>,
}

impl Servers {
    /// Makes the authority, the certificates, and the kubeconfigs of the administrator and the control plane.
    pub(crate) fn issue(&self) -> Result<Authority> {
        let authority = Authority::create(&self.pki())?;
        let addresses = [IpAddr::from(Ipv4Addr::LOCALHOST), self.address.into(), self.services.1.into()];
        let names = [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ];
        let hosts = addresses.iter().map(ToString::to_string).chain(names.map(String::from)).collect();
        authority.issue(&self.pki(), "apiserver", &Subject { user: "kube-apiserver", group: None, hosts })?;
        self.user(&authority, "admin", "admin", Some("system:masters"))?;
        self.user(&authority, "kube-controller-manager", "system:kube-controller-manager", None)?;
        self.user(&authority, "kube-scheduler", "system:kube-scheduler", None)?;
        Ok(authority)
    }

    /// Makes one more user: a certificate and `<file>.kubeconfig`.
    pub(crate) fn user(
        &self,
        authority: &Authority,
        file: &str,
        user: &str,
        group: Option<&str>,
    ) -> Result<PathBuf> {
        authority.issue(&self.pki(), file, &Subject { user, group, hosts: Vec::new() })?;
        self.kubeconfig(file)
    }

    /// Writes the kubeconfig for the certificate `file`.
    pub(crate) fn kubeconfig(&self, file: &str) -> Result<PathBuf> {
        kubeconfig::write(&self.folder, &self.pki(), &self.name, file, &self.url())
    }

    /// The API server's URL.
    pub(crate) fn url(&self) -> String {
        format!("https://{}:{}", self.address, self.port)
    }

    /// The administrator's kubeconfig file.
    pub(crate) fn admin(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    /// The administrator's `kubectl`.
    pub(crate) fn kubectl(&self) -> Result<Kubectl> {
        Ok(Kubectl::new(self.tools.path(Tool::Kubectl)?, &self.admin()))
    }

    /// etcd's URL.
    pub(crate) fn etcd(&self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_port)
    }

    /// Starts etcd and the API server, and waits until they serve.
    pub(crate) fn start_api(&self) -> Result<Vec<Process>> {
        let mut programs = vec![self.start(Tool::Etcd, self.etcd_args())?, self.start_api_server()?];
        self.wait_for_api(&mut programs)?;
        Ok(programs)
    }

    /// Starts the API server.
    pub(crate) fn start_api_server(&self) -> Result<Process> {
        self.start(Tool::KubeApiserver, self.api_args())
    }

    /// Waits until the API server serves, as long as `programs` run.
    pub(crate) fn wait_for_api(&self, programs: &mut [Process]) -> Result<()> {
        let kubectl = self.kubectl()?;
        wait_until("the API server's readiness", READY, programs, || {
            kubectl.succeeds(&["get", "--raw", "/readyz", "--request-timeout=5s"])
                && kubectl.succeeds(&["get", "--raw", "/api/v1/namespaces/default", "--request-timeout=5s"])
        })
    }

    /// Starts the controller manager and waits for the service account without which no pod is admitted.
    /// A node that says nothing for `patience` seconds is lost.
    pub(crate) fn start_controllers(&self, patience: u32) -> Result<Process> {
        let pki = |file: &str| self.pki().join(file).display().to_string();
        let mut args = self.client_args(Tool::KubeControllerManager);
        args.extend([
            format!("--service-account-private-key-file={}", pki("service-accounts.key")),
            format!("--root-ca-file={}", pki("ca.crt")),
            format!("--cluster-signing-cert-file={}", pki("ca.crt")),
            format!("--cluster-signing-key-file={}", pki("ca.key")),
            "--use-service-account-credentials".into(),
            "--allocate-node-cidrs=false".into(),
            format!("--node-monitor-grace-period={patience}s"),
            "--node-monitor-period=2s".into(),
            // By default it binds three volumes a second. Who expects load raises it; so does agent-sandbox, to measure
            // itself (kubernetes-sigs/agent-sandbox#1219).
            "--kube-api-qps=500".into(),
            "--kube-api-burst=500".into(),
        ]);
        let mut process = self.start(Tool::KubeControllerManager, args)?;
        let kubectl = self.kubectl()?;
        wait_until("the default service account", READY, [&mut process], || {
            kubectl.succeeds(&[
                "get",
                "--raw",
                "/api/v1/namespaces/default/serviceaccounts/default",
                "--request-timeout=5s",
            ])
        })?;
        Ok(process)
    }

    /// Starts the scheduler.
    pub(crate) fn start_scheduler(&self) -> Result<Process> {
        self.start(Tool::KubeScheduler, self.client_args(Tool::KubeScheduler))
    }

    /// Starts any program beside the control plane.
    pub(crate) fn start(&self, tool: Tool, args: Vec<String>) -> Result<Process> {
        self.start_with(tool, args, Vec::new())
    }

    /// Starts any program beside the control plane, with these variables.
    pub(crate) fn start_with(
        &self,
        tool: Tool,
        args: Vec<String>,
        env: Vec<(&str, String)>,
    ) -> Result<Process> {
        let logs = &self.folder.join("log");
        let launch = Launch {
            name: tool.name(),
            program: self.tools.path(tool)?,
            args,
            env,
            logs,
            netns: self.netns.as_deref(),
            path: Vec::new(),
            lifetime: self.lifetime,
        };
        launch.start()
    }

    fn pki(&self) -> PathBuf {
        self.folder.join("pki")
    }

    fn client_args(&self, tool: Tool) -> Vec<String> {
        let kubeconfig = self.folder.join(format!("{}.kubeconfig", tool.name()));
        // One of each runs, so there is no leader to elect; port 0 serves no metrics and so takes no port.
        vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            "--leader-elect=false".into(),
            "--secure-port=0".into(),
        ]
    }

    fn etcd_args(&self) -> Vec<String> {
        let clients = self.etcd();
        vec![
            format!("--data-dir={}", self.folder.join("etcd").display()),
            format!("--listen-client-urls={clients}"),
            format!("--advertise-client-urls={clients}"),
            "--listen-peer-urls=http://127.0.0.1:0".into(),
            // A power cut may lose this data, and writes take no disk's time.
            "--unsafe-no-fsync".into(),
            "--log-level=warn".into(),
        ]
    }

    fn api_args(&self) -> Vec<String> {
        let pki = |file: &str| self.pki().join(file).display().to_string();
        let mut args = vec![
            format!("--etcd-servers={}", self.etcd()),
            format!("--bind-address={}", self.address),
            format!("--advertise-address={}", self.address),
            format!("--secure-port={}", self.port),
            format!("--service-cluster-ip-range={}", self.services.0),
            format!("--tls-cert-file={}", pki("apiserver.crt")),
            format!("--tls-private-key-file={}", pki("apiserver.key")),
            format!("--client-ca-file={}", pki("ca.crt")),
            format!("--service-account-key-file={}", pki("service-accounts.pub")),
            format!("--service-account-signing-key-file={}", pki("service-accounts.key")),
            // An https issuer turns on discovery: /.well-known/openid-configuration and /openid/v1/jwks.
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
            "--authorization-mode=Node,RBAC".into(),
            "--enable-admission-plugins=NodeRestriction".into(),
            "--allow-privileged".into(),
            format!("--kubelet-certificate-authority={}", pki("ca.crt")),
            format!("--kubelet-client-certificate={}", pki("admin.crt")),
            format!("--kubelet-client-key={}", pki("admin.key")),
            "--kubelet-preferred-address-types=InternalIP".into(),
        ];
        args.extend(self.api_server_args.iter().cloned());
        args
    }
}
