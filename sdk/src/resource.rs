//! A managed resource in terms of values: what the generic parts of a provider implement.

use async_trait::async_trait;

use crate::{Context, Diagnostic, Diagnostics, Path, Schema, Value};

/// Opaque bytes kept beside the state of one instance. Every call returns them again or loses them.
pub type Private = Vec<u8>;

/// What is stored after a call that worked.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved<S = Value> {
    /// The state.
    pub state: S,
    /// Bytes to keep beside it.
    pub private: Private,
}

impl<S> Saved<S> {
    /// The same state with these bytes beside it.
    #[must_use]
    pub fn with_private(mut self, private: Private) -> Self {
        self.private = private;
        self
    }
}

impl<S> From<S> for Saved<S> {
    /// The state, with nothing beside it.
    fn from(state: S) -> Self {
        Self { state, private: Private::new() }
    }
}

/// Why a change failed, and how far it got.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure<S = Value> {
    /// At least one error.
    pub diagnostics: Diagnostics,
    /// The state as far as it got. `None`: nothing was made (create), nothing changed (update, delete).
    pub partial: Option<Saved<S>>,
}

impl<S> Failure<S> {
    /// A change that failed half-way: a created resource is stored as tainted, an updated one as given here.
    pub fn partial(state: impl Into<Saved<S>>, diagnostics: impl Into<Diagnostics>) -> Self {
        Self { diagnostics: diagnostics.into(), partial: Some(state.into()) }
    }
}

impl<S> From<Diagnostics> for Failure<S> {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { diagnostics, partial: None }
    }
}

impl<S> From<Diagnostic> for Failure<S> {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}

/// The end of a create or update: `Ok(state.into())`, `?` on diagnostics, or [`Failure::partial`].
pub type Outcome<S = Value> = Result<Saved<S>, Failure<S>>;

/// A change to plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRequest {
    /// The configuration; may hold unknowns, holds write-only values.
    pub config: Value,
    /// The state before; none for a create and for the second half of a replacement.
    pub prior: Option<Value>,
    /// The plan after the SDK's own steps: defaults, write-only values removed, unknowns, kept values.
    pub proposed: Value,
    /// Attributes whose change replaces the resource, by the schema.
    pub requires_replace: Vec<Path>,
    /// Bytes beside the prior state.
    pub private: Private,
}

/// A planned change.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The state to expect: known values are promises.
    pub planned: Value,
    /// Attributes whose change replaces the resource.
    pub requires_replace: Vec<Path>,
    /// Bytes handed to create or update.
    pub private: Private,
}

impl From<PlanRequest> for Plan {
    /// The SDK's own plan, unchanged.
    fn from(request: PlanRequest) -> Self {
        let PlanRequest { config: _, prior: _, proposed, requires_replace, private } = request;
        Self { planned: proposed, requires_replace, private }
    }
}

/// A resource type over plain values. Values given to it have the shape of [`DynResource::schema`]; in what
/// it returns missing attributes are null and write-only attributes are removed.
///
/// Calls run concurrently. Each has its own [`Context`].
#[async_trait]
pub trait DynResource: Send + Sync {
    /// The full name, e.g. `acme_bucket`.
    fn type_name(&self) -> &str;

    /// The schema. The same in every process, whatever the configuration.
    fn schema(&self) -> Schema;

    /// Checks a configuration beyond what the schema says. Values may be unknown, at any depth: skip those.
    ///
    /// # Errors
    /// All faults at once, each with its attribute.
    async fn validate(&self, _ctx: &Context, _config: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// Adjusts the SDK's plan. Runs at plan and again before apply with more values known: must be
    /// deterministic and may only turn unknown into known.
    ///
    /// # Errors
    /// Why the change is impossible.
    async fn plan(&self, _ctx: &Context, request: PlanRequest) -> Result<Plan, Diagnostics> {
        Ok(request.into())
    }

    /// Looks at a planned destroy; returns the bytes handed to delete.
    ///
    /// # Errors
    /// Why it must not be destroyed.
    async fn plan_destroy(
        &self,
        _ctx: &Context,
        _prior: Value,
        private: Private,
    ) -> Result<Private, Diagnostics> {
        Ok(private)
    }

    /// Makes the resource. `config` is wholly known and holds write-only values.
    async fn create(&self, ctx: &Context, planned: Value, config: Value, private: Private) -> Outcome;

    /// The state now, or none if the resource is gone. The bytes returned replace the old ones.
    ///
    /// # Errors
    /// Why it cannot be read; the old state is kept.
    async fn read(&self, ctx: &Context, state: Value, private: Private)
    -> Result<Option<Saved>, Diagnostics>;

    /// Changes the resource from `prior` to `planned`. `config` is wholly known and holds write-only values.
    async fn update(
        &self,
        ctx: &Context,
        prior: Value,
        planned: Value,
        config: Value,
        private: Private,
    ) -> Outcome;

    /// Removes the resource; one that is gone already is a success.
    ///
    /// # Errors
    /// Why it could not be removed, and what is left if that differs from `prior`.
    async fn delete(&self, ctx: &Context, prior: Value, private: Private) -> Result<(), Failure>;

    /// The state that `read` needs to find the resource with this id; other attributes null.
    ///
    /// # Errors
    /// Why the id is wrong, showing its format.
    async fn import(&self, _ctx: &Context, _id: &str) -> Result<Saved, Diagnostics> {
        Err(Diagnostic::error(
            "Import is not supported",
            format!("Resources of type `{}` cannot be imported", self.type_name()),
        )
        .into())
    }

    /// State stored by schema version `version` (lower than the current one), as the current version spells
    /// it. Numbers in `json` have the precision of `f64`.
    ///
    /// # Errors
    /// Why it cannot be upgraded.
    async fn upgrade_state(
        &self,
        _ctx: &Context,
        version: i64,
        _json: serde_json::Value,
    ) -> Result<Value, Diagnostics> {
        Err(Diagnostic::bug(format!("`{}` has no upgrade from state version {version}", self.type_name()))
            .into())
    }
}
