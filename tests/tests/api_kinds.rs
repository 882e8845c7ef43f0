//! The declared kinds against a real API server: what it takes, what it refuses, what it fills in.

use anyhow::{Context, Result, bail, ensure};
use neuralinverse_api::{Kind, install};
use neuralinverse_local::{ControlPlane, ControlPlaneOptions};
use serde_json::{Value, json};

/// A control plane with our CRDs established.
fn control_plane() -> Result<ControlPlane> {
    let control_plane = ControlPlane::start_blocking(&ControlPlaneOptions::default())?;
    let kubectl = control_plane.kubectl();
    for crd in install::crds() {
        kubectl.apply(&crd.to_string())?;
    }
    kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?;
    Ok(control_plane)
}

/// The smallest valid object of each kind.
fn smallest(kind: &str) -> Result<Value> {
    let (name, spec) = match kind {
        "Region" => ("cluster", json!({})),
        "WorkspaceNodePool" => ("a", json!({ "static": { "nodeSelector": { "a": "b" } } })),
        "WorkspaceTier" => ("a", json!({ "cpu": 2, "memory": "2Gi", "nodePool": "a" })),
        "WorkspaceTemplate" => ("a", json!({ "image": "debian" })),
        "WarmPool" => ("a", json!({ "tier": "a", "template": "a", "size": 0 })),
        "Workspace" => ("a", json!({ "owner": "ada", "tier": "a", "template": "a" })),
        other => bail!("`{other}` has no smallest object: add one"),
    };
    Ok(json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind,
        "metadata": { "name": name }, "spec": spec,
    }))
}

fn merged(mut object: Value, patch: &Value) -> Value {
    merge(&mut object, patch);
    object
}

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

#[test]
fn every_kind_is_structural_and_takes_its_smallest_object() -> Result<()> {
    let control_plane = control_plane()?;
    let kubectl = control_plane.kubectl();
    for kind in Kind::all() {
        let crd = kubectl.get(&["crd", &format!("{}.cloud.neuralinverse.com", kind.plural())])?;
        let conditions = crd["status"]["conditions"].as_array().context("a CRD without conditions")?;
        ensure!(
            !conditions.iter().any(|it| it["type"] == "NonStructuralSchema"),
            "{} is not structural: {conditions:?}",
            kind.name()
        );
        kubectl.apply(&smallest(kind.name())?.to_string()).with_context(|| kind.name().to_owned())?;
    }
    Ok(())
}

#[test]
fn the_server_refuses_what_the_types_refuse() -> Result<()> {
    let control_plane = control_plane()?;
    let cases = [
        ("Region", json!({ "metadata": { "name": "us" } }), "its Region is named `cluster`"),
        ("Region", json!({ "spec": { "requestsPercent": 0 } }), "greater than or equal to 1"),
        ("Region", json!({ "spec": { "workspaceNamespaces": ["UPPER"] } }), "should match"),
        ("WorkspaceNodePool", json!({ "spec": { "static": { "nodeSelector": null } } }), "nodeSelector"),
        (
            "WorkspaceNodePool",
            json!({ "spec": { "karpenter": { "nodeClassRef": { "group": "g", "kind": "K", "name": "n" } } } }),
            "exactly one of static and karpenter",
        ),
        ("WorkspaceNodePool", json!({ "spec": { "hourlyPrices": { "m": "1,50" } } }), "should match"),
        ("WorkspaceTier", json!({ "spec": { "memory": "abc" } }), "should match"),
        ("WorkspaceTier", json!({ "spec": { "cpu": "-1" } }), "should match"),
        ("WarmPool", json!({ "spec": { "size": -1 } }), "greater than or equal to 0"),
        (
            "Workspace",
            json!({ "spec": { "repository": { "url": "https://me:secret@example.com/a" } } }),
            "should match",
        ),
        ("Workspace", json!({ "spec": { "runPolicy": "Sometimes" } }), "supported values"),
        ("Workspace", json!({ "spec": { "idleTimeout": "0s" } }), "idleTimeout must be at least 1s"),
        ("Workspace", json!({ "spec": { "idleTimeout": "half an hour" } }), "spec.idleTimeout"),
        ("Workspace", json!({ "metadata": { "name": "a".repeat(53) } }), "at most 52 characters"),
        ("Workspace", json!({ "spec": { "typo": 1 } }), "typo"),
    ];
    for (kind, patch, expected) in cases {
        let object = merged(smallest(kind)?, &patch);
        let error = control_plane.kubectl().apply(&object.to_string()).err().map(|it| it.to_string());
        let error = error.with_context(|| format!("{kind} was taken with {patch}"))?;
        ensure!(error.contains(expected), "{kind} {patch}: {error}");
    }
    Ok(())
}

#[test]
fn an_owner_cannot_be_changed() -> Result<()> {
    let control_plane = control_plane()?;
    let workspace = smallest("Workspace")?;
    control_plane.kubectl().apply(&workspace.to_string())?;
    let stolen = merged(workspace, &json!({ "spec": { "owner": "eve" } }));
    let error =
        control_plane.kubectl().apply(&stolen.to_string()).expect_err("the owner was changed").to_string();
    ensure!(error.contains("owner cannot be changed"), "{error}");
    Ok(())
}

#[test]
fn the_servers_defaults_are_those_of_the_types() -> Result<()> {
    let control_plane = control_plane()?;
    let kubectl = control_plane.kubectl();
    kubectl.apply(&smallest("Region")?.to_string())?;
    let stored = kubectl.get(&["region", "cluster"])?["spec"].take();
    let ours: neuralinverse_api::RegionSpec = serde_json::from_value(json!({}))?;
    let stored: neuralinverse_api::RegionSpec = serde_json::from_value(stored)?;
    ensure!(stored == ours, "stored {stored:?}, ours {ours:?}");

    kubectl.apply(&smallest("Workspace")?.to_string())?;
    let stored = kubectl.get(&["workspace", "a"])?;
    ensure!(stored["spec"]["runPolicy"] == "Always", "{stored}");
    Ok(())
}

#[test]
fn everything_that_is_installed_is_taken() -> Result<()> {
    let control_plane = control_plane()?;
    for object in install::objects(&install::Install::default(), &neuralinverse_api::Images::default()) {
        control_plane.kubectl().apply(&object.to_string()).with_context(|| object["kind"].to_string())?;
    }
    Ok(())
}
