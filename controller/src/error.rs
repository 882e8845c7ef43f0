//! What can go wrong while an object is reconciled, by what is to be done about it.

use std::time::Duration;

use crate::{queue::Next, tls};

/// A failed reconcile.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else wrote first, or our copy was old: look again soon.
    #[error("{what}: somebody else wrote first")]
    Conflict {
        /// What was being written.
        what: &'static str,
    },
    /// The API server refused or did not answer.
    #[error("{what}: {}", text(source))]
    Api {
        /// What was being done.
        what: &'static str,
        /// Its answer.
        #[source]
        source: kube::Error,
    },
    /// A certificate could not be made.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The API server took too long.
    #[error("the API server took too long")]
    TooSlow,
    /// An object of ours could not be written as JSON; a bug of ours.
    #[error("writing JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The result of a stage.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// When the object is looked at again.
    pub fn next(&self) -> Next {
        match self {
            Self::Conflict { .. } => Next::After(Duration::from_millis(50)),
            Self::Api { .. } | Self::Tls(_) | Self::Random | Self::TooSlow | Self::Json(_) => Next::Retry,
        }
    }
}

/// Says what was being done when a request failed.
pub trait During<T> {
    /// Names it; a lost race becomes [`Error::Conflict`].
    fn during(self, what: &'static str) -> Result<T>;
}

impl<T> During<T> for Result<T, kube::Error> {
    fn during(self, what: &'static str) -> Result<T> {
        self.map_err(|source| match &source {
            kube::Error::Api(status) if status.is_conflict() => Error::Conflict { what },
            _ => Error::Api { what, source },
        })
    }
}

/// What the API server said, without our own wrapping.
pub fn text(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// Whether the API server said no for a reason that lies with the cluster: a quota, a policy, a right.
pub fn refused(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_forbidden() || status.is_invalid())
}

/// Whether the object is not there, or not even its kind: then the answer is no `Status`, and has only the code.
pub fn not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
