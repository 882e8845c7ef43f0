//! A data source over the author's model type.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::model::Model;
use crate::{Context, Diagnostics, DynDataSource, Schema, Value};

/// A data source whose arguments and results are one Rust type, with a schema derived as for
/// [`Resource`](crate::Resource).
#[async_trait]
pub trait DataSource: Send + Sync + 'static {
    /// Arguments and results.
    type Model: Serialize + DeserializeOwned + JsonSchema + Send + Sync;

    /// The full name, e.g. `acme_bucket`.
    const NAME: &'static str;

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

    /// Fills in the results.
    ///
    /// # Errors
    /// Why it cannot be read; not being found is an error too.
    async fn read(&self, ctx: &Context, config: Self::Model) -> Result<Self::Model, Diagnostics>;
}

/// The data source over values that [`Provider::data_sources`](crate::Provider::data_sources) lists.
pub fn typed_data_source<D: DataSource>(source: D) -> Arc<dyn DynDataSource> {
    Arc::new(Typed { source, model: OnceLock::new() })
}

struct Typed<D: DataSource> {
    source: D,
    model: OnceLock<Model<D::Model>>,
}

impl<D: DataSource> Typed<D> {
    fn model(&self) -> &Model<D::Model> {
        self.model.get_or_init(|| Model::new(|derived| self.source.schema(derived)))
    }
}

#[async_trait]
impl<D: DataSource> DynDataSource for Typed<D> {
    fn type_name(&self) -> &str {
        D::NAME
    }

    fn schema(&self) -> Schema {
        self.model().schema.clone()
    }

    async fn validate(&self, ctx: &Context, config: &Value) -> Result<(), Diagnostics> {
        match self.model().config(config)? {
            Some(config) => self.source.validate(ctx, config).await,
            None => Ok(()), // again when more is known
        }
    }

    async fn read(&self, ctx: &Context, config: Value) -> Result<Value, Diagnostics> {
        let config = self.model().read(&config)?;
        self.model().write(&self.source.read(ctx, config).await?)
    }
}
