//! What the controller and kubelet would do, done by hand.

use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use neuralinverse_api::{
    Launch, LaunchSource, RunPolicy, Workspace, WorkspaceSpec, WorkspaceStatus,
    condition::{self, ConditionType, NewCondition, Reason},
    labels,
};
use neuralinverse_local::ControlPlane;
use serde_json::{Value, json};

/// Namespace of all workspaces here.
pub const NAMESPACE: &str = "workspaces";

/// Kinds and objects that a region has.
pub fn install(control_plane: &ControlPlane) -> Result<()> {
    let kubectl = control_plane.kubectl();
    let list = |items: Vec<Value>| json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string();
    kubectl.apply(&list(neuralinverse_api::install::crds()))?;
    kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?;
    let namespace =
        |name: &str| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    kubectl.apply(&list(vec![namespace(NAMESPACE), namespace("portal")]))?;
    let ours = |kind: &str, name: &str, spec: Value| json!({ "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    kubectl.apply(&list(vec![
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default", "namespace": NAMESPACE } }),
        ours("Region", "cluster", json!({ "workspaceNamespaces": [NAMESPACE] })),
        ours("WorkspaceTier", "starter", json!({ "cpu": "2", "memory": "2Gi", "nodePool": "p" })),
        ours("WorkspaceTier", "standard", json!({ "cpu": "4", "memory": "8Gi", "nodePool": "p" })),
        ours("WorkspaceTemplate", "debian", json!({ "image": "debian", "description": "A plain Debian with Git and an editor." })),
        ours("WorkspaceTemplate", "rust", json!({ "image": "rust", "description": "Rust, with clippy and rust-analyzer.", "tiers": ["standard"] })),
        ours("WorkspaceTemplate", "tasks", json!({ "image": "debian", "description": "Runs tasks, without an editor.", "ide": "None" })),
    ]))?;
    kubectl.apply(&rights().to_string())?;
    Ok(())
}

/// All that the portal's service account may do.
pub fn rights() -> Value {
    let ours = ["workspaces", "workspacetiers", "workspacetemplates", "regions"];
    let group = "cloud.neuralinverse.com";
    let subject = json!([{ "kind": "ServiceAccount", "name": "portal", "namespace": "portal" }]);
    let role = |kind: &str, namespace: Option<&str>, rules: Value| {
        let metadata = json!({ "name": "portal", "namespace": namespace });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": format!("{kind}Binding"), "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "portal" }, "subjects": subject,
        });
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": rules,
        });
        [role, binding]
    };
    let items = [
        role(
            "ClusterRole",
            None,
            json!([
                { "apiGroups": [group], "resources": ours, "verbs": ["get", "list", "watch"] },
            ]),
        ),
        role(
            "Role",
            Some(NAMESPACE),
            json!([
                { "apiGroups": [group], "resources": ["workspaces"], "verbs": ["create", "patch", "delete"] },
                { "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] },
            ]),
        ),
        role(
            "Role",
            Some("portal"),
            json!([
                { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch", "create", "patch", "delete"] },
            ]),
        ),
    ];
    json!({ "apiVersion": "v1", "kind": "List", "items": items.concat() })
}

/// A workspace that somebody declared with this field manager.
pub async fn declare(client: &Client, manager: &str, owner: &str, name: &str) -> Result<Workspace> {
    let spec = WorkspaceSpec {
        owner: owner.to_owned(),
        tier: "starter".to_owned(),
        template: "debian".to_owned(),
        repository: None,
        env: Default::default(),
        env_from: Vec::new(),
        git_author: None,
        run_policy: RunPolicy::Always,
        idle_timeout: None,
    };
    let params = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
    Ok(api(client).create(&params, &Workspace::new(name, spec)).await?)
}

/// Makes a pod for the workspace, at this address; gives the pod's UID.
pub async fn make_pod(client: &Client, workspace: &Workspace, address: &str) -> Result<String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "generateName": "ws-", "labels": {
            (labels::WORKSPACE): workspace.name_any(), (labels::WORKSPACE_UID): workspace.uid(), (labels::EPOCH): "1",
        } },
        "spec": { "automountServiceAccountToken": false, "containers": [{ "name": "workspace", "image": "debian" }] },
    }))?;
    let pod = pods.create(&PostParams::default(), &pod).await?;
    let status = json!({ "status": { "phase": "Running", "podIP": address, "podIPs": [{ "ip": address }] } });
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(status)).await?;
    let status = WorkspaceStatus {
        pod: Some(pod.name_any()),
        epoch: 1,
        volume: Some(pod.name_any()),
        launch: Some(Launch { source: LaunchSource::Warm, milliseconds: 420 }),
        ..WorkspaceStatus::default()
    };
    let params = PatchParams::default();
    api(client)
        .patch_status(&workspace.name_any(), &params, &Patch::Merge(json!({ "status": status })))
        .await?;
    pod.uid().context("no uid")
}

