//! Whether an object is as we want it, whatever others put into it.

use serde_json::Value;

/// Whether `there` has all that `wanted` has. The items of a list are compared one by one: the API server
/// fills in defaults there, too.
pub fn contains(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            wanted.iter().all(|(field, wanted)| match there.get(field) {
                Some(there) => contains(there, wanted),
                // The API server leaves out what is empty.
                None => wanted.is_null() || wanted.as_object().is_some_and(serde_json::Map::is_empty),
            })
        }
        (Value::Array(there), Value::Array(wanted)) => {
            there.len() == wanted.len()
                && there.iter().zip(wanted).all(|(there, wanted)| contains(there, wanted))
        }
        (there, wanted) => there == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_fields_that_we_want_are_compared() {
        let there = json!({ "a": { "b": 1, "other": 2 }, "list": [1], "items": [{ "x": 1, "default": 2 }] });
        for (wanted, same) in [
            (json!({ "a": { "b": 1 } }), true),
            (json!({ "a": { "b": 2 } }), false),
            (json!({ "a": { "c": 1 } }), false),
            (json!({ "a": { "c": {} } }), true),
            (json!({ "list": [1, 2] }), false),
            (json!({ "items": [{ "x": 1 }] }), true),
            (json!({ "items": [{ "x": 2 }] }), false),
        ] {
            assert_eq!(contains(&there, &wanted), same, "{wanted}");
        }
    }
}
