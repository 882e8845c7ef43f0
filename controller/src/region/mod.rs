//! Region: prepares the namespaces that workspaces live in, and keeps the portal's certificate.

mod objects;
mod portal;
mod status;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
    core::TypeMeta,
    discovery::ApiResource,
};
use neuralinverse_api::labels;
use serde_json::Value;

use crate::{
    change::Change,
    context::Context,
    error::{During, Error, Result, refused, text},
    key::Key,
    queue::Next,
    reconciler::{Reconciler, resync},
    references::REGION,
    write,
};

/// Reconciles the Region.
pub struct Regions {
    /// What it shares with others.
    pub context: Arc<Context>,
    /// Namespace of the controller.
    pub namespace: String,
}

impl Reconciler for Regions {
    const KIND: &'static str = "Region";
    /// The count of workspaces follows a burst with one write.
    const GATHER: Duration = Duration::from_secs(2);

    fn all(&self) -> Vec<Key> {
        vec![Key::cluster(REGION)]
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        match change {
            Change::Region | Change::Workspace(_) => self.all(),
            _ => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let caches = &self.context.caches;
        let Some(region) = caches.regions.get(key) else { return Ok(Next::Never) };
        let mut refusal = None;
        for namespace in &region.spec.workspace_namespaces {
            if let Err(error) = self.prepare(namespace).await {
                refusal = Some(format!("namespace `{namespace}` cannot be prepared: {}", refused_by(error)?));
            }
        }
        let Context { client, authority, .. } = &*self.context;
        if let Err(error) = portal::keep(client, &self.namespace, authority).await {
            refusal = Some(format!("the portal's certificate cannot be kept: {}", refused_by(error)?));
        }
        let status = status::status(&region, refusal.as_deref(), caches.workspaces.count(), Timestamp::now());
        write::status(client, &caches.regions, &region, region.status.as_ref(), &status).await?;
        Ok(if refusal.is_some() { Next::Retry } else { resync(key) })
    }
}

impl Regions {
    async fn prepare(&self, namespace: &str) -> Result<()> {
        for object in objects::all(namespace, &self.namespace, &self.context.authority.certificate) {
            self.ensure(object).await?;
        }
        Ok(())
    }

    /// Applies an object where what is there differs in one of its fields. Fields that it does not name
    /// are somebody else's.
    async fn ensure(&self, wanted: Value) -> Result<()> {
        let wanted: DynamicObject = serde_json::from_value(wanted)?;
        let name = wanted.metadata.name.clone().unwrap_or_default();
        let types = wanted.types.clone().unwrap_or_default();
        let api = self.api(&types, wanted.metadata.namespace.as_deref());
        let there = api.get_opt(&name).await.during("reading an object of a workspace namespace")?;
        let wanted_json = serde_json::to_value(&wanted)?;
        if there.is_some_and(|there| {
            serde_json::to_value(there).is_ok_and(|there| contains(&there, &wanted_json))
        }) {
            return Ok(());
        }
        let params = PatchParams::apply(labels::CONTROLLER).force();
        let applied = api.patch(&name, &params, &Patch::Apply(&wanted)).await;
        applied.during("preparing a workspace namespace")?;
        tracing::info!(kind = types.kind, name, "applied an object of a workspace namespace");
        Ok(())
    }

    fn api(&self, types: &TypeMeta, namespace: Option<&str>) -> Api<DynamicObject> {
        let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: types.api_version.clone(),
            kind: types.kind.clone(),
            plural: format!("{}s", types.kind.to_lowercase()),
        };
        match namespace {
            Some(namespace) => Api::namespaced_with(self.context.client.clone(), namespace, &resource),
            None => Api::all_with(self.context.client.clone(), &resource),
        }
    }
}

/// What the cluster said when it refused; any other error is handed on.
fn refused_by(error: Error) -> Result<String> {
    match error {
        Error::Api { source, .. } if refused(&source) => Ok(text(&source)),
        other => Err(other),
    }
}

/// Whether `there` has all that `wanted` has. Lists are compared as a whole.
fn contains(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            wanted.iter().all(|(field, wanted)| there.get(field).is_some_and(|there| contains(there, wanted)))
        }
        (there, wanted) => there == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_fields_that_we_want_are_compared() {
        let there = json!({ "a": { "b": 1, "other": 2 }, "list": [1] });
        for (wanted, same) in [
            (json!({ "a": { "b": 1 } }), true),
            (json!({ "a": { "b": 2 } }), false),
            (json!({ "a": { "c": 1 } }), false),
            (json!({ "list": [1, 2] }), false),
        ] {
            assert_eq!(contains(&there, &wanted), same, "{wanted}");
        }
    }
}
