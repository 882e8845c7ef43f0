//! Between the protocol's small messages and the SDK's types.

use super::messages::{self as wire, DynamicValue, PathStep, RawState, Selector};
use super::{decode, encode};
use crate::{Diagnostic, Diagnostics, Path, Severity, Step, Type, Value};

/// The value in a message; MessagePack first, then JSON, else null, as core reads it too.
pub(crate) fn decode_value(value: Option<&DynamicValue>, ty: &Type) -> Result<Value, Diagnostics> {
    let Some(value) = value else { return Ok(Value::Null) };
    if !value.msgpack.is_empty() {
        return decode::decode(&value.msgpack, ty).map_err(bug);
    }
    if value.json.is_empty() {
        return Ok(Value::Null);
    }
    json(&value.json, ty)
}

/// The value in stored state of the current schema version.
pub(crate) fn decode_state(state: Option<&RawState>, ty: &Type) -> Result<Value, Diagnostics> {
    json(state_json(state)?, ty)
}

/// The JSON of stored state.
pub(crate) fn state_json(state: Option<&RawState>) -> Result<&[u8], Diagnostics> {
    match state {
        Some(state) if !state.json.is_empty() => Ok(&state.json),
        _ => Err(Diagnostic::error(
            "State is too old",
            "The state was stored by Terraform 0.11 or older. Upgrade it with Terraform 0.12 first",
        )
        .into()),
    }
}

fn json(bytes: &[u8], ty: &Type) -> Result<Value, Diagnostics> {
    let text = std::str::from_utf8(bytes).map_err(bug)?;
    Value::from_state_json(text, ty).map_err(bug)
}

/// The message of a value the provider made.
pub(crate) fn encode_value(value: &Value, ty: &Type) -> Result<Option<DynamicValue>, Diagnostics> {
    let msgpack = encode::encode(value, ty).map_err(|error| {
        let diagnostic =
            Diagnostic::bug(format!("The provider made a value that does not fit its schema: {error}"));
        match error {
            encode::EncodeError::Value(error) => diagnostic.at(error.path().clone()),
            encode::EncodeError::Write(_) => diagnostic,
        }
    })?;
    Ok(Some(DynamicValue { msgpack, json: Vec::new() }))
}

fn bug(error: impl std::error::Error) -> Diagnostics {
    Diagnostic::bug(format!("The provider cannot read what the CLI sent: {error}")).into()
}

impl From<Diagnostic> for wire::Diagnostic {
    fn from(diagnostic: Diagnostic) -> Self {
        let Diagnostic { severity, summary, detail, attribute } = diagnostic;
        let severity = match severity {
            Severity::Error => wire::Severity::Error,
            Severity::Warning => wire::Severity::Warning,
        };
        Self { severity: severity.into(), summary, detail, attribute: attribute.as_ref().map(Into::into) }
    }
}

impl From<&Path> for wire::AttributePath {
    fn from(path: &Path) -> Self {
        let steps = path.steps().iter().map(|step| {
            let selector = match step {
                Step::Attribute(name) => Selector::AttributeName(name.clone()),
                Step::Key(key) => Selector::ElementKeyString(key.clone()),
                Step::Index(index) => Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX)),
            };
            PathStep { selector: Some(selector) }
        });
        Self { steps: steps.collect() }
    }
}
