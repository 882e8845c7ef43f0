//! `UpgradeResourceState`: called whenever state is read, most often to pass it through.

use super::{App, Rpc};
use crate::wire::{decode_state, encode_value, messages as wire, state_json};
use crate::{Context, Diagnostics, Explain, plan};

impl Rpc for wire::UpgradeResourceStateRequest {
    type Response = wire::UpgradeResourceStateResponse;

    fn type_name(&self) -> &str {
        &self.type_name
    }

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let (resource, shape) = app.resource(&self.type_name)?;
        let mut state = if self.version == shape.schema.version {
            decode_state(self.raw_state.as_ref(), &shape.ty)?
        } else {
            let json =
                serde_json::from_slice(state_json(self.raw_state.as_ref())?).explain("State is not JSON")?;
            resource.upgrade_state(ctx, self.version, json).await?
        };
        plan::remove_write_only(&shape.schema.attributes, &mut state);
        Ok(Self::Response { upgraded_state: encode_value(&state, &shape.ty)?, diagnostics: Vec::new() })
    }
}
