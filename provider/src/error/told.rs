//! How what went wrong is told: what happened, in whose words, and what to do.

use neuralinverse_api::GROUP;
use tf_provider_sdk::{Diagnostic, Diagnostics, Path, Step};

use super::{Cause, Conflict, Problem};

/// Where a diagnostic points.
pub trait At {
    /// About the argument at `path`, pointing at a line that the CLI can find: it knows root attributes and
    /// their elements, and shows the whole resource for anything deeper. The text names the whole path.
    #[must_use]
    fn at_line(self, path: &Path) -> Self;
}

impl At for Diagnostic {
    fn at_line(self, path: &Path) -> Self {
        let element = |step: Option<&Step>| matches!(step, Some(Step::Key(_) | Step::Index(_)));
        let length = if element(path.steps().get(1)) { 2 } else { 1 };
        self.at(path.steps().iter().take(length).cloned().collect::<Path>())
    }
}

impl Problem {
    /// As errors. `what` names the object; `attribute` finds the attribute of a field of it.
    pub fn explain(&self, what: &str, attribute: impl Fn(&str) -> Option<Path>) -> Diagnostics {
        match self {
            Self::Conflicts(conflicts) => {
                conflicts.iter().map(|it| it.diagnostic(what, attribute(&it.field))).collect()
            }
            Self::Invalid { causes, .. } if causes.iter().any(|cause| !cause.field.is_empty()) => {
                causes.iter().map(|it| it.diagnostic(what, attribute(&it.field))).collect()
            }
            other => {
                let detail = format!("{what}: {other}.\n\n{}", other.fix());
                Diagnostic::error(other.summary(what), detail.trim_end()).into()
            }
        }
    }

    fn summary(&self, what: &str) -> String {
        match self {
            Self::Unreachable { host, .. } => format!("The API server {host} does not answer"),
            Self::NoCluster { .. } => "No cluster to talk to".to_owned(),
            Self::Unauthorized { host } => format!("The API server {host} does not accept the credentials"),
            Self::Forbidden { .. } if self.is_missing_right() => format!("Missing rights for {what}"),
            Self::KindAbsent => format!("The cluster does not have the kind of {what}"),
            Self::OtherVersion { .. } => format!("The cluster has another version of the CRD of {what}"),
            Self::OlderCrd { .. } => format!("The cluster's CRD of {what} is older than this provider"),
            Self::NamespaceAbsent { name } => format!("Namespace `{name}` does not exist"),
            Self::Exists => format!("{what} exists already"),
            Self::Changed { .. } => format!("{what} changed at the same time"),
            Self::Conflicts(_) | Self::Invalid { .. } | Self::Refused { .. } | Self::Forbidden { .. } => {
                format!("The cluster refuses {what}")
            }
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Unreachable { host, .. } => format!(
                "Check that the cluster runs, that this machine reaches {host}, and the region's connection in the provider block."
            ),
            Self::NoCluster { .. } => {
                "Add the cluster to `regions` in the provider block, or set `KUBECONFIG`.".to_owned()
            }
            Self::Unauthorized { .. } => "The token or certificate is wrong or has expired: renew it, or name others in the region's connection in the provider block.".to_owned(),
            Self::Forbidden { .. } if self.is_missing_right() => format!(
                "Bind a role to this user that allows get, list, watch, create, patch and delete on the resources of `{GROUP}`."
            ),
            Self::KindAbsent | Self::OlderCrd { .. } => "Install the CRDs of this release first: a `neuralinverse_region` with `install = {}` that this resource depends on does it, or `kubectl apply --server-side -f deploy/install.yaml`.".to_owned(),
            Self::OtherVersion { .. } => "Use a release of the provider that speaks a version which the cluster serves, or upgrade the cluster's CRDs.".to_owned(),
            Self::NamespaceAbsent { .. } => "Add it to `workspace_namespaces` of the region, whose controller makes it, and let this resource depend on the region.".to_owned(),
            Self::Changed { .. } => "Apply again.".to_owned(),
            Self::Exists
            | Self::Conflicts(_)
            | Self::Invalid { .. }
            | Self::Refused { .. }
            | Self::Forbidden { .. } => String::new(),
        }
    }

    /// Whether a role is missing; policies also answer 403, in words of their own.
    pub fn is_missing_right(&self) -> bool {
        matches!(self, Self::Forbidden { message } if message.contains(" cannot "))
    }
}

impl Conflict {
    fn diagnostic(&self, what: &str, attribute: Option<Path>) -> Diagnostic {
        let Self { field, manager } = self;
        let name = attribute.as_ref().map_or_else(|| field.clone(), ToString::to_string);
        let detail = format!(
            "The field `{field}` of {what} was set to another value by the field manager `{manager}`.\n\nEither remove `{name}` here and leave it to `{manager}`, or take it over with `force_conflicts = true`."
        );
        pointing(Diagnostic::error(format!("`{name}` belongs to `{manager}`"), detail), attribute)
    }
}

impl Cause {
    fn diagnostic(&self, what: &str, attribute: Option<Path>) -> Diagnostic {
        let Self { field, message } = self;
        let detail = if field.is_empty() { format!("{message}.") } else { format!("`{field}`: {message}.") };
        pointing(Diagnostic::error(format!("The cluster refuses {what}"), detail), attribute)
    }
}

fn pointing(diagnostic: Diagnostic, attribute: Option<Path>) -> Diagnostic {
    match attribute {
        Some(path) => diagnostic.at_line(&path),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_points_at_what_the_cli_can_find() {
        let root = Path::from("env");
        for (path, line) in [
            (root.clone(), root.clone()),
            (root.key("A"), root.key("A")),
            (root.index(1).attribute("name"), root.index(1)),
            (root.attribute("url"), root.clone()),
        ] {
            assert_eq!(Diagnostic::error("s", "d").at_line(&path).attribute, Some(line));
        }
    }

    #[test]
    fn a_conflict_names_attribute_manager_and_both_fixes() {
        let conflict = Conflict { field: ".spec.size".to_owned(), manager: "kubectl-edit".to_owned() };
        let attribute = |field: &str| field.strip_prefix(".spec.").map(Path::from);
        let diagnostics: Vec<_> =
            Problem::Conflicts(vec![conflict]).explain("WarmPool `a`", attribute).into_iter().collect();
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(diagnostics[0].summary, "`size` belongs to `kubectl-edit`");
        assert_eq!(diagnostics[0].attribute, Some(Path::from("size")));
        assert!(diagnostics[0].detail.contains("remove `size` here"));
        assert!(diagnostics[0].detail.contains("`force_conflicts = true`"));
    }
}
