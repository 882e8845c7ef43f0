//! Values of Terraform to JSON of Kubernetes and back, led by the shape.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use tf_provider_sdk::Value;

use super::shape::{Field, Shape};

impl Shape {
    /// The JSON to apply: without what is null. None for null and unknown.
    pub fn json_of(&self, value: &Value) -> Option<Json> {
        Some(match (self, value) {
            (_, Value::Null | Value::Unknown) => return None,
            (Self::List { item, .. }, Value::List(elements) | Value::Set(elements)) => {
                elements.iter().filter_map(|element| item.json_of(element)).collect()
            }
            (Self::Map { value: shape, .. }, Value::Map(entries)) => Json::Object(
                entries
                    .iter()
                    .filter_map(|(key, value)| Some((key.clone(), shape.json_of(value)?)))
                    .collect(),
            ),
            (Self::Object(fields), object) => fields_json(fields, object),
            (_, Value::Bool(bool)) => Json::from(*bool),
            (_, Value::Number(number)) => match number.to_i64() {
                Some(whole) => Json::from(whole),
                None => Json::from(number.to_f64()?),
            },
            (_, Value::String(text)) => Json::from(text.as_str()),
            _ => return None,
        })
    }

    /// The whole value of `json`; what it does not say is null.
    pub fn value_of(&self, json: &Json) -> Value {
        match (self, json) {
            (_, Json::Null) => Value::Null,
            (Self::Text(_) | Self::Quantity | Self::Duration, Json::String(text)) => {
                Value::from(text.as_str())
            }
            // A quantity may be written as a bare number in YAML.
            (Self::Quantity, Json::Number(number)) => Value::from(number.to_string()),
            (Self::Number(_), Json::Number(number)) => {
                number.to_string().parse().map_or(Value::Null, Value::Number)
            }
            (Self::Bool, Json::Bool(bool)) => Value::from(*bool),
            (Self::List { item, set, .. }, Json::Array(elements)) => {
                list(*set, elements.iter().map(|element| item.value_of(element)).collect())
            }
            (Self::Map { value, .. }, Json::Object(entries)) => {
                Value::map(entries.iter().map(|(key, json)| (key.clone(), value.value_of(json))))
            }
            (Self::Object(fields), Json::Object(_)) => Value::Object(object_of(fields, json)),
            // Another type than the schema says: a CRD of another release; shown as not there.
            _ => Value::Null,
        }
    }
}

/// The object of those fields that `value` has.
pub fn fields_json(fields: &[Field], value: &Value) -> Json {
    let entry =
        |field: &Field| Some((field.json.clone(), field.shape.json_of(value.attr(&field.attribute))?));
    Json::Object(fields.iter().filter_map(entry).collect::<Map<_, _>>())
}

/// Every attribute of `fields`, from an object.
pub fn object_of(fields: &[Field], json: &Json) -> BTreeMap<String, Value> {
    fields.iter().map(|field| (field.attribute.clone(), field.shape.value_of(&json[&field.json]))).collect()
}

/// Elements as a list or set.
pub fn list(set: bool, elements: Vec<Value>) -> Value {
    if set { Value::Set(elements) } else { Value::List(elements) }
}

#[cfg(test)]
mod tests {
    use neuralinverse_api::Kind;
    use serde_json::json;

    use super::*;

    fn workspace() -> Shape {
        let kind = Kind::all().into_iter().find(|kind| kind.name() == "Workspace").unwrap();
        Shape::parse(&kind.spec_schema())
    }

    #[test]
    fn a_spec_survives_the_way_to_terraform_and_back() {
        let spec = json!({
            "owner": "ada", "tier": "starter", "template": "base", "runPolicy": "Always",
            "env": { "PATH_LIKE": "a:b" },
            "envFrom": [{ "name": "one" }, { "name": "two" }],
            "repository": { "url": "https://git.example/a.git", "credentialsSecretRef": { "name": "git" } },
        });
        let value = workspace().value_of(&spec);
        assert_eq!(value.attr("run_policy").as_str(), Some("Always"));
        assert!(value.attr("repository").attr("branch").is_null());
        assert_eq!(workspace().json_of(&value), Some(spec));
    }

    #[test]
    fn numbers_stay_what_they_are() {
        let shape = Shape::parse(&json!({ "type": "number" }));
        for json in [json!(3), json!(0.1), json!(-7)] {
            assert_eq!(shape.json_of(&shape.value_of(&json)), Some(json));
        }
    }
}
