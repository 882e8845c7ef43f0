//! Waiting for an object to become what was asked for: by watching it, until a deadline or Ctrl-C.

use std::{fmt, ops::ControlFlow, time::Duration};

use futures::StreamExt;
use serde_json::Value as Json;
use tf_provider_sdk::{Context, Diagnostic, Diagnostics};
use tokio::time::{Instant, sleep, sleep_until};

use super::events;
use crate::{
    address::Address,
    client::{Cluster, Event},
    error::Problem,
};

/// How often a check runs without news, for those that depend on time; and the pause between tries.
const TICK: Duration = Duration::from_millis(500);

/// How long `Accepted=False` must last to count: what the object names may be on its way.
const MISTAKE: Duration = Duration::from_secs(10);

/// How long all of one operation may take, whatever it waits for on the way.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// In all.
    total: Duration,
    until: Instant,
}

impl Patience {
    /// From now on.
    pub fn new(total: Duration) -> Self {
        Self { total, until: Instant::now() + total }
    }

    /// Whether none is left.
    pub fn is_over(self) -> bool {
        Instant::now() >= self.until
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.total.as_secs())
    }
}

/// Why a wait ended without what it waited for, with the object as last seen.
#[derive(Debug)]
pub enum Cut {
    /// The time is over.
    TimedOut(Option<Json>),
    /// Ctrl-C.
    Stopped,
    /// The API server says no.
    Failed(Problem),
}

/// Follows one object until `check` breaks. `check` sees none when the object is not there.
///
/// # Errors
/// Why it did not break in time.
pub async fn follow<T>(
    cluster: &Cluster,
    address: &Address,
    ctx: &Context,
    patience: Patience,
    mut check: impl FnMut(Option<&Json>) -> ControlFlow<T>,
) -> Result<T, Cut> {
    let mut last = None;
    loop {
        match cluster.get(address).await {
            Ok(object) => last = object,
            // An API server that restarts is no reason to give up.
            Err(Problem::Unreachable { .. }) if !patience.is_over() => {}
            Err(problem) => return Err(Cut::Failed(problem)),
        }
        let version = last.as_ref().and_then(|it| it["metadata"]["resourceVersion"].as_str()).unwrap_or("");
        let mut events = match cluster.watch(address, version).await {
            Ok(events) => events,
            Err(Problem::Unreachable { .. }) => futures::stream::empty().boxed(),
            Err(problem) => return Err(Cut::Failed(problem)),
        };
        let mut watching = true;
        while watching {
            if let ControlFlow::Break(end) = check(last.as_ref()) {
                return Ok(end);
            }
            tokio::select! {
                () = ctx.stopped() => return Err(Cut::Stopped),
                () = sleep_until(patience.until) => return Err(Cut::TimedOut(last)),
                event = events.next() => match event {
                    Some(Event::Is(object)) => last = Some(object),
                    Some(Event::Gone) => last = None,
                    Some(Event::Nothing) => {}
                    Some(Event::Lost) | None => {
                        sleep(TICK).await;
                        watching = false;
                    }
                },
                () = sleep(TICK) => {}
            }
        }
    }
}

/// How a wait for readiness ended.
enum Verdict {
    Ready,
    /// What the spec names is not there or not allowed.
    Refused,
    /// Somebody deleted the object, or made another of its name.
    Gone,
}

/// Waits until the controller has seen this generation of the object and calls it ready. Returns the object.
///
/// # Errors
/// The object as it is, and why it is not ready, in the controller's words with the last events.
pub async fn ready(
    cluster: &Cluster,
    address: &Address,
    ctx: &Context,
    written: &Json,
    patience: Patience,
) -> Result<Json, (Json, Diagnostics)> {
    let start = Instant::now();
    let mut latest = written.clone();
    let end = follow(cluster, address, ctx, patience, |object| {
        let verdict = judge(object, written, start.elapsed());
        if let Some(object) = object {
            latest = object.clone();
        }
        verdict
    });
    let diagnostic = match end.await {
        Ok(Verdict::Ready) => return Ok(latest),
        Ok(Verdict::Gone) => Diagnostic::error(
            format!("{address} was deleted while we waited for it"),
            "Somebody or something else deleted it. Apply again to make it anew.",
        ),
        Ok(Verdict::Refused) => {
            not_ready(cluster, address, &latest, "The controller does not accept it").await
        }
        Err(Cut::TimedOut(_)) => {
            let when = format!("It was not ready after {patience}");
            not_ready(cluster, address, &latest, &when).await
        }
        Err(Cut::Stopped) => Diagnostic::error(
            format!("Interrupted while waiting for {address}"),
            "The object is in the cluster and in the state, but was not ready yet. Apply again to go on.",
        ),
        Err(Cut::Failed(problem)) => return Err((latest, problem.explain(&address.to_string(), |_| None))),
    };
    Err((latest, diagnostic.into()))
}

