//! A field that may not be known yet.

/// A value that is known, null, or known only after apply.
///
/// In a model it is for fields that a `plan` or `validate` hook looks at. An `Option` field reads unknown as `None` in
/// `create` and `update`; `validate` is not called while such a field is unknown.
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
