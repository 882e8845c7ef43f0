//! Objects of any kind, made what they are to be where they differ.

use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
    core::{GroupVersionKind, TypeMeta},
    discovery::ApiResource,
};
use neuralinverse_api::labels;
use serde_json::Value;

use crate::{
    contains::contains,
    error::{During, Result, not_found},
    workspace::children::is_managed,
};

/// Writes them.
#[derive(Clone, Copy)]
pub struct Objects<'a>(pub &'a Client);

impl Objects<'_> {
    /// Applies an object where what is there differs in one of its fields. Fields that it does not name
    /// are somebody else's.
    pub async fn ensure(&self, wanted: Value) -> Result<()> {
        let wanted: DynamicObject = serde_json::from_value(wanted)?;
        let name = wanted.metadata.name.clone().unwrap_or_default();
        let types = wanted.types.clone().unwrap_or_default();
        let api = self.api(&types, wanted.metadata.namespace.as_deref());
        let there = api.get_opt(&name).await.during("reading an object of the region")?;
        let wanted_json = serde_json::to_value(&wanted)?;
        if there.is_some_and(|there| {
            serde_json::to_value(there).is_ok_and(|there| contains(&there, &wanted_json))
        }) {
            return Ok(());
        }
        let params = PatchParams::apply(labels::CONTROLLER).force();
        api.patch(&name, &params, &Patch::Apply(&wanted)).await.during("applying an object of the region")?;
        tracing::info!(kind = types.kind, name, "applied an object of the region");
        Ok(())
    }

    /// Deletes an object of ours, if it is there.
    pub async fn remove(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<()> {
        let types = TypeMeta { api_version: api_version.to_owned(), kind: kind.to_owned() };
        let api = self.api(&types, Some(namespace));
        let there = api.get_opt(name).await.during("reading an object of the region")?;
        if !there.is_some_and(|there| is_managed(&there)) {
            return Ok(());
        }
        match api.delete(name, &DeleteParams::background()).await {
            Err(error) if not_found(&error) => Ok(()),
            other => other.map(drop).during("deleting an object of the region"),
        }?;
        tracing::info!(kind, name, "deleted an object that is declared no more");
        Ok(())
    }

    fn api(&self, types: &TypeMeta, namespace: Option<&str>) -> Api<DynamicObject> {
        let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &types.kind));
        match namespace {
            Some(namespace) => Api::namespaced_with(self.0.clone(), namespace, &resource),
            None => Api::all_with(self.0.clone(), &resource),
        }
    }
}
