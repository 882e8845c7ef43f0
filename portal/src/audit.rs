//! Who did what to which workspace: a line of JSON each, for those who keep such records.
//!
//! Owner and object, never a name of a person, a token or a URL.

use kube::ResourceExt;
use neuralinverse_api::{Owner, Workspace};
use tracing::info;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A session began.
    SignIn,
    /// A session was ended.
    SignOut,
    /// All sessions of the owner were ended.
    SignOutEverywhere,
    /// A workspace was made.
    Create,
    /// Somebody went to the workspace's origin.
    Open,
    /// It was asked to run.
    Start,
    /// It was asked to stop.
    Stop,
    /// It was deleted.
    Delete,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::SignOut => "sign-out",
            Self::SignOutEverywhere => "sign-out-everywhere",
            Self::Create => "create",
            Self::Open => "open",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Delete => "delete",
        }
    }
}

/// Records what was done to a workspace.
pub fn workspace(action: Action, owner: &Owner, workspace: &Workspace) {
    info!(
        target: "audit",
        action = action.as_str(),
        %owner,
        namespace = workspace.namespace().unwrap_or_default(),
        workspace = workspace.name_any(),
        uid = workspace.uid().unwrap_or_default(),
    );
}

/// Records what was done to sessions.
pub fn session(action: Action, owner: &Owner) {
    info!(target: "audit", action = action.as_str(), %owner);
}
