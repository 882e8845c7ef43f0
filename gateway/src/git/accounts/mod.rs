//! The users of the Git host that owners of workspaces are. The list is kept in memory; who has no user gets one.

mod directory;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};
use tracing::{info, warn};

use self::directory::{Directory, mark};
use super::gitea::{Gitea, GiteaError, User};

/// How long the list is taken as it is.
const FRESH: Duration = Duration::from_secs(60);

/// How often it is read at most, whoever is missing in it.
const READ_EVERY: Duration = Duration::from_secs(5);

/// Why somebody has no user.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAccount {
    /// It has been locked.
    #[error("the account `{0}` at the Git host is disabled: an administrator of the Git host can enable it")]
    Disabled(String),
    /// There is none, and none can be made.
    #[error(
        "there is no account `{0}` at the Git host, and the name is not free for a new one: ask an administrator"
    )]
    NotMade(String),
    /// Nobody knows.
    #[error(transparent)]
    Gitea(#[from] GiteaError),
    /// Nobody knows, as was found a moment ago.
    #[error("the Git host does not answer: try again in a few seconds")]
    Unanswered,
    /// There is no password that nobody can guess.
    #[error("no random numbers")]
    Random,
}

/// A user to act as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// Never changes.
    pub id: i64,
    /// Name.
    pub login: String,
}

/// All of them.
pub(super) struct Accounts {
    git_url: String,
    known: RwLock<Option<Known>>,
    /// Held by whoever reads the list or makes a user.
    reading: Mutex<Option<Attempt>>,
}

#[derive(Clone)]
struct Known {
    directory: Arc<Directory>,
    since: Instant,
}

struct Attempt {
    at: Instant,
    failed: bool,
}

impl Accounts {
    /// Nothing is known yet.
    pub(super) fn new(git_url: &str) -> Self {
        let git_url = git_url.trim_end_matches('/').to_owned();
        Self { git_url, known: RwLock::default(), reading: Mutex::default() }
    }

    /// The user to act as for this owner.
    pub(super) async fn find(&self, gitea: &Gitea, owner: &str) -> Result<Account, NoAccount> {
        let asked = Instant::now();
        if let Some(user) = self.known_freshly(owner) {
            return usable(user);
        }
        let mut last = self.reading.lock().await;
        // Whom somebody else has read meanwhile need not wait for another time.
        if let Some(user) = self.known_freshly(owner) {
            return usable(user);
        }
        let read = self.read(gitea, &mut last, asked).await;
        // An old list is better than none: Gitea has the last word anyway.
        if let Some(user) = self.known().and_then(|known| known.directory.find(owner).cloned()) {
            return usable(user);
        }
        read?;
        usable(match self.make(gitea, owner).await? {
            Some(user) => user,
            None => self.made_elsewhere(gitea, &mut last, owner).await?,
        })
    }

    fn known_freshly(&self, owner: &str) -> Option<User> {
        let fresh = self.known().filter(|known| known.since.elapsed() < FRESH);
        fresh.and_then(|known| known.directory.find(owner).cloned())
    }

    fn known(&self) -> Option<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    /// Reads the list, unless somebody else did since `asked`. Who is missing in a young list waits until it is read
    /// again: a user made a moment ago must not get a second one.
    async fn read(&self, gitea: &Gitea, last: &mut Option<Attempt>, asked: Instant) -> Result<(), NoAccount> {
        if self.known().is_some_and(|known| known.since >= asked) {
            return Ok(());
        }
        if let Some(last) = last {
            let next = last.at + READ_EVERY;
            if last.failed && Instant::now() < next {
                return Err(NoAccount::Unanswered);
            }
            sleep_until(next).await;
        }
        let since = Instant::now();
        *last = Some(Attempt { at: since, failed: false });
        let listed = async { Ok::<_, GiteaError>((gitea.own_id().await?, gitea.users().await?)) };
        match listed.await {
            Ok((own, users)) => {
                let directory = Directory::of(&self.git_url, own, &users);
                self.set(Known { directory: Arc::new(directory), since });
                Ok(())
            }
            Err(error) => {
                *last = Some(Attempt { at: since, failed: true });
                warn!(%error, "the users of Gitea");
                Err(error.into())
            }
        }
    }

    /// Makes a user for an owner that has none, `None` if the name is not free.
    async fn make(&self, gitea: &Gitea, owner: &str) -> Result<Option<User>, NoAccount> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| NoAccount::Random)?;
        // Nobody ever signs in with it. The end is for what Gitea may ask of passwords.
        let password = format!("{}aA1!", STANDARD.encode(bytes));
        let Some(user) = gitea.make_user(owner, &mark(owner), &password).await? else { return Ok(None) };
        if let Some(Known { directory, since }) = self.known() {
            let directory = Arc::new(Directory::clone(&directory).with(owner, user.clone()));
            self.set(Known { directory, since });
        }
        info!("a user was made at the Git host");
        Ok(Some(user))
    }

    /// The user that another replica has made for the owner since the list was read.
    async fn made_elsewhere(
        &self,
        gitea: &Gitea,
        last: &mut Option<Attempt>,
        owner: &str,
    ) -> Result<User, NoAccount> {
        *last = None;
        self.read(gitea, last, Instant::now()).await?;
        let user = self.known().and_then(|known| known.directory.find(owner).cloned());
        user.ok_or_else(|| NoAccount::NotMade(owner.to_owned()))
    }
}

fn usable(user: User) -> Result<Account, NoAccount> {
    match user.active && !user.prohibit_login {
        true => Ok(Account { id: user.id, login: user.login }),
        false => Err(NoAccount::Disabled(user.login)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disabled_account_is_of_no_use() {
        for (active, prohibit_login, expected) in
            [(true, false, true), (false, false, false), (true, true, false), (false, true, false)]
        {
            let (login, login_name) = ("ada".to_owned(), String::new());
            let user = User { id: 1, login, login_name, source_id: 0, active, prohibit_login };
            assert_eq!(usable(user).is_ok(), expected, "{active} {prohibit_login}");
        }
    }
}
