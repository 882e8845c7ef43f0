//! Declared objects for tests, as a user would write them.

use std::sync::Arc;

use neuralinverse_api::{LaunchSource, Workspace};
use serde_json::{Value, json};

use crate::{
    caches::Caches,
    context::Urls,
    kubernetes::Pod,
    references::{References, resolve},
    workspace::children::pod::{self, Launched},
};

/// Makes an object from what a user writes.
pub(crate) fn from<K: serde::de::DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).unwrap()
}

fn declared(name: &str, spec: Value) -> Value {
    let meta = json!({ "name": name, "uid": format!("uid-of-{name}"), "generation": 1 });
    json!({ "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "any", "metadata": meta, "spec": spec })
}

pub(crate) fn region(caches: &Caches) {
    caches
        .regions
        .apply(from(declared("cluster", json!({ "storageClassName": "fast", "requestsPercent": 50 }))));
}

pub(crate) fn tier(caches: &Caches) {
    let spec = json!({ "cpu": "2", "memory": "2Gi", "storage": "5Gi", "nodePool": "default" });
    caches.tiers.apply(from(declared("standard", spec)));
}

pub(crate) fn node_pool(caches: &Caches) {
    let spec = json!({ "static": { "nodeSelector": { "pool": "default" } } });
    caches.node_pools.apply(from(declared("default", spec)));
}

pub(crate) fn template_for(caches: &Caches, tiers: &[&str]) {
    let spec = json!({ "image": "rust:1", "env": { "FROM": "template" }, "tiers": tiers });
    caches.templates.apply(from(declared("rust", spec)));
}

/// A Region, the tier `standard` on the node pool `default`, and the template `rust`.
pub(crate) fn all(caches: &Caches) {
    region(caches);
    tier(caches);
    node_pool(caches);
    template_for(caches, &[]);
}

/// What a workspace of `standard` and `rust` is made from.
pub(crate) fn references() -> References {
    let caches = Caches::default();
    all(&caches);
    resolve(&caches, "workspaces", "standard", "rust").unwrap()
}

/// Where pods reach controller and gateway.
pub(crate) fn urls() -> Urls {
    Urls { controller: "https://controller:8443".to_owned(), gateway: "https://gateway:8443".to_owned() }
}

/// The workspace `mine`, with these fields in its spec and this status.
pub(crate) fn workspace(more: Value, status: Value) -> Workspace {
    let mut spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    from(json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
        "metadata": { "namespace": "workspaces", "name": "mine", "uid": "uid-of-mine", "generation": 1 },
        "spec": spec, "status": status,
    }))
}

/// The pod that `mine` was given as number `epoch`, wished for at second 100 and made at second 101.
pub(crate) fn pod(epoch: i64, more: impl FnOnce(&mut Pod)) -> Arc<Pod> {
    let since = jiff::Timestamp::from_second(100).unwrap();
    let launched = Launched { epoch, source: LaunchSource::Cold, since };
    let workspace = workspace(json!({}), Value::Null);
    let mut pod = seen(pod::started(&workspace, &launched, "mine-1", &references(), &urls()));
    pod.metadata.name = Some(format!("mine-{epoch}"));
    pod.metadata.uid = Some(format!("uid-of-pod-{epoch}"));
    pod.metadata.creation_timestamp = Some(from(json!("1970-01-01T00:01:41Z")));
    more(&mut pod);
    Arc::new(pod)
}

/// A pod that is made, as it is seen then.
pub(crate) fn seen(made: k8s_openapi::api::core::v1::Pod) -> Pod {
    Pod { metadata: made.metadata, spec: made.spec.unwrap().into(), ..Pod::default() }
}

/// Says of a pod that all its containers run.
pub(crate) fn ready(pod: &mut Pod) {
    pod.status = from(json!({ "conditions": [{ "type": "Ready", "status": "True" }] }));
}

/// Gives a pod another volume.
pub(crate) fn put_on(pod: &mut Pod, volume: &str) {
    for claim in pod.spec.volumes.iter_mut().filter_map(|it| it.persistent_volume_claim.as_mut()) {
        claim.claim_name = volume.to_owned();
    }
}

/// Says of a pod that it is being deleted.
pub(crate) fn going(pod: &mut Pod) {
    pod.metadata.deletion_timestamp = Some(from(json!("1970-01-01T00:10:00Z")));
}
