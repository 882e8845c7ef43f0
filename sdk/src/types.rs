//! The types of Terraform's type system.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};

/// The type of an attribute or of a value in a `dynamic` attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text, in Unicode's composed form (NFC).
    String,
    /// A decimal number of any size.
    Number,
    /// True or false.
    Bool,
    /// Any type, carried beside the value. Not allowed inside list, set or map.
    Dynamic,
    /// Ordered elements of one type.
    List(Box<Type>),
    /// Distinct elements of one type without order.
    Set(Box<Type>),
    /// Elements of one type by key.
    Map(Box<Type>),
    /// A fixed set of attributes, each of its own type.
    Object(BTreeMap<String, Type>),
    /// A fixed number of elements, each of its own type. Seen only in `dynamic` values.
    Tuple(Vec<Type>),
}

impl Type {
    /// List of `element`.
    pub fn list(element: Type) -> Self {
        Type::List(Box::new(element))
    }

    /// Set of `element`.
    pub fn set(element: Type) -> Self {
        Type::Set(Box::new(element))
    }

    /// Map from text to `element`.
    pub fn map(element: Type) -> Self {
        Type::Map(Box::new(element))
    }

    /// Object of the named attributes.
    pub fn object<N: Into<String>>(attributes: impl IntoIterator<Item = (N, Type)>) -> Self {
        Type::Object(attributes.into_iter().map(|(name, ty)| (name.into(), ty)).collect())
    }

    /// The type as the protocol spells it, e.g. `["list","string"]`.
    pub fn to_json(&self) -> Json {
        match self {
            Type::String => json!("string"),
            Type::Number => json!("number"),
            Type::Bool => json!("bool"),
            Type::Dynamic => json!("dynamic"),
            Type::List(element) => json!(["list", element.to_json()]),
            Type::Set(element) => json!(["set", element.to_json()]),
            Type::Map(element) => json!(["map", element.to_json()]),
            Type::Object(attributes) => {
                let attributes = attributes.iter().map(|(name, ty)| (name.clone(), ty.to_json()));
                json!(["object", Json::Object(attributes.collect())])
            }
            Type::Tuple(elements) => {
                json!(["tuple", Json::Array(elements.iter().map(Type::to_json).collect())])
            }
        }
    }

    /// The type the protocol spells so; none for anything else. Marks of optional attributes are dropped.
    pub fn from_json(json: &Json) -> Option<Type> {
        match json {
            Json::String(name) => match name.as_str() {
                "string" => Some(Type::String),
                "number" => Some(Type::Number),
                "bool" => Some(Type::Bool),
                "dynamic" => Some(Type::Dynamic),
                _ => None,
            },
            Json::Array(parts) => {
                let argument = parts.get(1)?;
                match parts.first()?.as_str()? {
                    "list" => Type::from_json(argument).map(Type::list),
                    "set" => Type::from_json(argument).map(Type::set),
                    "map" => Type::from_json(argument).map(Type::map),
                    "tuple" => argument
                        .as_array()?
                        .iter()
                        .map(Type::from_json)
                        .collect::<Option<_>>()
                        .map(Type::Tuple),
                    "object" => {
                        let attributes = argument.as_object()?.iter();
                        let attributes =
                            attributes.map(|(name, ty)| Some((name.clone(), Type::from_json(ty)?)));
                        attributes.collect::<Option<_>>().map(Type::Object)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether `Dynamic` occurs at any depth.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Type::Dynamic => true,
            Type::String | Type::Number | Type::Bool => false,
            Type::List(element) | Type::Set(element) | Type::Map(element) => element.has_dynamic(),
            Type::Object(attributes) => attributes.values().any(Type::has_dynamic),
            Type::Tuple(elements) => elements.iter().any(Type::has_dynamic),
        }
    }
}

impl fmt::Display for Type {
    /// As a user writes a type constraint, e.g. `list(string)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String => f.write_str("string"),
            Type::Number => f.write_str("number"),
            Type::Bool => f.write_str("bool"),
            Type::Dynamic => f.write_str("any"),
            Type::List(element) => write!(f, "list({element})"),
            Type::Set(element) => write!(f, "set({element})"),
            Type::Map(element) => write!(f, "map({element})"),
            Type::Object(_) => f.write_str("object"),
            Type::Tuple(_) => f.write_str("tuple"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_from_its_json() {
        for text in [
            r#""string""#,
            r#""number""#,
            r#""bool""#,
            r#""dynamic""#,
            r#"["list","string"]"#,
            r#"["set",["map","bool"]]"#,
            r#"["object",{"a":"string","b":["tuple",["number","bool"]]}]"#,
        ] {
            let json: Json = serde_json::from_str(text).expect(text);
            assert_eq!(Type::from_json(&json).expect(text).to_json().to_string(), text);
        }
    }

    #[test]
    fn json_that_is_no_type_is_refused() {
        for text in ["1", r#""text""#, "[]", r#"["list"]"#, r#"["object",[]]"#, r#"["tuple",["x"]]"#] {
            assert_eq!(Type::from_json(&serde_json::from_str(text).expect(text)), None, "{text}");
        }
    }
}
