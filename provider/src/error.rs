//! What can go wrong between us and an API server, told apart by meaning.

mod told;

use kube::{client::AuthError, core::Status};
use neuralinverse_api::{GROUP, VERSION};

pub use told::At;

/// A call that did not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No answer, or none that is the API server's.
    #[error("{host}: {reason}")]
    Unreachable {
        /// URL of the API server.
        host: String,
        /// What the network, TLS or a credentials program said.
        reason: String,
    },
    /// There is no server to ask.
    #[error("{reason}")]
    NoCluster {
        /// Why.
        reason: String,
    },
    /// The server does not know who we are.
    #[error("{host} answers 401 Unauthorized")]
    Unauthorized {
        /// URL of the API server.
        host: String,
    },
    /// The server knows us and says no.
    #[error("{message}")]
    Forbidden {
        /// Who may not do what, in the server's words.
        message: String,
    },
    /// The server does not serve the kind; its CRD is not there, or not yet.
    #[error("the API server does not serve `{GROUP}/{VERSION}`")]
    KindAbsent,
    /// The server has the group, in other versions than ours.
    #[error("the API server serves `{GROUP}` as {}, this provider speaks `{VERSION}`", served.join(", "))]
    OtherVersion {
        /// The versions that it serves.
        served: Vec<String>,
    },
    /// The CRD is there but older than this provider.
    #[error("{message}")]
    OlderCrd {
        /// Which field it does not know, in the server's words.
        message: String,
    },
    /// The namespace of the object is not there, or not yet.
    #[error("namespace `{name}` does not exist")]
    NamespaceAbsent {
        /// The namespace.
        name: String,
    },
    /// There is an object of that name.
    #[error("the object exists already")]
    Exists,
    /// Other managers set fields to other values.
    #[error("{} fields belong to other managers", .0.len())]
    Conflicts(Vec<Conflict>),
    /// The object changed between reading and writing.
    #[error("{message}")]
    Changed {
        /// What the server says.
        message: String,
    },
    /// Validation or admission refused the object.
    #[error("{message}")]
    Invalid {
        /// The whole answer.
        message: String,
        /// What is wrong, field by field, as far as the server says.
        causes: Vec<Cause>,
    },
    /// Anything else that the server says.
    #[error("{message}")]
    Refused {
        /// What it says.
        message: String,
    },
}

/// A field that another manager set to another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Where, such as `.spec.size`.
    pub field: String,
    /// Who, such as `kubectl-edit`.
    pub manager: String,
}

/// A field that the server refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Where, such as `spec.memory`; empty when the server does not say.
    pub field: String,
    /// Why.
    pub message: String,
}

impl Problem {
    /// What kube's client reports, by meaning. `host` is the URL of the API server.
    pub fn from_kube(error: &kube::Error, host: &str) -> Self {
        match error {
            kube::Error::Api(status) => Self::from_status(status, host),
            other => Self::Unreachable { host: host.to_owned(), reason: innermost(other) },
        }
    }

    fn from_status(status: &Status, host: &str) -> Self {
        let message = status.message.clone();
        let details = status.details.as_ref();
        match status.code {
            401 => Self::Unauthorized { host: host.to_owned() },
            403 => Self::Forbidden { message },
            404 if details.is_some_and(|it| it.kind == "namespaces") => {
                Self::NamespaceAbsent { name: details.map(|it| it.name.clone()).unwrap_or_default() }
            }
            404 => Self::KindAbsent,
            409 if status.is_already_exists() => Self::Exists,
            409 => {
                let causes = details.into_iter().flat_map(|it| &it.causes);
                let conflicts: Vec<Conflict> = causes
                    .filter(|cause| cause.reason == "FieldManagerConflict")
                    .map(|cause| Conflict { field: cause.field.clone(), manager: manager(&cause.message) })
                    .collect();
                if conflicts.is_empty() { Self::Changed { message } } else { Self::Conflicts(conflicts) }
            }
            // Strict validation of fields, and the merge of a server-side apply, each in its words.
            400 | 500 if message.contains("unknown field") || message.contains("not declared in schema") => {
                Self::OlderCrd { message }
            }
            422 => {
                let causes = details.into_iter().flat_map(|it| &it.causes);
                let cause = |cause: &kube::core::response::StatusCause| Cause {
                    field: cause.field.clone(),
                    message: cause.message.clone(),
                };
                Self::Invalid { message, causes: causes.map(cause).collect() }
            }
            503 | 429 | 504 => Self::Unreachable { host: host.to_owned(), reason: message },
            _ => Self::Refused { message },
        }
    }

    /// Whether the same call may work in a moment, because what it needs is being made.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::KindAbsent | Self::NamespaceAbsent { .. } | Self::OlderCrd { .. })
    }
}

/// `conflict with "kubectl-edit" using …` → `kubectl-edit`.
fn manager(message: &str) -> String {
    message.split('"').nth(1).unwrap_or(message).to_owned()
}

/// The cause of all causes: what the network, TLS or a program said. Never what may hold credentials:
/// the output and environment of a credentials program, and text that was meant to be a key.
fn innermost(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(AuthError::AuthExecRun { cmd: _, out }) => {
            let complaint = String::from_utf8_lossy(&out.stderr);
            format!("the credentials program ended with {}: {}", out.status, complaint.trim())
        }
        kube::Error::Auth(AuthError::AuthExecParse(_)) => {
            "the credentials program printed no ExecCredential".to_owned()
        }
        kube::Error::RustlsTls(_) => {
            "its certificates or its key are not in PEM, with line breaks, or do not fit together".to_owned()
        }
        other => {
            let mut cause: &dyn std::error::Error = other;
            while let Some(source) = cause.source() {
                cause = source;
            }
            cause.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(status: serde_json::Value) -> Problem {
        Problem::from_status(&serde_json::from_value(status).unwrap(), "https://h")
    }

    #[test]
    fn answers_are_told_apart() {
        let namespace = json!({ "code": 404, "reason": "NotFound", "message": "namespaces \"x\" not found",
            "details": { "name": "x", "kind": "namespaces" } });
        assert_eq!(problem(namespace), Problem::NamespaceAbsent { name: "x".to_owned() });
        let page =
            json!({ "code": 404, "reason": "Failed to parse error data", "message": "404 page not found" });
        assert_eq!(problem(page), Problem::KindAbsent);
        let exists = json!({ "code": 409, "reason": "AlreadyExists", "message": "exists" });
        assert_eq!(problem(exists), Problem::Exists);
        let stale = json!({ "code": 409, "reason": "Conflict", "message": "modified" });
        assert_eq!(problem(stale), Problem::Changed { message: "modified".to_owned() });
        let field = json!({ "code": 400, "reason": "BadRequest", "message": "strict decoding error: unknown field \"spec.a\"" });
        assert!(problem(field).may_pass());
    }

    #[test]
    fn a_conflict_keeps_field_and_manager() {
        let conflict =
            problem(json!({ "code": 409, "reason": "Conflict", "message": "Apply failed with 1 conflict",
            "details": { "causes": [{ "reason": "FieldManagerConflict", "field": ".spec.size",
                "message": "conflict with \"kubectl-edit\" using cloud.neuralinverse.com/v1alpha1" }] } }));
        let expected = Conflict { field: ".spec.size".to_owned(), manager: "kubectl-edit".to_owned() };
        assert_eq!(conflict, Problem::Conflicts(vec![expected]));
    }
}
