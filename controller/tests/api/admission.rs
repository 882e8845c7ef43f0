//! What the API server refuses by itself, though RBAC would allow it.

use std::fmt::Debug;

use anyhow::{Result, ensure};
use k8s_openapi::api::{
    admissionregistration::v1::ValidatingAdmissionPolicy,
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use neuralinverse_api::{
    Workspace,
    install::{PORTAL, WORKSPACE_ACCOUNT},
};
use serde_json::{Value, json};

use crate::world::{SYSTEM, World, eventually, token};

#[tokio::test(flavor = "multi_thread")]
async fn admit_a_workspace_of_an_owner_that_one_may_use_and_of_nobody_else() -> Result<()> {
    let world = World::new().await?;
    let carol = world.user("carol", None)?;
    let workspaces: Api<Workspace> = Api::namespaced(carol.clone(), &world.namespace);
    let ours = "cloud.neuralinverse.com";
    grant(
        &world,
        "carol",
        "writer",
        json!([{ "apiGroups": [ours], "resources": ["workspaces"], "verbs": ["create", "get", "patch"] }]),
    )
    .await?;
    let create = |owner: &str| {
        let workspace = of(owner);
        let (workspaces, params) = (workspaces.clone(), tried());
        async move { workspaces.create(&params, &workspace?).await.map_err(anyhow::Error::from) }
    };
    let message = refused("neuralinverse-owners", || create("ada")).await?;
    ensure!(message.contains("carol may not make or change workspaces of `ada`"), "{message}");

    let owners =
        json!([{ "apiGroups": [ours], "resources": ["owners"], "resourceNames": ["ada"], "verbs": ["use"] }]);
    grant(&world, "carol", "ada", owners).await?;
    taken(|| create("ada")).await?;
    refused("neuralinverse-owners", || create("bob")).await?;

    world.workspace("bobs", json!({ "owner": "bob" })).await?;
    let patch = |patch: Value| {
        let workspaces = workspaces.clone();
        async move {
            let patched = workspaces.patch("bobs", &trying(), &Patch::Merge(patch)).await;
            patched.map_err(anyhow::Error::from)
        }
    };
    refused("neuralinverse-owners", || patch(json!({ "spec": { "env": { "BASH_ENV": "/tmp/theirs" } } })))
        .await?;
    taken(|| patch(json!({ "metadata": { "labels": { "team": "a" } } }))).await?;

    let portal = world.user(&format!("system:serviceaccount:{SYSTEM}:{PORTAL}"), None)?;
    let workspaces: Api<Workspace> = Api::namespaced(portal, &world.namespace);
    taken(|| async { Ok(workspaces.create(&tried(), &of("bob")?).await?) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn admit_no_pod_that_says_it_is_a_workspaces() -> Result<()> {
    let world = World::new().await?;
    let pods: Api<Pod> = Api::namespaced(eve(&world).await?, &world.namespace);
    let create = |labels: Value| {
        let pods = pods.clone();
        async move { Ok(pods.create(&tried(), &plain("x", labels)?).await?) }
    };
    for labels in [
        json!({ "cloud.neuralinverse.com/owner": "ada" }),
        json!({ "cloud.neuralinverse.com/workspace-uid": "uid" }),
        json!({ "cloud.neuralinverse.com/warm-pool": "pool" }),
        json!({ "app.kubernetes.io/managed-by": "neuralinverse-controller" }),
    ] {
        let message = refused("neuralinverse-pods", || create(labels.clone())).await?;
        ensure!(message.contains("eve may not write pods of workspaces"), "{message}");
    }
    taken(|| create(json!({ "app.kubernetes.io/managed-by": "somebody-else" }))).await?;

    world.api::<Pod>().create(&PostParams::default(), &plain("plain", json!({}))?).await?;
    let owner = json!({ "metadata": { "labels": { "cloud.neuralinverse.com/owner": "ada" } } });
    refused("neuralinverse-pods", || patched(&pods, "plain", owner.clone())).await?;
    refused("neuralinverse-pods", || async {
        Ok(pods.patch_status("plain", &trying(), &Patch::Merge(owner.clone())).await?)
    })
    .await?;
    taken(|| patched(&pods, "plain", json!({ "metadata": { "labels": { "mine": "yes" } } }))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn admit_no_change_of_what_a_workspaces_pod_is_but_of_what_others_note_on_it() -> Result<()> {
    let world = World::new().await?;
    world.workspace("mine", json!({})).await?;
    let name = world.pod_of("mine", None).await?.name_any();
    let pods: Api<Pod> = Api::namespaced(eve(&world).await?, &world.namespace);
    for patch in [
        json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": null } } }),
        json!({ "metadata": { "labels": { "cloud.neuralinverse.com/owner": "eve" } } }),
        json!({ "metadata": { "labels": { "cloud.neuralinverse.com/epoch": null } } }),
        json!({ "spec": { "containers": [{ "name": "workspace", "image": "theirs" }] } }),
        json!({ "spec": { "initContainers": [{ "name": "agent", "image": "theirs" }] } }),
    ] {
        let message = refused("neuralinverse-pods", || strategic(&pods, &name, patch.clone())).await?;
        ensure!(message.contains("eve may not write pods of workspaces"), "{patch}: {message}");
    }
    let debugger = json!({ "spec": { "ephemeralContainers": [{
        "name": "debug", "image": "theirs", "targetContainerName": "agent",
        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
        "volumeMounts": [{ "name": "identity", "mountPath": "/identity" }],
    }] } });
    refused("neuralinverse-pods", || async {
        let params = trying();
        Ok(pods.patch_ephemeral_containers(&name, &params, &Patch::Strategic(debugger.clone())).await?)
    })
    .await?;
    taken(|| strategic(&pods, &name, json!({ "metadata": { "annotations": { "seen-by": "a scanner" } } })))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn admit_no_volume_that_says_whose_work_it_holds() -> Result<()> {
    let world = World::new().await?;
    world.workspace("mine", json!({})).await?;
    let name = world.volume_of("mine").await?;
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(eve(&world).await?, &world.namespace);
    let stolen = json!({ "metadata": { "labels": { "cloud.neuralinverse.com/workspace": "eves" } } });
    let patch = |patch: Value| {
        let (volumes, name) = (volumes.clone(), name.clone());
        async move { Ok(volumes.patch(&name, &trying(), &Patch::Merge(patch)).await?) }
    };
    let message = refused("neuralinverse-volumes", || patch(stolen.clone())).await?;
    ensure!(message.contains("eve may not write volumes of workspaces"), "{message}");
    taken(|| patch(json!({ "metadata": { "annotations": { "backed-up": "yes" } } }))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn admit_only_nodes_to_the_tokens_of_workspaces() -> Result<()> {
    let world = World::new().await?;
    let rights = json!([{ "apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"] }]);
    grant(&world, "eve", "tokens", rights.clone()).await?;
    grant(&world, "kubelet", "kubelet", rights).await?;
    let (eve, kubelet) = (world.user("eve", None)?, world.user("kubelet", Some("system:nodes"))?);
    let ask = |client: &Client, account: &'static str| {
        let (client, namespace) = (client.clone(), world.namespace.clone());
        async move { token(&client, &namespace, account, json!({ "audiences": ["neuralinverse-gateway"] })).await }
    };
    let message = refused("neuralinverse-tokens", || ask(&eve, WORKSPACE_ACCOUNT)).await?;
    ensure!(message.contains("eve may not write tokens of workspaces"), "{message}");
    taken(|| ask(&eve, "default")).await?;
    taken(|| ask(&kubelet, WORKSPACE_ACCOUNT)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_finds_nothing_wrong_with_the_policies() -> Result<()> {
    let world = World::new().await?;
    let api: Api<ValidatingAdmissionPolicy> = Api::all(world.client.clone());
    for name in
        ["neuralinverse-owners", "neuralinverse-pods", "neuralinverse-volumes", "neuralinverse-tokens"]
    {
        let status = eventually(&format!("{name} is checked"), || async {
            let policy = api.get(name).await?;
            Ok(policy.status.filter(|status| status.observed_generation == policy.metadata.generation))
        })
        .await?;
        let warnings =
            status.type_checking.and_then(|checked| checked.expression_warnings).unwrap_or_default();
        ensure!(warnings.is_empty(), "{name}: {warnings:?}");
    }
    Ok(())
}

/// Nothing is kept: what is refused a moment later may be taken at first.
fn tried() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

/// See [`tried`].
fn trying() -> PatchParams {
    PatchParams { dry_run: true, ..PatchParams::default() }
}

/// Somebody who may write pods and volumes beside workspaces.
async fn eve(world: &World) -> Result<Client> {
    let verbs = ["create", "get", "patch"];
    let resources = ["pods", "pods/status", "pods/ephemeralcontainers", "persistentvolumeclaims"];
    grant(world, "eve", "pods", json!([{ "apiGroups": [""], "resources": resources, "verbs": verbs }]))
        .await?;
    world.user("eve", None)
}

/// Gives rights in the namespace.
async fn grant(world: &World, user: &str, name: &str, rules: Value) -> Result<()> {
    use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
    let role: Role = serde_json::from_value(json!({ "metadata": { "name": name }, "rules": rules }))?;
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
    }))?;
    world.api::<Role>().create(&PostParams::default(), &role).await?;
    world.api::<RoleBinding>().create(&PostParams::default(), &binding).await?;
    Ok(())
}

fn of(owner: &str) -> Result<Workspace> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace", "metadata": { "name": "x" },
        "spec": { "owner": owner, "tier": "standard", "template": "rust" },
    }))?)
}

fn plain(name: &str, labels: Value) -> Result<Pod> {
    Ok(serde_json::from_value(json!({
        "metadata": { "name": name, "labels": labels },
        "spec": {
            "serviceAccountName": WORKSPACE_ACCOUNT,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [{ "name": "workspace", "image": "debian", "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] },
            } }],
        },
    }))?)
}

async fn patched(pods: &Api<Pod>, name: &str, patch: Value) -> Result<Pod> {
    Ok(pods.patch(name, &trying(), &Patch::Merge(patch)).await?)
}

async fn strategic(pods: &Api<Pod>, name: &str, patch: Value) -> Result<Pod> {
    Ok(pods.patch(name, &trying(), &Patch::Strategic(patch)).await?)
}

/// Asks until the policy refuses, and gives its message: rights and policies take a moment to be seen.
async fn refused<T: Debug, F: Future<Output = Result<T>>>(
    policy: &str,
    ask: impl Fn() -> F,
) -> Result<String> {
    let by = format!("ValidatingAdmissionPolicy '{policy}'");
    let what = format!("{policy} refuses");
    eventually(&what, || async {
        match ask().await {
            Ok(taken) => anyhow::bail!("it was taken: {taken:?}"),
            Err(error) if error.to_string().contains(&by) => Ok(Some(error.to_string())),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Asks until it is taken.
async fn taken<T, F: Future<Output = Result<T>>>(ask: impl Fn() -> F) -> Result<()> {
    eventually("it is taken", || async { ask().await.map(|_| Some(())) }).await
}
