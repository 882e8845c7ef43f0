//! A field that may not be known yet.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The name by which this type shows itself to [`de`](super::de) when read.
pub(super) const MAYBE: &str = "$terraform::Maybe";

/// The name by which an unknown value shows itself to [`ser`](super::ser) when written.
pub(super) const UNKNOWN: &str = "$terraform::Unknown";

/// A value that is known, null, or known only after apply.
///
/// In a model it is for fields that a `plan` or `validate` hook looks at. An `Option` field reads unknown as
/// `None` in `create` and `update`; `validate` and `plan` are not called while the configuration of such a
/// field is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Maybe<T> {
    /// The value.
    Known(T),
    /// Not set.
    #[default]
    Null,
    /// Known after apply.
    Unknown,
}

impl<T> Maybe<T> {
    /// The value, if known and set.
    pub fn known(&self) -> Option<&T> {
        match self {
            Maybe::Known(value) => Some(value),
            Maybe::Null | Maybe::Unknown => None,
        }
    }

    /// Whether it is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Maybe::Unknown)
    }
}

impl<T> From<T> for Maybe<T> {
    fn from(value: T) -> Self {
        Maybe::Known(value)
    }
}

impl<T: Serialize> Serialize for Maybe<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Maybe::Known(value) => value.serialize(serializer),
            Maybe::Null => serializer.serialize_none(),
            Maybe::Unknown => serializer.serialize_newtype_struct(UNKNOWN, &()),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(MAYBE, MaybeVisitor(PhantomData))
    }
}

struct MaybeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MaybeVisitor<T> {
    type Value = Maybe<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, null or unknown")
    }

    /// Unknown; only [`de`](super::de) says so.
    fn visit_unit<E>(self) -> Result<Maybe<T>, E> {
        Ok(Maybe::Unknown)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Maybe<T>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Maybe::Null, Maybe::Known))
    }
}

/// As `Option<T>`.
impl<T: JsonSchema> JsonSchema for Maybe<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        Option::<T>::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}
