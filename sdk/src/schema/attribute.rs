//! One attribute of a schema and what the SDK does with it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Diagnostic, Path, Type, Value};

/// Whether two known, non-null values mean the same though they are spelled differently (`1024Mi`, `1Gi`).
pub type Equal = fn(&Value, &Value) -> bool;

/// A check of a configured value at a path. Called only with values that are not null and wholly known.
pub type Validator = Arc<dyn Fn(&Value, &Path) -> Vec<Diagnostic> + Send + Sync>;

/// How many objects a nested attribute holds and how they are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One object or null.
    Single,
    /// Objects in order.
    List,
    /// Objects without order; may not hold dynamic or write-only attributes.
    Set,
    /// Objects by key.
    Map,
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A value of a plain type.
    Type(Type),
    /// Objects whose attributes have rules of their own.
    Nested {
        /// How many, and how they are told apart.
        mode: Nesting,
        /// The attributes of each object.
        attributes: Vec<Attribute>,
    },
}

/// One attribute. Build it with [`Attribute::string`] and friends, then `.required()`, `.computed()` and so
/// on; the fields stay open for code that makes schemas from data.
#[derive(Clone)]
pub struct Attribute {
    /// `[a-z0-9_]+`.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// The user must set it.
    pub required: bool,
    /// The user may set it.
    pub optional: bool,
    /// The provider may set it.
    pub computed: bool,
    /// Hidden in the CLI's output; sent and stored in plain form.
    pub sensitive: bool,
    /// Given to the provider and never stored: null in every plan and state.
    pub write_only: bool,
    /// Why not to use it any more, and what to use instead.
    pub deprecated: Option<String>,
    /// Markdown.
    pub description: String,
    /// Planned when the configuration has null. Needs `computed`.
    pub default: Option<Value>,
    /// A change of this attribute replaces the resource.
    pub requires_replace: bool,
    /// Plan the value in state instead of "known after apply": for values that never change, such as ids.
    /// Do not use it inside lists and sets whose elements may move.
    pub keep_prior: bool,
    /// Semantic equality: of two equal spellings the older one is kept, in plan, read and apply.
    pub equal: Option<Equal>,
    /// Checks of the configured value.
    pub validators: Vec<Validator>,
}

impl Attribute {
    /// An attribute of this type, neither required, optional nor computed yet.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self::of(name, Kind::Type(ty))
    }

    /// A string attribute.
    pub fn string(name: impl Into<String>) -> Self {
        Self::new(name, Type::String)
    }

    /// A number attribute.
    pub fn number(name: impl Into<String>) -> Self {
        Self::new(name, Type::Number)
    }

    /// A bool attribute.
    pub fn bool(name: impl Into<String>) -> Self {
        Self::new(name, Type::Bool)
    }

    /// Objects with attributes of their own.
    pub fn nested(
        name: impl Into<String>,
        mode: Nesting,
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> Self {
        Self::of(name, Kind::Nested { mode, attributes: attributes.into_iter().collect() })
    }

    /// An attribute of this kind, neither required, optional nor computed yet.
    pub fn of(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            write_only: false,
            deprecated: None,
            description: String::new(),
            default: None,
            requires_replace: false,
            keep_prior: false,
            equal: None,
            validators: Vec::new(),
        }
    }

    /// The user must set it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The user may set it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The provider may set it.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Hidden in output.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Never stored.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// A change replaces the resource.
    #[must_use]
    pub fn requires_replace(mut self) -> Self {
        self.requires_replace = true;
        self
    }

    /// Plan the value in state.
    #[must_use]
    pub fn keep_prior(mut self) -> Self {
        self.keep_prior = true;
        self
    }

    /// Optional with a default, hence also computed.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self.optional().computed()
    }

    /// Sets the description (Markdown).
    #[must_use]
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Deprecates it; the message says what to use instead.
    #[must_use]
    pub fn deprecated(mut self, message: impl Into<String>) -> Self {
        self.deprecated = Some(message.into());
        self
    }

    /// Sets semantic equality.
    #[must_use]
    pub fn equal(mut self, equal: Equal) -> Self {
        self.equal = Some(equal);
        self
    }

    /// Adds a check of the configured value.
    #[must_use]
    pub fn validate(
        mut self,
        check: impl Fn(&Value, &Path) -> Vec<Diagnostic> + Send + Sync + 'static,
    ) -> Self {
        self.validators.push(Arc::new(check));
        self
    }

    /// The type of its value.
    pub fn ty(&self) -> Type {
        match &self.kind {
            Kind::Type(ty) => ty.clone(),
            Kind::Nested { mode, attributes } => {
                let object = object_type(attributes);
                match mode {
                    Nesting::Single => object,
                    Nesting::List => Type::list(object),
                    Nesting::Set => Type::set(object),
                    Nesting::Map => Type::map(object),
                }
            }
        }
    }

    /// What counts as configured: `config`, or the default where that is null.
    pub(crate) fn configured<'a>(&'a self, config: &'a Value) -> &'a Value {
        self.default.as_ref().filter(|_| config.is_null()).unwrap_or(config)
    }

    /// The attributes of its objects; none for a plain type.
    pub fn children(&self) -> &[Attribute] {
        match &self.kind {
            Kind::Type(_) => &[],
            Kind::Nested { attributes, .. } => attributes,
        }
    }
}

/// The object type of a list of attributes.
pub(crate) fn object_type(attributes: &[Attribute]) -> Type {
    Type::Object(BTreeMap::from_iter(
        attributes.iter().map(|attribute| (attribute.name.clone(), attribute.ty())),
    ))
}

/// Functions are left out: they have no useful text.
impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attribute")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Same name, kind and flags; functions are compared by number only.
impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        let flags = |a: &Self| {
            (a.required, a.optional, a.computed, a.sensitive, a.write_only, a.requires_replace, a.keep_prior)
        };
        self.name == other.name
            && self.kind == other.kind
            && flags(self) == flags(other)
            && self.deprecated == other.deprecated
            && self.description == other.description
            && self.default == other.default
            && self.validators.len() == other.validators.len()
    }
}
