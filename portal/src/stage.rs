//! What a person wants to know of a workspace's state, read from its spec and conditions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use neuralinverse_api::{
    Wanted, Workspace,
    condition::{self, ConditionType, Reason},
};

/// Where a workspace stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It can be opened.
    Running,
    /// It is on its way; the text says what it waits for.
    Starting(String),
    /// It will not come up without somebody's help; the text says which.
    Failed(String),
    /// Its pod is being taken away.
    Stopping,
    /// It has no pod; its volume is kept.
    Stopped,
    /// It is being deleted.
    Deleting,
}

/// Reasons that time alone does not heal.
const FAILURES: &[Reason] = &[
    Reason::TierNotFound,
    Reason::TemplateNotFound,
    Reason::NodePoolNotFound,
    Reason::TierNotAllowed,
    Reason::RegionNotFound,
    Reason::NamespaceNotAllowed,
    Reason::SecretNotFound,
    Reason::OwnerLimit,
    Reason::NoNodes,
    Reason::Unschedulable,
    Reason::ImagePullFailed,
    Reason::PodFailed,
    Reason::NodeLost,
    Reason::Refused,
    Reason::QuotaExceeded,
    Reason::StorageQuotaExceeded,
];

impl Stage {
    /// Reads it.
    pub fn of(workspace: &Workspace) -> Self {
        let has_pod = workspace.status.as_ref().is_some_and(|status| status.pod.is_some());
        if workspace.metadata.deletion_timestamp.is_some() {
            return Self::Deleting;
        }
        match workspace.wanted() {
            Wanted::Stopped(_) if has_pod => return Self::Stopping,
            Wanted::Stopped(_) => return Self::Stopped,
            Wanted::Running => {}
        }
        match condition(workspace, ConditionType::Ready) {
            Some(ready) if ready.status == "True" && has_pod => Self::Running,
            Some(ready) if current(workspace, ready) && ready.status == "False" => {
                if FAILURES.iter().any(|reason| reason.as_str() == ready.reason) {
                    Self::Failed(ready.message.clone())
                } else {
                    Self::Starting(ready.message.clone())
                }
            }
            _ => Self::Starting("waiting for the region's controller".to_owned()),
        }
    }

    /// One word for people.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Starting(_) => "Starting",
            Self::Failed(_) => "Needs attention",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Deleting => "Deleting",
        }
    }

    /// One word for style sheets.
    pub fn tone(&self) -> &'static str {
        match self {
            Self::Running => "good",
            Self::Starting(_) | Self::Stopping => "busy",
            Self::Failed(_) => "bad",
            Self::Stopped | Self::Deleting => "quiet",
        }
    }

    /// What it waits for, or what is wrong.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Starting(message) | Self::Failed(message) => Some(message),
            _ => None,
        }
    }
}

/// One step on the way to an editor.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub label: &'static str,
    /// Whether it is done.
    pub done: bool,
    /// What is to be said of it.
    pub message: String,
}

/// The steps on the way to an editor.
pub fn steps(workspace: &Workspace) -> Vec<Step> {
    let step = |label, type_| {
        let found = condition(workspace, type_).filter(|it| current(workspace, it));
        let done = found.is_some_and(|it| it.status == "True");
        // What is done needs no words.
        let message = found.filter(|_| !done).map(|it| it.message.clone()).unwrap_or_default();
        Step { label, done, message }
    };
    let mut steps = vec![
        step("Configuration checked", ConditionType::Accepted),
        step("Pod running", ConditionType::Running),
        step("Editor ready", ConditionType::Ready),
    ];
    if workspace.spec.repository.is_some() {
        steps.push(step("Repository cloned", ConditionType::RepositoryReady));
    }
    steps
}

/// Whether the repository is on its way. An editor that is opened on a folder that is not there yet shows
/// nothing, and goes on doing so.
pub fn is_cloning(workspace: &Workspace) -> bool {
    let ready = condition(workspace, ConditionType::RepositoryReady);
    workspace.spec.repository.is_some()
        && ready.is_some_and(|it| it.status == "False" && it.reason == Reason::Cloning.as_str())
}

/// What the workspace says of its repository, as long as it is not there.
pub fn repository_message(workspace: &Workspace) -> Option<&str> {
    workspace.spec.repository.as_ref()?;
    let ready = condition(workspace, ConditionType::RepositoryReady)?;
    (ready.status == "False").then_some(ready.message.as_str())
}

