//! Stands in for the controller: makes objects ready, or whatever their annotation `test/conditions` says.

use std::{path::Path, thread, time::Duration};

use kube::{
    Api, Client, Config,
    api::{DynamicObject, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use neuralinverse_api::{GROUP, Kind, VERSION};
use serde_json::{Value, json};

/// Runs until the tests end.
pub fn start(kubeconfig: &Path) {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(kubeconfig));
    });
}

async fn run(kubeconfig: Kubeconfig) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let client = Client::try_from(config).unwrap();
    loop {
        for kind in Kind::all() {
            let objects: Api<DynamicObject> = Api::all_with(client.clone(), &kind.api_resource());
            // The kinds come and go with the tests.
            let Ok(list) = objects.list(&ListParams::default()).await else { continue };
            for object in list {
                let api: Api<DynamicObject> = match &object.metadata.namespace {
                    Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kind.api_resource()),
                    None => objects.clone(),
                };
                observe(&kind, &api, &object).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn observe(kind: &Kind, api: &Api<DynamicObject>, object: &DynamicObject) {
    let (Some(name), Some(generation)) = (&object.metadata.name, object.metadata.generation) else { return };
    if object.data["status"]["observedGeneration"] == generation {
        return;
    }
    let wanted = object.metadata.annotations.as_ref().and_then(|it| it.get("test/conditions"));
    let wanted = wanted.map_or_else(|| json!([["Ready", "True", "Available", ""]]), |it| it.parse().unwrap());
    let conditions: Vec<Value> = wanted.as_array().unwrap().iter().map(condition).collect();
    let status = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"), "kind": kind.name(),
        "status": { "observedGeneration": generation, "conditions": conditions },
    });
    let params = PatchParams::apply("neuralinverse-controller").force();
    // The object may be gone by now.
    let _ = api.patch_status(name, &params, &Patch::Apply(&status)).await;
}

fn condition(wanted: &Value) -> Value {
    json!({ "type": wanted[0], "status": wanted[1], "reason": wanted[2], "message": wanted[3],
        "lastTransitionTime": "2026-01-01T00:00:00Z" })
}
