//! Where an object lives in the API of a cluster.

use std::fmt;

use neuralinverse_api::{GROUP, Kind, VERSION};
use serde_json::Value as Json;

/// An object's place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Such as `deployments`.
    pub plural: String,
    /// None for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: String,
}

impl Address {
    /// An object of one of our kinds.
    pub fn of(kind: &Kind, namespace: Option<&str>, name: &str) -> Self {
        Self {
            api_version: format!("{GROUP}/{VERSION}"),
            kind: kind.name().to_owned(),
            plural: kind.plural().to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    /// The address of a Kubernetes object of those that an installation consists of.
    pub fn of_object(object: &Json) -> Self {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let kind = text(&object["kind"]);
        Self {
            api_version: text(&object["apiVersion"]),
            plural: plural(&kind),
            kind,
            namespace: object["metadata"]["namespace"].as_str().map(str::to_owned),
            name: text(&object["metadata"]["name"]),
        }
    }

    /// Path of the collection that the object is in.
    pub fn collection(&self) -> String {
        let root = if self.api_version.contains('/') { "/apis" } else { "/api" };
        match &self.namespace {
            Some(namespace) => format!("{root}/{}/namespaces/{namespace}/{}", self.api_version, self.plural),
            None => format!("{root}/{}/{}", self.api_version, self.plural),
        }
    }

    /// Path of the object.
    pub fn url(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }
}

/// Right for every kind that we install.
fn plural(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    }
}

/// As in a sentence: ``WarmPool `workspaces/base` ``.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} `{namespace}/{}`", self.kind, self.name),
            None => write!(f, "{} `{}`", self.kind, self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use neuralinverse_api::{Images, install};

    use super::*;

    #[test]
    fn addresses_of_everything_that_is_installed_are_right() {
        let urls: Vec<String> = install::objects(&install::Install::default(), &Images::default())
            .iter()
            .map(|object| Address::of_object(object).url())
            .collect();
        for url in [
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/regions.cloud.neuralinverse.com",
            "/api/v1/namespaces/neuralinverse-system",
            "/apis/apps/v1/namespaces/neuralinverse-system/deployments/neuralinverse-controller",
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/neuralinverse-controller",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/neuralinverse-owners",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/neuralinverse-owners",
        ] {
            assert!(urls.iter().any(|it| it == url), "{url}");
        }
    }
}
