//! The registry of kinds: what programs that are not written for one kind need to know of each.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResourceExt, core::gvk::GroupVersionKind, discovery::ApiResource};
use serde_json::Value;

use crate::{Region, WarmPool, Workspace, WorkspaceNodePool, WorkspaceTemplate, WorkspaceTier};

/// API group of our kinds.
pub const GROUP: &str = "cloud.neuralinverse.com";

/// Version of our kinds.
pub const VERSION: &str = "v1alpha1";

/// A kind that users declare.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Name of the resource in Terraform, without the provider's prefix, such as `warm_pool`.
    pub terraform_name: &'static str,
    /// The name that the one object of a cluster must have, for kinds that allow only one.
    pub singleton: Option<&'static str>,
    /// The definition, from which everything else is read.
    pub crd: CustomResourceDefinition,
}

impl Kind {
    /// All kinds, those first that others refer to.
    pub fn all() -> Vec<Self> {
        vec![
            Self { singleton: Some("cluster"), ..Self::of::<Region>("region") },
            Self::of::<WorkspaceNodePool>("node_pool"),
            Self::of::<WorkspaceTier>("workspace_tier"),
            Self::of::<WorkspaceTemplate>("workspace_template"),
            Self::of::<WarmPool>("warm_pool"),
            Self::of::<Workspace>("workspace"),
        ]
    }

    fn of<K: CustomResourceExt>(terraform_name: &'static str) -> Self {
        Self { terraform_name, singleton: None, crd: K::crd() }
    }

    /// Name of the kind, such as `WarmPool`.
    pub fn name(&self) -> &str {
        &self.crd.spec.names.kind
    }

    /// Name in URLs, such as `warmpools`.
    pub fn plural(&self) -> &str {
        &self.crd.spec.names.plural
    }

    /// Whether objects live in a namespace.
    pub fn namespaced(&self) -> bool {
        self.crd.spec.scope == "Namespaced"
    }

    /// As kube's dynamic API wants it.
    pub fn api_resource(&self) -> ApiResource {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, self.name()), self.plural())
    }

    /// OpenAPI schema of the whole object.
    pub fn schema(&self) -> Value {
        self.crd
            .spec
            .versions
            .iter()
            .find(|version| version.name == VERSION)
            .and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref())
            .and_then(|schema| serde_json::to_value(schema).ok())
            .unwrap_or_default()
    }

    /// OpenAPI schema of the spec.
    pub fn spec_schema(&self) -> Value {
        self.schema()["properties"]["spec"].take()
    }

    /// OpenAPI schema of the status.
    pub fn status_schema(&self) -> Value {
        self.schema()["properties"]["status"].take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `check` with the path and schema of every field of the spec.
    fn walk(schema: &Value, path: &str, check: &mut dyn FnMut(&str, &Value)) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            check(&path, field);
            walk(field, &path, check);
            walk(&field["items"], &format!("{path}[]"), check);
        }
    }

    #[test]
    fn every_field_is_described() {
        for kind in Kind::all() {
            walk(&kind.schema(), kind.name(), &mut |path, field| {
                let described = field["description"].as_str().is_some_and(|text| text.len() > 3);
                assert!(described || path.ends_with(".spec"), "{path} has no doc comment");
            });
        }
    }

    #[test]
    fn every_list_and_map_of_a_spec_is_bounded() {
        for kind in Kind::all() {
            walk(&kind.spec_schema(), kind.name(), &mut |path, field| match field["type"].as_str() {
                Some("array") => assert!(field["maxItems"].is_number(), "{path} has no maxItems"),
                Some("object") if field["additionalProperties"].is_object() => {
                    assert!(field["maxProperties"].is_number(), "{path} has no maxProperties");
                }
                _ => {}
            });
        }
    }

    #[test]
    fn every_kind_has_columns_conditions_and_a_short_name() {
        for kind in Kind::all() {
            let version = &kind.crd.spec.versions[0];
            let columns = version.additional_printer_columns.as_ref().unwrap();
            assert!(columns.iter().any(|it| it.name == "Ready"), "{}", kind.name());
            assert_eq!(kind.status_schema()["properties"]["conditions"]["x-kubernetes-list-type"], "map");
            assert_eq!(kind.crd.spec.names.short_names.as_ref().map(Vec::len), Some(1));
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = Kind::all().iter().map(|kind| kind.terraform_name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
