//! What can happen next. Numbers choose among what there is when the step comes, so that any row of steps
//! is a schedule, also one from which steps were taken out.

use proptest::prelude::*;

use super::server::{Kind, NODES};

/// How many controllers there are.
pub const REPLICAS: usize = 2;

/// How many workspaces there are at most.
pub const WORKSPACES: usize = 3;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A request that waits is served and answered.
    Serve(usize),
    /// A request is served, and whoever asked never hears of it.
    LoseAnswer(usize),
    /// A request is answered with an error instead of being served.
    Refuse(usize, u16),
    /// A watch of a replica gets its next event.
    Hear(usize, Kind),
    /// All watches of a replica get all that has happened.
    HearAll(usize),
    /// A watch of a replica breaks and lists anew.
    Cut(usize, Kind),
    /// A replica is killed.
    Kill(usize),
    /// A replica starts, if it does not run.
    Start(usize),
    /// A replica believes that it leads, whatever the others believe.
    Lead(usize),
    /// A replica leads no more.
    Resign(usize),
    /// The clock of a replica jumps to so many seconds before or after the right time.
    Jump(usize, i64),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// Somebody declares a workspace.
    Create(usize),
    /// Somebody wants a workspace stopped.
    Stop(usize),
    /// Somebody wants a workspace to run.
    Resume(usize),
    /// Somebody deletes a workspace.
    Delete(usize),
    /// A kubelet starts a pod.
    Run(usize),
    /// A pod ends by itself.
    End(usize),
    /// A kubelet has ended a pod that is being deleted.
    Finish(usize),
    /// Somebody removes a pod without waiting for its kubelet.
    Vanish(usize),
    /// A node is silent from now on. What runs there may still reach the controllers.
    Silence(usize),
    /// A node is back, with what ran there.
    Return(usize),
    /// Somebody deletes a pod by hand.
    DeletePod(usize),
    /// Somebody deletes a volume by hand.
    DeleteVolume(usize),
    /// The sidecar of a pod reports to a replica.
    Report(usize, usize),
    /// Owners that are gone are noticed.
    Collect,
}

/// Schedules of at most so many steps.
pub fn schedules(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..steps)
}

fn step() -> impl Strategy<Value = Step> {
    let any = || 0..12usize;
    let replica = || 0..REPLICAS;
    let workspace = || 0..WORKSPACES;
    let node = || 0..NODES.len();
    let kind = || prop::sample::select(Kind::WATCHED.to_vec());
    let error = prop::sample::select(vec![409, 429, 500]);
    let time = prop::sample::select(vec![50, 600, 2_500, 11_000, 70_000]);
    let jump = prop::sample::select(vec![-3600, -120, -5, 0, 5, 120, 86_400]);
    prop_oneof![
        24 => any().prop_map(Step::Serve),
        2 => any().prop_map(Step::LoseAnswer),
        2 => (any(), error).prop_map(|(call, code)| Step::Refuse(call, code)),
        6 => (replica(), kind()).prop_map(|(replica, kind)| Step::Hear(replica, kind)),
        5 => replica().prop_map(Step::HearAll),
        1 => (replica(), kind()).prop_map(|(replica, kind)| Step::Cut(replica, kind)),
        1 => replica().prop_map(Step::Kill),
        2 => replica().prop_map(Step::Start),
        3 => replica().prop_map(Step::Lead),
        1 => replica().prop_map(Step::Resign),
        1 => (replica(), jump).prop_map(|(replica, seconds)| Step::Jump(replica, seconds)),
        4 => time.prop_map(Step::Pass),
        6 => workspace().prop_map(Step::Create),
        1 => workspace().prop_map(Step::Stop),
        1 => workspace().prop_map(Step::Resume),
        1 => workspace().prop_map(Step::Delete),
        6 => any().prop_map(Step::Run),
        1 => any().prop_map(Step::End),
        2 => any().prop_map(Step::Finish),
        1 => any().prop_map(Step::Vanish),
        1 => node().prop_map(Step::Silence),
        1 => node().prop_map(Step::Return),
        1 => any().prop_map(Step::DeletePod),
        1 => any().prop_map(Step::DeleteVolume),
        3 => (any(), replica()).prop_map(|(pod, replica)| Step::Report(pod, replica)),
        1 => Just(Step::Collect),
    ]
}
