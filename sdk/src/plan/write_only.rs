//! Write-only values: seen in the configuration, never in a plan or state.

use super::normalise::{at, for_each_object};
use crate::schema::{Attribute, Kind};
use crate::{Path, Value};

/// Makes every write-only attribute null.
pub(crate) fn remove(attributes: &[Attribute], value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for attribute in attributes {
        let Some(slot) = fields.get_mut(&attribute.name) else { continue };
        if attribute.write_only {
            *slot = Value::Null;
        } else if let Kind::Nested { attributes, .. } = &attribute.kind {
            for_each_object(slot, &mut |object| remove(attributes, object));
        }
    }
}

/// `planned` with the write-only values of `config`, for an author who wants one model. Sets cannot hold any.
pub(crate) fn with_write_only(attributes: &[Attribute], config: &Value, mut planned: Value) -> Value {
    restore(attributes, config, &mut planned);
    planned
}

fn restore(attributes: &[Attribute], config: &Value, planned: &mut Value) {
    let Value::Object(fields) = planned else { return };
    for attribute in attributes {
        let config = config.attr(&attribute.name);
        let slot = fields.entry(attribute.name.clone()).or_default();
        if attribute.write_only {
            slot.clone_from(config);
        } else if let Kind::Nested { attributes, .. } = &attribute.kind {
            match slot {
                Value::Object(_) => restore(attributes, config, slot),
                Value::List(elements) => {
                    for (index, element) in elements.iter_mut().enumerate() {
                        restore(attributes, at(config, index), element);
                    }
                }
                Value::Map(elements) => {
                    for (key, element) in elements {
                        restore(attributes, config.attr(key), element);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The paths of write-only attributes that the configuration sets.
pub(crate) fn configured(attributes: &[Attribute], config: &Value, path: &Path) -> Vec<Path> {
    let paths = attributes.iter().flat_map(|attribute| {
        let (config, path) = (config.attr(&attribute.name), path.attribute(&attribute.name));
        match (&attribute.kind, config) {
            (_, config) if config.is_null() => Vec::new(),
            (_, _) if attribute.write_only => vec![path],
            (Kind::Nested { attributes, .. }, Value::Object(_)) => configured(attributes, config, &path),
            (Kind::Nested { attributes, .. }, config) => {
                let elements = config.children().flat_map(|(step, element)| {
                    let path = step.map_or_else(|| path.clone(), |step| path.step(step));
                    configured(attributes, element, &path)
                });
                elements.collect()
            }
            (Kind::Type(_), _) => Vec::new(),
        }
    });
    paths.collect()
}
