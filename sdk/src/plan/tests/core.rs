//! Core's rules for a plan (hashicorp/terraform, `internal/plans/objchange/plan_valid.go`), as far as tests
//! need them.

use crate::schema::{Attribute, Kind};
use crate::{Path, Value};

/// What core would refuse, each with its place.
pub(super) fn faults(
    attributes: &[Attribute],
    config: &Value,
    prior: &Value,
    planned: &Value,
) -> Vec<String> {
    let mut faults = Vec::new();
    object(attributes, config, prior, planned, &Path::root(), &mut faults);
    faults
}

fn object(
    attributes: &[Attribute],
    config: &Value,
    prior: &Value,
    planned: &Value,
    at: &Path,
    faults: &mut Vec<String>,
) {
    for attribute in attributes {
        let (config, prior) = (config.attr(&attribute.name), prior.attr(&attribute.name));
        let planned = planned.attr(&attribute.name);
        let at = at.attribute(&attribute.name);
        if attribute.write_only {
            if !planned.is_null() {
                faults.push(format!("{at}: a write-only value is planned"));
            }
            continue;
        }
        let kept = planned == prior && !prior.is_null() && !config.is_null();
        let free = attribute.computed && config.is_null();
        if planned == config || kept || free {
            continue;
        }
        match &attribute.kind {
            Kind::Type(_) => faults.push(format!("{at}: planned {planned:?}, configured {config:?}")),
            Kind::Nested { attributes, .. } => nested(attributes, config, prior, planned, &at, faults),
        }
    }
}

fn nested(
    attributes: &[Attribute],
    config: &Value,
    prior: &Value,
    planned: &Value,
    at: &Path,
    faults: &mut Vec<String>,
) {
    match (config, planned) {
        (Value::Object(_), Value::Object(_)) => object(attributes, config, prior, planned, at, faults),
        (Value::List(configs), Value::List(planneds)) if configs.len() == planneds.len() => {
            for (index, (config, planned)) in configs.iter().zip(planneds).enumerate() {
                let prior = prior.as_elements().and_then(|priors| priors.get(index)).unwrap_or(&Value::Null);
                if planned != config {
                    nested(attributes, config, prior, planned, &at.index(index), faults);
                }
            }
        }
        (Value::Map(configs), Value::Map(planneds)) if configs.keys().eq(planneds.keys()) => {
            for (key, config) in configs {
                nested(attributes, config, prior.attr(key), &planneds[key], &at.key(key), faults);
            }
        }
        (Value::Set(configs), Value::Set(planneds)) if configs.len() == planneds.len() => {}
        _ => faults.push(format!("{at}: planned {planned:?}, configured {config:?}")),
    }
}
