//! Which elements of a nested set belong together: configured, prior and proposed.
//!
//! Elements of a set have no name, and adding a default changes the element, so they are matched through what
//! the user wrote, and each is matched once.

use super::spelling::same;
use crate::Value;
use crate::schema::Attribute;

/// One element in its three forms; prior is null for a new element.
pub(super) struct Triple<'a> {
    pub(super) config: &'a Value,
    pub(super) prior: &'a Value,
    pub(super) planned: Value,
}

/// The elements of a planned set in the order of the configuration.
pub(super) fn match_set<'a>(
    attributes: &[Attribute],
    config: &'a Value,
    prior: &'a Value,
    mut proposed: Vec<Value>,
) -> Vec<Triple<'a>> {
    let mut priors: Vec<&Value> = prior.as_elements().unwrap_or_default().iter().collect();
    let Some(configs) = config.as_elements() else {
        return proposed.into_iter().map(|planned| Triple { config, prior: &Value::Null, planned }).collect();
    };
    let triples = configs.iter().map(|config| {
        let planned = proposed.iter().position(|element| made_of(attributes, config, element, false));
        let planned = planned.map_or_else(|| config.clone(), |index| proposed.remove(index));
        let prior = priors.iter().position(|element| made_of(attributes, config, element, true));
        let prior = prior.map_or(&Value::Null, |index| priors.remove(index));
        Triple { config, prior, planned }
    });
    triples.collect()
}

/// Whether `element` is `config` plus what the provider may add. `by_meaning`: other spellings are the same.
fn made_of(attributes: &[Attribute], config: &Value, element: &Value, by_meaning: bool) -> bool {
    if !config.is_known() || !element.is_known() {
        return config == element;
    }
    attributes.iter().all(|attribute| {
        let (wanted, found) = (config.attr(&attribute.name), element.attr(&attribute.name));
        match wanted {
            Value::Null => attribute.computed || found.is_null(),
            wanted if by_meaning => same(attribute, wanted, found),
            wanted => wanted == found || !attribute.children().is_empty(),
        }
    })
}
