//! What the list says of a workspace.

use kube::ResourceExt;
use neuralinverse_api::{Workspace, WorkspaceTier};

use crate::{
    catalog::Catalog,
    id::WorkspaceId,
    stage::{self, Stage},
};

/// One workspace in the list.
#[derive(Debug, PartialEq, Eq)]
pub struct Card {
    pub(super) id: WorkspaceId,
    pub(super) name: String,
    pub(super) stage: Stage,
    pub(super) facts: Vec<String>,
    /// What it waits for, what is wrong, or what becomes of the repository, and how that looks.
    pub(super) message: Option<(&'static str, String)>,
}

impl Card {
    pub(super) fn of(workspace: &Workspace, catalog: &Catalog) -> Option<Self> {
        let stage = Stage::of(workspace);
        let spec = &workspace.spec;
        let size = catalog.tier(&spec.tier).map_or_else(|| spec.tier.clone(), |tier| size(&tier));
        let repository = spec.repository.as_ref().map(|it| short_url(&it.url));
        let launch = workspace.status.as_ref().and_then(|status| status.launch);
        let launch = launch
            .filter(|_| stage == Stage::Running)
            .map(|it| format!("started in {}", time(it.milliseconds)));
        let message = stage
            .message()
            .map(|it| (stage.tone(), it))
            .or_else(|| clone(workspace, &stage))
            .or_else(|| next_start(workspace, &stage));
        Some(Self {
            id: WorkspaceId::of(workspace)?,
            name: workspace.name_any(),
            facts: [Some(spec.template.clone()), Some(size), repository, launch]
                .into_iter()
                .flatten()
                .collect(),
            message: message.map(|(tone, text)| (tone, text.to_owned())),
            stage,
        })
    }

    pub(super) fn can_open(&self) -> bool {
        !matches!(self.stage, Stage::Stopping | Stage::Deleting)
    }

    pub(super) fn can_stop(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Starting(_) | Stage::Failed(_))
    }
}

/// What becomes of the repository while the workspace runs: without a pod, nothing does.
fn clone<'a>(workspace: &'a Workspace, stage: &Stage) -> Option<(&'static str, &'a str)> {
    let message = stage::repository_message(workspace).filter(|_| *stage == Stage::Running)?;
    Some((if stage::is_cloning(workspace) { "busy" } else { "bad" }, message))
}

/// What a changed tier or template comes to, as long as the running pod is not as they ask.
fn next_start<'a>(workspace: &'a Workspace, stage: &Stage) -> Option<(&'static str, &'a str)> {
    let message = stage::outdated_message(workspace).filter(|_| *stage == Stage::Running)?;
    Some(("busy", message))
}

/// CPU and memory in one's own words.
pub(crate) fn size(tier: &WorkspaceTier) -> String {
    format!("{} vCPU, {}", tier.spec.cpu, bytes(&tier.spec.memory.to_string()))
}

/// `8Gi` as people write it.
pub(crate) fn bytes(quantity: &str) -> String {
    let (number, unit) = quantity.split_at(quantity.trim_end_matches(|it: char| it.is_alphabetic()).len());
    format!("{number} {unit}B")
}

fn short_url(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.trim_end_matches('/').trim_end_matches(".git").to_owned()
}

fn time(milliseconds: i64) -> String {
    let tenths = (milliseconds.max(0) + 50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_for_people() {
        assert_eq!(short_url("https://git.test/ada/hello.git"), "git.test/ada/hello");
        assert_eq!(time(1_234), "1.2 s");
        assert_eq!(time(49), "0.0 s");
        assert_eq!([bytes("8Gi"), bytes("1.5Ti"), bytes("1024")], ["8 GiB", "1.5 TiB", "1024 B"]);
    }
}
