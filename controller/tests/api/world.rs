//! A control plane with an installed controller. Tests of one run share it and keep apart by namespace.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    net::SocketAddr,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{ConfigMap, Node, PersistentVolumeClaim, Pod};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use neuralinverse_api::{
    Images, Region, Workspace,
    install::{self, CONTROLLER, Install},
};
use neuralinverse_controller as controller;
use neuralinverse_local::{ControlPlane, ControlPlaneOptions};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;

/// Generous: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// Namespace of the controller.
pub const SYSTEM: &str = "neuralinverse-system";

/// A control plane with the definitions and rights of our installation.
pub struct Cluster {
    pub control_plane: ControlPlane,
    kubernetes: Config,
    _folder: tempfile::TempDir,
    /// Each request that the API server answered.
    audit: std::path::PathBuf,
    /// Where the controllers say how they are.
    health: Mutex<Vec<SocketAddr>>,
}

impl Cluster {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        Self::start_with(ControlPlaneOptions::default().with_controller_manager()).await
    }

    /// Starts one without the cluster's own controllers: a test says what they would say.
    pub async fn start_alone() -> Result<Self> {
        Self::start_with(ControlPlaneOptions::default()).await
    }

    async fn start_with(options: ControlPlaneOptions) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (policy, audit) = (folder.path().join("policy.yaml"), folder.path().join("audit.log"));
        std::fs::write(
            &policy,
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n",
        )?;
        let options = options
            .with_api_server_arg(format!("--audit-policy-file={}", policy.display()))
            .with_api_server_arg(format!("--audit-log-path={}", audit.display()));
        let control_plane = ControlPlane::start(options).await?;
        let kubeconfig = kube::config::Kubeconfig::from_yaml(&control_plane.kubeconfig()?)?;
        let kubernetes = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await?;
        let cluster = Self { control_plane, kubernetes, _folder: folder, audit, health: Mutex::default() };
        cluster.install()?;
        Ok(cluster)
    }

    fn install(&self) -> Result<()> {
        let objects = install::objects(&Install::default(), &Images::default());
        let all_but_the_deployment = objects.into_iter().filter(|object| object["kind"] != "Deployment");
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": all_but_the_deployment.collect::<Vec<_>>() });
        let kubectl = self.control_plane.kubectl();
        kubectl.apply(&list.to_string())?;
        kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?;
        Ok(())
    }

    /// The administrator.
    pub fn admin(&self) -> Result<Client> {
        Ok(Client::try_from(self.kubernetes.clone())?)
    }

    /// Somebody else, with the rights that a test gives to that name.
    pub fn user(&self, name: &str, group: Option<&str>) -> Result<Client> {
        let mut config = self.kubernetes.clone();
        config.auth_info.impersonate = Some(name.to_owned());
        config.auth_info.impersonate_groups = group.map(|group| vec![group.to_owned()]);
        Ok(Client::try_from(config)?)
    }

    /// Runs a controller with nothing but the rights that we install, until the token is cancelled.
    /// Gives the URL that sidecars reach it at.
    pub async fn controller(&self, replica: &str, shutdown: CancellationToken) -> Result<String> {
        self.controller_with_lease(replica, CONTROLLER, shutdown).await
    }

    /// Runs one that leads whoever else does, unless it has the same Lease.
    pub async fn controller_with_lease(
        &self,
        replica: &str,
        lease: &str,
        shutdown: CancellationToken,
    ) -> Result<String> {
        self.controller_beside(replica, lease, None, shutdown).await
    }

    /// Runs one that reaches the managed Gitea at this URL.
    pub async fn controller_beside(
        &self,
        replica: &str,
        lease: &str,
        gitea_url: Option<&str>,
        shutdown: CancellationToken,
    ) -> Result<String> {
        let token = self.controller_token().await?;
        let mut kubernetes = self.kubernetes.clone();
        kubernetes.auth_info = kube::config::AuthInfo { token: Some(token.into()), ..Default::default() };
        let (listen, health) = (free_address()?, free_address()?);
        let public_url = format!("https://{listen}");
        self.health.lock().unwrap_or_else(PoisonError::into_inner).push(health);
        let config = controller::Config {
            kubernetes,
            replica: replica.to_owned(),
            namespace: SYSTEM.to_owned(),
            lease: lease.to_owned(),
            listen,
            health,
            public_url: public_url.clone(),
            gitea_url: gitea_url.map(str::to_owned),
        };
        tokio::spawn(async move {
            if let Err(error) = controller::run(config, shutdown).await {
                eprintln!("the controller ended: {error}");
            }
        });
        let ready = format!("http://{health}/readyz");
        eventually("the controller is ready", || async {
            Ok(reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await?;
        Ok(public_url)
    }

    /// A token of the controller's account.
    pub async fn controller_token(&self) -> Result<String> {
        token(&self.admin()?, SYSTEM, CONTROLLER, json!({ "expirationSeconds": 36000 })).await
    }

    /// A kubeconfig file with nothing but the rights that we install for the controller.
    pub async fn controller_kubeconfig(&self) -> Result<String> {
        let mut kubeconfig = kube::config::Kubeconfig::from_yaml(&self.control_plane.kubeconfig()?)?;
        for user in &mut kubeconfig.auth_infos {
            let token = Some(self.controller_token().await?.into());
            user.auth_info = Some(kube::config::AuthInfo { token, ..Default::default() });
        }
        Ok(serde_json::to_string(&kubeconfig)?)
    }

    /// The writes that the controller has made in a namespace, as `verb resource name`.
    pub fn writes(&self, namespace: &str) -> Result<Vec<String>> {
        let write = |event: &Value| {
            let (verb, object) = (event["verb"].as_str()?, &event["objectRef"]);
            let is_write = ["create", "update", "patch", "delete"].contains(&verb);
            let resource = object["resource"].as_str().unwrap_or_default();
            let name = object["name"].as_str().unwrap_or_default();
            let part = object["subresource"].as_str().map(|part| format!("/{part}")).unwrap_or_default();
            (is_write && object["namespace"] == namespace).then(|| format!("{verb} {resource}{part} {name}"))
        };
        Ok(self.requests()?.iter().filter_map(write).collect())
    }

    /// The same, when no more come: the audit log is written after the answer.
    pub async fn settled_writes(&self, namespace: &str) -> Result<Vec<String>> {
        let mut writes = self.writes(namespace)?;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = self.writes(namespace)?;
            if now == writes {
                return Ok(now);
            }
            writes = now;
        }
    }

    /// The status codes that the controller has got, in a namespace if there is one.
    pub fn answers(&self, namespace: Option<&str>) -> Result<BTreeSet<u64>> {
        let requests = self.requests()?;
        let there = requests
            .iter()
            .filter(|event| namespace.is_none_or(|namespace| event["objectRef"]["namespace"] == namespace));
        Ok(there.filter_map(|event| event["responseStatus"]["code"].as_u64()).collect())
    }

    /// What the controller has asked for, as audit events.
    fn requests(&self) -> Result<Vec<Value>> {
        let user = format!("system:serviceaccount:{SYSTEM}:{CONTROLLER}");
        let text = std::fs::read_to_string(&self.audit)?;
        let events = text.lines().map(serde_json::from_str);
        let events = events.collect::<Result<Vec<Value>, _>>()?;
        Ok(events.into_iter().filter(|event| event["user"]["username"] == user.as_str()).collect())
    }
}

/// An address that nobody listens on.
pub fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The control plane and controller that most tests share.
struct Shared {
    cluster: Cluster,
    url: String,
    /// Outlives the runtimes of single tests.
    _runtime: Runtime,
    namespaces: AtomicU32,
}

type Once = OnceLock<Result<Shared, String>>;

static SHARED: Once = OnceLock::new();
static WITH_KARPENTER: Once = OnceLock::new();

fn shared(once: &'static Once, options: ControlPlaneOptions) -> Result<&'static Shared> {
    let shared = once.get_or_init(|| {
        let start = std::thread::spawn(move || -> Result<Shared> {
            if std::env::var_os("RUST_LOG").is_some() {
                let _ = tracing_subscriber::fmt()
                    .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
                    .try_init();
            }
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let (cluster, url) = runtime.block_on(async {
                let cluster = Cluster::start_with(options).await?;
                declare(&cluster.admin()?).await?;
                let url = cluster.controller("shared", CancellationToken::new()).await?;
                anyhow::Ok((cluster, url))
            })?;
            Ok(Shared { cluster, url, _runtime: runtime, namespaces: AtomicU32::new(0) })
        });
        let started = start.join().map_err(|_| "the start panicked".to_owned());
        started.and_then(|started| started.map_err(|error| format!("{error:#}")))
    });
    shared.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

/// Declares a Region, the node pool `default`, the tier `standard` and the template `rust`.
pub async fn declare(client: &Client) -> Result<()> {
    let object = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind,
            "metadata": { "name": name }, "spec": spec,
        })
    };
    let region =
        object("Region", "cluster", json!({ "workspaceNamespaces": ["workspaces"], "requestsPercent": 50 }));
    apply_cluster::<Region>(client, region).await?;
    let nodes = object(
        "WorkspaceNodePool",
        "default",
        json!({ "static": { "nodeSelector": { "pool": "default" } } }),
    );
    apply_cluster::<neuralinverse_api::WorkspaceNodePool>(client, nodes).await?;
    let tier = json!({ "cpu": "2", "memory": "2Gi", "storage": "5Gi", "nodePool": "default" });
    apply_cluster::<neuralinverse_api::WorkspaceTier>(client, object("WorkspaceTier", "standard", tier))
        .await?;
    let template =
        object("WorkspaceTemplate", "rust", json!({ "image": "rust:1", "env": { "FROM": "template" } }));
    apply_cluster::<neuralinverse_api::WorkspaceTemplate>(client, template).await?;
    Ok(())
}

