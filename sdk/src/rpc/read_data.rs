//! `ReadDataSource`: results beside the arguments, which come back as they were.

use super::{App, Rpc};
use crate::wire::{decode_value, encode_value, messages as wire};
use crate::{Context, Diagnostics, plan};

impl Rpc for wire::ReadDataSourceRequest {
    type Response = wire::ReadDataSourceResponse;

    fn type_name(&self) -> &str {
        &self.type_name
    }

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let (source, shape) = app.data_source(&self.type_name)?;
        let config = decode_value(self.config.as_ref(), &shape.ty)?;
        let mut state = source.read(ctx, config.clone()).await?;
        plan::keep_arguments(&shape.schema.attributes, &config, &mut state);
        Ok(Self::Response { state: encode_value(&state, &shape.ty)?, diagnostics: Vec::new() })
    }
}
