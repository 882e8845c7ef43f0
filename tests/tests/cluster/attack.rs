//! Somebody who has taken over a workspace, and what it gives them: from its own container, with the tokens of its
//! sidecar at most. No engine for network policies runs here, so every address answers, and whatever refuses is the
//! next layer.

use anyhow::{Context, Result, ensure};
use neuralinverse_api::{agent, install};
use neuralinverse_tests::Demo;
use serde_json::{Value, json};

use crate::objects::{asks, remove, runs_in, workspace};

const ATTACKER: &str = "attacker";

/// Whose work is wanted: the workspace of the quickstart.
const VICTIM: &str = "hello";

/// A tier whose pods have users of their own.
const TIER: &str = "apart";

/// Asked of the API server with the right to do anything, each of these would tell or do something.
const WANTED: &[&[&str]] = &[
    &["/api/v1/namespaces/workspaces/pods"],
    &["/api/v1/namespaces/workspaces/secrets"],
    &["/api/v1/namespaces/neuralinverse-system/secrets"],
    &["/apis/cloud.neuralinverse.com/v1alpha1/workspaces"],
    &["-X", "POST", "/api/v1/namespaces/workspaces/serviceaccounts/neuralinverse-workspace/token"],
    &["-X", "POST", "/api/v1/namespaces/workspaces/pods"],
    &["-X", "DELETE", "/apis/cloud.neuralinverse.com/v1alpha1/namespaces/workspaces/workspaces/hello"],
];

pub fn the_api_server_tells_and_does_nothing(demo: &Demo) -> Result<()> {
    let pod = attacker(demo)?;
    for wanted in WANTED {
        let (path, options) = wanted.split_last().context("a path")?;
        let url = format!("https://kubernetes.default.svc{path}");
        let seen = asks(demo, &pod, "workspace", &[options, &[&url]].concat())?;
        ensure!(seen == "401" || seen == "403", "{wanted:?} as nobody: {seen}");
        // Tokens that the sidecar has are for the controller and the gateway, and the API server says so.
        for token in tokens(demo, &pod)? {
            let header = format!("authorization: Bearer {token}");
            let seen =
                asks(demo, &pod, "workspace", &[&["-H", header.as_str()][..], options, &[&url]].concat())?;
            ensure!(seen == "401", "{wanted:?} with a token of the sidecar: {seen}");
        }
    }
    Ok(())
}

pub fn the_kubelet_and_the_nodes_programs_tell_nothing(demo: &Demo) -> Result<()> {
    let pod = attacker(demo)?;
    let nodes: Value = serde_json::from_str(&demo.run(&["kubectl", "get", "nodes", "-o", "json"])?)?;
    let addresses = nodes["items"].as_array().into_iter().flatten().filter_map(|node| {
        let addresses = node["status"]["addresses"].as_array()?;
        addresses.iter().find(|it| it["type"] == "InternalIP")?["address"].as_str().map(str::to_owned)
    });
    let addresses: Vec<_> = addresses.collect();
    ensure!(!addresses.is_empty(), "{nodes}");
    for address in addresses {
        for path in ["pods", "logs/", "exec/workspaces/hello/workspace", "configz", "metrics"] {
            let url = format!("https://{address}:10250/{path}");
            let seen = asks(demo, &pod, "workspace", &[&url])?;
            ensure!(seen == "401", "{url} as nobody: {seen}");
            for token in tokens(demo, &pod)? {
                let header = format!("authorization: Bearer {token}");
                let seen = asks(demo, &pod, "workspace", &["-H", &header, &url])?;
                ensure!(seen == "401" || seen == "403", "{url} with a token of the sidecar: {seen}");
            }
        }
        let seen = asks(demo, &pod, "workspace", &[&format!("http://{address}:10255/pods")])?;
        ensure!(seen == "000", "the kubelet's port without TLS: {seen}");
    }
    Ok(())
}

pub fn the_controller_and_gitea_want_somebody_they_know(demo: &Demo) -> Result<()> {
    let pod = attacker(demo)?;
    let controller = format!("https://{}.neuralinverse-system.svc:{}", install::CONTROLLER, agent::PORT);
    let url = format!("{controller}{}", agent::ASSIGNMENT_PATH);
    let seen = asks(demo, &pod, "workspace", &[&url])?;
    ensure!(seen == "401", "{url} as nobody: {seen}");
    // The token for the gateway is none for the controller.
    let token = sidecar_file(demo, &pod, agent::paths::GATEWAY_TOKEN)?;
    let seen = asks(demo, &pod, "workspace", &["-H", &format!("authorization: Bearer {token}"), &url])?;
    ensure!(seen == "401", "{url} with the gateway's token: {seen}");
    let gitea = format!("http://{}.neuralinverse-system.svc:{}", install::GITEA, install::GITEA_PORT);
    for (path, headers) in [
        ("/api/v1/user", vec![]),
        ("/api/v1/admin/users", vec![]),
        // What a proxy in front of Gitea, or its administrator, would say.
        ("/api/v1/user", vec!["X-WEBAUTH-USER: ada"]),
        ("/api/v1/user", vec!["X-Forwarded-User: ada", "Remote-User: ada"]),
        ("/api/v1/user?sudo=ada", vec!["Sudo: ada"]),
    ] {
        let headers: Vec<_> = headers.into_iter().flat_map(|header| ["-H", header]).collect();
        let url = format!("{gitea}{path}");
        let seen = asks(demo, &pod, "workspace", &[headers.as_slice(), &[url.as_str()]].concat())?;
        ensure!(seen == "401" || seen == "403", "{url} {headers:?}: {seen}");
    }
    Ok(())
}

