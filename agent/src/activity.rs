//! Whether somebody uses the workspace: work in the editor, which the door hears, and in terminals, which the
//! launcher is asked about.
//!
//! Nothing is told while it is used. The controller hears that it is not when that has been so for as long as the
//! assignment says, and again when somebody comes back.

mod frames;
mod pulse;

use std::{io, path::Path, rc::Rc, time::Duration};

use neuralinverse_api::agent::Assignment;
use neuralinverse_launcher::{Answer, Request};
use tokio::{
    io::BufReader,
    net::UnixStream,
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tracing::info;

pub use self::{frames::Ears, pulse::Pulse};
use crate::bridge::ask;

/// How long the launcher may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Between two looks at the terminals: a tenth of the time that is asked for, within these bounds.
const LOOKS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(60)];

/// Since when nobody uses the workspace, when that is as long as the controller wants to know.
pub type Idle = Option<Instant>;

/// Says when nobody uses the workspace, until there are no more assignments. `terminals` says for how long nobody
/// has used one of them, if anything is known.
pub async fn keep(
    mut assignments: watch::Receiver<Option<Rc<Assignment>>>,
    pulse: &Pulse,
    terminals: impl AsyncFn() -> Option<Duration>,
    idle: watch::Sender<Idle>,
) {
    let mut of = None;
    loop {
        let assignment = assignments.borrow_and_update().clone();
        let after = assignment.as_ref().and_then(|assignment| assignment.idle_after_seconds);
        let now_of = assignment.map(|assignment| (assignment.workspace_uid.clone(), assignment.epoch));
        if now_of != of {
            // Whoever is given it uses it.
            pulse.beat(Instant::now());
            of = now_of;
        }
        let watching = async {
            match after {
                Some(seconds) => watch(Duration::from_secs(seconds), pulse, &terminals, &idle).await,
                None => {
                    idle.send_if_modified(|idle| idle.take().is_some());
                    std::future::pending().await
                }
            }
        };
        tokio::select! {
            changed = assignments.changed() => if changed.is_err() { return },
            () = watching => {}
        }
    }
}

/// Never returns.
async fn watch(
    after: Duration,
    pulse: &Pulse,
    terminals: &impl AsyncFn() -> Option<Duration>,
    idle: &watch::Sender<Idle>,
) {
    let [least, most] = LOOKS;
    let look = (after / 10).clamp(least, most);
    let mut beats = pulse.subscribe();
    loop {
        if beats.borrow_and_update().elapsed() >= look
            && let Some(unused) = terminals().await
        {
            pulse.beat(Instant::now().checked_sub(unused).unwrap_or_else(Instant::now));
        }
        let used = *beats.borrow_and_update();
        let since = (used.elapsed() >= after).then_some(used);
        if idle.send_if_modified(|idle| std::mem::replace(idle, since) != since) {
            info!(idle = since.is_some(), "whether nobody uses the workspace has changed");
        }
        match since {
            None => sleep(look.min(after.saturating_sub(used.elapsed()))).await,
            // Who comes back is heard at once: it may be about to be stopped.
            Some(_) => drop(timeout(look, beats.changed()).await),
        }
    }
}

