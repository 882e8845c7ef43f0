//! A status that somebody else wrote. It is corrected like any other that is wrong; here people hear of it, since
//! whoever wrote it will wonder, or will write it again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use neuralinverse_api::labels;
use tokio::sync::broadcast::error::RecvError;

use crate::{change::Change, context::Context};

/// Reason of the event.
const REASON: &str = "StatusOverwritten";

/// The field manager that wrote an object's status last by its `managedFields`, if that was not us. One that only took
/// fields away is not known: it has no entry.
pub fn by(managed: &[ManagedFieldsEntry]) -> Option<String> {
    let of_status = managed.iter().filter(|entry| entry.subresource.as_deref() == Some("status"));
    // Times are in seconds: of two in the same one, the stranger's counts.
    let last = of_status.max_by_key(|entry| (entry.time.as_ref().map(|time| time.0), !is_ours(entry)))?;
    (!is_ours(last)).then(|| last.manager.clone().unwrap_or_default())
}

fn is_ours(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(labels::CONTROLLER)
}

/// Tells of each until dropped.
pub async fn tell(context: &Context) {
    let mut changes = context.caches.changes.subscribe();
    loop {
        match changes.recv().await {
            Ok(Change::Overwritten(object, by)) => {
                let kind = object.kind.as_deref().unwrap_or_default();
                let name = object.name.as_deref().unwrap_or_default();
                tracing::warn!(kind, name, by, "somebody else wrote a status: correcting it");
                let note =
                    format!("`{by}` wrote the status, which is the controller's word: it is corrected");
                context.events.warning_about(*object, REASON, note);
            }
            // It is corrected all the same.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(entries: &[(&str, &str, Option<&str>)]) -> Option<String> {
        let entry = |(manager, time, subresource): &(&str, &str, Option<&str>)| -> Value {
            json!({
                "manager": manager, "time": format!("2026-11-26T10:00:{time}Z"), "subresource": subresource,
                "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {},
            })
        };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        by(&serde_json::from_value::<Vec<_>>(json!(entries)).unwrap())
    }

    #[test]
    fn the_last_to_write_the_status_is_named_unless_it_is_us() {
        let (us, status) = (labels::CONTROLLER, Some("status"));
        for (entries, expected) in [
            (vec![], None),
            (vec![(us, "01", status)], None),
            (vec![("kubectl", "09", None), (us, "01", status)], None),
            (vec![("kubectl", "02", status), (us, "01", status)], Some("kubectl")),
            (vec![("kubectl", "01", status), (us, "01", status)], Some("kubectl")),
            // What it wrote has been corrected, but for what was right by chance.
            (vec![("kubectl", "02", status), (us, "03", status)], None),
            (vec![("kubectl", "02", status), ("velero", "03", status), (us, "01", status)], Some("velero")),
        ] {
            assert_eq!(written(&entries).as_deref(), expected, "{entries:?}");
        }
    }
}
