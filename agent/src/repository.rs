//! The repository: cloned once, whole or not at all, and tried again until it is there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use neuralinverse_api::agent::{Assignment, RepositoryState, RepositoryToClone, paths};
use tokio::{sync::watch, task::spawn_blocking, time::sleep};
use tracing::{debug, info, warn};

use crate::{
    backoff::Backoff,
    gateway::Detour,
    git,
    place::{self, Found, MARKER},
    report::Told,
};

/// Longest time between two tries.
const MOST: Duration = Duration::from_secs(300);

/// Milliseconds between the first tries when the gateway refuses: it may not have heard yet whose the pod is now.
const HEARING: [u64; 6] = [100, 200, 400, 800, 1600, 1600];

/// What became of the repository of an assignment.
#[derive(Clone)]
pub struct Progress {
    /// Whose repository.
    pub of: Rc<Assignment>,
    /// What became of it.
    pub state: RepositoryState,
}

impl Progress {
    /// Whether that assignment has the same repository to clone.
    pub fn concerns(&self, assignment: &Assignment) -> bool {
        same(&self.of, assignment)
    }
}

fn same(one: &Assignment, other: &Assignment) -> bool {
    one.epoch == other.epoch && one.repository == other.repository
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Place(#[from] place::Error),
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// How clones are made.
pub struct Settings<'a> {
    /// Where the home is.
    pub volume: &'a Path,
    /// About the first time between two tries.
    pub first_retry: Duration,
    /// The way to the region's Git host.
    pub detour: Option<Detour>,
}

/// Clones what assignments declare, until there are no more. A changed repository is taken up at once.
pub async fn keep(
    settings: &Settings<'_>,
    mut assignments: watch::Receiver<Option<Rc<Assignment>>>,
    progress: watch::Sender<Option<Progress>>,
    told: Told,
) {
    loop {
        let Ok(Some(of)) = assignments.wait_for(Option::is_some).await.map(|current| current.clone()) else {
            return;
        };
        let provide = async {
            provide(settings, &of, &progress, &told).await;
            std::future::pending().await
        };
        let changed = |new: &Option<Rc<Assignment>>| new.as_ref().is_some_and(|new| !same(new, &of));
        tokio::select! {
            () = provide => {}
            changed = assignments.wait_for(changed) => if changed.is_err() {
                return;
            },
        }
    }
}

/// Tries until the repository is there.
async fn provide(
    settings: &Settings<'_>,
    of: &Rc<Assignment>,
    progress: &watch::Sender<Option<Progress>>,
    told: &Told,
) {
    let tell = |state| {
        progress.send_replace(Some(Progress { of: Rc::clone(of), state }));
    };
    let Some(repository) = &of.repository else {
        return tell(RepositoryState::NotDeclared);
    };
    let detour = settings.detour.as_ref().filter(|detour| detour.takes(&repository.url));
    let mut hearing = HEARING.into_iter();
    let mut backoff = Backoff::new(settings.first_retry, MOST);
    let mut first = true;
    loop {
        let attempt = async {
            let Some(target) = free(settings.volume, repository)? else {
                return Ok(());
            };
            if std::mem::take(&mut first) {
                tell(RepositoryState::Cloning);
                // The launch comes first: the clone takes its processor time.
                told.of(&of.revision).await;
            }
            clone(settings.volume, of, (repository, detour), &target).await
        };
        let result: Result<(), Error> = attempt.await;
        match result {
            Ok(()) => {
                info!("the repository is in its folder");
                return tell(RepositoryState::Cloned);
            }
            Err(Error::Git(git::Error::Refused(message)))
                if detour.is_some()
                    && let Some(delay) = hearing.next() =>
            {
                debug!(error = message, "the gateway refuses; it is asked again");
                sleep(Duration::from_millis(delay)).await;
            }
            Err(error) => {
                let message = error.to_string();
                let message = detour.map_or(message.clone(), |detour| detour.in_known_terms(&message));
                let delay = backoff.next();
                warn!(error = message, seconds = delay.as_secs(), "not cloned; it is tried again");
                tell(RepositoryState::Failed { message });
                sleep(delay).await;
            }
        }
    }
}

/// The place to clone to, if the repository is not there yet.
fn free(volume: &Path, repository: &RepositoryToClone) -> Result<Option<PathBuf>, Error> {
    let name = place::name(&repository.url)?;
    let target = volume.join(paths::HOME_FOLDER).join(&name);
    match place::look(&target, &repository.url) {
        Ok(Found::Nothing) => Ok(Some(target)),
        Ok(Found::Repository) => Ok(None),
        Ok(Found::Other) => Err(place::Error::InTheWay(name).into()),
        Err(source) => Err(Error::Io { path: target, source }),
    }
}

/// Clones beside the home, where no user can reach in, and renames: a kill at any line leaves nothing or the whole.
async fn clone(
    volume: &Path,
    of: &Assignment,
    (repository, detour): (&RepositoryToClone, Option<&Detour>),
    target: &Path,
) -> Result<(), Error> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    place::sweep(volume).map_err(at(volume))?;
    let partial = place::partial(volume, of.epoch);
    git::clone(repository, detour, &partial).await?;
    let marker = partial.join(".git").join(MARKER);
    fs::write(&marker, format!("{}\n", repository.url)).map_err(at(&marker))?;
    let flushed = partial.clone();
    // Before the rename, or a lost node leaves a folder of empty files.
    let flush = spawn_blocking(move || Ok(nix::unistd::syncfs(fs::File::open(flushed)?)?)).await;
    flush.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(at(&partial))?;
    fs::rename(&partial, target).map_err(|source| match source.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            place::Error::InTheWay(target.file_name().unwrap_or_default().display().to_string()).into()
        }
        _ => Error::Io { path: target.to_owned(), source },
    })
}
