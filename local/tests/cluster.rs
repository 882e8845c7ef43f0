//! A cluster with two nodes through its whole life, and one that is killed half-way. Each takes half a minute, so each is
//! one test.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use neuralinverse_local::{Cluster, ClusterOptions, Kubectl, NodeOptions, images::small::BUSYBOX};

const NAME: &str = "local-test";

#[tokio::test(flavor = "multi_thread")]
async fn pods_run_reach_one_another_and_survive_a_lost_node() -> Result<()> {
    if !may_run()? {
        return Ok(());
    }
    let cluster = Cluster::start(ClusterOptions::new(NAME, 1)).await?;
    let kubectl = cluster.kubectl().clone();
    kubectl.apply(&manifests())?;
    until_ready(&kubectl, &["pod/server", "pod/client"])?;
    a_pod_reaches_another_node_by_address_and_by_name(&kubectl)?;
    a_claim_is_bound_and_written(&kubectl)?;
    the_host_reaches_pods_and_services(&kubectl)?;

    cluster.add_node(NodeOptions::workspace("workspace-2").with_taint("test=yes:NoSchedule")).await?;
    assert_eq!(kubectl.get(&["node", "workspace-2"])?["spec"]["taints"][0]["key"], "test");

    cluster.stop_node("workspace-1").await?;
    kubectl.run(&["wait", "node/workspace-1", "--for=condition=Ready=Unknown", "--timeout=90s"])?;
    cluster.start_node("workspace-1").await?;
    until_ready(&kubectl, &["pod/client"])?;

    cluster.stop_node("system").await?;
    assert!(
        !kubectl.succeeds(&["get", "nodes", "--request-timeout=2s"]),
        "the control plane outlived its node"
    );
    cluster.start_node("system").await?;
    // The pods' last known state is from before the outage, so readiness says nothing yet.
    eventually(|| a_pod_reaches_another_node_by_address_and_by_name(&kubectl))?;

    cluster.stop().await?;
    nothing_is_left(NAME)
}

#[test]
fn one_killed_half_way_is_removed_by_its_name() -> Result<()> {
    if !may_run()? {
        return Ok(());
    }
    let name = "local-killed";
    let program = |verb: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neuralinverse-local"));
        command.args([verb, name]);
        command
    };
    let mut starter = program("up").spawn()?;
    let deadline = Instant::now() + Duration::from_secs(60);
    let half_way =
        || Path::new("/var/lib/neuralinverse-local").join(name).join("workspace-1/containerd.sock").exists();
    while !half_way() {
        ensure!(starter.try_wait()?.is_none() && Instant::now() < deadline, "it did not come half-way");
        std::thread::sleep(Duration::from_millis(20));
    }
    starter.kill()?;
    starter.wait()?;
    ensure!(program("down").status()?.success());
    nothing_is_left(name)
}

fn a_pod_reaches_another_node_by_address_and_by_name(kubectl: &Kubectl) -> Result<()> {
    let server = kubectl.get(&["pod", "server"])?;
    let address = server["status"]["podIP"].as_str().context("the server has no address")?;
    for host in [&format!("{address}:8080"), "server.default.svc.cluster.local"] {
        let answer = exec(kubectl, &format!("wget -qO- http://{host}"))?;
        ensure!(answer.trim() == "hello", "{host} answered {answer:?}");
    }
    Ok(())
}

fn a_claim_is_bound_and_written(kubectl: &Kubectl) -> Result<()> {
    assert_eq!(kubectl.get(&["pvc", "disk"])?["status"]["phase"], "Bound");
    exec(kubectl, "echo kept > /disk/file && cat /disk/file").map(|text| assert_eq!(text.trim(), "kept"))
}

fn the_host_reaches_pods_and_services(kubectl: &Kubectl) -> Result<()> {
    let service = kubectl.get(&["service", "server"])?;
    let address = service["spec"]["clusterIP"].as_str().context("the Service has no address")?;
    let stream =
        std::net::TcpStream::connect_timeout(&format!("{address}:80").parse()?, Duration::from_secs(5));
    stream.map(drop).context("the host does not reach the Service")
}

fn until_ready(kubectl: &Kubectl, pods: &[&str]) -> Result<()> {
    let args: Vec<_> =
        ["wait", "--for=condition=Ready", "--timeout=10s"].iter().chain(pods).copied().collect();
    eventually(|| {
        kubectl
            .run(&args)
            .map(drop)
            .with_context(|| kubectl.run(&["get", "pods,pvc,events", "-A"]).unwrap_or_default())
    })
}

fn eventually(mut check: impl FnMut() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(120);
    while let Err(error) = check() {
        ensure!(Instant::now() < deadline, error);
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn exec(kubectl: &Kubectl, script: &str) -> Result<String> {
    Ok(kubectl.run(&["exec", "client", "--", "sh", "-c", script])?)
}

fn nothing_is_left(name: &str) -> Result<()> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| path.to_owned());
    ensure!(!read("/proc/self/mountinfo")?.contains(name), "mounts are left");
    let folders = [
        "/run/netns",
        "/var/lib/cni/results",
        "/var/lib/neuralinverse-local",
        "/sys/fs/cgroup/memory/neuralinverse-local",
    ];
    for folder in folders {
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let left: Vec<_> = names.filter(|file| file.to_string_lossy().contains(name)).collect();
        ensure!(left.is_empty(), "{folder} still has {left:?}");
    }
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        ensure!(!line.contains(&format!("/{name}/")), "still runs: {line}");
    }
    Ok(())
}

/// Nodes need root. Who knows that and wants the other tests says so.
fn may_run() -> Result<bool> {
    if nix::unistd::geteuid().is_root() {
        return Ok(true);
    }
    ensure!(
        std::env::var_os("NEURALINVERSE_ALLOW_SKIP").is_some_and(|value| value == "1"),
        "a cluster with nodes needs root: run the tests with sudo, or skip this one with NEURALINVERSE_ALLOW_SKIP=1"
    );
    eprintln!("skipped: needs root");
    Ok(false)
}

fn manifests() -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: server, labels: {{app: server}}}}
spec:
  nodeSelector: {{neuralinverse.com/role: system}}
  containers:
  - name: main
    image: {BUSYBOX}
    command: [sh, -c, 'mkdir /tmp/w; echo hello > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w']
---
apiVersion: v1
kind: Service
metadata: {{name: server}}
spec: {{selector: {{app: server}}, ports: [{{port: 80, targetPort: 8080}}]}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: disk}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Mi}}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: client}}
spec:
  nodeSelector: {{neuralinverse.com/role: workspace}}
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: {BUSYBOX}
    command: [sleep, infinity]
    volumeMounts: [{{name: disk, mountPath: /disk}}]
  volumes: [{{name: disk, persistentVolumeClaim: {{claimName: disk}}}}]
"
    )
}
