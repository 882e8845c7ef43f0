//! What an owner's workspaces have used, month by month. Outlives the workspaces.
//!
//! One ConfigMap an owner and month (UTC), beside the workspaces. An entry says how long one pod ran as one tier in that
//! month and what that cost; its key names workspace, epoch, beginning and tier. Values are absolute, so whoever writes an
//! entry again, after having been killed or on another replica, counts nothing twice.

use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt, api::Patch};
use neuralinverse_api::{Money, Run, Workspace, labels};
use serde::Serialize;
use serde_json::json;

use super::{children::managed, decide::elapsed, hours};
use crate::{
    context::Context,
    error::{During, Error, Result, not_found, refused, text},
    hash, write,
};

/// How often what runs on is written.
const EVERY_SECONDS: u64 = 3600;

/// How long a pod ran as one tier, in one month.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    workspace: String,
    tier: String,
    from: Timestamp,
    to: Timestamp,
    hours: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hourly_price: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
}

/// How many times what runs on should have been written by now.
pub fn due(run: &Run, now: Timestamp) -> u64 {
    elapsed(run.since.0, now).as_secs() / EVERY_SECONDS
}

/// Writes what `run` of `workspace` has used until `now`. Where Kubernetes does not take it, for instance for a quota,
/// people are told, and the workspace goes its way.
pub async fn write(context: &Context, workspace: &Workspace, run: &Run, now: Timestamp) -> Result<()> {
    let currency = context.caches.region().map(|region| region.spec.currency.clone());
    let namespace = workspace.namespace().unwrap_or_default();
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), &namespace);
    let key = key(workspace, run);
    for (month, entry) in entries(&workspace.name_any(), run, currency.as_deref(), now) {
        match put(&api, &workspace.spec.owner, &month, &key, serde_json::to_string(&entry)?).await {
            Err(Error::Api { source, .. }) if refused(&source) => {
                let note = format!("Kubernetes refused what was used in {month}: {}", text(&source));
                context.events.warning(workspace, "UsageNotWritten", note);
            }
            other => other?,
        }
    }
    Ok(())
}

/// Key of an entry.
fn key(workspace: &Workspace, run: &Run) -> String {
    let uid = workspace.uid().unwrap_or_default();
    format!("{uid}.{}.{}.{}", run.epoch, run.since.0.as_second(), run.tier)
}

/// The months that a run touches, with what it used in each.
fn entries(workspace: &str, run: &Run, currency: Option<&str>, now: Timestamp) -> Vec<(String, Entry)> {
    let mut entries = Vec::new();
    let mut from = run.since.0;
    loop {
        let first = from.to_zoned(TimeZone::UTC).date().first_of_month();
        let to = next(first).filter(|next| *next < now).unwrap_or_else(|| now.max(from));
        let time = elapsed(from, to);
        entries.push((
            format!("{:04}-{:02}", first.year(), first.month()),
            Entry {
                workspace: workspace.to_owned(),
                tier: run.tier.clone(),
                from,
                to,
                hours: hours::hours(time),
                hourly_price: run.hourly_price.clone(),
                cost: run.hourly_price.as_ref().map(|price| price.for_time(time)),
                currency: currency.filter(|_| run.hourly_price.is_some()).map(str::to_owned),
            },
        ));
        if to >= now {
            return entries;
        }
        from = to;
    }
}

