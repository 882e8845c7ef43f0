//! kubernetes-sigs/agent-sandbox, built from its source tree and installed on the same cluster: its claims, on its
//! warm pool, and those that bring an environment, which it starts cold.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    discovery::ApiResource,
};
use neuralinverse_local::{
    Cluster,
    images::{self, BuildOptions},
};
use neuralinverse_tests::Demo;
use serde_json::{Value, json};

use crate::{
    contender::{Contender, ENVIRONMENT, Kind, SIZE, resident_mb},
    disks,
};

const PROGRAM: &str = "agent-sandbox-controller";
const NAMESPACE: &str = "peer";
const GROUP: &str = "extensions.agents.x-k8s.io";

/// It, installed, and what its claims bring along.
pub struct Peer {
    version: String,
    client: Client,
    kind: Kind,
}

impl Peer {
    /// Builds it from `source` and installs it.
    pub async fn install(demo: &Demo, client: Client, source: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let image = build(source, folder.path())?;
        let kubeconfig = PathBuf::from(demo.run(&["printenv", "KUBECONFIG"])?);
        let name = kubeconfig.ancestors().nth(2).and_then(Path::file_name).context("the cluster's name")?;
        Cluster::open(&name.to_string_lossy()).await?.load_image(image).await?;
        let k8s = source.join("k8s");
        demo.run(&["kubectl", "apply", "--server-side", "-f", &k8s.join("crds").to_string_lossy()])?;
        // First what has the Namespace; the last replaces the Deployment of the first.
        for name in [
            "controller.yaml",
            "rbac.generated.yaml",
            "extensions-rbac.generated.yaml",
            "extensions.yaml",
            "extensions.controller.yaml",
        ] {
            let text = fs::read_to_string(k8s.join(name)).with_context(|| name.to_owned())?;
            let text =
                text.replace(&format!("ko://sigs.k8s.io/agent-sandbox/cmd/{PROGRAM}"), "localhost/peer:1");
            let file = folder.path().join(name);
            fs::write(&file, text)?;
            let file = file.to_string_lossy();
            demo.run(&["kubectl", "apply", "--server-side", "--force-conflicts", "-f", &file])?;
        }
        demo.run(&[
            "kubectl",
            "-n",
            "agent-sandbox-system",
            "rollout",
            "status",
            "deployment",
            PROGRAM,
            "--timeout=180s",
        ])?;
        demo.run(&["kubectl", "create", "namespace", NAMESPACE])?;
        let version = fs::read_to_string(k8s.join("crds/extensions.agents.x-k8s.io_sandboxclaims.yaml"))?;
        let version = if version.contains("name: v1beta1") { "v1beta1" } else { "v1alpha1" }.to_owned();
        let peer = Self { version, client, kind: Kind::Empty };
        let pod = json!({
            "nodeSelector": { "workspace-tier": "workspaces" },
            "tolerations": [{ "key": "workspace-tier", "operator": "Exists" }],
            "containers": [{
                "name": "sandbox", "image": "localhost/peer:1", "imagePullPolicy": "Never",
                "command": ["/busybox", "sleep", "100000"],
            }],
        });
        peer.declare(json!({ "podTemplate": { "spec": pod } })).await?;
        let mut with_volume = pod;
        with_volume["containers"][0]["volumeMounts"] = json!([{ "name": "work", "mountPath": "/work" }]);
        let volume = json!({
            "accessModes": ["ReadWriteOnce"], "storageClassName": disks::CLASS,
            "resources": { "requests": { "storage": "1Gi" } },
        });
        let peer = peer.of(Kind::EnvironmentAndVolume);
        peer.declare(json!({
            "podTemplate": { "spec": with_volume }, "envVarsInjectionPolicy": "Allowed",
            "volumeClaimTemplates": [{ "metadata": { "name": "work" }, "spec": volume }],
        }))
        .await?;
        Ok(peer)
    }

    /// The same, of another kind.
    pub fn of(&self, kind: Kind) -> Self {
        Self { version: self.version.clone(), client: self.client.clone(), kind }
    }

