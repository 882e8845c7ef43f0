//! The attributes' own checks of a configuration. The CLIs leave it to the provider to warn of deprecated
//! ones.

use super::{Attribute, Kind, Schema};
use crate::{Diagnostic, Diagnostics, Path, Value};

impl Schema {
    /// What the validators of the attributes say about `config`, all at once, and a warning for each
    /// deprecated attribute that is set. Null and unknown values are skipped.
    pub fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = Diagnostics::new();
        object(&self.attributes, config, &Path::root(), &mut found);
        found
    }
}

fn object(attributes: &[Attribute], config: &Value, path: &Path, found: &mut Diagnostics) {
    for attribute in attributes {
        let (value, path) = (config.attr(&attribute.name), path.attribute(&attribute.name));
        if value.is_null() || !value.is_known() {
            continue;
        }
        if let Some(message) = &attribute.deprecated {
            found.push(Diagnostic::warning("Attribute is deprecated", message).at(path.clone()));
        }
        if value.is_wholly_known() {
            attribute.validators.iter().for_each(|validator| found.extend(validator(value, &path)));
        }
        let Kind::Nested { attributes, .. } = &attribute.kind else { continue };
        if let Value::Object(_) = value {
            object(attributes, value, &path, found);
            continue;
        }
        for (step, element) in value.children() {
            let path = step.map_or_else(|| path.clone(), |step| path.step(step));
            object(attributes, element, &path, found);
        }
    }
}
