//! Writes the status of a workspace and tells people what changed. Used by the reconciler and by the
//! server for sidecars, on any replica: the write carries the version that it was decided on.

use neuralinverse_api::{
    Launch, Run, Workspace, WorkspaceStatus,
    condition::{self, ConditionType, Reason},
};

use super::{
    hours, ledger,
    status::{Seen, status},
};
use crate::{context::Context, error::Result, write};

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether somebody has to do something.
    pub warning: bool,
    /// In one word.
    pub reason: String,
    /// In one sentence.
    pub note: String,
}

/// Writes the status that follows from what was seen, if it is another one.
pub async fn settle(context: &Context, workspace: &Workspace, seen: &Seen<'_>) -> Result<()> {
    let now = context.now();
    let new = status(workspace, seen, now);
    let old = workspace.status.as_ref();
    if let Some(run) = ended(old, &new) {
        // First, since the status forgets it.
        ledger::write(context, workspace, run, now).await?;
    }
    if !write::status(&context.client, &context.caches.workspaces, workspace, old, &new).await? {
        return Ok(());
    }
    if let Some(launch) = launched(old, &new) {
        context.metrics.launched(launch);
    }
    tracing::debug!(pod = new.pod, epoch = new.epoch, "wrote the status");
    match told(old, &new) {
        Some(Told { warning: true, reason, note }) => context.events.warning(workspace, &reason, note),
        Some(Told { warning: false, reason, note }) => context.events.normal(workspace, &reason, note),
        None => {}
    }
    Ok(())
}

/// What ran in one status and does not go on in the next.
fn ended<'a>(old: Option<&'a WorkspaceStatus>, new: &WorkspaceStatus) -> Option<&'a Run> {
    let run = old?.run.as_ref()?;
    let goes_on = new.run.as_ref().is_some_and(|new| hours::goes_on(run, new));
    (!goes_on).then_some(run)
}

/// The launch that ended with the step from one status to the next.
fn launched(old: Option<&WorkspaceStatus>, new: &WorkspaceStatus) -> Option<Launch> {
    let other = old.is_none_or(|old| old.launch != new.launch || old.epoch != new.epoch);
    new.launch.filter(|_| other && new.pod.is_some())
}

/// What people are told of the step from one status to the next.
fn told(old: Option<&WorkspaceStatus>, new: &WorkspaceStatus) -> Option<Told> {
    let reason = |status: &WorkspaceStatus, type_| {
        condition::find(&status.conditions, type_)
            .map(|condition| (condition.reason.clone(), condition.message.clone()))
    };
    let before = |type_| old.and_then(|old| reason(old, type_)).map(|(reason, _)| reason);
    let told = |warning, reason: &str, note: String| Some(Told { warning, reason: reason.to_owned(), note });
    if let (Some(launch), Some(pod)) = (launched(old, new), &new.pod) {
        let note = format!("{:?} start in {} ms, pod {pod}", launch.source, launch.milliseconds);
        return told(false, "Launched", note);
    }
    for type_ in TOLD {
        let Some((reason, message)) = reason(new, type_) else { continue };
        if before(type_).as_deref() != Some(&reason) && worth_telling(&reason) {
            let expected = [Reason::Stopped, Reason::Suspended, Reason::Restarting];
            let expected = expected.map(Reason::as_str).contains(&reason.as_str());
            return told(!expected, &reason, message);
        }
    }
    None
}

/// Conditions of which people are told.
const TOLD: [ConditionType; 4] =
    [ConditionType::Ready, ConditionType::RepositoryReady, ConditionType::UpToDate, ConditionType::Restored];

/// Progress and its end stand in the conditions; only what nobody expects, and a stop, is an event.
fn worth_telling(reason: &str) -> bool {
    const EXPECTED: [Reason; 11] = [
        Reason::Available,
        Reason::Progressing,
        Reason::Valid,
        Reason::Stopping,
        Reason::NotDeclared,
        Reason::Cloning,
        Reason::Cloned,
        Reason::NoNodes,
        Reason::Applied,
        Reason::ResizeInProgress,
        Reason::NextStart,
    ];
    !EXPECTED.iter().any(|expected| expected.as_str() == reason)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::from;

    fn status(epoch: i64, launched: bool, ready: &str, repository: &str) -> WorkspaceStatus {
        let condition = |type_: &str, reason: &str| {
            json!({
                "type": type_, "status": "False", "reason": reason, "message": "it is so",
                "lastTransitionTime": "1970-01-01T00:00:00Z",
            })
        };
        let launch = launched.then(|| json!({ "source": "Warm", "milliseconds": 42 }));
        from(json!({
            "epoch": epoch, "pod": "p", "launch": launch.unwrap_or(Value::Null),
            "conditions": [condition("Ready", ready), condition("RepositoryReady", repository)],
        }))
    }

    #[test]
    fn people_are_told_of_launches_stops_and_what_went_wrong_once() {
        let cases = [
            (None, status(1, true, "Available", "NotDeclared"), Some((false, "Launched"))),
            (
                Some(status(1, false, "Progressing", "Cloning")),
                status(1, true, "Available", "Cloning"),
                Some((false, "Launched")),
            ),
            (Some(status(1, true, "Available", "Cloning")), status(1, true, "Available", "Cloned"), None),
            (
                Some(status(1, true, "Available", "Cloning")),
                status(1, true, "Available", "CloneFailed"),
                Some((true, "CloneFailed")),
            ),
            (
                Some(status(1, true, "Available", "CloneFailed")),
                status(1, true, "Available", "CloneFailed"),
                None,
            ),
            (None, status(1, false, "Progressing", "Cloning"), None),
            (
                Some(status(1, false, "Progressing", "Cloning")),
                status(1, false, "Unschedulable", "Cloning"),
                Some((true, "Unschedulable")),
            ),
            (
                Some(status(1, true, "Stopping", "Cloned")),
                status(1, true, "Stopped", "Cloned"),
                Some((false, "Stopped")),
            ),
        ];
        for (old, new, expected) in cases {
            let told = told(old.as_ref(), &new);
            assert_eq!(told.as_ref().map(|told| (told.warning, told.reason.as_str())), expected);
        }
    }
}
