//! Import: from an id to the state that read needs.

use neuralinverse_api::Kind;
use tf_provider_sdk::{Diagnostic, Diagnostics, Saved, Value};

use super::schema::Model;
use crate::config::Regions;

/// Kept beside the state of an imported object until its first update, which takes it over by force.
const FRESH: &[u8] = b"imported";

/// Whether the object was imported and not written by us since.
pub fn is_fresh(private: &[u8]) -> bool {
    private == FRESH
}

/// The state of the object that `id` names, without what read fills in.
///
/// # Errors
/// Why the id names none, showing its format.
pub fn parse(model: &Model, regions: &Regions, id: &str) -> Result<Saved, Diagnostics> {
    let wrong = || {
        let format = format(&model.kind);
        Diagnostic::error(
            format!("Wrong import id `{id}`"),
            format!("\"{id}\" does not name a {}: write {format}.", model.kind.name()),
        )
    };
    let (region, object) = split(&model.kind, regions, id).ok_or_else(wrong)?;
    // Names the regions when there is no such one, or when there are several and none is named.
    regions.find(&region)?;
    let (namespace, name) = match object.split_once('/') {
        Some((namespace, name)) => (Value::from(namespace), name),
        None => (Value::Null, model.kind.singleton.unwrap_or(object)),
    };
    let mut state = model.resource_schema().null_object();
    for (attribute, value) in [("region", region), ("namespace", namespace), ("name", name.into())] {
        if !value.is_null() {
            state.set(&attribute.into(), value);
        }
    }
    Ok(Saved::from(state).with_private(FRESH.to_vec()))
}

/// The region of an id, if it has one, and `name` or `namespace/name`.
fn split<'a>(kind: &Kind, regions: &Regions, id: &'a str) -> Option<(Value, &'a str)> {
    if id.split('/').any(str::is_empty) {
        return None;
    }
    if let Some(only) = kind.singleton {
        return match id.split_once('/') {
            Some((region, name)) => (name == only).then(|| (region.into(), name)),
            None if id == only && !regions.has(id) => Some((Value::Null, id)),
            None => Some((id.into(), id)),
        };
    }
    let parts = id.split('/').count();
    let of_object = if kind.namespaced() { 2 } else { 1 };
    match parts {
        _ if parts == of_object => Some((Value::Null, id)),
        _ if parts == of_object + 1 => id.split_once('/').map(|(region, object)| (region.into(), object)),
        _ => None,
    }
}

/// How an id of this kind is written.
pub fn format(kind: &Kind) -> &'static str {
    match (kind.singleton, kind.namespaced()) {
        (Some(_), _) => "`REGION`",
        (None, true) => "`REGION/NAMESPACE/NAME`, or `NAMESPACE/NAME` where the provider has one region",
        (None, false) => "`REGION/NAME`, or `NAME` where the provider has one region",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions(names: &[&str]) -> Regions {
        let host = Value::object([("host", Value::from("https://one.example"))]);
        let all = names.iter().map(|name| (*name, host.clone()));
        Regions::new(&Value::object([("regions", Value::map(all))])).unwrap()
    }

    fn parsed(kind: &str, names: &[&str], id: &str) -> Result<[Option<String>; 3], String> {
        let kind = Kind::all().into_iter().find(|it| it.name() == kind).unwrap();
        let saved = parse(&Model::new(kind), &regions(names), id);
        let state = saved.map_err(|it| it.iter().next().unwrap().detail.clone())?.state;
        Ok(["region", "namespace", "name"].map(|name| state.attr(name).as_str().map(str::to_owned)))
    }

    #[test]
    fn ids_name_region_namespace_and_object() {
        let some = |parts: [&str; 3]| Ok(parts.map(|it| (!it.is_empty()).then(|| it.to_owned())));
        assert_eq!(parsed("WorkspaceTier", &["us", "eu"], "us/starter"), some(["us", "", "starter"]));
        assert_eq!(parsed("WorkspaceTier", &["us"], "starter"), some(["", "", "starter"]));
        assert_eq!(parsed("WarmPool", &["us", "eu"], "us/team/base"), some(["us", "team", "base"]));
        assert_eq!(parsed("WarmPool", &["us"], "team/base"), some(["", "team", "base"]));
        assert_eq!(parsed("Region", &["us", "eu"], "us"), some(["us", "", "cluster"]));
        assert_eq!(parsed("Region", &["us"], "cluster"), some(["", "", "cluster"]));
    }

    #[test]
    fn a_wrong_id_shows_the_format() {
        for (kind, id) in [("WarmPool", "base"), ("WorkspaceTier", "a/b/c"), ("WarmPool", "us//base")] {
            let fault = parsed(kind, &["us"], id).unwrap_err();
            assert!(fault.contains(&format!("\"{id}\"")) && fault.contains("write `REGION/"), "{fault}");
        }
        let fault = parsed("WorkspaceTier", &["us", "eu"], "starter").unwrap_err();
        assert!(fault.contains("one of `eu`, `us`"), "{fault}");
    }
}
