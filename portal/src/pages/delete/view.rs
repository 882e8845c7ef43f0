//! What would be lost.

use kube::ResourceExt;
use neuralinverse_api::{Duration, Workspace, WorkspaceTier};

use crate::{change::manager, pages::home::bytes};

/// What goes with a workspace.
#[derive(Debug, PartialEq, Eq)]
pub struct Loss {
    pub(super) name: String,
    /// One sentence each.
    pub(super) lost: Vec<String>,
    /// What is there afterwards; one sentence each.
    pub(super) kept: Vec<String>,
    /// Who declares the workspace and may bring it back, empty.
    pub(super) declared_by: Option<String>,
}

impl Loss {
    pub(super) fn of(
        workspace: &Workspace,
        tier: Option<&WorkspaceTier>,
        retention: Option<&Duration>,
    ) -> Self {
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
        let pushed = workspace.spec.repository.as_ref();
        let pushed = pushed.map(|it| format!("What you have pushed to {} stays there.", it.url));
        let volume = match retention.filter(|retention| retention.seconds() > 0) {
            Some(retention) => format!(
                "For {}, whoever runs this region can bring the volume back. Then it is gone for good.",
                time(retention.seconds())
            ),
            None => "Nobody can bring it back.".to_owned(),
        };
        Self {
            name: workspace.name_any(),
            lost,
            kept: pushed.into_iter().chain([volume]).collect(),
            declared_by: manager::declared_elsewhere(workspace).map(str::to_owned),
        }
    }
}

/// In the largest unit of which there are at least two, rounded down: who counts on it has that time.
fn time(seconds: u64) -> String {
    let units = [(24 * 3600, "days"), (3600, "hours"), (60, "minutes")];
    let unit = units.into_iter().find(|(unit, _)| seconds >= 2 * unit);
    let (unit, name) = unit.unwrap_or((1, "seconds"));
    format!("{} {name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        assert_eq!(time(7 * 24 * 3600), "7 days");
        assert_eq!(time(36 * 3600), "36 hours");
        assert_eq!(time(3600), "60 minutes");
        assert_eq!(time(90), "90 seconds");
    }
}
