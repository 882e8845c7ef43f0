//! Equal values keep the spelling they had, so that `1Gi` is no change of `1024Mi`.

use super::normalise::comparable;
use crate::Value;
use crate::schema::{Attribute, Kind, Nesting};

/// `result` of a read or apply in the spelling of `reference` (prior or planned state) wherever both mean the
/// same. Null and an empty collection mean the same unless the provider alone sets the attribute: remotes
/// seldom tell them apart, and core does.
pub(crate) fn keep_spelling(attributes: &[Attribute], reference: &Value, result: &mut Value) {
    let Value::Object(fields) = result else { return };
    for attribute in attributes {
        let reference = reference.attr(&attribute.name);
        let slot = fields.entry(attribute.name.clone()).or_default();
        if same(attribute, reference, slot) {
            slot.clone_from(reference);
        } else if let Kind::Nested { attributes, .. } = &attribute.kind {
            keep_nested(attributes, reference, slot);
        }
    }
}

fn keep_nested(attributes: &[Attribute], reference: &Value, result: &mut Value) {
    match (reference, result) {
        (Value::Object(_), result @ Value::Object(_)) => keep_spelling(attributes, reference, result),
        (Value::List(reference), Value::List(result)) => {
            for (reference, result) in reference.iter().zip(result) {
                keep_spelling(attributes, reference, result);
            }
        }
        (Value::Map(reference), Value::Map(result)) => {
            for (key, result) in result {
                keep_spelling(attributes, reference.get(key).unwrap_or(&Value::Null), result);
            }
        }
        (Value::Set(reference), Value::Set(result)) => {
            for result in result {
                if let Some(reference) =
                    reference.iter().find(|reference| same_object(attributes, reference, result))
                {
                    result.clone_from(reference);
                }
            }
        }
        _ => {}
    }
}

/// Whether two values of an attribute mean the same. Unknown is the same as nothing but unknown.
pub(super) fn same(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    if a == b || (attribute.required || attribute.optional) && is_empty(a) && is_empty(b) {
        return true;
    }
    if let Some(equal) = attribute.equal {
        return comparable(a) && comparable(b) && equal(a, b);
    }
    match &attribute.kind {
        Kind::Type(_) => false,
        Kind::Nested { mode, attributes } => same_nested(*mode, attributes, a, b),
    }
}

fn same_nested(mode: Nesting, attributes: &[Attribute], a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(_), Value::Object(_)) => same_object(attributes, a, b),
        (Value::List(a), Value::List(b)) | (Value::Set(a), Value::Set(b)) if a.len() != b.len() => false,
        (Value::List(a), Value::List(b)) => a.iter().zip(b).all(|(a, b)| same_object(attributes, a, b)),
        (Value::Set(a), Value::Set(b)) if mode == Nesting::Set => {
            a.iter().all(|a| b.iter().any(|b| same_object(attributes, a, b)))
                && b.iter().all(|b| a.iter().any(|a| same_object(attributes, a, b)))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same_object(attributes, a, b)))
        }
        _ => false,
    }
}

fn same_object(attributes: &[Attribute], a: &Value, b: &Value) -> bool {
    if !matches!((a, b), (Value::Object(_), Value::Object(_))) {
        return a == b;
    }
    attributes.iter().all(|attribute| same(attribute, a.attr(&attribute.name), b.attr(&attribute.name)))
}

fn is_empty(value: &Value) -> bool {
    match value.plain() {
        Value::Null => true,
        Value::List(elements) | Value::Set(elements) => elements.is_empty(),
        Value::Map(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The result of a data source with every configured argument as the user wrote it, which references rely on.
pub(crate) fn keep_arguments(attributes: &[Attribute], config: &Value, result: &mut Value) {
    let Value::Object(fields) = result else { return };
    for attribute in attributes {
        let argument = config.attr(&attribute.name);
        let slot = fields.entry(attribute.name.clone()).or_default();
        match &attribute.kind {
            _ if argument.is_null() => {}
            Kind::Nested { attributes, .. } if !slot.is_null() => keep_nested(attributes, argument, slot),
            _ => slot.clone_from(argument),
        }
    }
}
