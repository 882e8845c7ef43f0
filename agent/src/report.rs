//! Reports: what this pod has achieved, told at each change until the controller took it.

use std::{rc::Rc, time::Duration};

use http::{Method, StatusCode};
use neuralinverse_api::agent::{Assignment, REPORT_PATH, Report, RepositoryState};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use crate::{
    activity::Idle,
    backoff::Backoff,
    bridge::Launcher,
    client::{self, Client},
    editor::{self, Known},
    repository::Progress,
};

/// How long the controller may take to write a status.
const ANSWER: Duration = Duration::from_secs(10);

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("the report cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the controller answered {0}")]
    Status(StatusCode),
}

/// The revision whose first report has been tried. The rest of a launch waits for it, but not for long.
#[derive(Clone)]
pub struct Told(pub watch::Receiver<String>);

impl Told {
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Waits until there was a report of that revision.
    pub async fn of(&self, revision: &str) {
        let mut told = self.0.clone();
        let _ = timeout(Self::PATIENCE, told.wait_for(|told| told == revision)).await;
    }
}

/// All that reports are made from.
pub struct Facts {
    /// Whose the pod is.
    pub assignments: watch::Receiver<Option<Rc<Assignment>>>,
    /// What is known of the launcher.
    pub launcher: watch::Receiver<Launcher>,
    /// How the IDE is.
    pub ide: watch::Receiver<Known>,
    /// What became of the repository.
    pub progress: watch::Receiver<Option<Progress>>,
    /// Whether nobody uses it.
    pub idle: watch::Receiver<Idle>,
}

impl Facts {
    /// The report of now, with the assignment that it is about.
    fn now(&mut self) -> Option<(Rc<Assignment>, Report)> {
        let assignment = self.assignments.borrow_and_update().clone()?;
        let launcher = *self.launcher.borrow_and_update();
        let ide = *self.ide.borrow_and_update();
        let progress = self.progress.borrow_and_update().clone();
        let idle = *self.idle.borrow_and_update();
        let report = report(&assignment, launcher, ide, progress)?;
        let idle_seconds = idle.map(|since| since.elapsed().as_secs());
        let report = Report { idle_seconds, ..report };
        Some((assignment, report))
    }

    /// Waits for something new; `false` when nothing new can come.
    async fn changed(&mut self) -> bool {
        tokio::select! {
            changed = self.assignments.changed() => changed.is_ok(),
            changed = self.launcher.changed() => changed.is_ok(),
            changed = self.ide.changed() => changed.is_ok(),
            changed = self.progress.changed() => changed.is_ok(),
            changed = self.idle.changed() => changed.is_ok(),
        }
    }
}

/// What there is to say, once it is known what becomes of the repository.
fn report(
    assignment: &Assignment,
    launcher: Launcher,
    ide: Known,
    progress: Option<Progress>,
) -> Option<Report> {
    let progress = progress.filter(|progress| progress.concerns(assignment))?;
    Some(Report {
        epoch: assignment.epoch,
        ready: launcher == Launcher::Holds(assignment.epoch) && editor::is_usable(ide),
        repository: progress.state,
        idle_seconds: None,
    })
}

/// Whether that is news to somebody who has heard `last`. Before the first word everybody assumes a
/// pod that is not ready: saying so would cost a write.
fn is_news(report: &Report, last: Option<&Report>) -> bool {
    match last {
        // For how long nobody uses it grows by itself.
        Some(last) => {
            report.idle_seconds.is_some() != last.idle_seconds.is_some()
                || *report != Report { idle_seconds: report.idle_seconds, ..last.clone() }
        }
        None => report.ready || matches!(report.repository, RepositoryState::Failed { .. }),
    }
}

/// What the controller has heard since it gave this assignment. One that it gives again is answered again: what it
/// heard before may be lost, as a status is that somebody overwrote.
fn heard<'a>(last: Option<&'a (Rc<Assignment>, Report)>, assignment: &Rc<Assignment>) -> Option<&'a Report> {
    last.filter(|(of, _)| Rc::ptr_eq(of, assignment)).map(|(_, report)| report)
}

/// Reports every change until nothing new can come.
pub async fn keep(client: &Client, mut facts: Facts, told: watch::Sender<String>) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    let mut last: Option<(Rc<Assignment>, Report)> = None;
    let mut failure = String::new();
    loop {
        let (assignment, report) = match facts.now() {
            Some((assignment, report)) if is_news(&report, heard(last.as_ref(), &assignment)) => {
                (assignment, report)
            }
            now => {
                // A changed environment has a new revision, and nothing to tell while nothing is ready.
                if let Some((assignment, _)) = now.filter(|_| last.is_some()) {
                    told.send_replace(assignment.revision.clone());
                }
                if facts.changed().await {
                    continue;
                }
                return;
            }
        };
        let sent = send(client, &report).await;
        told.send_replace(assignment.revision.clone());
        match sent {
            Ok(()) => {
                info!(ready = report.ready, repository = ?report.repository, idle = report.idle_seconds, "reported");
                (last, failure) = (Some((assignment, report)), String::new());
                backoff.reset();
            }
            Err(error) => {
                let text = error.to_string();
                if text != failure {
                    warn!(error = text, "report failed; it is tried again");
                    failure = text;
                }
                sleep(backoff.next()).await;
            }
        }
    }
}

async fn send(client: &Client, report: &Report) -> Result<(), Error> {
    let body = serde_json::to_string(report)?;
    let connection = client.connection().await?;
    let answer = client.exchange(connection, (Method::POST, REPORT_PATH, body), ANSWER).await?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(Error::Status(status)),
    }
}
