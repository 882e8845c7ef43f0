//! A schema derived from a type, and the way between its values and the type.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::de::{ReadError, Unknowns, from_value};
use super::derive::schema_of;
use super::ser::to_value;
use crate::{Diagnostic, Diagnostics, Schema, Type, Value, plan};

/// What a typed resource or data source knows about its model.
pub(super) struct Model<M> {
    pub(super) schema: Schema,
    ty: Type,
    model: PhantomData<fn() -> M>,
}

impl<M: Serialize + DeserializeOwned + JsonSchema> Model<M> {
    /// The model with the schema that `finish` makes of the derived one.
    pub(super) fn new(finish: impl FnOnce(Schema) -> Schema) -> Self {
        let schema = finish(schema_of::<M>());
        let ty = schema.ty();
        Self { schema, ty, model: PhantomData }
    }

    /// A configuration, defaults filled in; none while an unknown or invalid value stands where the type has
    /// no room for it.
    pub(super) fn config(&self, config: &Value) -> Result<Option<M>, Diagnostics> {
        let config = plan::defaults(&self.schema.attributes, config);
        match from_value(&config, Unknowns::Refused) {
            Ok(model) => Ok(Some(model)),
            Err(error) if error.unknown => Ok(None),
            Err(_) if self.schema.validate(&config).has_errors() => Ok(None), // the user knows already
            Err(error) => Err(misfit(&error)),
        }
    }

    /// A planned or stored value; `Option` fields take unknown as `None`.
    pub(super) fn read(&self, value: &Value) -> Result<M, Diagnostics> {
        let value = plan::defaults(&self.schema.attributes, value); // old state may lack them
        from_value(&value, Unknowns::AsNone).map_err(|error| misfit(&error))
    }

    pub(super) fn write(&self, model: &M) -> Result<Value, Diagnostics> {
        to_value(model, &self.ty).map_err(|error| {
            Diagnostic::bug(format!("The provider's data cannot be written: {error}")).into()
        })
    }

    /// `original`, with what differs between the two models. Leaving the rest alone keeps what the type
    /// cannot hold.
    pub(super) fn changed(&self, original: &Value, before: &Value, after: &M) -> Result<Value, Diagnostics> {
        Ok(merge(original, before, self.write(after)?))
    }
}

fn merge(original: &Value, before: &Value, after: Value) -> Value {
    if *before == after {
        return original.clone();
    }
    match (original, before, after) {
        (Value::Object(original), Value::Object(before), Value::Object(after)) => {
            let fields = after.into_iter().map(|(name, after)| {
                let merged = match (original.get(&name), before.get(&name)) {
                    (Some(original), Some(before)) => merge(original, before, after),
                    _ => after,
                };
                (name, merged)
            });
            Value::Object(fields.collect())
        }
        (_, _, after) => after,
    }
}

impl Value {
    /// The value as the author's type, for a provider's configuration. Unknown values go into
    /// [`Maybe`](crate::Maybe) only.
    ///
    /// # Errors
    /// What the type cannot hold, by its path.
    pub fn to_model<M: DeserializeOwned>(&self) -> Result<M, Diagnostics> {
        from_value(self, Unknowns::Refused).map_err(|error| misfit(&error))
    }
}

/// The schema lets through what the model refuses, e.g. a number too large for its type.
fn misfit(error: &ReadError) -> Diagnostics {
    let path = error.path();
    let diagnostic =
        Diagnostic::error("Value not accepted", format!("{} cannot be used: {error}", path.quoted()));
    if path.is_root() { diagnostic.into() } else { diagnostic.at(path).into() }
}