/// The beginning of the month after the one that begins on `first`.
fn next(first: civil::Date) -> Option<Timestamp> {
    let next = first.checked_add(1.month()).ok()?;
    Some(next.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

async fn put(api: &Api<ConfigMap>, owner: &str, month: &str, key: &str, entry: String) -> Result<()> {
    let name = name(owner, month);
    let patch = Patch::Merge(json!({ "data": { key: entry } }));
    match api.patch(&name, &write::params(), &patch).await {
        Err(error) if not_found(&error) => {}
        other => return other.map(drop).during("writing what was used"),
    }
    let mut labels = managed();
    labels.insert(labels::USAGE.to_owned(), month.to_owned());
    labels.insert(labels::OWNER.to_owned(), owner.to_owned());
    let mut map = ConfigMap { data: Some([(key.to_owned(), entry)].into()), ..Default::default() };
    (map.metadata.name, map.metadata.labels) = (Some(name.clone()), Some(labels));
    match api.create(&write::creation(), &map).await {
        // Somebody was faster for this month.
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            api.patch(&name, &write::params(), &patch).await.map(drop).during("writing what was used")
        }
        other => other.map(drop).during("beginning a month of what was used"),
    }
}

/// Owners have capitals and points in their names.
fn name(owner: &str, month: &str) -> String {
    format!("neuralinverse-usage-{month}-{}", hash::short(owner, 8))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::Value;

    use super::*;
    use crate::fixtures;

    fn run(since: &str, price: Option<&str>) -> Run {
        Run {
            epoch: 3,
            since: Time(since.parse().unwrap()),
            tier: "standard".to_owned(),
            hourly_price: price.map(|price| price.parse().unwrap()),
        }
    }

    fn used(since: &str, price: Option<&str>, now: &str) -> Vec<(String, Value)> {
        let entries = entries("mine", &run(since, price), Some("EUR"), now.parse().unwrap());
        entries.into_iter().map(|(month, entry)| (month, json!(entry))).collect()
    }

    #[test]
    fn each_month_has_its_share() {
        let entry = |from: &str, to: &str, hours: &str, cost: &str| {
            json!({
                "workspace": "mine", "tier": "standard", "from": from, "to": to, "hours": hours,
                "hourlyPrice": "0.96", "cost": cost, "currency": "EUR",
            })
        };
        let price = Some("0.96");
        assert_eq!(
            used("2026-10-31T22:00:00Z", price, "2026-12-01T01:30:00Z"),
            [
                ("2026-10".into(), entry("2026-10-31T22:00:00Z", "2026-11-01T00:00:00Z", "2.0000", "1.92")),
                (
                    "2026-11".into(),
                    entry("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "720.0000", "691.20")
                ),
                ("2026-12".into(), entry("2026-12-01T00:00:00Z", "2026-12-01T01:30:00Z", "1.5000", "1.44")),
            ]
        );
        let short = used("2026-11-02T00:00:00Z", price, "2026-11-02T00:30:00Z");
        assert_eq!(
            short,
            [("2026-11".into(), entry("2026-11-02T00:00:00Z", "2026-11-02T00:30:00Z", "0.5000", "0.48"))]
        );
    }

    #[test]
    fn hours_without_a_price_and_clocks_that_disagree_are_entries_too() {
        let free = used("2026-11-02T00:00:00Z", None, "2026-11-02T01:00:00Z");
        let expected = json!({
            "workspace": "mine", "tier": "standard", "from": "2026-11-02T00:00:00Z",
            "to": "2026-11-02T01:00:00Z", "hours": "1.0000",
        });
        assert_eq!(free, [("2026-11".into(), expected)]);
        let before = used("2026-11-02T00:00:00Z", None, "2026-11-01T00:00:00Z");
        assert_eq!((before.len(), &before[0].1["hours"]), (1, &json!("0.0000")));
    }

    #[test]
    fn a_run_that_is_written_again_has_the_same_key_and_another_run_another() {
        let workspace = fixtures::workspace(json!({}), Value::Null);
        let key = |since| key(&workspace, &run(since, None));
        assert_eq!(key("2026-11-02T00:00:00.25Z"), "uid-of-mine.3.1793577600.standard");
        assert_ne!(key("2026-11-02T00:00:00Z"), key("2026-11-02T00:00:01Z"));
        assert_eq!(name("Ada.L", "2026-11").len(), "neuralinverse-usage-2026-11-".len() + 16);
    }

    #[test]
    fn what_runs_on_is_due_once_an_hour() {
        let run = run("2026-11-02T00:00:00Z", None);
        for (now, expected) in
            [("2026-11-02T00:59:59Z", 0), ("2026-11-02T01:00:00Z", 1), ("2026-11-03T00:30:00Z", 24)]
        {
            assert_eq!(due(&run, now.parse().unwrap()), expected, "{now}");
        }
    }
}
