//! What sidecars ask: whose they are (a long poll), what they report, and a certificate for their door.
//! Any replica answers, from its own watches.

mod answer;
mod assignment;
mod certificate;
pub mod report;
mod server;
mod waiting;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Query, State},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use kube::Api;
use neuralinverse_api::agent::{
    ASSIGNMENT_PATH, CERTIFICATE_PATH, Certificate, CertificateRequest, POLL_SECONDS, REPORT_PATH, Report,
};
use neuralinverse_identity::{self as identity, Identity, Verifier};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use self::{
    answer::Refusal,
    assignment::{Assigner, is_settled},
};
pub use self::{server::serve, waiting::Waiting};
use crate::{
    change::PodIndex, context::Context, error::not_found, kubernetes::Pod, workspace::children::is_managed,
};

/// How long a sidecar waits until a fault of the user's is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// What the handlers share.
pub struct Agents {
    /// What is shared with the reconcilers.
    pub context: Arc<Context>,
    /// Knows the cluster's tokens.
    pub verifier: Verifier,
    /// Sidecars that wait.
    pub waiting: Arc<Waiting>,
}

/// The routes.
pub fn app(agents: Arc<Agents>) -> Router {
    Router::new()
        .route(ASSIGNMENT_PATH, get(assignment))
        .route(REPORT_PATH, post(report))
        .route(CERTIFICATE_PATH, post(certificate))
        .with_state(agents)
}

#[derive(Deserialize)]
struct Known {
    known: Option<String>,
}

async fn assignment(
    State(agents): State<Arc<Agents>>,
    Caller(identity): Caller,
    Query(Known { known }): Query<Known>,
) -> Result<Response, Refusal> {
    let deadline = Instant::now() + Duration::from_secs(POLL_SECONDS);
    let mut changes = agents.waiting.enter(&identity.uid);
    let mut assigner = Assigner::new(&agents.context);
    loop {
        // In boxes that are gone while it waits: ten thousand wait.
        let pod = Box::pin(agents.pod(&identity)).await?;
        let problem = match Box::pin(assigner.next(&pod, known.as_deref())).await? {
            assignment::Next::Give(assignment) => {
                tracing::debug!(pod = identity.pod, workspace = assignment.workspace, "assigned");
                return Ok(Json(assignment).into_response());
            }
            assignment::Next::Wait => match agents.rest(&pod, known.as_deref()) {
                Some(rest) => {
                    let seconds = rest.as_secs().to_string();
                    let close = [(header::RETRY_AFTER, seconds), (header::CONNECTION, "close".to_owned())];
                    return Ok((StatusCode::NO_CONTENT, close).into_response());
                }
                None => false,
            },
            assignment::Next::Problem => true,
        };
        let wake = if problem { deadline.min(Instant::now() + LOOK_AGAIN) } else { deadline };
        if timeout_at(wake, changes.next()).await.is_err() && Instant::now() >= deadline {
            return Ok(match Box::pin(assigner.again(&pod)).await? {
                Some(assignment) => Json(assignment).into_response(),
                None => StatusCode::NO_CONTENT.into_response(),
            });
        }
    }
}

async fn report(
    State(agents): State<Arc<Agents>>,
    Caller(identity): Caller,
    Json(report): Json<Report>,
) -> Result<StatusCode, Refusal> {
    let pod = agents.pod(&identity).await?;
    report::take(&agents.context, &pod, report).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn certificate(
    State(agents): State<Arc<Agents>>,
    Caller(identity): Caller,
    Json(request): Json<CertificateRequest>,
) -> Result<Json<Certificate>, Refusal> {
    agents.pod(&identity).await?;
    Ok(Json(certificate::make(&agents.context.authority, &identity.uid, request)?))
}

impl Agents {
    /// The pod of this UID, if it exists and is not going. A token outlives its pod; the pod decides.
    async fn pod(&self, identity: &Identity) -> Result<Arc<Pod>, Refusal> {
        let pods = &self.context.caches.pods;
        let known = pods.by(&PodIndex::Uid(identity.uid.clone())).pop();
        let pod = match known {
            Some(pod) => pod,
            None => self.young(identity).await?,
        };
        match pod.metadata.deletion_timestamp {
            None => Ok(pod),
            Some(_) => Err(Refusal::NoSay("the pod is being deleted")),
        }
    }

    /// How long a sidecar that knows its assignment is to stay away.
    fn rest(&self, pod: &Pod, known: Option<&str>) -> Option<Duration> {
        known?;
        let rest = waiting::rest(self.context.caches.workspaces.count(), pod.metadata.uid.as_deref()?)?;
        is_settled(&self.context, pod).then_some(rest)
    }

    /// A pod may ask before our watch has brought it.
    async fn young(&self, identity: &Identity) -> Result<Arc<Pod>, Refusal> {
        let api: Api<Pod> = Api::namespaced(self.context.client.clone(), &identity.namespace);
        match api.get(&identity.pod).await {
            Ok(pod) if pod.metadata.uid.as_deref() == Some(&identity.uid) && is_managed(&pod) => {
                Ok(self.context.caches.pods.apply(pod))
            }
            Ok(_) => Err(Refusal::NoSay("the pod of this token does not exist any more")),
            Err(error) if not_found(&error) => {
                Err(Refusal::NoSay("the pod of this token does not exist any more"))
            }
            Err(error) => Err(Refusal::Unavailable(error.to_string())),
        }
    }
}

/// Who asks, by the token.
struct Caller(Identity);

impl FromRequestParts<Arc<Agents>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, agents: &Arc<Agents>) -> Result<Self, Refusal> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|header| header.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer ")).ok_or(Refusal::Unknown)?;
        match agents.verifier.verify(token).await {
            Ok(identity) => Ok(Self(identity)),
            Err(identity::Error::Invalid) => Err(Refusal::Unknown),
            Err(error @ identity::Error::Keys(_)) => Err(Refusal::Unavailable(error.to_string())),
        }
    }
}
