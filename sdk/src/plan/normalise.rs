//! Defaults in, write-only values out, equal spellings as they were.

use super::pairs::{self, Triple};
use crate::Value;
use crate::schema::{Attribute, Kind, Nesting};

/// `proposed` after step 1. `prior` is null for a create.
pub(super) fn normalise(attributes: &[Attribute], config: &Value, prior: &Value, proposed: Value) -> Value {
    let Value::Object(mut fields) = proposed else {
        return proposed; // null, unknown, or a set element that is not known yet
    };
    for attribute in attributes {
        let slot = fields.entry(attribute.name.clone()).or_default();
        let (config, prior) = (config.attr(&attribute.name), prior.attr(&attribute.name));
        *slot = normalise_attribute(attribute, config, prior, std::mem::take(slot));
    }
    Value::Object(fields)
}

fn normalise_attribute(attribute: &Attribute, config: &Value, prior: &Value, proposed: Value) -> Value {
    if attribute.write_only {
        return Value::Null;
    }
    let wanted = attribute.configured(config);
    let proposed = match &attribute.kind {
        _ if config.is_null() && !wanted.is_null() => wanted.clone(),
        // Core carries computed values over, but neither into defaults nor into respelled elements of sets.
        Kind::Type(_) if attribute.computed && wanted.is_null() && proposed.is_null() => prior.clone(),
        _ => proposed,
    };
    let planned = match &attribute.kind {
        Kind::Nested { mode, attributes } if !wanted.is_null() => {
            nested(*mode, attributes, wanted, prior, proposed)
        }
        _ => proposed,
    };
    match attribute.equal {
        Some(equal) if comparable(&planned) && comparable(prior) && equal(&planned, prior) => prior.clone(),
        _ => planned,
    }
}

/// What a semantic equality may be asked about.
pub(super) fn comparable(value: &Value) -> bool {
    !value.is_null() && value.is_wholly_known()
}

fn nested(mode: Nesting, attributes: &[Attribute], config: &Value, prior: &Value, proposed: Value) -> Value {
    match (mode, proposed) {
        (Nesting::Single, proposed) => normalise(attributes, config, prior, proposed),
        (Nesting::List, Value::List(elements)) => {
            let elements = elements
                .into_iter()
                .enumerate()
                .map(|(index, element)| normalise(attributes, at(config, index), at(prior, index), element));
            Value::List(elements.collect())
        }
        (Nesting::Map, Value::Map(fields)) => {
            let fields = fields.into_iter().map(|(key, element)| {
                let element = normalise(attributes, config.attr(&key), prior.attr(&key), element);
                (key, element)
            });
            Value::Map(fields.collect())
        }
        (Nesting::Set, Value::Set(elements)) => {
            let triples = pairs::match_set(attributes, config, prior, elements);
            let elements = triples
                .into_iter()
                .map(|Triple { config, prior, planned }| normalise(attributes, config, prior, planned));
            Value::Set(elements.collect())
        }
        (_, other) => other,
    }
}

/// The element of a list at `index`, else null.
pub(super) fn at(list: &Value, index: usize) -> &Value {
    list.as_elements().and_then(|elements| elements.get(index)).unwrap_or(&Value::Null)
}

/// `config` with defaults where it is null, as a typed resource wants to read it.
pub(crate) fn defaults(attributes: &[Attribute], config: &Value) -> Value {
    let Value::Object(fields) = config else {
        return config.clone();
    };
    let mut filled = fields.clone();
    for attribute in attributes {
        let slot = filled.entry(attribute.name.clone()).or_default();
        *slot = attribute.configured(slot).clone();
        if let Kind::Nested { attributes, .. } = &attribute.kind {
            for_each_object(slot, &mut |object| *object = defaults(attributes, object));
        }
    }
    Value::Object(filled)
}

/// Calls `change` with every object of a nested attribute's value.
pub(super) fn for_each_object(nested: &mut Value, change: &mut impl FnMut(&mut Value)) {
    match nested {
        Value::Object(_) => change(nested),
        Value::List(elements) | Value::Set(elements) => elements.iter_mut().for_each(change),
        Value::Map(fields) => fields.values_mut().for_each(change),
        _ => {}
    }
}
