//! What of an object is ours: the fields that the API server says our manager set, and those that state has.
//!
//! A field that somebody else added is nobody's business here. A field that somebody else forced to
//! another value leaves our set, but state still has it: it is read as it is now, which is drift.

use neuralinverse_api::labels;
use serde_json::Value as Json;
use tf_provider_sdk::Value;

use super::{
    convert::list,
    shape::{Field, Shape},
};

/// `fieldsV1` of our manager's last apply; none when it never applied this object.
pub fn owned(object: &Json) -> Option<&Json> {
    let entries = object["metadata"]["managedFields"].as_array()?;
    let ours = |entry: &&Json| {
        entry["manager"] == labels::TERRAFORM
            && entry["operation"] == "Apply"
            && entry["subresource"].as_str().unwrap_or_default().is_empty()
    };
    entries.iter().find(ours).map(|entry| &entry["fieldsV1"])
}

/// The attributes of an object as they are now, without what is not ours.
pub fn fields(fields: &[Field], live: &Json, prior: &Value, owned: &Json) -> Value {
    Value::object(fields.iter().map(|field| {
        let owned = &owned[format!("f:{}", field.json)];
        let prior = prior.attr(&field.attribute);
        // A field with a default always has a value in state.
        let ours = !prior.is_null() || owned.is_object() || field.default.is_some();
        let value = if ours { shape(&field.shape, &live[&field.json], prior, owned) } else { Value::Null };
        (field.attribute.clone(), value)
    }))
}

fn shape(shape: &Shape, live: &Json, prior: &Value, owned: &Json) -> Value {
    match (shape, live) {
        (Shape::Object(inner), Json::Object(_)) => fields(inner, live, prior, owned),
        (Shape::Map { value, .. }, Json::Object(entries)) => map(value, entries, prior, owned),
        (Shape::List { item, set: true, .. }, Json::Array(elements)) => {
            let ours = |element: &&Json| {
                let value = item.value_of(element);
                prior.as_elements().is_some_and(|prior| prior.contains(&value))
                    || owned.get(format!("v:{element}")).is_some()
            };
            list(true, elements.iter().filter(ours).map(|element| item.value_of(element)).collect())
        }
        // Owned as a whole.
        _ => shape.value_of(live),
    }
}

/// The entries of a map that are ours. A map that holds only others' entries is null, as we wrote none.
pub fn map(value: &Shape, live: &serde_json::Map<String, Json>, prior: &Value, owned: &Json) -> Value {
    let ours = |key: &str| {
        prior.as_fields().is_some_and(|prior| prior.contains_key(key))
            || owned.get(format!("f:{key}")).is_some()
    };
    let entries: Vec<_> = live
        .iter()
        .filter(|(key, _)| ours(key))
        .map(|(key, json)| (key.clone(), shape(value, json, prior.attr(key), &owned[format!("f:{key}")])))
        .collect();
    if entries.is_empty() && prior.is_null() { Value::Null } else { Value::map(entries) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> Vec<Field> {
        let schema = json!({ "type": "object", "properties": {
            "size": { "type": "integer" },
            "policy": { "type": "string", "default": "Keep" },
            "env": { "type": "object", "additionalProperties": { "type": "string" } },
            "names": { "type": "array", "items": { "type": "string" }, "x-kubernetes-list-type": "set" },
            "args": { "type": "array", "items": { "type": "string" } },
            "repository": { "type": "object", "properties": {
                "url": { "type": "string" }, "branch": { "type": "string" },
            } },
        } });
        Shape::parse(&schema).fields().to_vec()
    }

    fn object(values: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
        let mut all: Vec<(&str, Value)> =
            ["size", "policy", "env", "names", "args", "repository"].map(|it| (it, Value::Null)).to_vec();
        all.extend(values);
        Value::object(all)
    }

    #[test]
    fn only_our_manager_s_apply_counts() {
        let entry = |manager: &str, operation: &str, subresource: &str| json!({ "manager": manager, "operation": operation, "subresource": subresource, "fieldsV1": { "f:a": {} } });
        let of = |entry: Json| json!({ "metadata": { "managedFields": [entry] } });
        assert!(owned(&of(entry(labels::TERRAFORM, "Apply", ""))).is_some());
        assert!(owned(&of(entry(labels::TERRAFORM, "Update", ""))).is_none());
        assert!(owned(&of(entry(labels::TERRAFORM, "Apply", "status"))).is_none());
        assert!(owned(&of(entry("kubectl", "Apply", ""))).is_none());
    }

    #[test]
    fn what_others_added_is_not_seen() {
        let live = json!({
            "size": 3, "policy": "Keep",
            "env": { "OURS": "1", "THEIRS": "2" },
            "names": ["ours", "theirs"],
            "repository": { "url": "u", "branch": "theirs" },
            "args": ["theirs"],
        });
        let ours = json!({
            "f:size": {},
            "f:env": { ".": {}, "f:OURS": {} },
            "f:names": { "v:\"ours\"": {} },
            "f:repository": { "f:url": {} },
        });
        let expected = object([
            ("size", 3.into()),
            ("policy", "Keep".into()),
            ("env", Value::map([("OURS", Value::from("1"))])),
            ("names", Value::Set(vec!["ours".into()])),
            ("repository", Value::object([("url", Value::from("u")), ("branch", Value::Null)])),
        ]);
        assert_eq!(fields(&spec(), &live, &Value::Null, &ours), expected);
    }

    #[test]
    fn a_value_that_somebody_forced_is_read_though_it_left_our_set() {
        let prior = object([("size", 3.into()), ("env", Value::map([("OURS", Value::from("1"))]))]);
        let live = json!({ "size": 9, "env": { "OURS": "other" }, "policy": "Keep" });
        let expected = object([
            ("size", 9.into()),
            ("policy", "Keep".into()),
            ("env", Value::map([("OURS", Value::from("other"))])),
        ]);
        assert_eq!(fields(&spec(), &live, &prior, &json!({})), expected);
    }

    #[test]
    fn what_somebody_removed_is_gone() {
        let prior = object([("size", 3.into()), ("args", Value::List(vec!["a".into()]))]);
        let read = fields(&spec(), &json!({ "policy": "Keep" }), &prior, &json!({}));
        assert_eq!(read, object([("policy", "Keep".into())]));
    }

    #[test]
    fn an_empty_map_of_ours_stays_empty() {
        let prior = object([("env", Value::map::<&str>([]))]);
        let live = json!({ "env": { "THEIRS": "1" }, "policy": "Keep" });
        assert_eq!(fields(&spec(), &live, &prior, &json!({})).attr("env"), &Value::map::<&str>([]));
    }
}
