//! What cases declare and look at.

use anyhow::{Result, ensure};
use neuralinverse_tests::Demo;
use serde_json::{Value, json};

/// A small workspace of somebody who is only a name, with more in its spec.
pub fn workspace(name: &str, spec: Value) -> Value {
    let mut all = json!({ "owner": "grace", "tier": "starter", "template": "debian" });
    if let (Some(all), Some(spec)) = (all.as_object_mut(), spec.as_object()) {
        all.extend(spec.clone());
    }
    json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
        "metadata": { "name": name }, "spec": all,
    })
}

/// The condition of this type.
pub fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|it| it["type"] == type_)
}

/// Deletes a workspace if it is there, and waits until nothing is left of it.
pub fn remove(demo: &Demo, name: &str) -> Result<()> {
    demo.kubectl(&["delete", "workspace", name, "--ignore-not-found"])?;
    demo.wait("its pod and volume to go", || {
        let left = demo.get(&["pods,pvc", "-l", &format!("cloud.neuralinverse.com/workspace={name}")])?;
        ensure!(left["items"].as_array().is_some_and(Vec::is_empty), "{left}");
        Ok(())
    })
}

/// Runs a command in a container of a pod.
pub fn runs_in(demo: &Demo, pod: &str, container: &str, command: &[&str]) -> Result<String> {
    demo.kubectl(&[&["exec", pod, "-c", container, "--"], command].concat())
}
