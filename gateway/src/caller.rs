//! Who calls: the pod that the token was made for, if it exists and acts for somebody.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header, request::Parts};
use neuralinverse_identity as identity;
use tracing::warn;

use crate::{
    gateway::Gateway,
    pods::{NoPod, Pod},
    server::Tie,
};

/// The pod that calls. From now on, the connection ends with it.
pub struct Caller(pub Arc<Pod>);

/// Why a caller gets nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No token, or none for us.
    #[error("no token that is valid here: the gateway is reached through localhost of a workspace")]
    Unauthorized,
    /// The token's pod has no say.
    #[error(transparent)]
    NoPod(#[from] NoPod),
    /// The cluster's keys cannot be had now.
    #[error("tokens cannot be verified now: try again in a few seconds")]
    Keys(#[source] identity::Error),
}

impl FromRequestParts<Arc<Gateway>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Refusal> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|header| header.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer ")).ok_or(Refusal::Unauthorized)?;
        let identity = gateway.verifier.verify(token).await.map_err(|error| match error {
            identity::Error::Invalid => Refusal::Unauthorized,
            error @ identity::Error::Keys(_) => Refusal::Keys(error),
        })?;
        let pod = gateway.pods.find(&identity).await?;
        let tie = <Extension<Tie> as OptionalFromRequestParts<_>>::from_request_parts(parts, gateway).await;
        if let Ok(Some(Extension(tie))) = tie {
            tie.to(&pod.gone);
        }
        Ok(Self(pod))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NoPod(NoPod::Unknown) => StatusCode::FORBIDDEN,
            Self::NoPod(NoPod::NotRead) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Keys(error) => {
                warn!(%error, "tokens cannot be verified");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        (status, format!("{self}\n")).into_response()
    }
}
