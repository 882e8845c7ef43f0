//! The last events of an object, for the diagnostic of one that does not become ready.

use serde_json::Value as Json;

use crate::{address::Address, client::Cluster};

/// How many are told.
const LAST: usize = 6;

/// The last events of the object, and of its pod if it has one. Empty when there are none to be had:
/// a diagnostic must not fail for want of them.
pub async fn recent(cluster: &Cluster, address: &Address, object: &Json) -> String {
    // Events of cluster-scoped objects live in `default`.
    let namespace = address.namespace.as_deref().unwrap_or("default");
    let collection = format!("/api/v1/namespaces/{namespace}/events");
    let mut selectors =
        vec![format!("involvedObject.kind%3D{}%2CinvolvedObject.name%3D{}", address.kind, address.name)];
    if let Some(pod) = object["status"]["pod"].as_str() {
        selectors.push(format!("involvedObject.kind%3DPod%2CinvolvedObject.name%3D{pod}"));
    }
    let mut events = Vec::new();
    for selector in selectors {
        let found = cluster.list(&collection, &format!("fieldSelector={selector}&limit=500")).await;
        events.extend(found.unwrap_or_default());
    }
    tell(events)
}

fn tell(mut events: Vec<Json>) -> String {
    events.sort_by_key(time);
    let lines: Vec<String> = events.iter().rev().take(LAST).rev().map(line).collect();
    if lines.is_empty() { String::new() } else { format!("\n\nLast events:\n{}", lines.join("\n")) }
}

fn line(event: &Json) -> String {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let object = &event["involvedObject"];
    let count = event["series"]["count"].as_i64().or(event["count"].as_i64()).unwrap_or(1);
    let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
    format!(
        "  {} {}/{}: {} {}: {}{times}",
        time(event),
        text(&object["kind"]),
        text(&object["name"]),
        text(&event["type"]),
        text(&event["reason"]),
        text(&event["message"]).trim(),
    )
}

/// When it happened last. Old and new events keep it in different places; all are UTC, so text sorts.
fn time(event: &Json) -> String {
    let places = [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["eventTime"]];
    places.into_iter().find_map(Json::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_latest_come_last_with_how_often_they_happened() {
        let event = |time: &str, reason: &str, count: i64| {
            json!({ "type": "Warning", "reason": reason, "message": "why\n", "lastTimestamp": time, "count": count,
                "involvedObject": { "kind": "Pod", "name": "p" } })
        };
        let told = tell(vec![event("2026-01-01T00:00:02Z", "B", 3), event("2026-01-01T00:00:01Z", "A", 1)]);
        let expected = "\n\nLast events:\n  2026-01-01T00:00:01Z Pod/p: Warning A: why\n  2026-01-01T00:00:02Z Pod/p: Warning B: why (3 times)";
        assert_eq!(told, expected);
        assert_eq!(tell(Vec::new()), "");
    }
}