/// Applies a cluster-wide object as a user would.
pub async fn apply_cluster<K>(client: &Client, object: Value) -> Result<K>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    Ok(Api::all(client.clone()).patch(&name, &PatchParams::apply("test"), &Patch::Apply(object)).await?)
}

/// A namespace of a cluster with a controller, and who works in it.
pub struct World {
    /// The administrator.
    pub client: Client,
    /// A namespace of its own.
    pub namespace: String,
    /// Where sidecars reach the controller.
    pub url: String,
    shared: &'static Shared,
}

impl World {
    /// A namespace of its own in the cluster that tests share.
    pub async fn new() -> Result<Self> {
        Self::on(&SHARED, ControlPlaneOptions::default().with_controller_manager()).await
    }

    /// A namespace of its own in the cluster with Karpenter, whose nodes run pods by their word only.
    pub async fn with_karpenter() -> Result<Self> {
        Self::on(&WITH_KARPENTER, ControlPlaneOptions::default().with_karpenter()).await
    }

    async fn on(once: &'static Once, options: ControlPlaneOptions) -> Result<Self> {
        let shared = tokio::task::spawn_blocking(|| shared(once, options)).await??;
        let namespace = format!("t{}", shared.namespaces.fetch_add(1, Ordering::Relaxed));
        let world = Self { client: shared.cluster.admin()?, namespace, url: shared.url.clone(), shared };
        world.join_region().await?;
        Ok(world)
    }

