//! Values from and to JSON, led by the type.
//!
//! Reading goes over the raw text, because a JSON tree keeps a number as `f64` and state may hold more
//! digits.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::value::RawValue;
use thiserror::Error;

use super::{Number, Value};
use crate::{Path, Type};

/// A value does not fit where it should go.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// A value of another type.
    #[error("{} is {found}, expected {expected}", path.quoted())]
    Type {
        /// Where.
        path: Path,
        /// The type it should have.
        expected: String,
        /// What it is.
        found: String,
    },
    /// An unknown value where all must be known.
    #[error("{} is unknown", path.quoted())]
    Unknown {
        /// Where.
        path: Path,
    },
    /// A number that JSON libraries would round.
    #[error("{} is the number {number}, which has more digits than can be kept", path.quoted())]
    Digits {
        /// Where.
        path: Path,
        /// The number.
        number: Number,
    },
}

impl ValueError {
    /// Where the value is.
    pub fn path(&self) -> &Path {
        match self {
            ValueError::Type { path, .. }
            | ValueError::Unknown { path }
            | ValueError::Digits { path, .. } => path,
        }
    }
}

impl Value {
    /// The value of type `ty` that `json` spells. Missing attributes are null; attributes the type does not
    /// have are left out, so that a server may be newer than the schema. A `dynamic` takes the type JSON
    /// suggests.
    ///
    /// # Errors
    /// [`ValueError::Type`] where the JSON has another type.
    pub fn from_json(json: &Json, ty: &Type) -> Result<Value, ValueError> {
        Reader { typed_dynamics: false }.text(&json.to_string(), ty)
    }

    /// The value of type `ty` in the JSON of a state file: numbers keep every digit, and a `dynamic` is
    /// `{"value": …, "type": …}`.
    pub(crate) fn from_state_json(text: &str, ty: &Type) -> Result<Value, ValueError> {
        Reader { typed_dynamics: true }.text(text, ty)
    }

    /// The value as JSON; sets and lists become arrays, objects and maps objects, null and absent attributes
    /// null.
    ///
    /// # Errors
    /// [`ValueError::Unknown`] if anything is unknown, [`ValueError::Digits`] for a number no `f64` prints
    /// as.
    pub fn to_json(&self) -> Result<Json, ValueError> {
        write(self, &Path::root())
    }
}

fn write(value: &Value, path: &Path) -> Result<Json, ValueError> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Unknown => return Err(ValueError::Unknown { path: path.clone() }),
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Number(number) => Json::Number(
            json_number(number)
                .ok_or_else(|| ValueError::Digits { path: path.clone(), number: number.clone() })?,
        ),
        Value::String(text) => Json::String(text.clone()),
        Value::Dynamic(typed) => write(&typed.1, path)?,
        Value::List(elements) => {
            let elements =
                elements.iter().enumerate().map(|(index, element)| write(element, &path.index(index)));
            Json::Array(elements.collect::<Result<_, _>>()?)
        }
        Value::Set(elements) => {
            Json::Array(elements.iter().map(|element| write(element, path)).collect::<Result<_, _>>()?)
        }
        Value::Map(fields) => {
            let fields =
                fields.iter().map(|(key, element)| Ok((key.clone(), write(element, &path.key(key))?)));
            Json::Object(fields.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| Ok((name.clone(), write(value, &path.attribute(name))?)));
            Json::Object(fields.collect::<Result<_, _>>()?)
        }
    })
}

/// The JSON number that reads back as `number`.
fn json_number(number: &Number) -> Option<serde_json::Number> {
    if let Some(whole) = number.to_i64() {
        return Some(whole.into());
    }
    if let Some(whole) = number.to_u64() {
        return Some(whole.into());
    }
    let float = number.to_f64()?;
    let same = Number::try_from(float).ok()? == *number;
    serde_json::Number::from_f64(float).filter(|_| same)
}

struct Reader {
    typed_dynamics: bool,
}

impl Reader {
    fn text(&self, text: &str, ty: &Type) -> Result<Value, ValueError> {
        let raw = parse(text, ty, &Path::root())?;
        self.value(raw, ty, &Path::root())
    }

    fn value(&self, raw: &RawValue, ty: &Type, path: &Path) -> Result<Value, ValueError> {
        let text = raw.get();
        if text == "null" {
            return Ok(Value::Null);
        }
        Ok(match ty {
            Type::String => Value::String(parse(text, ty, path)?),
            Type::Bool => Value::Bool(parse(text, ty, path)?),
            Type::Number => Value::Number(text.parse().map_err(|_| mismatch(text, ty, path))?),
            Type::List(element) => Value::List(self.elements(text, ty, path, |_| Some(element))?),
            Type::Set(element) => Value::Set(self.elements(text, ty, path, |_| Some(element))?),
            Type::Tuple(types) => Value::List(self.elements(text, ty, path, |index| types.get(index))?),
            Type::Map(element) => {
                let fields: BTreeMap<String, &RawValue> = parse(text, ty, path)?;
                let fields = fields.into_iter().map(|(key, raw)| {
                    let value = self.value(raw, element, &path.key(&key))?;
                    Ok((key, value))
                });
                Value::Map(fields.collect::<Result<_, _>>()?)
            }
            Type::Object(attributes) => {
                let fields: BTreeMap<String, &RawValue> = parse(text, ty, path)?;
                let fields = attributes.iter().map(|(name, ty)| {
                    let raw = fields.get(name);
                    let value = raw.map(|raw| self.value(raw, ty, &path.attribute(name))).transpose()?;
                    Ok((name.clone(), value.unwrap_or_default()))
                });
                Value::Object(fields.collect::<Result<_, _>>()?)
            }
            Type::Dynamic if self.typed_dynamics => self.typed_dynamic(text, path)?,
            Type::Dynamic => {
                let ty = suggested(&parse(text, ty, path)?);
                Value::Dynamic(Box::new((ty.clone(), self.value(raw, &ty, path)?)))
            }
        })
    }

