//! What will be known only after apply.

use super::normalise::at;
use crate::Value;
use crate::schema::{Attribute, Kind};

/// Makes every computed attribute without configuration and default unknown. Core proposed its prior value,
/// so one that keeps its value is left alone if it has any.
pub(super) fn mark(attributes: &[Attribute], config: &Value, planned: &mut Value) {
    let Value::Object(fields) = planned else { return };
    for attribute in attributes {
        let config = attribute.configured(config.attr(&attribute.name));
        let slot = fields.entry(attribute.name.clone()).or_default();
        if config.is_null() {
            if attribute.computed && (slot.is_null() || !attribute.keep_prior) {
                *slot = Value::Unknown;
            }
        } else if let Kind::Nested { attributes, .. } = &attribute.kind {
            mark_nested(attributes, config, slot);
        }
    }
}

/// Elements of a planned set stand in the order of the configuration by now.
fn mark_nested(attributes: &[Attribute], config: &Value, planned: &mut Value) {
    match planned {
        Value::Object(_) => mark(attributes, config, planned),
        Value::List(elements) | Value::Set(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                mark(attributes, at(config, index), element);
            }
        }
        Value::Map(fields) => {
            for (key, element) in fields {
                mark(attributes, config.attr(key), element);
            }
        }
        _ => {}
    }
}