    /// The name of the template and of its pool.
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Empty => "empty",
            Kind::EnvironmentAndVolume | Kind::Repository => "environment",
        }
    }

    /// A template and its pool, empty yet.
    async fn declare(&self, template: Value) -> Result<()> {
        self.create("SandboxTemplate", template).await?;
        let pool = json!({ "replicas": 0, "sandboxTemplateRef": { "name": self.name() } });
        self.create("SandboxWarmPool", pool).await
    }

    async fn create(&self, kind: &str, spec: Value) -> Result<()> {
        let object = serde_json::from_value(self.declaration(kind, self.name(), spec))?;
        self.kind(kind).create(&PostParams::default(), &object).await.with_context(|| kind.to_owned())?;
        Ok(())
    }

    fn kind(&self, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), NAMESPACE, &self.resource(kind))
    }

    fn declaration(&self, kind: &str, name: &str, spec: Value) -> Value {
        json!({
            "apiVersion": format!("{GROUP}/{}", self.version), "kind": kind,
            "metadata": { "name": name, "namespace": NAMESPACE }, "spec": spec,
        })
    }

    fn resource(&self, kind: &str) -> ApiResource {
        let version = self.version.clone();
        ApiResource {
            api_version: format!("{GROUP}/{version}"),
            group: GROUP.to_owned(),
            version,
            kind: kind.to_owned(),
            plural: format!("{}s", kind.to_lowercase()),
        }
    }
}

/// Builds the controller, and an image of it and busybox.
fn build(source: &Path, folder: &Path) -> Result<PathBuf> {
    let program = folder.join(PROGRAM);
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&program).arg(format!("./cmd/{PROGRAM}"));
    go.current_dir(source).env("CGO_ENABLED", "0").env("GOFLAGS", "");
    ensure!(go.status()?.success(), "the peer does not build");
    fs::copy("/bin/busybox", folder.join("busybox")).context("busybox-static")?;
    let containerfile = folder.join("Containerfile");
    fs::write(
        &containerfile,
        format!("FROM scratch\nCOPY --chmod=0555 {PROGRAM} busybox /\nENTRYPOINT [\"/{PROGRAM}\"]\n"),
    )?;
    let out = folder.join("peer.tar");
    let tag = "localhost/peer:1".to_owned();
    images::build(&BuildOptions {
        containerfile,
        context: folder.to_owned(),
        tag,
        out: out.clone(),
        args: Default::default(),
    })?;
    Ok(out)
}

impl Contender for Peer {
    fn namespace(&self) -> &'static str {
        NAMESPACE
    }

    fn api(&self) -> Api<DynamicObject> {
        self.kind("SandboxClaim")
    }

    fn object(&self, name: &str) -> Value {
        let mut spec = json!({ "warmPoolRef": { "name": self.name() } });
        if self.kind != Kind::Empty {
            spec["env"] = json!(ENVIRONMENT.map(|(name, value)| json!({ "name": name, "value": value })));
        }
        self.declaration("SandboxClaim", name, spec)
    }

    fn usable(&self, object: &DynamicObject) -> bool {
        let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|it| it["type"] == "Ready" && it["status"] == "True")
    }

    /// A claim with an environment takes no pod of its pool: the node is spared such pods.
    async fn fill(&self) -> Result<()> {
        self.reach(if self.kind == Kind::Empty { SIZE } else { 0 }).await
    }

    async fn set_pool(&self, size: usize) -> Result<()> {
        let patch = Patch::Merge(json!({ "spec": { "replicas": size } }));
        self.kind("SandboxWarmPool").patch(self.name(), &PatchParams::default(), &patch).await?;
        Ok(())
    }

    async fn ready(&self) -> Result<usize> {
        let pool = self.kind("SandboxWarmPool").get(self.name()).await?;
        Ok(pool.data["status"]["readyReplicas"].as_u64().unwrap_or_default() as usize)
    }

    fn memory(&self) -> Result<u64> {
        resident_mb(PROGRAM)
    }
}
