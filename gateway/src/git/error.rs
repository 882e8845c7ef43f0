//! What goes wrong, as Git shows it: a sentence behind `remote:`, or the status only.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tracing::{error, warn};

use super::{
    accounts::NoAccount,
    call::{Call, NoCall},
    gitea::GiteaError,
};

/// Why Git does not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It asked for something else.
    #[error(transparent)]
    Call(#[from] NoCall),
    /// There is nobody to act as.
    #[error(transparent)]
    NoAccount(#[from] NoAccount),
    /// Gitea does not let the user in.
    #[error("the account `{0}` cannot be used at the Git host: sign in there once, and see what it says")]
    Account(String),
    /// There is no such repository, as far as the user may know.
    #[error("there is no repository {}/{}, or `{login}` may not read it", call.owner, call.repository)]
    NotFound { call: Call, login: String },
    /// The repository cannot be written, or does not exist and is not made by a push.
    #[error(
        "there is no repository {}/{} that `{login}` may use so: make it at the Git host first, if it is new; \
         archived ones and mirrors are not written to", call.owner, call.repository
    )]
    Forbidden { call: Call, login: String },
    /// Gitea refuses the request itself.
    #[error("the Git host refuses this request ({0})")]
    Request(StatusCode),
    /// The access token was not valid any more.
    #[error("the way to the Git host had to be made anew: try again")]
    Again,
    /// Gitea let us down.
    #[error(transparent)]
    Gitea(#[from] GiteaError),
}

impl Error {
    fn status(&self) -> StatusCode {
        match self {
            Self::Call(NoCall::Unserved) | Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::Call(NoCall::Method(_)) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoAccount(NoAccount::Disabled(_) | NoAccount::NotMade(_)) => StatusCode::FORBIDDEN,
            Self::Account(_) | Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::Request(status) => *status,
            Self::Again => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoAccount(NoAccount::Gitea(_) | NoAccount::Unanswered) | Self::Gitea(_) => {
                StatusCode::BAD_GATEWAY
            }
            Self::NoAccount(NoAccount::Random) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What is ours to know is in the log, not in a workspace.
    fn text(&self) -> String {
        match self {
            Self::NoAccount(NoAccount::Gitea(_)) | Self::Gitea(_) => {
                "the Git host does not answer as it should: try again in a minute".to_owned()
            }
            other => other.to_string(),
        }
    }

    fn log(&self) {
        match self {
            Self::NoAccount(NoAccount::Gitea(error)) | Self::Gitea(error) => warn!(%error, "the Git host"),
            Self::NoAccount(NoAccount::Random) => error!(error = %self, "making a user"),
            Self::Again => warn!("an access token was not valid any more"),
            _ => {}
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let mut response = (self.status(), format!("{}\n", self.text())).into_response();
        if let Self::Call(NoCall::Method(allowed)) = self {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}
