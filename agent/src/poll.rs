//! The long poll: waits at the controller for whose workspace this pod becomes.

use std::{rc::Rc, time::Duration};

use http::{Method, StatusCode, header::RETRY_AFTER};
use neuralinverse_api::agent::{ASSIGNMENT_PATH, Assignment, POLL_SECONDS};
use tokio::{
    pin,
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use crate::{
    backoff::Backoff,
    client::{self, Client},
    report::Told,
};

/// A poll that is refused is refused at once. One that has been sent and is still open after this waits.
const SETTLED: Duration = Duration::from_millis(100);

/// Why there is no assignment.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error(
        "the controller refuses this pod, which it does not know yet or which has no say any more: {1} ({0})"
    )]
    Refused(StatusCode, String),
    #[error("the controller answered {0}")]
    Status(StatusCode),
    // Without the cause, which could quote the environment.
    #[error("the controller's assignment cannot be read at column {0}")]
    Assignment(usize),
}

/// What the controller says.
enum Answer {
    Assignment(Box<Assignment>),
    Nothing,
    /// Nothing, and not to ask before this.
    Later(Duration),
}

/// Polls for ever, and says when a poll waits or was answered.
pub async fn poll(
    client: &Client,
    assignments: watch::Sender<Option<Rc<Assignment>>>,
    told: Told,
    polling: watch::Sender<bool>,
) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    let mut failure = String::new();
    loop {
        let known = assignments.borrow().as_ref().map(|assignment| assignment.revision.clone());
        match ask(client, known.as_deref(), &polling).await {
            Ok(answer) => {
                backoff.reset();
                if !std::mem::take(&mut failure).is_empty() {
                    info!("the controller answers again");
                }
                match answer {
                    Answer::Assignment(new) => accept(*new, &assignments, &told).await,
                    Answer::Nothing => {}
                    Answer::Later(rest) => sleep(rest).await,
                }
            }
            Err(error) => {
                if matches!(error, Error::Refused(..)) {
                    // The door closes. A pod that is taken back gets its assignment anew.
                    assignments.send_if_modified(|assignment| assignment.take().is_some());
                }
                // Once for each cause, or an outage fills the log.
                let text = error.to_string();
                if text != failure {
                    warn!(error = text, "poll failed; it is tried again");
                    failure = text;
                }
                sleep(backoff.next()).await;
            }
        }
    }
}

/// Hands on the assignment, and leaves the connection to the first report of it.
async fn accept(new: Assignment, assignments: &watch::Sender<Option<Rc<Assignment>>>, told: &Told) {
    info!(
        revision = new.revision,
        namespace = new.namespace,
        workspace = new.workspace,
        epoch = new.epoch,
        "assigned"
    );
    let revision = new.revision.clone();
    assignments.send_replace(Some(Rc::new(new)));
    told.of(&revision).await;
}

async fn ask(client: &Client, known: Option<&str>, polling: &watch::Sender<bool>) -> Result<Answer, Error> {
    let target = known
        .map_or_else(|| ASSIGNMENT_PATH.to_owned(), |revision| format!("{ASSIGNMENT_PATH}?known={revision}"));
    let connection = client.connection().await?;
    // Longer than the controller waits: past it the connection is dead.
    let within = Duration::from_secs(POLL_SECONDS + 10);
    let answer = client.exchange(connection, (Method::GET, &target, String::new()), within);
    pin!(answer);
    let answer = match timeout(SETTLED, &mut answer).await {
        Ok(answer) => answer,
        Err(_) => {
            polling.send_replace(true);
            answer.await
        }
    };
    let answer = answer?;
    match answer.status() {
        StatusCode::OK => {
            polling.send_replace(true);
            let assignment = serde_json::from_slice(answer.body());
            assignment.map(Answer::Assignment).map_err(|error| Error::Assignment(error.column()))
        }
        StatusCode::NO_CONTENT => {
            polling.send_replace(true);
            let rest =
                answer.headers().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
            Ok(rest.map_or(Answer::Nothing, |seconds| Answer::Later(Duration::from_secs(seconds))))
        }
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(Error::Refused(status, String::from_utf8_lossy(answer.body()).chars().take(200).collect()))
        }
        status => Err(Error::Status(status)),
    }
}
