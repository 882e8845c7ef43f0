//! Values of Terraform's type system, with null and unknown.

mod json;
mod number;

use std::collections::BTreeMap;

pub use json::ValueError;
pub use number::{Number, NumberError};

use crate::{Path, Step, Type};

/// A value. Its type comes from the schema, so `Null` and `Unknown` carry none.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Not set.
    #[default]
    Null,
    /// Known after apply.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A decimal number, exact.
    Number(Number),
    /// Text.
    String(String),
    /// Elements in order; also the elements of a tuple.
    List(Vec<Value>),
    /// Elements without order; two sets are equal when they hold the same elements.
    Set(Vec<Value>),
    /// Elements by key.
    Map(BTreeMap<String, Value>),
    /// Attributes by name. An absent attribute is sent as null.
    Object(BTreeMap<String, Value>),
    /// The value of a `dynamic` attribute with the type it was given as. Null and unknown of no type are
    /// plain `Null` and `Unknown`.
    Dynamic(Box<(Type, Value)>),
}

impl Value {
    /// An object of the named attributes.
    pub fn object<N: Into<String>>(attributes: impl IntoIterator<Item = (N, Value)>) -> Self {
        Value::Object(attributes.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// A map of the named elements.
    pub fn map<N: Into<String>>(elements: impl IntoIterator<Item = (N, Value)>) -> Self {
        Value::Map(elements.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Whether it is null, of any type.
    pub fn is_null(&self) -> bool {
        matches!(self.plain(), Value::Null)
    }

    /// Whether it is known, though something inside it may not be. Null is known.
    pub fn is_known(&self) -> bool {
        !matches!(self.plain(), Value::Unknown)
    }

    /// Whether it and everything inside it is known.
    pub fn is_wholly_known(&self) -> bool {
        self.is_known() && self.children().all(|(_, child)| child.is_wholly_known())
    }

    /// The value itself, without the type a dynamic attribute carries beside it.
    pub fn plain(&self) -> &Value {
        match self {
            Value::Dynamic(typed) => typed.1.plain(),
            other => other,
        }
    }

    /// The text of a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self.plain() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self.plain() {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// A known number.
    pub fn as_number(&self) -> Option<&Number> {
        match self.plain() {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A known whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::to_i64)
    }

    /// The elements of a known list, set or tuple.
    pub fn as_elements(&self) -> Option<&[Value]> {
        match self.plain() {
            Value::List(elements) | Value::Set(elements) => Some(elements),
            _ => None,
        }
    }

    /// The elements of a known map or object.
    pub fn as_fields(&self) -> Option<&BTreeMap<String, Value>> {
        match self.plain() {
            Value::Map(fields) | Value::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The attribute of an object (or element of a map); null when there is none, unknown when this is
    /// unknown.
    pub fn attr(&self, name: &str) -> &Value {
        match self.plain() {
            Value::Object(fields) | Value::Map(fields) => fields.get(name).unwrap_or(&Value::Null),
            Value::Unknown => &Value::Unknown,
            _ => &Value::Null,
        }
    }

    /// The value at `path`, if every step exists.
    pub fn get(&self, path: &Path) -> Option<&Value> {
        path.steps().iter().try_fold(self, |value, step| match (value.plain(), step) {
            (Value::Object(fields), Step::Attribute(name)) => fields.get(name),
            (Value::Map(fields), Step::Key(key)) => fields.get(key),
            (Value::List(elements), Step::Index(index)) => elements.get(*index),
            _ => None,
        })
    }

    /// Puts `value` at `path`, making an object, or an entry of a map, where there is null. Returns false,
    /// and changes nothing more, when the path does not fit the value.
    pub fn set(&mut self, path: &Path, value: Value) -> bool {
        match self.slot(path.steps()) {
            Some(slot) => {
                *slot = value;
                true
            }
            None => false,
        }
    }

    fn slot(&mut self, steps: &[Step]) -> Option<&mut Value> {
        let Some((step, rest)) = steps.split_first() else {
            return Some(self);
        };
        if matches!(self, Value::Null) {
            match step {
                Step::Attribute(_) => *self = Value::Object(BTreeMap::new()),
                Step::Key(_) => *self = Value::Map(BTreeMap::new()),
                Step::Index(_) => return None,
            }
        }
        let next = match (self, step) {
            (Value::Object(fields), Step::Attribute(name)) => fields.entry(name.clone()).or_default(),
            (Value::Map(fields), Step::Key(key)) => fields.entry(key.clone()).or_default(),
            (Value::List(elements), Step::Index(index)) => elements.get_mut(*index)?,
            (Value::Dynamic(typed), _) => return typed.1.slot(steps),
            _ => return None,
        };
        next.slot(rest)
    }

    /// The value with null where it is unknown, as stored state must be.
    #[must_use]
    pub fn with_nulls(&self) -> Value {
        let each = |fields: &BTreeMap<String, Value>| {
            fields.iter().map(|(name, field)| (name.clone(), field.with_nulls())).collect()
        };
        match self {
            Value::Unknown => Value::Null,
            Value::List(elements) => Value::List(elements.iter().map(Value::with_nulls).collect()),
            Value::Set(elements) => Value::Set(elements.iter().map(Value::with_nulls).collect()),
            Value::Map(fields) => Value::Map(each(fields)),
            Value::Object(fields) => Value::Object(each(fields)),
            Value::Dynamic(typed) => Value::Dynamic(Box::new((typed.0.clone(), typed.1.with_nulls()))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => self.clone(),
        }
    }

    /// The values directly inside, with the step to each; elements of a set have no step.
    pub fn children(&self) -> Box<dyn Iterator<Item = (Option<Step>, &Value)> + '_> {
        match self.plain() {
            Value::List(elements) => {
                Box::new(elements.iter().enumerate().map(|(index, value)| (Some(Step::Index(index)), value)))
            }
            Value::Set(elements) => Box::new(elements.iter().map(|value| (None, value))),
            Value::Map(fields) => {
                Box::new(fields.iter().map(|(key, value)| (Some(Step::Key(key.clone())), value)))
            }
            Value::Object(fields) => {
                Box::new(fields.iter().map(|(name, value)| (Some(Step::Attribute(name.clone())), value)))
            }
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Calls `visit` with every value from the root down. Values inside a set get the path of the set.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&Path, &'a Value)) {
        self.walk_from(&Path::root(), visit);
    }

    fn walk_from<'a>(&'a self, path: &Path, visit: &mut impl FnMut(&Path, &'a Value)) {
        visit(path, self);
        for (step, child) in self.children() {
            let path = step.map_or_else(|| path.clone(), |step| path.step(step));
            child.walk_from(&path, visit);
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) | (Value::Unknown, Value::Unknown) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Set(a), Value::Set(b)) => {
                a.iter().all(|e| b.contains(e)) && b.iter().all(|e| a.contains(e))
            }
            (Value::Map(a), Value::Map(b)) | (Value::Object(a), Value::Object(b)) => a == b,
            (Value::Dynamic(a), Value::Dynamic(b)) => a == b,
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Value::Bool(bool)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Number(number.into())
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        i64::from(number).into()
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Value::Number(number)
    }
}

/// `None` is null.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Value::Null, Into::into)
    }
}
