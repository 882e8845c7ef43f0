//! Declared objects for tests, as a user would write them.

use serde_json::{Value, json};

use crate::caches::Caches;

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