/// What the workspace says of its pod, as long as that is not as tier and template ask.
pub fn outdated_message(workspace: &Workspace) -> Option<&str> {
    let current = condition(workspace, ConditionType::UpToDate)?;
    (current.status == "False").then_some(current.message.as_str())
}

fn condition(workspace: &Workspace, type_: ConditionType) -> Option<&Condition> {
    condition::find(&workspace.status.as_ref()?.conditions, type_)
}

/// Whether the condition speaks of the spec as it is now. A wish to wake is not in the spec.
fn current(workspace: &Workspace, condition: &Condition) -> bool {
    let overtaken = condition.reason == Reason::Suspended.as_str() && workspace.wanted() == Wanted::Running;
    condition.observed_generation == workspace.metadata.generation && !overtaken
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use neuralinverse_api::{Repository, WorkspaceStatus, condition::NewCondition};
    use serde_json::json;

    use super::*;

    fn workspace(policy: &str, pod: Option<&str>, ready: Option<(bool, Reason)>, observed: i64) -> Workspace {
        let mut workspace: Workspace = serde_json::from_value(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
            "metadata": { "name": "w", "generation": 2 },
            "spec": { "owner": "u-a", "tier": "t", "template": "t", "runPolicy": policy },
        }))
        .unwrap();
        let new = ready.map(|(status, reason)| NewCondition {
            type_: ConditionType::Ready,
            status: Some(status),
            reason,
            message: "why".to_owned(),
        });
        let conditions = condition::merge(&[], new.as_slice(), observed, Timestamp::UNIX_EPOCH);
        workspace.status =
            Some(WorkspaceStatus { pod: pod.map(str::to_owned), conditions, ..Default::default() });
        workspace
    }

    #[test]
    fn stages() {
        let waiting = || Stage::Starting("waiting for the region's controller".to_owned());
        for (policy, pod, ready, observed, stage) in [
            ("Always", None, None, 0, waiting()),
            ("Always", None, Some((true, Reason::Stopped)), 1, waiting()),
            ("Always", None, Some((false, Reason::Progressing)), 1, waiting()),
            ("Always", None, Some((false, Reason::Progressing)), 2, Stage::Starting("why".to_owned())),
            ("Always", Some("p"), Some((false, Reason::ImagePullFailed)), 2, Stage::Failed("why".to_owned())),
            ("Always", Some("p"), Some((true, Reason::Available)), 2, Stage::Running),
            // A change that needs no restart does not throw anybody out.
            ("Always", Some("p"), Some((true, Reason::Available)), 1, Stage::Running),
            // It has just been waked, and that is not written in the conditions yet.
            ("OnDemand", None, Some((true, Reason::Suspended)), 2, waiting()),
            ("OnDemand", Some("p"), Some((true, Reason::Available)), 2, Stage::Running),
            ("Stopped", Some("p"), Some((true, Reason::Available)), 1, Stage::Stopping),
            ("Stopped", None, Some((true, Reason::Stopped)), 2, Stage::Stopped),
        ] {
            assert_eq!(
                Stage::of(&workspace(policy, pod, ready, observed)),
                stage,
                "{policy} {pod:?} {ready:?}"
            );
        }
    }

    #[test]
    fn only_a_clone_under_way_is_waited_for() {
        for (repository, state, waits) in [
            (true, None, false),
            (true, Some((false, Reason::Progressing)), false),
            (true, Some((false, Reason::Cloning)), true),
            (true, Some((false, Reason::CloneFailed)), false),
            (true, Some((true, Reason::Cloned)), false),
            (false, Some((false, Reason::Cloning)), false),
        ] {
            let mut workspace = workspace("Always", Some("p"), None, 2);
            let url = "https://git.test/a".to_owned();
            workspace.spec.repository =
                repository.then_some(Repository { url, branch: None, credentials_secret_ref: None });
            let new = state.map(|(status, reason)| NewCondition {
                type_: ConditionType::RepositoryReady,
                status: Some(status),
                reason,
                message: String::new(),
            });
            let status = workspace.status.as_mut().unwrap();
            status.conditions = condition::merge(&[], new.as_slice(), 2, Timestamp::UNIX_EPOCH);
            assert_eq!(is_cloning(&workspace), waits, "{repository} {state:?}");
        }
    }
}
