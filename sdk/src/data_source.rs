//! A data source in terms of values.

use async_trait::async_trait;

use crate::{Context, Diagnostics, Schema, Value};

/// A data source over plain values.
#[async_trait]
pub trait DynDataSource: Send + Sync {
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

    /// The data. `config` is wholly known. Configured arguments come back as they were, whatever this
    /// returns.
    ///
    /// # Errors
    /// Why it cannot be read; not being found is an error too.
    async fn read(&self, ctx: &Context, config: Value) -> Result<Value, Diagnostics>;
}
