//! Writes that carry their own precondition, so that two of us at once can do no harm.

use std::fmt::Debug;

use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::NamespaceResourceScope,
};
use neuralinverse_api::labels;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    cache::{Cache, Cached},
    error::{During, Result, not_found},
};

/// Under which name our writes stand in `managedFields`.
pub fn params() -> PatchParams {
    PatchParams { field_manager: Some(labels::CONTROLLER.to_owned()), ..Default::default() }
}

/// The same for what we create.
pub fn creation() -> PostParams {
    PostParams { field_manager: Some(labels::CONTROLLER.to_owned()), ..Default::default() }
}

/// Writes the status of `object` if it is another one than `old`, provided that nobody wrote the object
/// since we read it. Says whether it wrote.
pub async fn status<K, S>(
    client: &Client,
    cache: &Cache<K>,
    object: &K,
    old: Option<&S>,
    new: &S,
) -> Result<bool>
where
    K: Cached + Resource + Clone + Debug + DeserializeOwned,
    S: Serialize + PartialEq,
{
    if old == Some(new) {
        return Ok(false);
    }
    let patch = json!({
        "metadata": { "resourceVersion": object.resource_version() },
        "status": difference(&serde_json::to_value(old)?, serde_json::to_value(new)?),
    });
    let url = K::url_path(&K::DynamicType::default(), object.namespace().as_deref());
    let url = kube::core::Request::new(url);
    let request = url.patch_subresource("status", &object.name_any(), &params(), &Patch::Merge(patch));
    let request = request.map_err(kube::Error::BuildRequest).during("writing a status")?;
    let written: K = client.request(request).await.during("writing a status")?;
    cache.apply(written);
    Ok(true)
}

/// `new`, with null for the fields that only `old` has, so that a merge patch removes them.
fn difference(old: &Value, mut new: Value) -> Value {
    if let (Some(old), Some(new)) = (old.as_object(), new.as_object_mut()) {
        for field in old.keys() {
            new.entry(field).or_insert(Value::Null);
        }
    }
    new
}

/// Creates what is declared in full, and gives it back as far as it is read here.
pub async fn create<K: Resource + Clone + DeserializeOwned>(
    api: &Api<K>,
    object: &impl Serialize,
) -> kube::Result<K> {
    let url = kube::core::Request::new(api.resource_url());
    let request = url.create(&creation(), serde_json::to_vec(object).map_err(kube::Error::SerdeError)?);
    let request = request.map_err(kube::Error::BuildRequest)?;
    api.clone().into_client().request(request).await
}

/// Deletes exactly the copy that we looked at, or nothing: anything that happened to it since, such as
/// a claim, comes first. What is gone already is fine.
pub async fn delete_unchanged<K>(client: &Client, object: &K) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let version = object.resource_version();
    delete(client, object, Preconditions { uid: object.uid(), resource_version: version }).await
}

/// Deletes the object of this UID, whatever happened to it since. What is gone already is fine.
pub async fn delete_uid<K>(client: &Client, object: &K) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    delete(client, object, Preconditions { uid: object.uid(), resource_version: None }).await
}

async fn delete<K>(client: &Client, object: &K, preconditions: Preconditions) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<K> = Api::namespaced(client.clone(), &namespace);
    let params = DeleteParams::background().preconditions(preconditions);
    match api.delete(&object.name_any(), &params).await {
        Err(error) if not_found(&error) => Ok(()),
        other => other.map(drop).during("deleting"),
    }
}

/// A patch of metadata that takes effect only where all its tests hold.
pub fn json_patch(operations: Value) -> Result<Patch<()>> {
    Ok(Patch::Json(serde_json::from_value(operations)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_goes_away_is_removed_by_the_patch() {
        let (old, new) = (json!({ "pod": "p", "epoch": 1 }), json!({ "epoch": 2 }));
        assert_eq!(difference(&old, new), json!({ "pod": null, "epoch": 2 }));
        assert_eq!(difference(&Value::Null, json!({ "epoch": 2 })), json!({ "epoch": 2 }));
    }
}
