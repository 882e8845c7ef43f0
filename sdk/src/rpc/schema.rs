//! `GetProviderSchema` and `GetMetadata`: what the provider offers.

use super::{App, Rpc};
use crate::wire::messages as wire;
use crate::{Context, Diagnostic, Diagnostics, provider};

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
        for fault in provider::check(app.provider.as_ref()) {
            ctx.warn(Diagnostic::bug(format!("A schema is wrong: {fault}")));
        }
        for name in app.resource_names() {
            response.resource_schemas.insert(name.clone(), (&app.resource(name)?.1.schema).into());
        }
        for name in app.data_source_names() {
            response.data_source_schemas.insert(name.clone(), (&app.data_source(name)?.1.schema).into());
        }
        Ok(response)
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
