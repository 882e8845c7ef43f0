//! The types of Terraform's type system.

use std::collections::BTreeMap;
use std::fmt;

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
