//! From the path of a gRPC call to the function that answers it.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use http::{Request, Response};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic_prost::ProstCodec;

use crate::rpc::{self, App, Rpc};
use crate::wire::messages::{self as wire, Empty, HealthCheckResponse};

/// What the Go servers allow, both ways.
const MAX_MESSAGE: usize = 256 << 20;

/// All gRPC services of the process.
#[derive(Clone)]
pub(super) struct Service {
    app: Arc<App>,
    shutdown: CancellationToken,
    called: Arc<AtomicBool>,
}

impl Service {
    pub(super) fn new(app: Arc<App>, shutdown: CancellationToken) -> Self {
        Self { app, shutdown, called: Arc::default() }
    }

    /// Whether a CLI has talked to us yet; it does as soon as it is connected.
    pub(super) fn was_called(&self) -> bool {
        self.called.load(Ordering::Relaxed)
    }

    pub(super) async fn call(&self, request: Request<Incoming>) -> Response<Body> {
        self.called.store(true, Ordering::Relaxed);
        let path = request.uri().path().to_owned();
        match path.rsplit_once('/') {
            Some(("/tfplugin6.Provider", method)) => self.provider(method, request).await,
            Some(("/plugin.GRPCController", "Shutdown")) => {
                let shutdown = self.shutdown.clone();
                unary(request, async move |Empty {}| {
                    shutdown.cancel();
                    Empty {}
                })
                .await
            }
            // Both are opened at once and expected to stay open and silent.
            Some(("/plugin.GRPCStdio", "StreamStdio") | ("/plugin.GRPCBroker", "StartStream")) => {
                silence(request, self.shutdown.clone()).await
            }
            Some(("/grpc.health.v1.Health", "Check")) => {
                unary(request, async |Empty {}| HealthCheckResponse { status: 1 }).await
            }
            _ => Status::unimplemented(path).into_http(),
        }
    }

    async fn provider(&self, method: &str, request: Request<Incoming>) -> Response<Body> {
        match method {
            "GetMetadata" => self.rpc::<wire::GetMetadataRequest>(method, request).await,
            "GetProviderSchema" => self.rpc::<wire::GetProviderSchemaRequest>(method, request).await,
            "ValidateProviderConfig" => {
                self.rpc::<wire::ValidateProviderConfigRequest>(method, request).await
            }
            "ConfigureProvider" => self.rpc::<wire::ConfigureProviderRequest>(method, request).await,
            "ValidateResourceConfig" => {
                self.rpc::<wire::ValidateResourceConfigRequest>(method, request).await
            }
            "UpgradeResourceState" => self.rpc::<wire::UpgradeResourceStateRequest>(method, request).await,
            "ReadResource" => self.rpc::<wire::ReadResourceRequest>(method, request).await,
            "PlanResourceChange" => self.rpc::<wire::PlanResourceChangeRequest>(method, request).await,
            "ApplyResourceChange" => self.rpc::<wire::ApplyResourceChangeRequest>(method, request).await,
            "ImportResourceState" => self.rpc::<wire::ImportResourceStateRequest>(method, request).await,
            "MoveResourceState" => self.rpc::<wire::MoveResourceStateRequest>(method, request).await,
            "GenerateResourceConfig" => {
                self.rpc::<wire::GenerateResourceConfigRequest>(method, request).await
            }
            "ValidateDataResourceConfig" => {
                self.rpc::<wire::ValidateDataResourceConfigRequest>(method, request).await
            }
            "ReadDataSource" => self.rpc::<wire::ReadDataSourceRequest>(method, request).await,
            "StopProvider" => {
                let app = self.app.clone();
                unary(request, async move |Empty {}| rpc::stop(&app)).await
            }
            // Ephemeral resources, functions, lists, actions, state stores, identities: not offered.
            _ => Status::unimplemented(method).into_http(),
        }
    }

    async fn rpc<R: Rpc>(&self, method: &str, request: Request<Incoming>) -> Response<Body> {
        let (app, method) = (self.app.clone(), method.to_owned());
        unary(request, async move |message: R| rpc::answer(&app, &method, message).await).await
    }
}

/// One message in, one out.
async fn unary<In, Out, F, Fut>(request: Request<Incoming>, answer: F) -> Response<Body>
where
    In: prost::Message + Default + 'static,
    Out: prost::Message + Default + 'static,
    F: FnOnce(In) -> Fut + Send,
    Fut: Future<Output = Out> + Send + 'static,
{
    grpc::<In, Out>().unary(Unary(Some(answer)), request).await
}

fn grpc<In, Out>() -> Grpc<ProstCodec<Out, In>>
where
    In: prost::Message + Default + 'static,
    Out: prost::Message + Default + 'static,
{
    Grpc::new(ProstCodec::default())
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
}

/// A function as tonic's service; called once.
struct Unary<F>(Option<F>);

impl<In, Out, F, Fut> UnaryService<In> for Unary<F>
where
    F: FnOnce(In) -> Fut,
    Fut: Future<Output = Out> + Send + 'static,
    Out: Send + 'static,
    In: Send + 'static,
{
    type Response = Out;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Out>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<In>) -> Self::Future {
        match self.0.take() {
            Some(answer) => answer(request.into_inner()).map(|out| Ok(tonic::Response::new(out))).boxed(),
            None => ready(Err(Status::internal("called twice"))).boxed(),
        }
    }
}

/// A stream of nothing that ends at shutdown.
async fn silence(request: Request<Incoming>, shutdown: CancellationToken) -> Response<Body> {
    grpc::<Empty, Empty>().server_streaming(Silence(shutdown), request).await
}

struct Silence(CancellationToken);

impl ServerStreamingService<Empty> for Silence {
    type Response = Empty;
    type ResponseStream = BoxStream<'static, Result<Empty, Status>>;
    type Future = std::future::Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _request: tonic::Request<Empty>) -> Self::Future {
        let shutdown = self.0.clone();
        let nothing = stream::once(async move { shutdown.cancelled().await }).filter_map(|()| ready(None));
        ready(Ok(tonic::Response::new(nothing.boxed())))
    }
}
