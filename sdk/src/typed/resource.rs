//! A managed resource over the author's model type.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::model::Model;
use crate::{
    Context, Diagnostic, Diagnostics, DynResource, Failure, Outcome, Path, Plan, PlanRequest, Private, Saved,
    Schema, Value, plan,
};

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
/// The schema is derived from the model: doc comments are descriptions, `Option` is optional,
/// `#[serde(default)]` gives the default, and `#[schemars(extend("x-terraform" = {"computed": true}))]` sets
/// the flags `computed`, `requires_replace`, `sensitive`, `write_only`, `keep_prior`. In `create` and
/// `update` the planned model also holds the write-only values.
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
    Arc::new(Typed { resource, model: OnceLock::new() })
}

struct Typed<R: Resource> {
    resource: R,
    model: OnceLock<Model<R::Model>>,
}

impl<R: Resource> Typed<R> {
    /// Made when first needed: a process that serves one type needs one schema.
    fn model(&self) -> &Model<R::Model> {
        self.model.get_or_init(|| Model::new(|derived| self.resource.schema(derived.version(R::VERSION))))
    }

    /// A planned value with the write-only values of the configuration: one model for the author.
    fn with_write_only(&self, config: &Value, planned: &Value) -> Value {
        plan::with_write_only(&self.model().schema.attributes, config, planned.clone())
    }

    /// `state` over the value its model was read from; `before` is that model written.
    fn saved(&self, original: &Value, before: &Value, saved: Saved<R::Model>) -> Result<Saved, Diagnostics> {
        let Saved { state, private } = saved;
        Ok(Saved { state: self.model().changed(original, before, &state)?, private })
    }

    /// The end of a create or update. Something was made even if it cannot be written down.
    fn outcome(&self, planned: &Value, before: &Value, outcome: Outcome<R::Model>) -> Outcome {
        let planned = planned.with_nulls(); // a field left `None` is null now, not unknown
        let saved = |model| {
            let saved = self.saved(&planned, before, model);
            saved.map_err(|bug| Failure::partial(planned.clone(), bug))
        };
        match outcome {
            Ok(model) => saved(model),
            Err(Failure { mut diagnostics, partial }) => match partial.map(saved).transpose() {
                Ok(partial) => Err(Failure { diagnostics, partial }),
                Err(bug) => {
                    diagnostics.extend(bug.diagnostics);
                    Err(Failure { diagnostics, partial: bug.partial })
                }
            },
        }
    }
}

/// An author who says nothing about private bytes keeps them.
fn keep(saved: Saved, private: Private) -> Saved {
    if saved.private.is_empty() { saved.with_private(private) } else { saved }
}

#[async_trait]
impl<R: Resource> DynResource for Typed<R> {
    fn type_name(&self) -> &str {
        R::NAME
    }

    fn schema(&self) -> Schema {
        self.model().schema.clone()
    }

    async fn validate(&self, ctx: &Context, config: &Value) -> Result<(), Diagnostics> {
        match self.model().config(config)? {
            Some(config) => self.resource.validate(ctx, config).await,
            None => Ok(()), // again when more is known
        }
    }

    async fn plan(&self, ctx: &Context, request: PlanRequest) -> Result<Plan, Diagnostics> {
        let model = self.model();
        let Some(config) = model.config(&request.config)? else {
            return Ok(request.into());
        };
        let prior = request.prior.as_ref().map(|prior| model.read(prior)).transpose()?;
        let Ok(planned) = model.read(&request.proposed) else {
            return Ok(request.into()); // a computed field without room for unknown
        };
        let before = model.write(&planned)?;
        let PlanRequest { config: _, prior: _, proposed, requires_replace, private } = request;
        let mut plan = TypedPlan { config, prior, planned, requires_replace };
        self.resource.plan(ctx, &mut plan).await?;
        let planned = model.changed(&proposed, &before, &plan.planned)?;
        Ok(Plan { planned, requires_replace: plan.requires_replace, private })
    }

    async fn create(&self, ctx: &Context, planned: Value, config: Value, private: Private) -> Outcome {
        let given = self.with_write_only(&config, &planned);
        let model = self.model().read(&given)?;
        let before = self.model().write(&model)?;
        let outcome = self.resource.create(ctx, model).await;
        self.outcome(&planned, &before, outcome).map(|saved| keep(saved, private))
    }

    async fn read(
        &self,
        ctx: &Context,
        state: Value,
        private: Private,
    ) -> Result<Option<Saved>, Diagnostics> {
        let model = self.model().read(&state)?;
        let before = self.model().write(&model)?;
        let now = self.resource.read(ctx, model).await?;
        let now = now.map(|now| self.model().changed(&state, &before, &now)).transpose()?;
        Ok(now.map(|state| Saved { state, private }))
    }

    async fn update(
        &self,
        ctx: &Context,
        prior: Value,
        planned: Value,
        config: Value,
        private: Private,
    ) -> Outcome {
        let given = self.with_write_only(&config, &planned);
        let model = self.model().read(&given)?;
        let before = self.model().write(&model)?;
        let prior = self.model().read(&prior)?;
        let outcome = self.resource.update(ctx, prior, model).await;
        self.outcome(&planned, &before, outcome).map(|saved| keep(saved, private))
    }

    async fn delete(&self, ctx: &Context, prior: Value, private: Private) -> Result<(), Failure> {
        let model = self.model().read(&prior)?;
        let before = self.model().write(&model)?;
        let deleted = self.resource.delete(ctx, model).await;
        deleted.or_else(|Failure { diagnostics, partial }| {
            let left = partial.map(|left| self.saved(&prior, &before, left)).transpose()?;
            Err(Failure { diagnostics, partial: left.map(|left| keep(left, private)) })
        })
    }

    async fn import(&self, ctx: &Context, id: &str) -> Result<Saved, Diagnostics> {
        let model = self.resource.import(ctx, id).await?;
        Ok(self.model().write(&model)?.into())
    }

    async fn upgrade_state(
        &self,
        ctx: &Context,
        version: i64,
        json: serde_json::Value,
    ) -> Result<Value, Diagnostics> {
        let model = self.resource.upgrade(ctx, version, json).await?;
        self.model().write(&model)
    }
}
