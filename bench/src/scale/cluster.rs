//! A control plane with our definitions and rights, kwok, 500 nodes and 100 warm pools in four namespaces.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use kube::{Api, Client, Config, api::ListParams, config::Kubeconfig};
use neuralinverse_api::{
    Images, Region, WarmPool, WorkspaceNodePool, WorkspaceTemplate, WorkspaceTier,
    install::{self, CONTROLLER, Install},
};
use neuralinverse_local::{ControlPlane, ControlPlaneOptions};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Where workspaces are.
pub const NAMESPACES: [&str; 4] = ["scale-a", "scale-b", "scale-c", "scale-d"];

/// Templates; each has a warm pool in each namespace.
pub const TEMPLATES: usize = 25;

/// Nodes.
const NODES: usize = 500;

/// Namespace of the controller.
pub const SYSTEM: &str = "neuralinverse-system";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(1800);

/// It stops when dropped.
pub struct Cluster {
    /// The administrator.
    pub client: Client,
    control_plane: ControlPlane,
    folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts all but the controller.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let policy = folder.path().join("policy.yaml");
        // Only what the controller writes: the rest of ten thousand workspaces would be gigabytes.
        let rules = json!({
            "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
            "rules": [
                { "level": "Metadata", "users": [user()], "verbs": ["create", "update", "patch", "delete"] },
                { "level": "None" },
            ],
        });
        std::fs::write(&policy, rules.to_string())?;
        let options = ControlPlaneOptions::default()
            .with_controller_manager()
            .with_kwok()
            .with_api_server_arg(format!("--audit-policy-file={}", policy.display()))
            .with_api_server_arg(format!("--audit-log-path={}", folder.path().join("audit.log").display()))
            // As a cluster of this size has them; the default is for small ones.
            .with_api_server_arg("--max-requests-inflight=1600")
            .with_api_server_arg("--max-mutating-requests-inflight=800");
        let control_plane = ControlPlane::start(options).await?;
        let mut config = Config::from_custom_kubeconfig(
            Kubeconfig::from_yaml(&control_plane.kubeconfig()?)?,
            &Default::default(),
        )
        .await?;
        // A watch that is quiet is no fault.
        config.read_timeout = None;
        let client = Client::try_from(config)?;
        let objects = install::objects(&Install::default(), &Images::default());
        let objects: Vec<_> = objects.into_iter().filter(|object| object["kind"] != "Deployment").collect();
        let kubectl = control_plane.kubectl();
        kubectl.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string())?;
        kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?;
        Ok(Self { client, control_plane, folder })
    }

    /// A kubeconfig file with nothing but the controller's rights.
    pub async fn kubeconfig_of_controller(&self) -> Result<PathBuf> {
        let mut config: Value =
            serde_json::to_value(Kubeconfig::from_yaml(&self.control_plane.kubeconfig()?)?)?;
        let path = format!("/api/v1/namespaces/{SYSTEM}/serviceaccounts/{CONTROLLER}/token");
        let spec = json!({ "audiences": [], "expirationSeconds": 36000 });
        let token = token(&self.client, path, spec).await?;
        for user in config["users"].as_array_mut().into_iter().flatten() {
            user["user"] = json!({ "token": token });
        }
        let file = self.folder.path().join("controller.kubeconfig");
        std::fs::write(&file, config.to_string())?;
        Ok(file)
    }

    /// Nodes, a Region with its pools, and warm pods of each.
    pub async fn declare(&self) -> Result<()> {
        let node = |number: usize| {
            let name = format!("node-{number}");
            let room = json!({ "cpu": "256", "memory": "1Ti", "pods": "250" });
            let object = json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": { "name": name, "labels": { "pool": "scale" } },
                "status": { "capacity": room, "allocatable": room },
            });
            async move { self.create("/api/v1/nodes", object).await }
        };
        stream::iter(0..NODES).map(node).buffer_unordered(8).try_collect::<Vec<_>>().await?;
        let namespaces = json!({ "workspaceNamespaces": NAMESPACES, "requestsPercent": 5 });
        self.apply::<Region>(None, "cluster", &namespaces).await?;
        let nodes = json!({ "static": { "nodeSelector": { "pool": "scale" } } });
        self.apply::<WorkspaceNodePool>(None, "scale", &nodes).await?;
        let tier = json!({ "cpu": "2", "memory": "2Gi", "storage": "5Gi", "nodePool": "scale" });
        self.apply::<WorkspaceTier>(None, "starter", &tier).await?;
        for number in 0..TEMPLATES {
            let template = json!({ "image": "localhost/scale:1" });
            self.apply::<WorkspaceTemplate>(None, &template_name(number), &template).await?;
        }
        for namespace in NAMESPACES {
            for number in 0..TEMPLATES {
                let pool = json!({ "tier": "starter", "template": template_name(number), "size": 2 });
                // The namespace comes with the Region.
                eventually("the namespace", || async {
                    Ok(self.apply::<WarmPool>(Some(namespace), &template_name(number), &pool).await.ok())
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Waits until each warm pool has all its pods.
    pub async fn warm_pools_are_full(&self) -> Result<()> {
        let pools: Api<WarmPool> = Api::all(self.client.clone());
        eventually("the warm pools", || async {
            let all = pools.list(&ListParams::default()).await?.items;
            let full = all.iter().all(|pool| pool.status.as_ref().is_some_and(|status| status.ready == 2));
            Ok((all.len() == NAMESPACES.len() * TEMPLATES && full).then_some(()))
        })
        .await
    }

    /// All that the controller has written so far, as `verb resource`.
    pub fn writes(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(self.folder.path().join("audit.log"))?;
        let line = |line: &str| {
            let event: Value = serde_json::from_str(line)?;
            let (verb, object) = (&event["verb"], &event["objectRef"]);
            let part = object["subresource"].as_str().map(|part| format!("/{part}")).unwrap_or_default();
            Ok(format!(
                "{} {}{part}",
                verb.as_str().unwrap_or_default(),
                object["resource"].as_str().unwrap_or_default()
            ))
        };
        text.lines().map(line).collect()
    }

    async fn create(&self, path: &str, object: Value) -> Result<()> {
        let request = http::Request::post(path).header("content-type", "application/json");
        self.client.request::<Value>(request.body(object.to_string().into_bytes())?).await?;
        Ok(())
    }

    async fn apply<K>(&self, namespace: Option<&str>, name: &str, spec: &Value) -> Result<()>
    where
        K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        let object = json!({
            "apiVersion": K::api_version(&()), "kind": K::kind(&()),
            "metadata": { "name": name, "namespace": namespace }, "spec": spec,
        });
        let url = format!("{}/{name}?fieldManager=bench&force=true", K::url_path(&(), namespace));
        let request = http::Request::patch(url).header("content-type", "application/apply-patch+yaml");
        self.client.request::<Value>(request.body(object.to_string().into_bytes())?).await?;
        Ok(())
    }
}

/// Name of a template, and of its warm pools.
pub fn template_name(number: usize) -> String {
    format!("template-{number}")
}

/// A token by the API server.
pub async fn token(client: &Client, path: String, spec: Value) -> Result<String> {
    let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
    let request = http::Request::post(path).header("content-type", "application/json");
    let answer: Value = client.request(request.body(body.to_string().into_bytes())?).await?;
    Ok(answer["status"]["token"].as_str().context("a token")?.to_owned())
}

/// Asks until there is an answer.
pub async fn eventually<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    ask: impl Fn() -> F,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if start.elapsed() > PATIENCE {
            bail!("waited {PATIENCE:?} for {what}");
        }
        sleep(Duration::from_millis(200)).await;
    }
}

fn user() -> String {
    format!("system:serviceaccount:{SYSTEM}:{CONTROLLER}")
}
