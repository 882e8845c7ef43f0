//! In place of a scheduler: puts each pod on the next node. The real one would wait for volumes, which nobody
//! makes here; kwok says the rest.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// How many nodes there are.
const NODES: usize = 500;

/// Places pods until dropped.
pub fn start(client: &Client) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let client = client.clone();
    tasks.spawn(async move {
        let next = AtomicUsize::new(0);
        let waiting = watcher::Config::default().fields("spec.nodeName=");
        let pods = watcher(Api::<Pod>::all(client.clone()), waiting).default_backoff().applied_objects();
        let place = |pod| {
            let (client, node) = (&client, next.fetch_add(1, Ordering::Relaxed) % NODES);
            async move {
                let Ok(pod) = pod else { return };
                if let Err(error) = bind(client, &pod, node).await {
                    eprintln!("{}: {error}", pod.name_any());
                }
            }
        };
        pods.for_each_concurrent(8, place).await;
    });
    tasks
}

async fn bind(client: &Client, pod: &Pod, node: usize) -> Result<()> {
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": { "name": name },
        "target": { "apiVersion": "v1", "kind": "Node", "name": format!("node-{node}") },
    });
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/binding");
    let request = http::Request::post(path).header("content-type", "application/json");
    match client.request::<Value>(request.body(binding.to_string().into_bytes())?).await {
        // It has a node already, or is gone.
        Err(kube::Error::Api(status)) if status.code == 409 || status.code == 404 => Ok(()),
        other => Ok(other.map(drop)?),
    }
}
