//! What a sidecar is told when it does not get what it asks for.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{error::Error, tls};

/// Why a sidecar does not get what it asks for.
#[derive(Debug)]
pub enum Refusal {
    /// No token, or none for us: 401.
    Unknown,
    /// The pod has no say any more: 403.
    NoSay(&'static str),
    /// The report speaks of another epoch than the pod's: 409.
    OtherEpoch,
    /// The public key is none of ours: 400.
    Key,
    /// Not now; to be asked again: 503.
    Unavailable(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<tls::Error> for Refusal {
    fn from(error: tls::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        tracing::debug!(refusal = ?self, "a sidecar was refused");
        let (status, text) = match self {
            Self::Unknown => (StatusCode::UNAUTHORIZED, "this token is not valid here".to_owned()),
            Self::NoSay(why) => (StatusCode::FORBIDDEN, why.to_owned()),
            Self::OtherEpoch => (StatusCode::CONFLICT, "the pod has another epoch".to_owned()),
            Self::Key => (StatusCode::BAD_REQUEST, "this is no public key on P-256".to_owned()),
            Self::Unavailable(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        };
        (status, text).into_response()
    }
}
