//! What a kind's JSON schema means to Terraform: read once, then walked by everything that handles values.

use serde_json::Value as Json;

/// One field of an object and the attribute that stands for it.
#[derive(Clone, Debug)]
pub struct Field {
    /// Name in Kubernetes, such as `nodePool`.
    pub json: String,
    /// Name in Terraform, such as `node_pool`.
    pub attribute: String,
    /// Doc comment of the field.
    pub description: String,
    /// It must be there.
    pub required: bool,
    /// It never changes: another value is another object.
    pub immutable: bool,
    /// What the API server puts in when it is left out.
    pub default: Option<Json>,
    /// What it holds.
    pub shape: Shape,
}

/// What a field holds, with the limits that the schema sets.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A string.
    Text(Text),
    /// An amount such as `500m` or `4Gi`, compared by meaning.
    Quantity,
    /// A length of time such as `30m`, compared by meaning.
    Duration,
    /// A number.
    Number(Number),
    /// True or false.
    Bool,
    /// Elements in order; with `set`, each at most once and owned one by one.
    List {
        /// What each element is.
        item: Box<Shape>,
        /// Elements have no order.
        set: bool,
        /// How many there may be.
        size: Size,
    },
    /// Values by key, owned key by key.
    Map {
        /// What each value is.
        value: Box<Shape>,
        /// How many there may be.
        size: Size,
    },
    /// Named fields.
    Object(Vec<Field>),
}

/// Limits of a string.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// The only values allowed; empty is any.
    pub one_of: Vec<String>,
    /// A regular expression that it must match.
    pub pattern: Option<String>,
    /// Characters.
    pub size: Size,
}

/// Limits of a number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Number {
    /// Whole numbers only.
    pub whole: bool,
    /// The lowest.
    pub min: Option<f64>,
    /// The highest.
    pub max: Option<f64>,
}

/// How many characters, elements or keys there may be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    /// At least.
    pub min: Option<u64>,
    /// At most.
    pub max: Option<u64>,
}

impl Shape {
    /// Reads a JSON schema as CRDs and `schemars` write it.
    pub fn parse(schema: &Json) -> Self {
        if schema["x-kubernetes-int-or-string"] == true {
            return Self::Quantity;
        }
        match type_of(schema) {
            "boolean" => Self::Bool,
            "integer" | "number" => Self::Number(Number {
                whole: type_of(schema) == "integer",
                min: schema["minimum"].as_f64(),
                max: schema["maximum"].as_f64(),
            }),
            "array" => Self::List {
                item: Box::new(Self::parse(&schema["items"])),
                set: schema["x-kubernetes-list-type"] == "set",
                size: size(schema, "minItems", "maxItems"),
            },
            "object" if schema["additionalProperties"].is_object() => Self::Map {
                value: Box::new(Self::parse(&schema["additionalProperties"])),
                size: size(schema, "minProperties", "maxProperties"),
            },
            "object" => Self::Object(fields(schema)),
            _ if schema["format"] == "duration" => Self::Duration,
            _ => Self::Text(Text {
                one_of: strings(&schema["enum"]),
                pattern: schema["pattern"].as_str().map(str::to_owned),
                size: size(schema, "minLength", "maxLength"),
            }),
        }
    }

    /// The fields of an object; none of anything else.
    pub fn fields(&self) -> &[Field] {
        match self {
            Self::Object(fields) => fields,
            _ => &[],
        }
    }
}

fn fields(schema: &Json) -> Vec<Field> {
    let required = strings(&schema["required"]);
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| Field {
            json: name.clone(),
            attribute: snake_case(name),
            description: schema["description"].as_str().unwrap_or_default().to_owned(),
            required: required.contains(name),
            immutable: rules(schema).any(|rule| rule == "self == oldSelf"),
            default: schema.get("default").filter(|default| !default.is_null()).cloned(),
            shape: Shape::parse(schema),
        })
        .collect()
}

fn rules(schema: &Json) -> impl Iterator<Item = &str> {
    schema["x-kubernetes-validations"].as_array().into_iter().flatten().filter_map(|it| it["rule"].as_str())
}

/// The type, of which an optional one in a derived schema has two: its own and `null`.
fn type_of(schema: &Json) -> &str {
    match &schema["type"] {
        Json::Array(types) => types.iter().filter_map(Json::as_str).find(|it| *it != "null"),
        one => one.as_str(),
    }
    .unwrap_or_default()
}

fn size(schema: &Json, min: &str, max: &str) -> Size {
    Size { min: schema[min].as_u64(), max: schema[max].as_u64() }
}

fn strings(array: &Json) -> Vec<String> {
    array.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// `nodePool` → `node_pool`.
fn snake_case(name: &str) -> String {
    name.chars().fold(String::new(), |mut snake, letter| {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}

#[cfg(test)]
mod tests {
    use neuralinverse_api::Kind;

    use super::*;

    #[test]
    fn names_of_fields_become_names_of_attributes() {
        for (json, attribute) in
            [("nodePool", "node_pool"), ("env", "env"), ("credentialsSecretRef", "credentials_secret_ref")]
        {
            assert_eq!(snake_case(json), attribute);
        }
    }

    #[test]
    fn no_two_fields_of_an_object_become_one_attribute_and_each_is_described() {
        for kind in Kind::all() {
            check(&Shape::parse(&kind.spec_schema()), kind.name());
        }
    }

    fn check(shape: &Shape, path: &str) {
        let mut seen = std::collections::BTreeSet::new();
        for field in shape.fields() {
            let path = format!("{path}.{}", field.json);
            assert!(seen.insert(&field.attribute), "{path}");
            assert!(!field.description.is_empty(), "{path} has no description");
            check(&field.shape, &path);
        }
        match shape {
            Shape::List { item: inner, .. } | Shape::Map { value: inner, .. } => check(inner, path),
            _ => {}
        }
    }

    #[test]
    fn no_list_of_a_spec_is_merged_by_key() {
        // Such a list is owned element by element, which the reading of managed fields does not know yet.
        for kind in Kind::all() {
            assert!(!kind.spec_schema().to_string().contains(r#""x-kubernetes-list-type":"map""#));
        }
    }
}
