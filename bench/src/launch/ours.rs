//! Our workspaces, on a warm pool of an image without an editor: the peer's pods have none either.

use std::collections::BTreeMap;

use anyhow::Result;
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams},
    discovery::ApiResource,
};
use neuralinverse_api::{WarmPool, Workspace};
use neuralinverse_tests::Demo;
use serde_json::{Value, json};

use crate::{
    contender::{Contender, ENVIRONMENT, Kind, resident_mb},
    disks,
};

const NAMESPACE: &str = "workspaces";

/// Ours.
pub struct Ours {
    client: Client,
    kind: Kind,
    repository: String,
}

/// A tier, a template and a pool of their own; what the demo declared makes room.
pub fn prepare(demo: &Demo) -> Result<()> {
    // The pods of 75 arrivals and 40 free ones fit on a node of two CPUs, 10m and the sidecar's 5m each: the peer's
    // ask for nothing.
    let region = json!({ "spec": { "requestsPercent": 1, "storageClassName": disks::CLASS } }).to_string();
    demo.kubectl(&["patch", "region", "cluster", "--type=merge", "-p", &region])?;
    let mut tier = demo.get(&["workspacetier", "starter"])?["spec"].clone();
    tier["cpu"] = json!("1");
    let declared = demo.get(&["workspacetemplate", "debian"])?;
    let image = declared["spec"]["image"].clone();
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind,
            "metadata": { "name": "bench" }, "spec": spec,
        })
    };
    demo.apply(&object("WorkspaceTier", tier))?;
    demo.apply(&object("WorkspaceTemplate", json!({ "image": image, "ide": "None" })))?;
    demo.apply(&object("WarmPool", json!({ "tier": "bench", "template": "bench", "size": 0 })))?;
    demo.kubectl(&["patch", "warmpool", "starter-debian", "--type=merge", "-p", r#"{"spec":{"size":0}}"#])?;
    demo.kubectl(&[
        "patch",
        "workspace",
        "hello",
        "--type=merge",
        "-p",
        r#"{"spec":{"runPolicy":"Stopped"}}"#,
    ])?;
    Ok(())
}

impl Ours {
    /// Launches of this kind.
    pub fn new(client: Client, kind: Kind, repository: String) -> Self {
        Self { client, kind, repository }
    }

    /// What its figures begin with.
    pub fn prefix(&self) -> &'static str {
        match self.kind {
            Kind::Empty => "empty_",
            Kind::EnvironmentAndVolume => "environment_",
            Kind::Repository => "repository_",
        }
    }

    fn pools(&self) -> Api<WarmPool> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }
}

impl Contender for Ours {
    fn namespace(&self) -> &'static str {
        NAMESPACE
    }

    fn api(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), NAMESPACE, &ApiResource::erase::<Workspace>(&()))
    }

    fn object(&self, name: &str) -> Value {
        let mut spec = json!({ "owner": "ada", "tier": "bench", "template": "bench" });
        if self.kind != Kind::Empty {
            spec["env"] = json!(BTreeMap::from(ENVIRONMENT));
        }
        if self.kind == Kind::Repository {
            spec["repository"] = json!({ "url": self.repository });
        }
        json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
            "metadata": { "name": name }, "spec": spec,
        })
    }

    fn usable(&self, object: &DynamicObject) -> bool {
        let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let holds = |type_: &str| conditions.iter().any(|it| it["type"] == type_ && it["status"] == "True");
        holds("Ready") && (self.kind != Kind::Repository || holds("RepositoryReady"))
    }

    async fn set_pool(&self, size: usize) -> Result<()> {
        let patch = Patch::Merge(json!({ "spec": { "size": size } }));
        self.pools().patch("bench", &PatchParams::default(), &patch).await?;
        Ok(())
    }

    async fn ready(&self) -> Result<usize> {
        let status = self.pools().get("bench").await?.status.unwrap_or_default();
        Ok(usize::try_from(status.ready)?)
    }

    fn memory(&self) -> Result<u64> {
        resident_mb("neuralinverse-controller")
    }
}
