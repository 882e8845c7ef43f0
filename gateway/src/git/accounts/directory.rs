//! Which user of the Git host somebody is.

use std::collections::HashMap;

use neuralinverse_api::Owner;

use super::super::gitea::User;

/// All users, by the owner of workspaces that they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory(HashMap<String, User>);

impl Directory {
    /// An owner is, in this order:
    /// - whom the Git host signs in: the id is made of its URL and the user's id;
    /// - for whom the gateway made the user, so that [`mark`] stands there, which only administrators can write;
    /// - whose name was declared. Not where it looks like an id, since people choose their names; and never the user
    ///   that the gateway itself is (`own`).
    pub(super) fn of(git_url: &str, own: i64, users: &[User]) -> Self {
        let named = users.iter().filter(|user| user.id != own && !is_id(&user.login));
        let named = named.map(|user| (user.login.clone(), user.clone()));
        let made = users.iter().filter_map(|user| Some((marked(user)?.to_owned(), user.clone())));
        let signed_in =
            users.iter().map(|user| (Owner::of(git_url, &user.id.to_string()).to_string(), user.clone()));
        Self(named.chain(made).chain(signed_in).collect())
    }

    /// The user that an owner is.
    pub(super) fn find(&self, owner: &str) -> Option<&User> {
        self.0.get(owner)
    }

    /// Adds the user that was made for an owner.
    pub(super) fn with(mut self, owner: &str, user: User) -> Self {
        self.0.insert(owner.to_owned(), user);
        self
    }
}

/// What stands in a user that was made for an owner.
pub(super) fn mark(owner: &str) -> String {
    format!("{MARK}{owner}")
}

const MARK: &str = "neuralinverse:";

fn marked(user: &User) -> Option<&str> {
    // Whoever comes from a source of Gitea's has the name that the source gives.
    user.login_name.strip_prefix(MARK).filter(|_| user.source_id == 0)
}

/// Whether a name looks like an [`Owner`] made of issuer and subject.
fn is_id(name: &str) -> bool {
    let digit = |byte: u8| matches!(byte.to_ascii_lowercase(), b'a'..=b'z' | b'2'..=b'7');
    let hash = name.strip_prefix("u-").or_else(|| name.strip_prefix("U-"));
    hash.is_some_and(|hash| hash.len() == 26 && hash.bytes().all(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIT: &str = "https://git.example.com";
    /// Those of issuer [`GIT`] and subjects 1 and 2.
    const FIRST: &str = "u-ycpdwxjqkvwrkzhimlr7fvzocn";
    const SECOND: &str = "u-hq62cggbntmqfnw67iuifplgqs";
    /// Somebody of another issuer.
    const STRANGER: &str = "u-bylm6rmde5bgs5mz26wdgbmedx";

    fn user(id: i64, login: &str, login_name: &str, source_id: i64) -> User {
        let (login, login_name) = (login.to_owned(), login_name.to_owned());
        User { id, login, login_name, source_id, active: true, prohibit_login: false }
    }

    #[test]
    fn an_owner_is_at_most_one_user() {
        let ada = || user(2, "ada", "", 0);
        for (what, users, owner, expected) in [
            ("signed in by Gitea", vec![ada()], SECOND, Some(2)),
            ("signed in by Gitea, from a source", vec![user(2, "ada", "a1b2", 7)], SECOND, Some(2)),
            ("of another user", vec![ada()], FIRST, None),
            ("declared by name", vec![ada()], "ada", Some(2)),
            ("declared by another name", vec![ada()], "Ada", None),
            ("declared by a part of a name", vec![ada()], "ad", None),
            ("the gateway's own name", vec![user(9, "root", "", 0)], "root", None),
            (
                "the gateway's own user, signed in",
                vec![user(1, "a", "", 0), user(9, "root", "", 0)],
                FIRST,
                Some(1),
            ),
            ("made for somebody", vec![user(3, STRANGER, &mark(STRANGER), 0)], STRANGER, Some(3)),
            (
                "made for somebody, renamed since",
                vec![user(3, "cleo", &mark(STRANGER), 0)],
                STRANGER,
                Some(3),
            ),
            ("made for a name", vec![user(3, "cleo", &mark("cleo"), 0)], "cleo", Some(3)),
            ("a name that looks like an id", vec![user(3, STRANGER, "", 0)], STRANGER, None),
            ("a mark that a source gave", vec![user(3, "eve", &mark(STRANGER), 7)], STRANGER, None),
            ("an id in another field", vec![user(3, "eve", STRANGER, 0)], STRANGER, None),
            (
                "a name that is somebody else's id",
                vec![user(1, "bea", "", 0), user(3, FIRST, &mark(FIRST), 0)],
                FIRST,
                Some(1),
            ),
            ("a made user before a name", vec![user(3, "x", &mark("ada"), 0), ada()], "ada", Some(3)),
            ("nobody", vec![], "ada", None),
        ] {
            let directory = Directory::of(GIT, 9, &users);
            assert_eq!(directory.find(owner).map(|user| user.id), expected, "{what}");
        }
    }

    #[test]
    fn ids_are_told_from_names() {
        for (name, expected) in [
            (FIRST, true),
            ("U-YCPDWXJQKVWRKZHIMLR7FVZOCN", true),
            ("u-ycpdwxjqkvwrkzhimlr7fvzoc", false),
            ("u-ycpdwxjqkvwrkzhimlr7fvzocnn", false),
            ("u-ycpdwxjqkvwrkzhimlr7fvzoc1", false),
            ("x-ycpdwxjqkvwrkzhimlr7fvzocn", false),
            ("u-bert", false),
            ("ada", false),
        ] {
            assert_eq!(is_id(name), expected, "{name}");
        }
    }
}
