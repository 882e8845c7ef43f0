//! A managed resource over the author's model type.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Diagnostic, Diagnostics, DynResource, Failure, Outcome, Path, Saved, Schema, Value};

/// A change to plan, in terms of the model.
#[derive(Clone, Debug)]
pub struct TypedPlan<M> {
    /// The configuration, with defaults filled in.
    pub config: M,
    /// The state before; none for a create.
    pub prior: Option<M>,
    /// The plan so far; change it. An `Option` field that was unknown and is left `None` stays unknown.
    pub planned: M,
    /// Attributes whose change replaces the resource; add to it.
    pub requires_replace: Vec<Path>,
}

/// A resource type whose configuration and state is one Rust type.
///
/// The schema is derived from the model: doc comments are descriptions, `Option` is optional, `#[serde(default)]` gives
/// the default, and `#[schemars(extend("x-terraform" = {"computed": true}))]` sets the flags `computed`,
/// `requires_replace`, `sensitive`, `write_only`, `keep_prior`. In `create` and `update` the planned model also holds
/// the write-only values.
#[async_trait]
pub trait Resource: Send + Sync + 'static {
    /// Configuration and state.
    type Model: Serialize + DeserializeOwned + JsonSchema + Send + Sync;

    /// The full name, e.g. `acme_bucket`.
    const NAME: &'static str;

    /// The version of stored state.
    const VERSION: i64 = 0;

    /// Adds to the derived schema what the model cannot say.
    fn schema(&self, derived: Schema) -> Schema {
        derived
    }

    /// Checks a configuration beyond what the schema says.
    ///
    /// # Errors
    /// All faults at once, each with its attribute.
    async fn validate(&self, _ctx: &Context, _config: Self::Model) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// Adjusts the plan.
    ///
    /// # Errors
    /// Why the change is impossible.
    async fn plan(&self, _ctx: &Context, _plan: &mut TypedPlan<Self::Model>) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// Makes the resource.
    async fn create(&self, ctx: &Context, planned: Self::Model) -> Outcome<Self::Model>;

    /// The state now, or none if the resource is gone.
    ///
    /// # Errors
    /// Why it cannot be read; the old state is kept.
    async fn read(&self, ctx: &Context, state: Self::Model) -> Result<Option<Self::Model>, Diagnostics>;

    /// Changes the resource.
    async fn update(&self, ctx: &Context, prior: Self::Model, planned: Self::Model) -> Outcome<Self::Model>;

    /// Removes the resource; one that is gone already is a success.
    ///
    /// # Errors
    /// Why it could not be removed.
    async fn delete(&self, ctx: &Context, state: Self::Model) -> Result<(), Failure<Self::Model>>;

    /// Finds the resource by the id a user imports it with.
    ///
    /// # Errors
    /// Why the id is wrong, showing its format.
    async fn import(&self, _ctx: &Context, _id: &str) -> Result<Self::Model, Diagnostics> {
        Err(Diagnostic::error(
            "Import is not supported",
            format!("Resources of type `{}` cannot be imported", Self::NAME),
        )
        .into())
    }

    /// State stored by an older schema version.
    ///
    /// # Errors
    /// Why it cannot be upgraded.
    async fn upgrade(
        &self,
        _ctx: &Context,
        version: i64,
        _json: serde_json::Value,
    ) -> Result<Self::Model, Diagnostics> {
        Err(Diagnostic::bug(format!("`{}` has no upgrade from state version {version}", Self::NAME)).into())
    }
}

/// The resource over values that [`Provider::resources`](crate::Provider::resources) lists.
pub fn typed<R: Resource>(resource: R) -> Arc<dyn DynResource> {
    Arc::new(Typed(resource))
}

struct Typed<R>(R);

#[async_trait]
impl<R: Resource> DynResource for Typed<R> {
    fn type_name(&self) -> &str {
        R::NAME
    }
    fn schema(&self) -> Schema {
        self.0.schema(Schema::default())
    }
    async fn create(&self, _ctx: &Context, _planned: Value, _config: Value, _private: Vec<u8>) -> Outcome {
        Err(Diagnostic::bug("Not written yet").into())
    }
    async fn read(
        &self,
        _ctx: &Context,
        _state: Value,
        _private: Vec<u8>,
    ) -> Result<Option<Saved>, Diagnostics> {
        Err(Diagnostic::bug("Not written yet").into())
    }
    async fn update(
        &self,
        _ctx: &Context,
        _prior: Value,
        _planned: Value,
        _config: Value,
        _private: Vec<u8>,
    ) -> Outcome {
        Err(Diagnostic::bug("Not written yet").into())
    }
    async fn delete(&self, _ctx: &Context, _prior: Value, _private: Vec<u8>) -> Result<(), Failure> {
        Err(Diagnostic::bug("Not written yet").into())
    }
}
