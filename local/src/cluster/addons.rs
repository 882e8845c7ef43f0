//! Names and disks for pods: CoreDNS and the local-path provisioner.
//!
//! Both run as programs in the first node's namespace, not as pods: nothing to load, and up before the first pod.

use std::fs;

use serde_json::json;

use super::{plan::ClusterPlan, record::Record};
use crate::{
    error::{At, Result},
    files, images,
    kubectl::Kubectl,
    process::Process,
    servers::Servers,
    tools::Tool,
};

/// Starts both and creates their objects.
pub(super) fn start(record: &Record, servers: &Servers, kubectl: &Kubectl) -> Result<Vec<Process>> {
    let objects = [dns_objects(record.plan()), storage_objects(record)].concat();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    kubectl.apply(&list.to_string())?;
    let corefile = record.control().join("Corefile");
    files::write(&corefile, &corefile_text(record, servers)?)?;
    let dns = servers.start(Tool::Coredns, vec![format!("-conf={}", corefile.display())])?;
    let kubeconfig = record.kubeconfig();
    let storage = vec![
        "start".into(),
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--config={}", storage_config(record)?),
        "--namespace=local-path-storage".into(),
        format!("--helper-image={}", images::small::BUSYBOX),
    ];
    Ok(vec![dns, servers.start(Tool::LocalPathProvisioner, storage)?])
}

/// Writes the name servers that a node can reach: those on the host's loopback are out of its sight.
pub(super) fn write_resolv_conf(record: &Record) -> Result<Vec<String>> {
    let files = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"];
    let text = files.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")).map(str::trim);
    let servers: Vec<_> =
        servers.filter(|server| !server.starts_with("127.") && *server != "::1").map(String::from).collect();
    let lines: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
    files::write(&record.control().join("resolv.conf"), &lines)?;
    Ok(servers)
}

fn corefile_text(record: &Record, servers: &Servers) -> Result<String> {
    let upstream = write_resolv_conf(record)?;
    let forward =
        if upstream.is_empty() { String::new() } else { format!("forward . {}", upstream.join(" ")) };
    let (address, kubeconfig) = (servers.address, record.kubeconfig());
    Ok(format!(
        ".:53 {{
  bind {address}
  errors
  kubernetes cluster.local in-addr.arpa ip6.arpa {{
    kubeconfig {} {}
    pods insecure
    ttl 5
  }}
  {forward}
  cache 30
  loop
}}
",
        kubeconfig.display(),
        record.name
    ))
}

fn dns_objects(plan: ClusterPlan) -> Vec<serde_json::Value> {
    let labels = json!({ "k8s-app": "kube-dns", "kubernetes.io/service-name": "kube-dns" });
    let ports = |target: bool| -> Vec<_> {
        let port = |protocol: &str| {
            let name = if protocol == "UDP" { "dns" } else { "dns-tcp" };
            let mut port = json!({ "name": name, "protocol": protocol, "port": 53 });
            if target {
                port["targetPort"] = 53.into();
            }
            port
        };
        ["UDP", "TCP"].map(port).to_vec()
    };
    vec![
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "kube-dns", "namespace": "kube-system", "labels": labels },
            "spec": { "clusterIP": plan.dns_service(), "ports": ports(true) },
        }),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": { "name": "kube-dns-local", "namespace": "kube-system", "labels": labels },
            "addressType": "IPv4",
            "endpoints": [{ "addresses": [plan.node(0).address()], "conditions": { "ready": true } }],
            "ports": ports(false),
        }),
    ]
}

fn storage_objects(record: &Record) -> Vec<serde_json::Value> {
    let namespace = "local-path-storage";
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "helper-pod" },
        "spec": {
            // The disk of a workspace is made on whatever node its pod goes to.
            "tolerations": [{ "operator": "Exists" }],
            "containers": [{ "name": "helper-pod", "image": images::small::BUSYBOX, "imagePullPolicy": "IfNotPresent" }],
        },
    });
    let script = |body: &str| format!("#!/bin/sh\nset -eu\n{body}\n");
    vec![
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": "local-path-provisioner-service-account", "namespace": namespace },
        }),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "local-path-config", "namespace": namespace },
            "data": {
                "config.json": storage_paths(record).to_string(),
                "setup": script("mkdir -m 0777 -p \"$VOL_DIR\""),
                "teardown": script("rm -rf \"$VOL_DIR\""),
                "helperPod.yaml": pod.to_string(),
            },
        }),
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {
                "name": "local-path",
                "annotations": { "storageclass.kubernetes.io/is-default-class": "true" },
            },
            "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        }),
    ]
}

fn storage_paths(record: &Record) -> serde_json::Value {
    let volumes = record.folder().join("volumes");
    json!({ "nodePathMap": [{ "node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [volumes] }] })
}

fn storage_config(record: &Record) -> Result<String> {
    let path = record.control().join("local-path.json");
    files::write(&path, &storage_paths(record).to_string())?;
    let volumes = record.folder().join("volumes");
    fs::create_dir_all(&volumes).at(volumes)?;
    Ok(path.display().to_string())
}
