//! `ConfigureProvider`: hands the provider its configuration.

use super::{App, Rpc};
use crate::wire::{decode_value, messages as wire};
use crate::{Context, Diagnostics};

impl Rpc for wire::ConfigureProviderRequest {
    type Response = wire::DiagnosticsResponse;

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        tracing::debug!(cli_version = self.terraform_version, "configuring");
        let config = decode_value(self.config.as_ref(), &app.shape().ty)?;
        app.provider.configure(ctx, config).await?;
        Ok(Self::Response::default())
    }
}
