//! Attributes whose change replaces the resource.

use std::collections::BTreeSet;

use super::normalise::at;
use crate::schema::{Attribute, Kind, Nesting};
use crate::{Path, Value};

/// The paths of attributes that require replacement and differ, in order. An unknown value differs.
pub(super) fn paths(attributes: &[Attribute], prior: &Value, planned: &Value) -> Vec<Path> {
    let mut found = BTreeSet::new();
    collect(attributes, prior, planned, &Path::root(), &mut found);
    found.into_iter().collect()
}

fn collect(
    attributes: &[Attribute],
    prior: &Value,
    planned: &Value,
    path: &Path,
    found: &mut BTreeSet<Path>,
) {
    for attribute in attributes {
        let (prior, planned) = (prior.attr(&attribute.name), planned.attr(&attribute.name));
        if prior == planned {
            continue;
        }
        let path = path.attribute(&attribute.name);
        if attribute.requires_replace {
            found.insert(path);
        } else if let Kind::Nested { mode, attributes } = &attribute.kind {
            collect_nested(*mode, attributes, prior, planned, &path, found);
        }
    }
}

fn collect_nested(
    mode: Nesting,
    attributes: &[Attribute],
    prior: &Value,
    planned: &Value,
    path: &Path,
    found: &mut BTreeSet<Path>,
) {
    match mode {
        Nesting::Single => collect(attributes, prior, planned, path, found),
        Nesting::List => {
            let length = |value: &Value| value.as_elements().unwrap_or_default().len();
            for index in 0..length(prior).max(length(planned)) {
                collect(attributes, at(prior, index), at(planned, index), &path.index(index), found);
            }
        }
        Nesting::Map => {
            let keys =
                |value: &Value| value.as_fields().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
            for key in [keys(prior), keys(planned)].into_iter().flatten().flatten().collect::<BTreeSet<_>>() {
                collect(attributes, prior.attr(&key), planned.attr(&key), &path.key(&key), found);
            }
        }
        // The protocol has no step into a set, and without names a changed element is another element.
        Nesting::Set if attributes.iter().any(requires_replace_within) => {
            found.insert(path.clone());
        }
        Nesting::Set => {}
    }
}

fn requires_replace_within(attribute: &Attribute) -> bool {
    attribute.requires_replace || attribute.children().iter().any(requires_replace_within)
}