    async fn join_region(&self) -> Result<()> {
        join_region(&self.client, &self.namespace).await
    }

    /// See [`Cluster::user`].
    pub fn user(&self, name: &str, group: Option<&str>) -> Result<Client> {
        self.shared.cluster.user(name, group)
    }

    /// See [`Cluster::settled_writes`].
    pub async fn settled_writes(&self) -> Result<Vec<String>> {
        self.shared.cluster.settled_writes(&self.namespace).await
    }

    /// See [`Cluster::answers`].
    pub fn answers(&self) -> Result<BTreeSet<u64>> {
        self.shared.cluster.answers(Some(&self.namespace))
    }

    /// What the controller measures.
    pub async fn metrics(&self) -> Result<String> {
        let health = self.shared.cluster.health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer =
            reqwest::get(format!("http://{}/metrics", health.first().context("a controller")?)).await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// The last log lines of a program of the control plane.
    pub fn logs(&self, program: &str) -> String {
        self.shared.cluster.control_plane.logs(program)
    }

    /// The writes in the controller's own namespace.
    pub fn system_writes(&self) -> Result<Vec<String>> {
        self.shared.cluster.writes(SYSTEM)
    }

    /// Objects of the namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies an object of ours as a user would.
    pub async fn apply<K>(&self, kind: &str, name: &str, spec: Value) -> Result<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned,
    {
        let object = json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind,
            "metadata": { "name": name }, "spec": spec,
        });
        Ok(self.api().patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await?)
    }

    /// Declares a workspace of the tier `standard` and the template `rust`.
    pub async fn workspace(&self, name: &str, more: Value) -> Result<Workspace> {
        let mut spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
        if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
            spec.extend(more.clone());
        }
        self.apply("Workspace", name, spec).await
    }

    /// Waits until `wanted` gives something.
    pub async fn until<K, T>(&self, name: &str, what: &str, wanted: impl Fn(&K) -> Option<T>) -> Result<T>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = self.api();
        eventually(what, || async {
            let object = api.get_opt(name).await?;
            Ok(object.as_ref().and_then(&wanted))
        })
        .await
        .with_context(|| name.to_owned())
    }

    /// Waits until a condition of a workspace has this reason, and gives its status and message.
    pub async fn until_reason(&self, workspace: &str, type_: &str, reason: &str) -> Result<(String, String)> {
        self.until(workspace, &format!("{type_} is {reason}"), |workspace: &Workspace| {
            let conditions = &workspace.status.as_ref()?.conditions;
            let condition = conditions.iter().find(|condition| condition.type_ == type_)?;
            (condition.reason == reason).then(|| (condition.status.clone(), condition.message.clone()))
        })
        .await
    }

    /// The pods of a workspace.
    pub async fn pods_of(&self, workspace: &str) -> Result<Vec<Pod>> {
        pods_of(&self.api(), workspace).await
    }

    /// Waits until the workspace has one pod and it is another one than `other`.
    pub async fn pod_of(&self, workspace: &str, other: Option<&Pod>) -> Result<Pod> {
        eventually("the workspace has a pod", || async {
            let pods = self.pods_of(workspace).await?;
            let pod = pods.into_iter().find(|pod| pod.uid() != other.and_then(ResourceExt::uid));
            Ok(pod.filter(|pod| pod.metadata.deletion_timestamp.is_none()))
        })
        .await
    }

    /// Waits until a warm pool has this many free pods, and gives them.
    pub async fn free_pods(&self, pool: &str, count: usize) -> Result<Vec<Pod>> {
        let selector = format!("cloud.neuralinverse.com/warm-pool={pool}");
        eventually(&format!("{pool} has {count} free pods"), || async {
            let pods = self.api::<Pod>().list(&ListParams::default().labels(&selector)).await?.items;
            let live: Vec<_> =
                pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect();
            Ok((live.len() == count).then_some(live))
        })
        .await
    }

    /// Makes a node of which nothing is said.
    pub async fn node(&self, name: &str) -> Result<()> {
        let node = json!({ "metadata": { "name": name }, "status": { "conditions": [] } });
        let nodes: Api<Node> = Api::all(self.client.clone());
        nodes.create(&PostParams::default(), &serde_json::from_value(node)?).await?;
        Ok(())
    }

    /// Puts a pod on a node, as the scheduler does.
    pub async fn bind(&self, pod: &Pod, node: &str) -> Result<()> {
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": { "name": pod.name_any() },
            "target": { "apiVersion": "v1", "kind": "Node", "name": node },
        });
        let path = format!("/api/v1/namespaces/{}/pods/{}/binding", self.namespace, pod.name_any());
        let request = axum::http::Request::post(path).header("content-type", "application/json");
        self.client.request::<Value>(request.body(binding.to_string().into_bytes())?).await?;
        Ok(())
    }

    /// Says of a pod what a kubelet says when all its containers run.
    pub async fn run_pod(&self, pod: &Pod) -> Result<Pod> {
        run_pod(&self.client, pod).await
    }

    /// Declares a workspace and brings it to `Ready`, as kubelet and sidecar do, on another pod than `other`.
    pub async fn running(&self, name: &str, other: Option<&Pod>, more: Value) -> Result<(Pod, Agent)> {
        self.workspace(name, more).await?;
        let pod = self.run_pod(&self.pod_of(name, other).await?).await?;
        let agent = Agent::of(&self.client, &self.url, &pod).await?;
        agent.serve().await?;
        self.until_reason(name, "Ready", "Available").await?;
        Ok((pod, agent))
    }

    /// Name of the volume in a workspace's status.
    pub async fn volume_of(&self, workspace: &str) -> Result<String> {
        self.until(workspace, "the status names a volume", |workspace: &Workspace| {
            workspace.status.as_ref()?.volume.clone()
        })
        .await
    }

    /// The volume of this name.
    pub async fn volume(&self, name: &str) -> Result<PersistentVolumeClaim> {
        Ok(self.api().get(name).await?)
    }
}

