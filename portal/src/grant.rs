//! What a session allows, for how long: the part that session and workspace cookies have in common.

use jiff::{SignedDuration, Timestamp};
use neuralinverse_api::Owner;
use serde::{Deserialize, Serialize};

/// After this long without a request one has to sign in again.
pub const IDLE: SignedDuration = SignedDuration::from_hours(12);

/// After this long one has to sign in again in any case.
pub const ABSOLUTE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How old the idle time may grow before a cookie is set anew.
const REFRESH: SignedDuration = SignedDuration::from_mins(5);

/// Who acts, by which session, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose workspaces are open to it.
    pub owner: Owner,
    /// Id of the session that everything else came from.
    pub session: String,
    /// When the session began.
    pub issued: Timestamp,
    /// When it ends unless it is used.
    pub idle_until: Timestamp,
    /// When it ends in any case.
    pub until: Timestamp,
}

impl Grant {
    /// The grant of a new session.
    pub fn new(owner: Owner, session: String, now: Timestamp) -> Self {
        Self { owner, session, issued: now, idle_until: now + IDLE, until: now + ABSOLUTE }
    }

    /// Whether its times have passed.
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.idle_until || now >= self.until
    }

    /// The same with the idle time begun anew, when that is worth a cookie.
    pub fn refreshed(&self, now: Timestamp) -> Option<Self> {
        let idle_until = now + IDLE;
        let due = idle_until.duration_since(self.idle_until) >= REFRESH;
        due.then(|| Self { idle_until, ..self.clone() })
    }

    /// How long a browser keeps the cookie.
    pub fn seconds_left(&self, now: Timestamp) -> i64 {
        self.until.min(self.idle_until).duration_since(now).as_secs().max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_by_idleness_or_age() {
        let start = Timestamp::UNIX_EPOCH;
        let grant = Grant::new(Owner::of("i", "s"), "id".to_owned(), start);
        let second = SignedDuration::from_secs(1);
        assert!(!grant.expired(start + IDLE - second));
        assert!(grant.expired(start + IDLE));

        let mut used = grant;
        let mut now = start;
        while let (true, Some(next)) = (!used.expired(now), used.refreshed(now + REFRESH)) {
            (used, now) = (next, now + REFRESH);
        }
        assert!(now >= start + ABSOLUTE && now < start + ABSOLUTE + REFRESH + second, "{now}");
    }

    #[test]
    fn a_cookie_is_not_set_anew_at_every_request() {
        let start = Timestamp::UNIX_EPOCH;
        let grant = Grant::new(Owner::of("i", "s"), "id".to_owned(), start);
        assert_eq!(grant.refreshed(start + SignedDuration::from_secs(299)), None);
        assert!(grant.refreshed(start + REFRESH).is_some());
        assert_eq!(grant.seconds_left(start), IDLE.as_secs());
    }
}
