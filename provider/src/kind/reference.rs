//! Names of other objects in a spec: a warning at plan for those that nobody has heard of.

use std::sync::LazyLock;

use neuralinverse_api::Kind;
use tf_provider_sdk::{Context, Diagnostic, Path, Value};

use super::schema::Model;
use crate::{address::Address, client::Cluster};

/// Fields that name objects of another kind, one or a list of them.
const REFERENCES: [(&str, &str); 4] = [
    ("tier", "WorkspaceTier"),
    ("tiers", "WorkspaceTier"),
    ("template", "WorkspaceTemplate"),
    ("nodePool", "WorkspaceNodePool"),
];

/// Made once: a thousand objects are planned in a second.
static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(Kind::all);

/// Warns of names that are neither in the cluster nor planned in this run. The API server cannot:
/// it sees one object at a time.
pub async fn check(model: &Model, cluster: &Cluster, ctx: &Context, planned: &Value) {
    for field in &model.spec {
        let Some((_, kind)) = REFERENCES.iter().find(|(name, _)| *name == field.json) else { continue };
        let Some(kind) = KINDS.iter().find(|it| it.name() == *kind) else { continue };
        let value = planned.attr(&field.attribute);
        for (path, name) in names(value, &Path::from(field.attribute.as_str())) {
            if is_absent(cluster, kind, name).await {
                ctx.warn(warning(cluster, kind, name, path));
            }
        }
    }
}

fn names<'a>(value: &'a Value, path: &Path) -> Vec<(Path, &'a str)> {
    match value.as_elements() {
        Some(elements) => {
            let name = |(index, it): (usize, &'a Value)| Some((path.index(index), it.as_str()?));
            elements.iter().enumerate().filter_map(name).collect()
        }
        None => value.as_str().map(|name| (path.clone(), name)).into_iter().collect(),
    }
}

/// Whether we are sure that it is not there: what we may not read may exist.
async fn is_absent(cluster: &Cluster, kind: &Kind, name: &str) -> bool {
    if cluster.is_expected(kind.plural(), name) {
        return false;
    }
    let found = cluster.get(&Address::of(kind, None, name)).await;
    if matches!(found, Ok(Some(_))) {
        cluster.expect(kind.plural(), name);
    }
    matches!(found, Ok(None))
}

fn warning(cluster: &Cluster, kind: &Kind, name: &str, path: Path) -> Diagnostic {
    Diagnostic::warning(
        format!("There is no {} `{name}`", kind.name()),
        format!(
            "`{path}`: \"{name}\" is neither in region `{}` nor planned before this object.\n\nCheck the name, or refer to the resource that makes it, as `neuralinverse_{}.LABEL.name`, so that it is made first.",
            cluster.region, kind.terraform_name,
        ),
    )
    .at(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_is_a_field_of_a_kind_and_names_a_cluster_scoped_kind() {
        let kinds = Kind::all();
        for (field, kind) in REFERENCES {
            assert!(kinds.iter().any(|it| !it.spec_schema()["properties"][field].is_null()), "{field}");
            assert!(kinds.iter().any(|it| it.name() == kind && !it.namespaced()), "{kind}");
        }
    }
}
