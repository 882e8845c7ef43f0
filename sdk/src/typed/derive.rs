//! The schema of a Rust type, by way of the JSON schema that schemars derives.
//!
//! | in Rust | in Terraform |
//! |---|---|
//! | doc comment | description |
//! | `T` | required |
//! | `Option<T>`, [`Maybe<T>`](super::Maybe) | optional |
//! | `#[serde(default)]` | optional with that default |
//! | `x-terraform` `computed` | set by the provider; with `optional` by either |
//! | `String`, numbers, `bool` | string, number, bool |
//! | enum of unit variants | string, one of the variants |
//! | `Vec<T>`, `BTreeSet<T>`, `BTreeMap<String, T>` | list, set, map; of structs: nested attributes |
//! | struct | nested attribute |
//! | `serde_json::Value` | dynamic |

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json};

use super::rules;
use crate::{Attribute, Kind, Nesting, Schema, Type, Value};

/// The schema of a model. What has no form in Terraform is reported by [`Schema::check`].
pub fn schema_of<M: JsonSchema>() -> Schema {
    let settings = SchemaSettings::default().with(|settings| settings.inline_subschemas = true);
    let root = settings.into_generator().into_root_schema_for::<M>().to_value();
    let mut faults = Vec::new();
    let attributes = attributes(&root, "", &mut faults);
    Schema { description: text(&root, "description"), attributes, faults, ..Schema::default() }
}

fn attributes(object: &Json, parent: &str, faults: &mut Vec<String>) -> Vec<Attribute> {
    let properties = object.get("properties").and_then(Json::as_object).into_iter().flatten();
    let required = object.get("required").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let attributes = properties.map(|(name, json)| {
        attribute(name, json, required.contains(&name.as_str().into()), &format!("{parent}{name}"), faults)
    });
    attributes.collect()
}

fn attribute(name: &str, json: &Json, required: bool, place: &str, faults: &mut Vec<String>) -> Attribute {
    let flags = json.get("x-terraform").and_then(Json::as_object).cloned().unwrap_or_default();
    unheard_of(&flags, place, faults);
    let flag = |name: &str| flags.get(name).and_then(Json::as_bool) == Some(true);
    let (inner, has_null) = without_null(json);
    let nullable = has_null || is_anything(inner) && !required;
    let kind = kind(inner, place, faults);
    let mut attribute = Attribute::of(name, kind);
    let provider_alone = flag("computed") && !flag("optional");
    attribute.default = default(json, &attribute, place, faults).filter(|_| !provider_alone);
    attribute.computed = flag("computed") || attribute.default.is_some();
    attribute.optional = !provider_alone && (nullable || flag("optional") || attribute.default.is_some());
    attribute.required = !attribute.computed && !attribute.optional;
    attribute.sensitive = flag("sensitive");
    attribute.write_only = flag("write_only");
    attribute.requires_replace = flag("requires_replace");
    attribute.keep_prior = flag("keep_prior");
    attribute.description = text(json, "description");
    attribute.deprecated = match flags.get("deprecated").and_then(Json::as_str) {
        Some(message) => Some(message.to_owned()),
        None => {
            json.get("deprecated").and_then(Json::as_bool).filter(|yes| *yes).map(|_| "Deprecated".to_owned())
        }
    };
    attribute.validators = rules::rules(inner);
    attribute
}

/// A flag with a typing error would be lost without a word.
fn unheard_of(flags: &Map<String, Json>, place: &str, faults: &mut Vec<String>) {
    const FLAGS: [&str; 7] =
        ["computed", "deprecated", "keep_prior", "optional", "requires_replace", "sensitive", "write_only"];
    for name in flags.keys().filter(|name| !FLAGS.contains(&name.as_str())) {
        faults.push(format!("`{place}` has the flag `{name}`, which is none of {}", FLAGS.join(", ")));
    }
}

/// The schema without the null that `Option` adds, and whether there was one.
fn without_null(json: &Json) -> (&Json, bool) {
    let is_null = |json: &Json| json.get("type") == Some(&Json::from("null"));
    if let Some(parts) = json.get("anyOf").and_then(Json::as_array)
        && let [inner, null] = parts.as_slice()
        && is_null(null)
    {
        return (inner, true);
    }
    let nullable =
        json.get("type").and_then(Json::as_array).is_some_and(|types| types.contains(&"null".into()));
    (json, nullable)
}

fn kind(json: &Json, place: &str, faults: &mut Vec<String>) -> Kind {
    let inside = format!("{place}.");
    if is_struct(json) {
        return Kind::Nested { mode: Nesting::Single, attributes: attributes(json, &inside, faults) };
    }
    for (key, mode) in [("items", list_or_set(json)), ("additionalProperties", Nesting::Map)] {
        if let Some(element) = json.get(key)
            && is_struct(element)
        {
            return Kind::Nested { mode, attributes: attributes(element, &inside, faults) };
        }
    }
    Kind::Type(plain_type(json, place, faults))
}

fn is_struct(json: &Json) -> bool {
    json.get("properties").is_some_and(Json::is_object)
}

fn list_or_set(json: &Json) -> Nesting {
    if json.get("uniqueItems") == Some(&Json::Bool(true)) { Nesting::Set } else { Nesting::List }
}

fn plain_type(json: &Json, place: &str, faults: &mut Vec<String>) -> Type {
    if let Some([only]) = json.get("allOf").and_then(Json::as_array).map(Vec::as_slice) {
        return plain_type(only, place, faults);
    }
    if rules::texts(json).is_some() {
        return Type::String;
    }
    match type_name(json) {
        Some("string") => Type::String,
        Some("integer" | "number") => Type::Number,
        Some("boolean") => Type::Bool,
        Some("array") => {
            let element = json.get("items").map_or(Type::Dynamic, |items| plain_type(items, place, faults));
            if list_or_set(json) == Nesting::Set { Type::set(element) } else { Type::list(element) }
        }
        Some("object") if is_struct(json) => {
            let attributes = attributes(json, &format!("{place}."), faults);
            Type::object(attributes.iter().map(|attribute| (attribute.name.clone(), attribute.ty())))
        }
        Some("object") => match json.get("additionalProperties") {
            Some(element) => Type::map(plain_type(element, place, faults)),
            None => Type::map(Type::String),
        },
        None if is_anything(json) => Type::Dynamic,
        _ => {
            faults.push(format!("`{place}` has a type Terraform has no form for: {json}"));
            Type::Dynamic
        }
    }
}

/// The one type that is not null.
fn type_name(json: &Json) -> Option<&str> {
    match json.get("type")? {
        Json::String(name) => Some(name),
        Json::Array(names) => names.iter().filter_map(Json::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

/// Whether the schema says nothing about the value.
fn is_anything(json: &Json) -> bool {
    const WORDS: [&str; 5] = ["default", "deprecated", "description", "title", "x-terraform"];
    match json {
        Json::Bool(anything) => *anything,
        Json::Object(keys) => keys.keys().all(|key| WORDS.contains(&key.as_str())),
        _ => false,
    }
}

fn default(json: &Json, attribute: &Attribute, place: &str, faults: &mut Vec<String>) -> Option<Value> {
    let json = json.get("default").filter(|default| !default.is_null())?;
    let value = Value::from_json(json, &attribute.ty());
    value.map_err(|error| faults.push(format!("the default of `{place}` is wrong: {error}"))).ok()
}

fn text(json: &Json, key: &str) -> String {
    json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}
