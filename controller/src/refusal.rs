//! Why Kubernetes did not take an object, with the next step. Pure.

use neuralinverse_api::condition::Reason;

use crate::{
    error::{Error, Result, refused, text},
    references::Problem,
};

/// What the admission plugin for quotas says.
const QUOTA: &str = "exceeded quota";

/// Why Kubernetes did not take an object of this kind, if it said so; whatever else went wrong is the error.
pub fn of(kind: &str, what: &'static str, error: kube::Error) -> Result<Problem> {
    match refused(&error) {
        true => Ok(problem(kind, &text(&error))),
        false => Err(Error::Api { what, source: error }),
    }
}

/// What it means that an object of this kind was refused with this message.
fn problem(kind: &str, message: &str) -> Problem {
    let (reason, fix) = match (kind, message.contains(QUOTA)) {
        ("PersistentVolumeClaim", true) => (
            Reason::StorageQuotaExceeded,
            "raise the namespace's quota of storage, or delete volumes that are kept of workspaces that are gone",
        ),
        (_, true) => (
            Reason::QuotaExceeded,
            "raise the namespace's quota, stop another workspace, or choose a smaller tier",
        ),
        (_, false) => (Reason::Refused, "change what the message names; it is tried again by itself"),
    };
    Problem::new(reason, format!("Kubernetes refused the {kind} ({message}): {fix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_quota_is_told_from_other_refusals() {
        let pods =
            "pods \"p\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1";
        let storage =
            "persistentvolumeclaims \"v\" is forbidden: exceeded quota: q, requested: requests.storage=5Gi";
        let policy = "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\"";
        for (kind, message, reason, fix) in [
            ("Pod", pods, Reason::QuotaExceeded, "smaller tier"),
            ("PersistentVolumeClaim", storage, Reason::StorageQuotaExceeded, "quota of storage"),
            ("Pod", policy, Reason::Refused, "tried again"),
        ] {
            let problem = problem(kind, message);
            assert_eq!(problem.reason, reason, "{message}");
            assert!(
                problem.message.contains(message) && problem.message.contains(fix),
                "{}",
                problem.message
            );
        }
    }
}
