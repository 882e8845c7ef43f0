//! `ReadResource`: the state as it is now, or none if the resource is gone.

use super::{App, Rpc};
use crate::wire::{decode_value, encode_value, messages as wire};
use crate::{Context, Diagnostics, plan};

impl Rpc for wire::ReadResourceRequest {
    type Response = wire::ReadResourceResponse;

    fn type_name(&self) -> &str {
        &self.type_name
    }

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let (resource, shape) = app.resource(&self.type_name)?;
        let before = decode_value(self.current_state.as_ref(), &shape.ty)?;
        if before.is_null() {
            return Ok(Self::Response::default());
        }
        let Some(mut now) = resource.read(ctx, before.clone(), self.private).await? else {
            tracing::info!("the resource is gone");
            return Ok(Self::Response::default());
        };
        plan::keep_spelling(&shape.schema.attributes, &before, &mut now.state);
        plan::remove_write_only(&shape.schema.attributes, &mut now.state);
        let new_state = encode_value(&now.state, &shape.ty)?;
        Ok(Self::Response { new_state, private: now.private, diagnostics: Vec::new() })
    }
}