    fn elements<'t>(
        &self,
        text: &str,
        ty: &Type,
        path: &Path,
        element: impl Fn(usize) -> Option<&'t Type>,
    ) -> Result<Vec<Value>, ValueError> {
        let raws: Vec<&RawValue> = parse(text, ty, path)?;
        if matches!(ty, Type::Tuple(types) if types.len() != raws.len()) {
            return Err(mismatch(text, ty, path));
        }
        let elements = raws.into_iter().enumerate().map(|(index, raw)| {
            let element = element(index).ok_or_else(|| mismatch(text, ty, path))?;
            self.value(raw, element, &path.index(index))
        });
        elements.collect()
    }

    fn typed_dynamic(&self, text: &str, path: &Path) -> Result<Value, ValueError> {
        let fields: BTreeMap<String, &RawValue> = parse(text, &Type::Dynamic, path)?;
        let (Some(value), Some(ty)) = (fields.get("value"), fields.get("type")) else {
            return Err(mismatch(text, &Type::Dynamic, path));
        };
        let ty = parse(ty.get(), &Type::Dynamic, path)?;
        let ty = Type::from_json(&ty).ok_or_else(|| mismatch(text, &Type::Dynamic, path))?;
        let value = self.value(value, &ty, path)?;
        Ok(Value::Dynamic(Box::new((ty, value))))
    }
}

/// The type of a JSON value on its own, as core sees such a literal.
fn suggested(json: &Json) -> Type {
    match json {
        Json::Null => Type::Dynamic,
        Json::Bool(_) => Type::Bool,
        Json::Number(_) => Type::Number,
        Json::String(_) => Type::String,
        Json::Array(elements) => Type::Tuple(elements.iter().map(suggested).collect()),
        Json::Object(fields) => Type::object(fields.iter().map(|(name, field)| (name, suggested(field)))),
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str, ty: &Type, path: &Path) -> Result<T, ValueError> {
    serde_json::from_str(text).map_err(|_| mismatch(text, ty, path))
}

fn mismatch(text: &str, ty: &Type, path: &Path) -> ValueError {
    let found = match text.trim_start().bytes().next() {
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a bool",
        Some(b'0'..=b'9' | b'-') => "a number",
        _ => "not JSON",
    };
    ValueError::Type { path: path.clone(), expected: ty.to_string(), found: found.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn state_keeps_every_digit_and_the_type_of_a_dynamic() {
        let ty = Type::object([("d", Type::Dynamic), ("n", Type::Number), ("missing", Type::Bool)]);
        let value = Value::from_state_json(
            r#"{"d":{"value":1,"type":"number"}, "n":0.123456789012345678901234}"#,
            &ty,
        );
        let number = |text: &str| Value::Number(text.parse().expect(text));
        let expected = Value::object([
            ("d", Value::Dynamic(Box::new((Type::Number, number("1"))))),
            ("n", number("0.123456789012345678901234")),
            ("missing", Value::Null),
        ]);
        assert_eq!(value, Ok(expected));
    }

    #[test]
    fn what_a_server_says_reads_back() {
        let ty = Type::object([
            ("list", Type::list(Type::String)),
            ("map", Type::map(Type::Number)),
            ("any", Type::Dynamic),
        ]);
        let json = json!({"list": ["a", "b"], "map": {"k": 1.5}, "any": {"x": [true, null]}});
        let mut with_more = json.clone();
        with_more["unheard-of"] = json!(1);
        let value = Value::from_json(&with_more, &ty).expect("fits");
        assert_eq!(value.to_json(), Ok(json));
    }

    #[test]
    fn a_mismatch_names_the_place() {
        let ty = Type::object([("a", Type::list(Type::Number))]);
        let error = Value::from_json(&json!({"a": [1, "x"]}), &ty).expect_err("a string");
        assert_eq!(error.to_string(), "`a[1]` is a string, expected number");
        let unknown =
            Value::object([("a", Value::Set(vec![Value::Unknown]))]).to_json().expect_err("unknown");
        assert_eq!(unknown.to_string(), "`a` is unknown");
    }

    #[test]
    fn a_number_json_would_round_is_refused() {
        let long: Number = "0.123456789012345678901234".parse().expect("number");
        assert!(matches!(Value::from(long).to_json(), Err(ValueError::Digits { .. })));
        let large: Number = "1e30".parse().expect("number");
        assert_eq!(Value::from(large).to_json(), Ok(json!(1e30)));
    }
}
