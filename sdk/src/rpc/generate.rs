//! `GenerateResourceConfig`: what a user would write to get an imported state.

use super::{App, Rpc};
use crate::schema::{Attribute, Kind};
use crate::wire::{decode_value, encode_value, messages as wire};
use crate::{Context, Diagnostics, Value};

impl Rpc for wire::GenerateResourceConfigRequest {
    type Response = wire::GenerateResourceConfigResponse;

    fn type_name(&self) -> &str {
        &self.type_name
    }

    async fn handle(self, app: &App, _ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let (_, shape) = app.resource(&self.type_name)?;
        let state = decode_value(self.state.as_ref(), &shape.ty)?;
        let mut config = arguments(&shape.schema.attributes, &state);
        let id = shape.schema.attributes.iter().find(|attribute| attribute.name == "id");
        if let (Value::Object(fields), Some(id)) = (&mut config, id)
            && id.optional
            && id.computed
        {
            fields.insert("id".to_owned(), Value::Null); // the remote chose it
        }
        Ok(Self::Response { config: encode_value(&config, &shape.ty)?, diagnostics: Vec::new() })
    }
}

/// `state` without what a user cannot or should not write.
fn arguments(attributes: &[Attribute], state: &Value) -> Value {
    let Value::Object(fields) = state else {
        return state.clone();
    };
    let arguments = attributes.iter().map(|attribute| {
        let value = fields.get(&attribute.name).unwrap_or(&Value::Null);
        let writable = (attribute.required || attribute.optional)
            && !attribute.write_only
            && attribute.deprecated.is_none()
            && attribute.default.as_ref() != Some(value);
        let value = match &attribute.kind {
            _ if !writable => Value::Null,
            Kind::Type(_) => value.clone(),
            Kind::Nested { attributes, .. } => nested_arguments(attributes, value),
        };
        (attribute.name.clone(), value)
    });
    Value::Object(arguments.collect())
}

fn nested_arguments(attributes: &[Attribute], value: &Value) -> Value {
    let object = |value: &Value| arguments(attributes, value);
    match value {
        Value::List(elements) => Value::List(elements.iter().map(object).collect()),
        Value::Set(elements) => Value::Set(elements.iter().map(object).collect()),
        Value::Map(fields) => {
            Value::Map(fields.iter().map(|(key, field)| (key.clone(), object(field))).collect())
        }
        other => object(other),
    }
}
