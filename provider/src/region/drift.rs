//! Whether an installation is still as it was applied.

use futures::{StreamExt, TryStreamExt};
use serde_json::Value as Json;
use tf_provider_sdk::Value;

use super::install::Installation;
use crate::{client::Cluster, error::Problem, kind::object::with};

/// Calls at a time.
const PARALLEL: usize = 8;

impl Installation {
    /// The `install` of state. Its revision is ours only as long as everything is there and says what we
    /// said; else it tells what does not, so that a plan shows it and an apply repairs it.
    ///
    /// # Errors
    /// Why something cannot be read.
    pub async fn read(&self, cluster: &Cluster, install: &Value) -> Result<Value, Problem> {
        let checks = self.objects().into_iter().map(|(address, wanted)| async move {
            Ok::<_, Problem>(match cluster.get(&address).await? {
                None => Some(format!("{address} is missing")),
                Some(live) => difference(&wanted, &live, "").map(|at| format!("{address} differs at {at}")),
            })
        });
        let found: Vec<Option<String>> =
            futures::stream::iter(checks).buffered(PARALLEL).try_collect().await?;
        let revision = found.into_iter().flatten().next().unwrap_or_else(|| self.revision());
        Ok(with(install, [("revision".to_owned(), revision.into())]))
    }
}

/// Where `live` does not say what `wanted` says. What it says beyond that are defaults and others' fields.
fn difference(wanted: &Json, live: &Json, at: &str) -> Option<String> {
    let differs = || Some(at.trim_start_matches('.').to_owned());
    match (wanted, live) {
        // The API server leaves empty fields out.
        (Json::Null, _) => None,
        (Json::Object(fields), Json::Null) if fields.is_empty() => None,
        (Json::Array(elements), Json::Null) if elements.is_empty() => None,
        (Json::Bool(false), Json::Null) => None,
        (Json::Object(fields), Json::Object(_)) => {
            fields.iter().find_map(|(name, wanted)| difference(wanted, &live[name], &format!("{at}.{name}")))
        }
        (Json::Array(elements), Json::Array(others)) if elements.len() == others.len() => elements
            .iter()
            .zip(others)
            .enumerate()
            .find_map(|(index, (wanted, live))| difference(wanted, live, &format!("{at}[{index}]"))),
        (Json::Number(one), Json::Number(other)) if one.as_f64() == other.as_f64() => None,
        (one, other) if one == other => None,
        _ => differs(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_no_difference_and_changes_are_named() {
        let wanted =
            json!({ "spec": { "replicas": 1, "nodeSelector": {}, "containers": [{ "image": "a:1" }] } });
        let same = json!({ "status": {}, "spec": { "replicas": 1.0, "paused": false,
            "containers": [{ "image": "a:1", "terminationMessagePath": "/dev" }] } });
        assert_eq!(difference(&wanted, &same, ""), None);
        let mut other = same;
        other["spec"]["containers"][0]["image"] = json!("a:2");
        assert_eq!(difference(&wanted, &other, ""), Some("spec.containers[0].image".to_owned()));
    }
}
