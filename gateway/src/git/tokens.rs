//! Access tokens with which the gateway acts for users. Made at first use, kept in memory only; Gitea keeps what it
//! needs to know them again.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};

use super::{
    accounts::Account,
    gitea::{Gitea, GiteaError, Listed, basic},
};

/// With what the names of all these tokens begin.
const PREFIX: &str = "neuralinverse-";

/// Tokens of other replicas are deleted when they were not used for so long: those replicas are gone.
const UNUSED: SignedDuration = SignedDuration::from_hours(24);

/// An access token.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(Arc<str>);

/// One for each user who used the gateway.
pub(super) struct Tokens {
    name: String,
    by_user: Mutex<HashMap<i64, Slot>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

impl Tokens {
    /// Nobody has used it yet.
    pub(super) fn new(replica: &str) -> Self {
        Self { name: format!("{PREFIX}{replica}"), by_user: Mutex::default() }
    }

    /// The token of a user. Of several requests at once, one makes it.
    pub(super) async fn get(&self, gitea: &Gitea, account: &Account) -> Result<Token, GiteaError> {
        let slot = self.slot(account);
        let mut slot = slot.lock().await;
        if let Some(token) = &*slot {
            return Ok(token.clone());
        }
        let token = self.make(gitea, account).await?;
        *slot = Some(token.clone());
        Ok(token)
    }

    /// Makes another one next time, unless there is another one already.
    pub(super) async fn forget(&self, account: &Account, token: &Token) {
        let slot = self.slot(account);
        slot.lock().await.take_if(|known| known == token);
    }

    fn slot(&self, account: &Account) -> Slot {
        self.by_user.lock().unwrap_or_else(PoisonError::into_inner).entry(account.id).or_default().clone()
    }

    async fn make(&self, gitea: &Gitea, account: &Account) -> Result<Token, GiteaError> {
        let now = Timestamp::now();
        for token in gitea.tokens(&account.login).await? {
            if superfluous(&token, &self.name, now) {
                gitea.delete_token(&account.login, token.id).await?;
            }
        }
        let made = gitea.make_token(&account.login, &self.name).await?;
        Ok(Token(made.sha1.into()))
    }
}

/// Whether a token was made by a gateway that cannot use it any more.
fn superfluous(token: &Listed, own: &str, now: Timestamp) -> bool {
    let unused = now.duration_since(token.last_used_at) > UNUSED;
    token.name == own || (token.name.starts_with(PREFIX) && unused)
}

impl Token {
    /// As Gitea wants it.
    pub(super) fn header(&self, login: &str) -> Option<HeaderValue> {
        basic(login, &self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_replicas_that_are_gone_are_superfluous() {
        let now: Timestamp = "2025-06-15T12:00:00Z".parse().unwrap();
        for (name, last_used_at, expected) in [
            ("neuralinverse-a", "2025-06-15T11:59:00Z", true),
            ("neuralinverse-b", "2025-06-15T11:59:00Z", false),
            ("neuralinverse-b", "2025-06-14T12:00:00Z", false),
            ("neuralinverse-b", "2025-06-14T11:59:59Z", true),
            ("neuralinverse-b", "2025-06-16T00:00:00Z", false),
            ("laptop", "2020-01-01T00:00:00Z", false),
            ("neuralinverse", "2020-01-01T00:00:00Z", false),
        ] {
            let token = Listed { id: 1, name: name.to_owned(), last_used_at: last_used_at.parse().unwrap() };
            assert_eq!(superfluous(&token, "neuralinverse-a", now), expected, "{name} {last_used_at}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = Token("secret".into());
        assert_eq!(format!("{token:?} {:?}", token.header("ada")), "Token Some(Sensitive)");
    }
}
