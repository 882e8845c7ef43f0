//! How somebody signs their commits, as far as the issuer says.

use neuralinverse_api::GitAuthor;

/// Longer ones would not fit into a cookie with the rest.
const LONGEST: usize = 200;

/// The name, else the login; the mail address, else one at the issuer's host that takes no mail, as Git hosts
/// give them. None if that makes nothing that Git can write.
pub(super) fn of(
    name: Option<&str>,
    login: Option<&str>,
    email: Option<&str>,
    subject: &str,
    issuer: &str,
) -> Option<GitAuthor> {
    let name = [name, login].into_iter().flatten().map(str::trim).find(|it| is_name(it))?;
    let none = format!("{}@noreply.{}", login.unwrap_or(subject), host(issuer)?);
    let email =
        [email.map(str::trim), Some(none.as_str())].into_iter().flatten().find(|it| is_address(it))?;
    Some(GitAuthor { name: name.to_owned(), email: email.to_owned() })
}

/// As the API demands it, and so does Git: `<` and `>` hold the address.
fn is_name(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && !text.contains(|it: char| it < ' ' || "<>".contains(it))
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    parts && text.len() <= LONGEST && !text.contains(|it: char| it <= ' ' || "<>".contains(it))
}

fn host(url: &str) -> Option<String> {
    url.parse::<http::Uri>().ok()?.host().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_made_of_what_there_is() {
        let long = "x".repeat(300);
        for (name, login, email, author) in [
            (
                Some("Ada Lovelace"),
                Some("ada"),
                Some("ada@example.com"),
                Some("Ada Lovelace <ada@example.com>"),
            ),
            (Some("Ada Lovelace"), Some("ada"), None, Some("Ada Lovelace <ada@noreply.git.example.com>")),
            (Some("Ada Lovelace"), None, None, Some("Ada Lovelace <7@noreply.git.example.com>")),
            (None, Some("ada"), Some("ada@example.com"), Some("ada <ada@example.com>")),
            (Some(" "), Some("ada"), Some(" a@b "), Some("ada <a@b>")),
            (Some("Ada\n"), Some("ada"), None, Some("Ada <ada@noreply.git.example.com>")),
            (Some("A\nda"), Some("ada"), None, Some("ada <ada@noreply.git.example.com>")),
            (Some("Ada <root>"), Some("ada"), Some("a@b> <c@d"), Some("ada <ada@noreply.git.example.com>")),
            (
                Some(long.as_str()),
                Some("ada"),
                Some(long.as_str()),
                Some("ada <ada@noreply.git.example.com>"),
            ),
            (Some("Ada"), Some("a da"), Some("nobody"), None),
            (None, None, Some("ada@example.com"), None),
        ] {
            let found = of(name, login, email, "7", "https://git.example.com:8443");
            let found = found.map(|it| format!("{} <{}>", it.name, it.email));
            assert_eq!(found.as_deref(), author, "{name:?} {login:?} {email:?}");
        }
        assert_eq!(of(Some("Ada"), None, None, "7", "/nowhere"), None);
    }
}
