//! What cases declare and look at.

use anyhow::{Result, ensure};
use neuralinverse_api::labels::RETAINED_UNTIL;
use neuralinverse_tests::Demo;
use serde_json::{Value, json};

/// Asks and says what came: `000` when nothing did.
const CURL: &[&str] = &["curl", "-sk", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}"];

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
    let its = format!("cloud.neuralinverse.com/workspace={name}");
    demo.wait("its pod to go and its volume to be kept for a time", || {
        let pods = demo.get(&["pods", "-l", &its])?;
        ensure!(pods["items"].as_array().is_some_and(Vec::is_empty), "{pods}");
        let volumes = demo.get(&["pvc", "-l", &its])?;
        let kept = |volume: &Value| volume["metadata"]["annotations"][RETAINED_UNTIL].is_string();
        ensure!(volumes["items"].as_array().is_some_and(|all| all.iter().all(kept)), "{volumes}");
        Ok(())
    })?;
    let over = format!("{RETAINED_UNTIL}=2026-01-01T00:00:00Z");
    for volume in demo.get(&["pvc", "-l", &its])?["items"].as_array().into_iter().flatten() {
        let name = volume["metadata"]["name"].as_str().unwrap_or_default();
        demo.kubectl(&["annotate", "pvc", name, &over, "--overwrite"])?;
    }
    demo.wait("its volume to go when its time is over", || {
        let left = demo.get(&["pvc", "-l", &its])?;
        ensure!(left["items"].as_array().is_some_and(Vec::is_empty), "{left}");
        Ok(())
    })
}

/// Runs a command in a container of a pod.
pub fn runs_in(demo: &Demo, pod: &str, container: &str, command: &[&str]) -> Result<String> {
    demo.kubectl(&[&["exec", pod, "-c", container, "--"], command].concat())
}

/// Asks from a container; a refusal is an answer as well.
pub fn asks(demo: &Demo, pod: &str, container: &str, arguments: &[&str]) -> Result<String> {
    let curl = [&["exec", pod, "-c", container, "--"], CURL, arguments].concat();
    let output = demo.output(&[&["kubectl", "-n", "workspaces"], curl.as_slice()].concat())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
