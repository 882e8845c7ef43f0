//! What goes wrong, as the page that a person sees.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tracing::{error, warn};

use crate::{
    change::{ChangeError, manager::Managed},
    guard::Refusal,
    issuer::IssuerError,
    pages::{layout, sign_in},
    seal::SealError,
};

/// Why a request got no page of its own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of the caller's is here.
    #[error("there is nothing here, or it is not yours")]
    NotFound,
    /// Somebody has to sign in first; then it goes on to the path.
    #[error("sign in first")]
    SignIn {
        /// Where it was meant to go.
        to: Option<String>,
    },
    /// Another site may be behind the request.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The form's token is not of this session.
    #[error("this form is older than your session")]
    StaleForm,
    /// The form does not hold what it should.
    #[error("this form cannot be read")]
    Form,
    /// A code of the hand-off was used before, has expired or is another workspace's.
    #[error("this way into the workspace is used up")]
    Code,
    /// The sign-in was given up, or its answer does not belong to it.
    #[error("{0}")]
    SignInFailed(&'static str),
    /// The issuer let us down.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// A change of a workspace did not come about.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The portal has just started.
    #[error("the portal is starting")]
    NotReady,
    /// The workspace does not answer.
    #[error("the workspace does not answer")]
    NoAnswer,
    /// There is nothing to be opened in it.
    #[error("this workspace runs, but without an editor")]
    NoEditor,
    /// Our own fault.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Error {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoEditor => StatusCode::NOT_FOUND,
            Self::SignIn { .. } => StatusCode::UNAUTHORIZED,
            Self::Refused(_) | Self::StaleForm | Self::Code => StatusCode::FORBIDDEN,
            Self::Form | Self::SignInFailed(_) => StatusCode::BAD_REQUEST,
            Self::Issuer(IssuerError::State | IssuerError::Code(_)) => StatusCode::BAD_REQUEST,
            Self::Issuer(_) | Self::NoAnswer => StatusCode::BAD_GATEWAY,
            Self::Change(error) => error.status(),
            Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::Seal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The next step, in one sentence.
    fn hint(&self) -> &'static str {
        match self {
            Self::NotFound => "Your list shows all workspaces that you can open.",
            Self::SignIn { .. }
            | Self::SignInFailed(_)
            | Self::Issuer(IssuerError::State | IssuerError::Code(_)) => "Sign in again.",
            Self::Refused(_) => "If you followed a link, open the portal and do it there.",
            Self::StaleForm | Self::Form => "Go back to your list and try again.",
            Self::Code => "Open the workspace from your list again.",
            Self::Issuer(_) => "Try again in a minute; if it stays, tell the region's administrators.",
            Self::Change(error) => error.hint(),
            Self::NotReady | Self::NoAnswer => "Try again in a few seconds.",
            Self::NoEditor => "Its template has none: choose another one for a new workspace.",
            Self::Seal(_) => "This is our fault: please report it to the region's administrators.",
        }
    }

    fn log(&self) {
        match self {
            Self::Seal(_) => error!(error = %self, "request"),
            Self::Issuer(IssuerError::State | IssuerError::Code(_)) => {}
            Self::Issuer(_) => warn!(error = %self, "sign-in"),
            Self::Change(ChangeError::Managed(Managed { .. })) => {}
            Self::Change(_) => warn!(error = %self, "change"),
            _ => {}
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        if let Self::SignIn { to: Some(to) } = &self {
            return see_other(&sign_in::url(to));
        }
        let mut response = (self.status(), layout::notice(&self.to_string(), self.hint())).into_response();
        if matches!(self, Self::NotReady | Self::NoAnswer) {
            response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Sends the browser on with a GET.
pub(crate) fn see_other(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
