//! One adapter carries every kind: what differs between kinds comes from their schema.
//!
//! ```text
//!  configuration ── validate ──► plan ── server-side dry run ──► create / update ── wait ──► state
//!                  (schema)      (offline where there is no cluster)   (server-side apply)
//! ```

pub mod convert;
mod create;
mod data_source;
pub mod delete;
mod events;
pub mod import;
mod managed_fields;
pub mod object;
mod plan;
mod read;
mod reference;
mod rules;
pub mod schema;
pub mod shape;
mod update;
mod validate;
pub mod wait;

use std::sync::Arc;

pub use data_source::KindDataSource;
use neuralinverse_api::Kind;
use tf_provider_sdk::{
    Configured, Context, Diagnostics, DynResource, Failure, Outcome, Plan, PlanRequest, Private, Saved,
    Schema, Value, async_trait,
};

use self::{rules::Rules, schema::Model};
use crate::{client::Cluster, config::Regions};

/// The resource `neuralinverse_<kind>`.
pub struct KindResource {
    type_name: String,
    model: Model,
    rules: Rules,
    regions: Configured<Regions>,
}

impl KindResource {
    /// The resource of a kind.
    pub fn new(kind: Kind, regions: Configured<Regions>) -> Self {
        let type_name = format!("neuralinverse_{}", kind.terraform_name);
        Self { type_name, model: Model::new(kind), rules: Rules::default(), regions }
    }

    /// The region of an object whose attributes are known.
    fn cluster(&self, object: &Value) -> Result<Arc<Cluster>, Diagnostics> {
        let cluster = self.regions.get()?.find(object.attr("region"))?;
        cluster.ok_or_else(|| {
            tf_provider_sdk::Diagnostic::bug("The region is not known at apply, where everything is").into()
        })
    }
}

#[async_trait]
impl DynResource for KindResource {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn schema(&self) -> Schema {
        let mut schema = self.model.resource_schema();
        if self.model.installs() {
            schema.attributes.push(crate::region::install::attribute());
        }
        schema
    }

    async fn validate(&self, _: &Context, config: &Value) -> Result<(), Diagnostics> {
        let mut faults = validate::resource(&self.model, config);
        if !faults.has_errors() {
            faults.extend(self.rules.check(&self.model, config));
        }
        faults.into_result(())
    }

    async fn plan(&self, ctx: &Context, request: PlanRequest) -> Result<Plan, Diagnostics> {
        self.plan_change(ctx, request).await
    }

    async fn create(&self, ctx: &Context, planned: Value, _: Value, _: Private) -> Outcome {
        self.create_object(ctx, planned).await
    }

    async fn read(&self, _: &Context, state: Value, private: Private) -> Result<Option<Saved>, Diagnostics> {
        let state = self.read_object(state).await?;
        Ok(state.map(|state| Saved { state, private }))
    }

    async fn update(
        &self,
        ctx: &Context,
        prior: Value,
        planned: Value,
        _: Value,
        private: Private,
    ) -> Outcome {
        self.update_object(ctx, prior, planned, private).await
    }

    async fn delete(&self, ctx: &Context, prior: Value, _: Private) -> Result<(), Failure> {
        Ok(self.delete_object(ctx, prior).await?)
    }

    async fn import(&self, _: &Context, id: &str) -> Result<Saved, Diagnostics> {
        let regions = self.regions.get()?;
        import::parse(&self.model, &regions, id)
    }
}
