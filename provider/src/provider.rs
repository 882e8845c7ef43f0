//! The provider: its block, and a resource and a data source for every kind.

use std::sync::Arc;

use neuralinverse_api::Kind;
use tf_provider_sdk::{
    Configured, Context, Diagnostics, DynDataSource, DynResource, Provider, Schema, Value, async_trait,
};

use crate::{
    config::{self, Regions},
    kind::{KindDataSource, KindResource},
};

/// The provider `neuralinverse`.
#[derive(Clone, Debug, Default)]
pub struct NeuralInverse {
    regions: Configured<Regions>,
}

#[async_trait]
impl Provider for NeuralInverse {
    fn schema(&self) -> Schema {
        config::schema()
    }

    async fn configure(&self, _: &Context, config: Value) -> Result<(), Diagnostics> {
        self.regions.set(Regions::new(&config)?);
        Ok(())
    }

    fn resources(&self) -> Vec<Arc<dyn DynResource>> {
        let resource = |kind| Arc::new(KindResource::new(kind, self.regions.clone())) as Arc<dyn DynResource>;
        Kind::all().into_iter().map(resource).collect()
    }

    fn data_sources(&self) -> Vec<Arc<dyn DynDataSource>> {
        let source =
            |kind| Arc::new(KindDataSource::new(kind, self.regions.clone())) as Arc<dyn DynDataSource>;
        Kind::all().into_iter().map(source).collect()
    }
}
