//! From a value to the author's type.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::maybe::MAYBE;
use crate::{Path, Step, Value};

/// How to read unknown values outside [`Maybe`](super::Maybe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknowns {
    /// Into `None`, for values the provider is about to make.
    AsNone,
    /// Not at all: [`ReadError::unknown`].
    Refused,
}

/// A value that the type cannot hold.
#[derive(Debug)]
pub(super) struct ReadError {
    /// From the failed value outwards.
    steps: Vec<Step>,
    message: String,
    /// The value is unknown, and would perhaps fit if it were not.
    pub(super) unknown: bool,
}

impl ReadError {
    fn new(message: impl fmt::Display) -> Self {
        Self { steps: Vec::new(), message: message.to_string(), unknown: false }
    }

    fn inside(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Where the value is.
    pub(super) fn path(&self) -> Path {
        self.steps.iter().rev().cloned().collect()
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

/// The author's type from a value.
pub(super) fn from_value<T: DeserializeOwned>(value: &Value, unknowns: Unknowns) -> Result<T, ReadError> {
    T::deserialize(Reader { value, unknowns })
}

struct Reader<'v> {
    value: &'v Value,
    unknowns: Unknowns,
}

impl<'v> Reader<'v> {
    fn of(&self, value: &'v Value) -> Self {
        Self { value, unknowns: self.unknowns }
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value.plain() {
            Value::Null | Value::Dynamic(_) => visitor.visit_unit(),
            Value::Unknown => {
                Err(ReadError { unknown: true, ..ReadError::new("the value is not known yet") })
            }
            Value::Bool(bool) => visitor.visit_bool(*bool),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Number(number) => match (number.to_i64(), number.to_u64(), number.to_f64()) {
                (Some(whole), ..) => visitor.visit_i64(whole),
                (None, Some(whole), _) => visitor.visit_u64(whole),
                (None, None, Some(float)) => visitor.visit_f64(float),
                (None, None, None) => Err(ReadError::new(format!("the number {number} is too large"))),
            },
            Value::List(elements) | Value::Set(elements) => {
                visitor.visit_seq(Elements { parent: self, elements: elements.iter().enumerate() })
            }
            Value::Map(fields) => {
                visitor.visit_map(Fields { parent: self, fields: fields.iter(), next: None, step: Step::Key })
            }
            Value::Object(fields) => visitor.visit_map(Fields {
                parent: self,
                fields: fields.iter(),
                next: None,
                step: Step::Attribute,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match (self.value.plain(), self.unknowns) {
            (Value::Null, _) | (Value::Unknown, Unknowns::AsNone) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.value.plain() {
            Value::Unknown if name == MAYBE => visitor.visit_unit(),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.value.plain() {
            Value::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Elements<'v, I> {
    parent: Reader<'v>,
    elements: I,
}

impl<'de, I: Iterator<Item = (usize, &'de Value)>> SeqAccess<'de> for Elements<'de, I> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some((index, value)) = self.elements.next() else { return Ok(None) };
        let element = seed.deserialize(self.parent.of(value));
        element.map(Some).map_err(|error| error.inside(Step::Index(index)))
    }
}

struct Fields<'v, I> {
    parent: Reader<'v>,
    fields: I,
    next: Option<(&'v String, &'v Value)>,
    step: fn(String) -> Step,
}

impl<'de, I: Iterator<Item = (&'de String, &'de Value)>> MapAccess<'de> for Fields<'de, I> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        self.next = self.fields.next();
        self.next.map(|(key, _)| seed.deserialize(key.as_str().into_deserializer())).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ReadError> {
        let (key, value) = self.next.take().ok_or_else(|| ReadError::new("there is no next value"))?;
        seed.deserialize(self.parent.of(value)).map_err(|error| error.inside((self.step)(key.clone())))
    }
}