pub fn other_owners_volumes_are_not_there_and_cannot_be_brought(demo: &Demo) -> Result<()> {
    demo.shell(VICTIM, &["sh", "-c", "echo theirs > ~/marker-of-the-victim"])?;
    let pod = attacker(demo)?;
    // Whatever of the node's disks can be seen at all lies below a mount.
    const LOOK: &str = "find / -xdev -name marker-of-the-victim 2>/dev/null; find $(awk '{ print $2 }' \
                        /proc/self/mounts) -xdev -name marker-of-the-victim 2>/dev/null; true";
    ensure!(!sh(demo, &demo.pod_of(VICTIM)?, LOOK)?.trim().is_empty(), "it is not found where it is");
    let found = sh(demo, &pod, LOOK)?;
    ensure!(found.trim().is_empty(), "{found}");
    demo.shell(VICTIM, &["sh", "-c", "rm ~/marker-of-the-victim"])?;
    let devices = sh(demo, &pod, "find /dev -type b 2>/dev/null; true")?;
    ensure!(devices.trim().is_empty(), "disks: {devices}");
    for forbidden in [
        "mount -t tmpfs none /mnt",
        "mknod /tmp/disk b 8 0",
        "unshare --user --map-root-user true",
        "unshare --mount true",
        "nsenter --target 1 --mount true",
        "chroot / true",
        "ls /var/lib/kubelet/pods",
        "test -S /run/containerd/containerd.sock",
        "echo 1 > /proc/sys/kernel/core_pattern",
        "su -c true",
    ] {
        let seen =
            sh(demo, &pod, &format!("({forbidden}) < /dev/null > /dev/null 2>&1 && echo done || true"))?;
        ensure!(seen.trim().is_empty(), "{forbidden}");
    }
    Ok(())
}

pub fn neither_rights_nor_processes_lead_out_of_the_container(demo: &Demo) -> Result<()> {
    let pod = attacker(demo)?;
    let status = sh(demo, &pod, "cat /proc/self/status")?;
    let is = |field: &str, value: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        ensure!(line.is_some_and(|line| line.trim() == value), "{field}: {line:?}");
        Ok(())
    };
    for none in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        is(none, "0000000000000000")?;
    }
    is("NoNewPrivs", "1")?;
    is("Seccomp", "2")?;
    // The sidecar is in the same pod and cannot be seen, much less written to.
    let processes = sh(demo, &pod, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")?;
    ensure!(!processes.contains("neuralinverse-agent"), "{processes}");
    // As root one would be nobody on the node, where the tier asks for it.
    let map = demo.shell(&format!("{ATTACKER}-apart"), &["cat", "/proc/self/uid_map"])?;
    let outside = map.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok());
    ensure!(outside.is_some_and(|it| it >= 65_536), "{map}");
    remove(demo, ATTACKER)?;
    remove(demo, &format!("{ATTACKER}-apart"))?;
    demo.kubectl(&["delete", "workspacetier", TIER]).map(drop)
}

/// The attacker's pod; a second workspace of theirs is in a user namespace.
fn attacker(demo: &Demo) -> Result<String> {
    demo.apply(&json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceTier", "metadata": { "name": TIER },
        "spec": {
            "cpu": "1", "memory": "1Gi", "storage": "1Gi", "nodePool": "workspaces", "userNamespaces": true,
        },
    }))?;
    let apart = format!("{ATTACKER}-apart");
    demo.apply(&workspace(ATTACKER, json!({ "owner": "mallory" })))?;
    demo.apply(&workspace(&apart, json!({ "owner": "mallory", "tier": TIER })))?;
    demo.wait_for_condition(&apart, "Ready", "True")?;
    demo.wait_for_condition(ATTACKER, "Ready", "True")?;
    demo.pod_of(ATTACKER)
}

/// What the sidecar has: a second layer, for whoever gets hold of it.
fn tokens(demo: &Demo, pod: &str) -> Result<[String; 2]> {
    Ok([sidecar_file(demo, pod, "token")?, sidecar_file(demo, pod, agent::paths::GATEWAY_TOKEN)?])
}

fn sidecar_file(demo: &Demo, pod: &str, name: &str) -> Result<String> {
    let path = format!("{}/{name}", agent::paths::IDENTITY);
    Ok(runs_in(demo, pod, "agent", &["cat", &path])?.trim().to_owned())
}

fn sh(demo: &Demo, pod: &str, script: &str) -> Result<String> {
    runs_in(demo, pod, "workspace", &["sh", "-c", script])
}
