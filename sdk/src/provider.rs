//! A provider, and the slot its configured client lives in.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use crate::{Context, Diagnostic, Diagnostics, DynDataSource, DynResource, Schema, Value};

/// A provider: its own configuration, and the resources and data sources it offers.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The schema of the provider block.
    fn schema(&self) -> Schema;

    /// Checks the provider block. Values may be unknown: skip those.
    ///
    /// # Errors
    /// All faults at once, each with its attribute.
    async fn validate(&self, _ctx: &Context, _config: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// Takes the configuration, which may hold unknowns during plan: build what can be built and let the use
    /// fail. Put the result into a [`Configured`] slot shared with the resources. In debug mode one process
    /// is configured again and again, and the last one wins.
    ///
    /// # Errors
    /// Why the configuration cannot work.
    async fn configure(&self, ctx: &Context, config: Value) -> Result<(), Diagnostics>;

    /// The resource types.
    fn resources(&self) -> Vec<Arc<dyn DynResource>>;

    /// The data sources.
    fn data_sources(&self) -> Vec<Arc<dyn DynDataSource>> {
        Vec::new()
    }
}

/// Faults of all schemas of a provider, each naming its place; empty when it is good. For a unit test; the
/// CLI is told too.
pub fn check(provider: &dyn Provider) -> Vec<String> {
    let resources = provider.resources();
    let sources = provider.data_sources();
    let resources = resources.iter().map(|it| ("resource", it.type_name().to_owned(), it.schema().check()));
    let sources = sources.iter().map(|it| ("data source", it.type_name().to_owned(), it.schema().check()));
    let mut faults = provider.schema().check_reserving(&["alias", "version"]);
    let mut seen = BTreeSet::new();
    for (kind, name, found) in resources.chain(sources) {
        faults.extend(found.into_iter().map(|fault| format!("{kind} `{name}`: {fault}")));
        if !seen.insert((kind, name.clone())) {
            faults.push(format!("{kind} `{name}` is there twice"));
        }
    }
    faults
}

/// A slot for what `configure` makes (a client), shared by provider and resources. Clones are the same slot.
#[derive(Debug)]
pub struct Configured<T>(Arc<RwLock<Option<Arc<T>>>>);

impl<T> Configured<T> {
    /// An empty slot.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Fills the slot, replacing what was there; calls under way keep the old value.
    pub fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(value));
    }

    /// What the slot holds.
    ///
    /// # Errors
    /// A diagnostic when the provider is not configured, which core rules out for create, read, update,
    /// delete, import and data sources.
    pub fn get(&self) -> Result<Arc<T>, Diagnostics> {
        let value = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        value.ok_or_else(|| {
            Diagnostic::bug("A call needs the provider's configuration before there is one").into()
        })
    }
}

impl<T> Default for Configured<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Configured<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