fn judge(object: Option<&Json>, written: &Json, elapsed: Duration) -> ControlFlow<Verdict> {
    let Some(object) = object.filter(|it| it["metadata"]["uid"] == written["metadata"]["uid"]) else {
        return ControlFlow::Break(Verdict::Gone);
    };
    let generation = |it: &Json| it.as_i64().unwrap_or_default();
    if generation(&object["status"]["observedGeneration"]) < generation(&written["metadata"]["generation"]) {
        return ControlFlow::Continue(());
    }
    if condition(object, "Ready").is_some_and(|it| it["status"] == "True") {
        return ControlFlow::Break(Verdict::Ready);
    }
    let refused = condition(object, "Accepted").is_some_and(|it| it["status"] == "False");
    if refused && elapsed > MISTAKE {
        ControlFlow::Break(Verdict::Refused)
    } else {
        ControlFlow::Continue(())
    }
}

async fn not_ready(cluster: &Cluster, address: &Address, object: &Json, why: &str) -> Diagnostic {
    let told = told(object);
    let told = match told.is_empty() {
        true => "The controller has not looked at it yet: check that it runs.".to_owned(),
        false => told,
    };
    let events = events::recent(cluster, address, object).await;
    Diagnostic::error(
        format!("{address} is not ready"),
        format!(
            "{why}.\n\n{told}{events}\n\nIt is in the cluster and in the state. Apply again when the cause is removed."
        ),
    )
}

/// The conditions that do not hold, `Ready` first, one a line.
pub fn told(object: &Json) -> String {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let mut lines: Vec<(bool, String)> = conditions
        .filter(|condition| condition["status"] != "True")
        .map(|condition| {
            let text = |name: &str| condition[name].as_str().unwrap_or_default();
            let line = format!("{}: {}: {}", text("type"), text("reason"), text("message"));
            (text("type") != "Ready", line)
        })
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Json, type_: &str) -> Option<&'a Json> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(observed: i64, conditions: &[(&str, &str)]) -> Json {
        let conditions: Vec<Json> = conditions
            .iter()
            .map(|(type_, status)| json!({ "type": type_, "status": status, "reason": "R", "message": "m" }))
            .collect();
        json!({ "metadata": { "uid": "u", "generation": 2 },
            "status": { "observedGeneration": observed, "conditions": conditions } })
    }

    #[test]
    fn ready_counts_only_for_our_generation() {
        let written = object(2, &[]);
        let judged = |it: &Json, seconds| judge(Some(it), &written, Duration::from_secs(seconds));
        assert!(matches!(judged(&object(2, &[("Ready", "True")]), 0), ControlFlow::Break(Verdict::Ready)));
        assert!(judged(&object(1, &[("Ready", "True")]), 99).is_continue());
        assert!(judged(&object(2, &[("Ready", "False")]), 99).is_continue());
    }

    #[test]
    fn a_mistake_ends_the_wait_when_it_lasts() {
        let refused = object(2, &[("Accepted", "False"), ("Ready", "False")]);
        assert!(judge(Some(&refused), &refused, Duration::from_secs(5)).is_continue());
        let end = judge(Some(&refused), &refused, Duration::from_secs(11));
        assert!(matches!(end, ControlFlow::Break(Verdict::Refused)));
    }

    #[test]
    fn another_object_of_the_name_is_not_ours() {
        let other = json!({ "metadata": { "uid": "other" } });
        for now in [Some(&other), None] {
            let end = judge(now, &object(2, &[]), Duration::ZERO);
            assert!(matches!(end, ControlFlow::Break(Verdict::Gone)));
        }
    }

    #[test]
    fn ready_is_told_first() {
        let object = object(2, &[("Accepted", "False"), ("Running", "True"), ("Ready", "False")]);
        assert_eq!(told(&object), "Ready: R: m\nAccepted: R: m");
    }
}
