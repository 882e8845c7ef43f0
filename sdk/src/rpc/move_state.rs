//! `MoveResourceState`: not offered yet; the capability is set so that the user gets this text and not
//! core's.

use super::{App, Rpc};
use crate::wire::messages as wire;
use crate::{Context, Diagnostic, Diagnostics};

impl Rpc for wire::MoveResourceStateRequest {
    type Response = wire::MoveResourceStateResponse;

    fn type_name(&self) -> &str {
        &self.target_type_name
    }

    async fn handle(self, _app: &App, _ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let Self { source_provider_address: provider, source_type_name: source, target_type_name: target } =
            self;
        Err(Diagnostic::error(
            "Move between types is not supported",
            format!(
                "A `{source}` of {provider} cannot become a `{target}`. Use a `removed` block for the old resource and \
                 an `import` block for the new one"
            ),
        )
        .into())
    }
}
