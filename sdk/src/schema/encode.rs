//! A schema as protocol messages.

use super::{Attribute, Kind, Nesting, Schema};
use crate::wire::messages as wire;

impl From<&Schema> for wire::Schema {
    /// Always has a block: the CLI crashes without one.
    fn from(schema: &Schema) -> Self {
        let block = wire::Block {
            version: schema.version,
            attributes: schema.attributes.iter().map(Into::into).collect(),
            description: schema.description.clone(),
            description_kind: wire::StringKind::Markdown.into(),
        };
        Self { version: schema.version, block: Some(block) }
    }
}

impl From<&Attribute> for wire::Attribute {
    fn from(attribute: &Attribute) -> Self {
        let (ty, nested_type) = match &attribute.kind {
            Kind::Type(ty) => (ty.to_json().to_string().into_bytes(), None),
            Kind::Nested { mode, attributes } => (Vec::new(), Some(nested(*mode, attributes))),
        };
        Self {
            name: attribute.name.clone(),
            r#type: ty,
            nested_type,
            description: attribute.description.clone(),
            description_kind: wire::StringKind::Markdown.into(),
            required: attribute.required,
            optional: attribute.optional,
            computed: attribute.computed,
            sensitive: attribute.sensitive,
            write_only: attribute.write_only,
            deprecated: attribute.deprecated.is_some(),
            deprecation_message: attribute.deprecated.clone().unwrap_or_default(),
        }
    }
}

fn nested(mode: Nesting, attributes: &[Attribute]) -> wire::NestedObject {
    let nesting = match mode {
        Nesting::Single => wire::NestingMode::Single,
        Nesting::List => wire::NestingMode::List,
        Nesting::Set => wire::NestingMode::Set,
        Nesting::Map => wire::NestingMode::Map,
    };
    wire::NestedObject { attributes: attributes.iter().map(Into::into).collect(), nesting: nesting.into() }
}
