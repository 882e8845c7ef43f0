//! Who declares a field of a spec. A spec belongs to who declares it: what Terraform says must run, the
//! portal does not stop behind its back.

use neuralinverse_api::Workspace;
use serde_json::json;

use crate::labels::FIELD_MANAGER;

/// Somebody else declares the field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{manager}` declares `spec.{field}` of this workspace, so the portal does not change it")]
pub struct Managed {
    /// Name of the field.
    pub field: &'static str,
    /// Who declares it.
    pub manager: String,
}

/// Whether the portal may change this field of the spec.
pub fn check(workspace: &Workspace, field: &'static str) -> Result<(), Managed> {
    match managers(workspace, field).find(|manager| *manager != FIELD_MANAGER) {
        Some(manager) => Err(Managed { field, manager: manager.to_owned() }),
        None => Ok(()),
    }
}

/// Who declares the workspace, if that is not the portal: it may come back when it is deleted here.
pub fn declared_elsewhere(workspace: &Workspace) -> Option<&str> {
    managers(workspace, "owner").find(|manager| *manager != FIELD_MANAGER)
}

fn managers<'a>(workspace: &'a Workspace, field: &str) -> impl Iterator<Item = &'a str> {
    let field = format!("f:{field}");
    let entries = workspace.metadata.managed_fields.as_deref().unwrap_or_default().iter();
    let declares =
        move |fields: &serde_json::Value| fields["f:spec"].get(&field).is_some_and(|it| *it == json!({}));
    entries
        .filter(move |entry| entry.fields_v1.as_ref().is_some_and(|fields| declares(&fields.0)))
        .filter_map(|entry| entry.manager.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(entries: &[(&str, &[&str])]) -> Workspace {
        let entries: Vec<_> = entries
            .iter()
            .map(|(manager, fields)| {
                let fields: serde_json::Map<_, _> = fields.iter().map(|it| (format!("f:{it}"), json!({}))).collect();
                json!({ "manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": fields } })
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
            "metadata": { "name": "w", "managedFields": entries },
            "spec": { "owner": "u-a", "tier": "t", "template": "t" },
        }))
        .unwrap()
    }

    #[test]
    fn the_manager_of_a_field_is_named() {
        let terraform = "terraform-provider-neuralinverse";
        for (entries, manager) in [
            (vec![], None),
            (vec![(FIELD_MANAGER, ["owner", "runPolicy"].as_slice())], None),
            (vec![(terraform, ["owner"].as_slice())], None),
            (vec![(terraform, ["owner", "runPolicy"].as_slice())], Some(terraform)),
            (
                vec![(FIELD_MANAGER, ["runPolicy"].as_slice()), ("kubectl", ["runPolicy"].as_slice())],
                Some("kubectl"),
            ),
        ] {
            let refused = check(&workspace(&entries), "runPolicy").err().map(|it| it.manager);
            assert_eq!(refused.as_deref(), manager, "{entries:?}");
        }
    }
}
