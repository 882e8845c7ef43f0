//! What would be lost.

use kube::ResourceExt;
use neuralinverse_api::{Workspace, WorkspaceTier};

use crate::{change::manager, pages::home::bytes};

/// What goes with a workspace.
#[derive(Debug, PartialEq, Eq)]
pub struct Loss {
    pub(super) name: String,
    /// One sentence each.
    pub(super) lost: Vec<String>,
    pub(super) kept: Option<String>,
    /// Who declares the workspace and may bring it back, empty.
    pub(super) declared_by: Option<String>,
}

impl Loss {
    pub(super) fn of(workspace: &Workspace, tier: Option<&WorkspaceTier>) -> Self {
        let status = workspace.status.as_ref();
        let size = tier
            .map(|tier| format!(" of up to {}", bytes(&tier.spec.storage.to_string())))
            .unwrap_or_default();
        let volume = match status.and_then(|status| status.volume.as_ref()) {
            Some(volume) => format!("The volume{size} (`{volume}`), with every file in your home folder."),
            None => format!("The volume{size}, if it was made already."),
        };
        let mut lost = vec![volume, "Commits, branches and stashes that you have not pushed.".to_owned()];
        if status.is_some_and(|status| status.pod.is_some()) {
            lost.push("Everything that runs in it now: terminals, servers, unsaved editors.".to_owned());
        }
        let repository = workspace.spec.repository.as_ref();
        Self {
            name: workspace.name_any(),
            lost,
            kept: repository.map(|it| format!("What you have pushed to {} stays there.", it.url)),
            declared_by: manager::declared_elsewhere(workspace).map(str::to_owned),
        }
    }
}