/// Says that the workspace is ready, or why it is not.
pub async fn set_ready(
    client: &Client,
    name: &str,
    ready: bool,
    reason: Reason,
    message: &str,
) -> Result<()> {
    let workspace = api(client).get(name).await?;
    let condition = |type_| NewCondition { type_, status: Some(ready), reason, message: message.to_owned() };
    let accepted = NewCondition::yes(ConditionType::Accepted, Reason::Valid, "valid");
    let new = [accepted, condition(ConditionType::Running), condition(ConditionType::Ready)];
    set_conditions(client, &workspace, &new).await
}

/// Says what has become of the repository.
pub async fn set_repository(client: &Client, name: &str, reason: Reason, message: &str) -> Result<()> {
    let workspace = api(client).get(name).await?;
    let status = Some(reason == Reason::Cloned);
    let new =
        NewCondition { type_: ConditionType::RepositoryReady, status, reason, message: message.to_owned() };
    set_conditions(client, &workspace, &[new]).await
}

/// Adds to the conditions that there are.
async fn set_conditions(client: &Client, workspace: &Workspace, new: &[NewCondition]) -> Result<()> {
    let old = workspace.status.as_ref().map(|it| it.conditions.as_slice()).unwrap_or_default();
    let generation = workspace.metadata.generation.unwrap_or_default();
    let mut conditions = condition::merge(old, new, generation, Timestamp::now());
    let kept: Vec<_> =
        old.iter().filter(|it| conditions.iter().all(|new| new.type_ != it.type_)).cloned().collect();
    conditions.extend(kept);
    let patch = json!({ "status": { "conditions": conditions } });
    let name = workspace.name_any();
    api(client).patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// Gives the workspace a repository.
pub async fn set_source(client: &Client, name: &str, url: &str) -> Result<()> {
    let patch = json!({ "spec": { "repository": { "url": url } } });
    api(client).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// Wants the workspace not to run.
pub async fn stop(client: &Client, name: &str) -> Result<()> {
    let patch = json!({ "spec": { "runPolicy": "Stopped" } });
    api(client).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// Has the workspace run on demand, as this manager declares.
pub async fn set_on_demand(client: &Client, manager: &str, name: &str) -> Result<Workspace> {
    let patch = json!({ "spec": { "runPolicy": "OnDemand" } });
    let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    Ok(api(client).patch(name, &params, &Patch::Merge(patch)).await?)
}

/// Says that it was stopped since nobody used it.
pub async fn suspend(client: &Client, name: &str) -> Result<()> {
    set_ready(client, name, true, Reason::Suspended, "").await?;
    let patch = json!({ "status": { "pod": null, "epoch": 1, "suspended": { "since": Timestamp::now() } } });
    api(client).patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// Says that the workspace has no pod any more.
pub async fn take_pod_away(client: &Client, name: &str) -> Result<()> {
    let patch = json!({ "status": { "pod": null } });
    api(client).patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// The workspaces.
pub fn api(client: &Client) -> Api<Workspace> {
    Api::namespaced(client.clone(), NAMESPACE)
}
