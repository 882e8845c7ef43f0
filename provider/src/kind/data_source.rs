//! The data source `neuralinverse_<kind>`: an object by its name, whoever manages it.

use neuralinverse_api::Kind;
use tf_provider_sdk::{
    Configured, Context, Diagnostic, Diagnostics, DynDataSource, Schema, Value, async_trait,
};

use super::{object::with, schema::Model};
use crate::config::Regions;

/// The data source of a kind.
#[derive(Debug)]
pub struct KindDataSource {
    type_name: String,
    model: Model,
    regions: Configured<Regions>,
}

impl KindDataSource {
    /// The data source of a kind.
    pub fn new(kind: Kind, regions: Configured<Regions>) -> Self {
        let type_name = format!("neuralinverse_{}", kind.terraform_name);
        Self { type_name, model: Model::new(kind), regions }
    }
}

#[async_trait]
impl DynDataSource for KindDataSource {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn schema(&self) -> Schema {
        self.model.data_source_schema()
    }

    async fn read(&self, _: &Context, config: Value) -> Result<Value, Diagnostics> {
        let unknown = || Diagnostic::bug("A data source is read before its arguments are known");
        let cluster = self.regions.get()?.find(config.attr("region"))?.ok_or_else(unknown)?;
        let address = self.model.address(&config).ok_or_else(unknown)?;
        let live = cluster.get(&address).await;
        let live = live.map_err(|problem| problem.explain(&address.to_string(), |_| None))?;
        let Some(live) = live else {
            let (summary, region) = (format!("There is no {address}"), &cluster.region);
            let detail = format!("The cluster of region `{region}` does not have it. Check name and region.");
            return Err(Diagnostic::error(summary, detail).into());
        };
        let mut fields = self.model.all(&live);
        fields.push(("region".to_owned(), cluster.region.as_str().into()));
        fields.push(("name".to_owned(), address.name.as_str().into()));
        fields.push(("status".to_owned(), self.model.status(&live)));
        if let Some(namespace) = &address.namespace {
            fields.push(("namespace".to_owned(), namespace.as_str().into()));
        }
        Ok(with(&config, fields))
    }
}
