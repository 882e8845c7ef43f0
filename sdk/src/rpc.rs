//! The protocol's calls, a thin file each: decode, ask the provider, encode.

mod app;
mod apply;
mod configure;
mod generate;
mod guard;
mod import;
mod move_state;
mod plan;
mod read;
mod read_data;
mod schema;
mod stop;
mod upgrade;
mod validate;

use std::future::Future;
use std::time::Instant;

use prost::Message;
use tracing::Instrument;

pub(crate) use app::App;
pub(crate) use stop::stop;

use crate::wire::messages as wire;
use crate::{Context, Diagnostics};

/// A request and how it is answered.
pub(crate) trait Rpc: Message + Default + 'static {
    /// The answer.
    type Response: Reply;

    /// The resource type or data source it is about, for logs.
    fn type_name(&self) -> &str {
        ""
    }

    /// The answer, or the diagnostics of an otherwise empty one.
    fn handle(
        self,
        app: &App,
        ctx: &Context,
    ) -> impl Future<Output = Result<Self::Response, Diagnostics>> + Send;
}

/// An answer that carries diagnostics.
pub(crate) trait Reply: Message + Default + 'static {
    /// Where the diagnostics go.
    fn diagnostics(&mut self) -> &mut Vec<wire::Diagnostic>;
}

/// Answers one request, whatever happens: a panic becomes a diagnostic, because a failed call would make core
/// forget what was done.
pub(crate) async fn answer<R: Rpc>(app: &App, method: &str, request: R) -> R::Response {
    let span = tracing::debug_span!(
        "rpc",
        tf_rpc = method,
        tf_req_id = app.next_request(),
        tf_resource_type = request.type_name(),
        tf_provider_addr = app.address(),
    );
    let answer = async {
        let started = Instant::now();
        let ctx = app.context();
        let result = guard::guard(request.handle(app, &ctx)).await.and_then(|result| result);
        let (mut response, failed) = match result {
            Ok(response) => (response, Diagnostics::new()),
            Err(diagnostics) => (R::Response::default(), diagnostics),
        };
        let messages = failed.into_iter().chain(ctx.take_warnings());
        response.diagnostics().extend(messages.map(wire::Diagnostic::from));
        let errors = response.diagnostics().len();
        tracing::debug!(
            tf_req_duration_ms = started.elapsed().as_millis() as u64,
            diagnostics = errors,
            "served"
        );
        response
    };
    answer.instrument(span).await
}

/// Every answer spells the field the same.
macro_rules! replies {
    ($($response:ident),* $(,)?) => {
        $(impl Reply for wire::$response {
            fn diagnostics(&mut self) -> &mut Vec<wire::Diagnostic> {
                &mut self.diagnostics
            }
        })*
    };
}

replies![
    ApplyResourceChangeResponse,
    DiagnosticsResponse,
    GenerateResourceConfigResponse,
    GetMetadataResponse,
    GetProviderSchemaResponse,
    ImportResourceStateResponse,
    MoveResourceStateResponse,
    PlanResourceChangeResponse,
    ReadDataSourceResponse,
    ReadResourceResponse,
    UpgradeResourceStateResponse,
    ValidateProviderConfigResponse,
];

/// The diagnostics of an answer that has nothing else.
fn messages(diagnostics: Diagnostics) -> Vec<wire::Diagnostic> {
    diagnostics.into_iter().map(Into::into).collect()
}
