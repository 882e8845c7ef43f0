//! What a resource, data source or provider accepts and reports: attributes, and the rules the SDK applies to
//! them.

mod attribute;
mod check;
mod encode;
mod validate;

use std::collections::BTreeMap;

pub use attribute::{Attribute, Equal, Kind, Nesting, Validator};

use crate::{Step, Type, Value};

/// The shape of a configuration and of the state kept for it.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Version of stored state; raise it when old state needs
    /// [`upgrade_state`](crate::DynResource::upgrade_state). Zero or more.
    pub version: i64,
    /// Markdown.
    pub description: String,
    /// The root attributes.
    pub attributes: Vec<Attribute>,
    /// Faults found while the schema was derived; reported by [`Schema::check`].
    pub(crate) faults: Vec<String>,
}

impl Schema {
    /// A schema of version 0 of these attributes.
    pub fn new(attributes: impl IntoIterator<Item = Attribute>) -> Self {
        Self { attributes: attributes.into_iter().collect(), ..Self::default() }
    }

    /// Sets the version of stored state.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// Sets the description (Markdown).
    #[must_use]
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Changes the attribute at `names` (root attribute, then nested attributes; collections are looked
    /// through), for what a derived schema cannot say, such as [`Attribute::equal`]. A wrong name is reported
    /// by [`Schema::check`].
    ///
    /// ```
    /// use tf_provider_sdk::{Attribute, Schema, Value};
    /// let schema = Schema::new([Attribute::string("memory").optional()])
    ///     .edit(&["memory"], |memory| memory.equal = Some(|a: &Value, b: &Value| a == b));
    /// assert!(schema.attributes[0].equal.is_some());
    /// ```
    #[must_use]
    pub fn edit(mut self, names: &[&str], change: impl FnOnce(&mut Attribute)) -> Self {
        match find(&mut self.attributes, names) {
            Some(attribute) => change(attribute),
            None => self.faults.push(format!("there is no attribute `{}` to edit", names.join("."))),
        }
        self
    }

    /// The type of a value of this schema: always an object.
    pub fn ty(&self) -> Type {
        attribute::object_type(&self.attributes)
    }

    /// An object of this schema with every attribute null, to fill in (an import, a default).
    pub fn null_object(&self) -> Value {
        let nulls = self.attributes.iter().map(|attribute| (attribute.name.clone(), Value::Null));
        Value::Object(BTreeMap::from_iter(nulls))
    }

    /// The attribute that `steps` end in; keys and indices are looked through.
    pub fn attribute(&self, steps: &[Step]) -> Option<&Attribute> {
        let mut names = steps.iter().filter_map(|step| match step {
            Step::Attribute(name) => Some(name.as_str()),
            Step::Key(_) | Step::Index(_) => None,
        });
        let first = names.next()?;
        let root = self.attributes.iter().find(|attribute| attribute.name == first)?;
        names.try_fold(root, |parent, name| parent.children().iter().find(|child| child.name == name))
    }
}

fn find<'a>(attributes: &'a mut [Attribute], names: &[&str]) -> Option<&'a mut Attribute> {
    let (first, rest) = names.split_first()?;
    let attribute = attributes.iter_mut().find(|attribute| attribute.name == *first)?;
    if rest.is_empty() {
        return Some(attribute);
    }
    match &mut attribute.kind {
        Kind::Nested { attributes, .. } => find(attributes, rest),
        Kind::Type(_) => None,
    }
}
