//! `GetProviderSchema` and `GetMetadata`: what the provider offers.

use super::{App, Rpc};
use crate::wire::messages as wire;
use crate::{Context, Diagnostic, Diagnostics, Schema};

const CAPABILITIES: wire::ServerCapabilities = wire::ServerCapabilities {
    plan_destroy: true,
    get_provider_schema_optional: true,
    move_resource_state: true,
    generate_resource_config: true,
};

impl Rpc for wire::GetProviderSchemaRequest {
    type Response = wire::GetProviderSchemaResponse;

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let mut response = Self::Response {
            provider: Some((&app.shape().schema).into()),
            server_capabilities: Some(CAPABILITIES),
            ..Default::default()
        };
        report(ctx, "the provider block", app.shape().schema.check_provider());
        for name in app.resource_names() {
            let schema = &app.resource(name)?.1.schema;
            report(ctx, &format!("resource `{name}`"), schema.check());
            response.resource_schemas.insert(name.clone(), schema.into());
        }
        for name in app.data_source_names() {
            let schema = &app.data_source(name)?.1.schema;
            report(ctx, &format!("data source `{name}`"), schema.check());
            response.data_source_schemas.insert(name.clone(), schema.into());
        }
        Ok(response)
    }
}

fn report(ctx: &Context, place: &str, faults: Vec<String>) {
    for fault in faults {
        ctx.warn(Diagnostic::bug(format!("The schema of {place} is wrong: {fault}")));
    }
}

impl Rpc for wire::GetMetadataRequest {
    type Response = wire::GetMetadataResponse;

    async fn handle(self, app: &App, _ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let metadata = |name: &String| wire::TypeMetadata { type_name: name.clone() };
        Ok(Self::Response {
            server_capabilities: Some(CAPABILITIES),
            resources: app.resource_names().map(metadata).collect(),
            data_sources: app.data_source_names().map(metadata).collect(),
            diagnostics: Vec::new(),
        })
    }
}

impl Schema {
    /// As [`Schema::check`], for a provider block.
    fn check_provider(&self) -> Vec<String> {
        self.check_reserving(&["alias", "version"])
    }
}