/// Says of a pod what a kubelet says when all its containers run.
pub async fn run_pod(client: &Client, pod: &Pod) -> Result<Pod> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let status = json!({ "status": {
        "phase": "Running",
        "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }],
    } });
    Ok(api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(status)).await?)
}

/// Adds a namespace to the Region and waits until it is prepared.
pub async fn join_region(client: &Client, namespace: &str) -> Result<()> {
    let regions: Api<Region> = Api::all(client.clone());
    let patch = serde_json::from_value(json!([
        { "op": "add", "path": "/spec/workspaceNamespaces/-", "value": namespace },
    ]))?;
    regions.patch("cluster", &PatchParams::default(), &Patch::<()>::Json(patch)).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    eventually("the namespace is prepared", || async { Ok(maps.get_opt("neuralinverse-ca").await?) }).await?;
    Ok(())
}

/// A token of a service account.
pub async fn token(client: &Client, namespace: &str, account: &str, spec: Value) -> Result<String> {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let mut spec = spec;
    spec.as_object_mut().context("an object")?.entry("audiences").or_insert(json!([]));
    let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
    let request = axum::http::Request::post(path)
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&body)?)?;
    let answer: Value = client.request(request).await?;
    Ok(answer["status"]["token"].as_str().context("a token")?.to_owned())
}

/// The pods of the workspace of this name.
pub async fn pods_of(pods: &Api<Pod>, workspace: &str) -> Result<Vec<Pod>> {
    let selector = format!("cloud.neuralinverse.com/workspace={workspace}");
    Ok(pods.list(&ListParams::default().labels(&selector)).await?.items)
}

/// Asks again and again until there is an answer.
pub async fn eventually<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    ask: impl Fn() -> F,
) -> Result<T> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut last = String::new();
    while tokio::time::Instant::now() < deadline {
        match ask().await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("waited {PATIENCE:?} for: {what} {last}")
}
