//! `ValidateProviderConfig`, `ValidateResourceConfig` and `ValidateDataResourceConfig`: all faults at once.

use super::{App, Rpc, messages};
use crate::wire::{decode_value, messages as wire};
use crate::{Context, Diagnostic, Diagnostics, Path, Schema, Value, plan};

impl Rpc for wire::ValidateProviderConfigRequest {
    type Response = wire::ValidateProviderConfigResponse;

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let shape = app.shape();
        let config = decode_value(self.config.as_ref(), &shape.ty)?;
        let mut found = shape.schema.validate(&config);
        found.extend(app.provider.validate(ctx, &config).await.err().unwrap_or_default());
        Ok(Self::Response { diagnostics: messages(found) })
    }
}

impl Rpc for wire::ValidateResourceConfigRequest {
    type Response = wire::DiagnosticsResponse;

    fn type_name(&self) -> &str {
        &self.type_name
    }

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let (resource, shape) = app.resource(&self.type_name)?;
        let config = decode_value(self.config.as_ref(), &shape.ty)?;
        let mut found = shape.schema.validate(&config);
        if !self.client_capabilities.is_some_and(|client| client.write_only_attributes_allowed) {
            found.extend(write_only_refused(&shape.schema, &config));
        }
        found.extend(resource.validate(ctx, &config).await.err().unwrap_or_default());
        Ok(Self::Response { diagnostics: messages(found) })
    }
}

/// An older CLI would store the secrets.
fn write_only_refused(schema: &Schema, config: &Value) -> impl Iterator<Item = Diagnostic> {
    plan::configured_write_only(&schema.attributes, config, &Path::root()).into_iter().map(|path| {
        Diagnostic::error(
            "Write-only attributes need a newer CLI",
            format!("`{path}` is write-only. Use Terraform 1.11 or OpenTofu 1.11, or newer"),
        )
        .at(path)
    })
}

impl Rpc for wire::ValidateDataResourceConfigRequest {
    type Response = wire::DiagnosticsResponse;

    fn type_name(&self) -> &str {
        &self.type_name
    }

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let (source, shape) = app.data_source(&self.type_name)?;
        let config = decode_value(self.config.as_ref(), &shape.ty)?;
        let mut found = shape.schema.validate(&config);
        found.extend(source.validate(ctx, &config).await.err().unwrap_or_default());
        Ok(Self::Response { diagnostics: messages(found) })
    }
}