/// For how long nobody has used a terminal, as the launcher says.
pub async fn terminals(socket: &Path) -> Option<Duration> {
    let asked = async {
        let mut stream = BufReader::new(UnixStream::connect(socket).await?);
        ask(&mut stream, &Request::Terminals).await
    };
    match timeout(ANSWER, asked).await.unwrap_or(Err(io::ErrorKind::TimedOut.into())) {
        Ok(Answer::Terminals(seconds)) => seconds.map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn assigned(seconds: Option<u64>, epoch: i64) -> Option<Rc<Assignment>> {
        Some(Rc::new(Assignment {
            revision: String::new(),
            namespace: String::new(),
            workspace: String::new(),
            workspace_uid: String::new(),
            epoch,
            owner: String::new(),
            repository: None,
            env: Default::default(),
            git_author: None,
            idle_after_seconds: seconds,
        }))
    }

    /// Minutes from the start, to the nearest one.
    fn minutes(start: Instant) -> u64 {
        (start.elapsed().as_secs() + 30) / 60
    }

    /// Runs `script` beside a sidecar whose terminals are unused for as long as `terminals` says.
    async fn beside(
        terminals: impl AsyncFn() -> Option<Duration>,
        script: impl AsyncFnOnce(watch::Sender<Option<Rc<Assignment>>>, Pulse, watch::Receiver<Idle>),
    ) {
        let (assign, assignments) = watch::channel(None);
        let (say, idle) = watch::channel(None);
        let pulse = Pulse::default();
        tokio::select! {
            () = keep(assignments, &pulse, terminals, say) => panic!("it ended"),
            () = script(assign, pulse.clone(), idle) => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_uses_it_after_the_time_that_was_asked_for_and_who_comes_back_is_heard_at_once() {
        let start = Instant::now();
        beside(
            async || None,
            async |assign, pulse, mut idle| {
                assign.send_replace(assigned(Some(1800), 1));
                idle.wait_for(Option::is_some).await.unwrap();
                assert_eq!(minutes(start), 30);
                sleep(Duration::from_secs(90)).await;
                pulse.beat(Instant::now());
                let before = Instant::now();
                idle.wait_for(Option::is_none).await.unwrap();
                assert!(before.elapsed() < Duration::from_millis(10));
                idle.wait_for(Option::is_some).await.unwrap();
                assert_eq!((before.elapsed().as_secs() + 30) / 60, 30);
            },
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_in_a_terminal_protects_until_it_has_ended_for_that_long() {
        let start = Instant::now();
        let ends = start + Duration::from_secs(100 * 60);
        let terminals = async || Some(Instant::now().saturating_duration_since(ends));
        beside(terminals, async |assign, _, mut idle| {
            assign.send_replace(assigned(Some(1800), 1));
            idle.wait_for(Option::is_some).await.unwrap();
            assert_eq!(minutes(start), 130);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_terminal_that_closes_leaves_no_trace_but_what_was_seen_counts() {
        let start = Instant::now();
        let ends = start + Duration::from_secs(100 * 60);
        let terminals = async || (Instant::now() < ends).then_some(Duration::ZERO);
        beside(terminals, async |assign, _, mut idle| {
            assign.send_replace(assigned(Some(1800), 1));
            idle.wait_for(Option::is_some).await.unwrap();
            assert!((129..=130).contains(&minutes(start)), "{}", minutes(start));
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn terminals_are_asked_about_no_oftener_than_needed() {
        let asked = Cell::new(0);
        let terminals = async || {
            asked.set(asked.get() + 1);
            None
        };
        beside(terminals, async |assign, _, mut idle| {
            sleep(Duration::from_secs(7200)).await;
            assign.send_replace(assigned(None, 1));
            sleep(Duration::from_secs(7200)).await;
            assert_eq!(asked.get(), 0);
            assign.send_replace(assigned(Some(1800), 1));
            idle.wait_for(Option::is_some).await.unwrap();
            assert!(asked.get() <= 31, "{}", asked.get());
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn another_time_counts_from_the_same_use_and_another_launch_from_its_own() {
        let start = Instant::now();
        beside(
            async || None,
            async |assign, _, mut idle| {
                assign.send_replace(assigned(Some(7200), 1));
                sleep(Duration::from_secs(50 * 60)).await;
                assign.send_replace(assigned(Some(3600), 1));
                idle.wait_for(Option::is_some).await.unwrap();
                assert_eq!(minutes(start), 60);
                assign.send_replace(assigned(Some(3600), 2));
                idle.wait_for(Option::is_none).await.unwrap();
                idle.wait_for(Option::is_some).await.unwrap();
                assert_eq!(minutes(start), 120);
                assign.send_replace(assigned(None, 2));
                idle.wait_for(Option::is_none).await.unwrap();
            },
        )
        .await;
    }
}
