//! `ImportResourceState`: from an id to a state that `ReadResource`, which core calls next, can fill.

use super::{App, Rpc};
use crate::wire::{encode_value, messages as wire};
use crate::{Context, Diagnostics, plan};

impl Rpc for wire::ImportResourceStateRequest {
    type Response = wire::ImportResourceStateResponse;

    fn type_name(&self) -> &str {
        &self.type_name
    }

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let (resource, shape) = app.resource(&self.type_name)?;
        let mut found = resource.import(ctx, &self.id).await?;
        plan::remove_write_only(&shape.schema.attributes, &mut found.state);
        let imported = wire::ImportedResource {
            state: encode_value(&found.state, &shape.ty)?,
            type_name: self.type_name,
            private: found.private,
        };
        Ok(Self::Response { imported_resources: vec![imported], diagnostics: Vec::new() })
    }
}
