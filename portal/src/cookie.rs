//! Our cookies. Their names start with `__Host-`: browsers then take them only without a domain, for
//! the whole host and over a secure connection, so no sibling host can set or read them.

use http::{HeaderMap, HeaderValue, header};

/// Somebody signed in to the portal; on the portal's origin.
pub const SESSION: &str = "__Host-session";

/// A sign-in under way; on the portal's origin.
pub const SIGN_IN: &str = "__Host-sign-in";

/// Somebody let into the workspace; on a workspace's origin.
pub const WORKSPACE: &str = "__Host-workspace";

/// Value of the cookie, if the browser sent it once. Two of one name are a forgery.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = pairs(headers).filter(|(key, _)| *key == name).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// `Set-Cookie` for a cookie that lives as many seconds.
pub fn set(name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// `Set-Cookie` that takes a cookie away.
pub fn clear(name: &str) -> Option<HeaderValue> {
    set(name, "", 0)
}

/// Adds what [`set`] or [`clear`] gave.
pub fn append(headers: &mut HeaderMap, cookie: Option<HeaderValue>) {
    if let Some(value) = cookie {
        headers.append(header::SET_COOKIE, value);
    }
}

/// Takes our cookies out of a request, and leaves the workspace its own.
pub fn strip_request(headers: &mut HeaderMap) {
    let kept: Vec<String> = pairs(headers)
        .filter(|(name, _)| !ours(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    headers.remove(header::COOKIE);
    if let (false, Ok(value)) = (kept.is_empty(), HeaderValue::from_str(&kept.join("; "))) {
        headers.insert(header::COOKIE, value);
    }
}

/// Takes cookies that carry our names out of a workspace's answer.
pub fn strip_response(headers: &mut HeaderMap) {
    let kept: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter(|value| {
            !String::from_utf8_lossy(value.as_bytes()).split('=').next().is_some_and(|it| ours(it.trim()))
        })
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    for value in kept {
        headers.append(header::SET_COOKIE, value);
    }
}

/// Browsers compare the prefix without regard to case.
fn ours(name: &str) -> bool {
    [SESSION, SIGN_IN, WORKSPACE].iter().any(|it| it.eq_ignore_ascii_case(name))
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cookies: &[&'static str]) -> HeaderMap {
        cookies.iter().map(|it| (header::COOKIE, HeaderValue::from_static(it))).collect()
    }

    #[test]
    fn a_cookie_counts_when_it_came_once() {
        for (cookies, value) in [
            (vec![], None),
            (vec!["__Host-session=a"], Some("a")),
            (vec!["x=1;__Host-session=a; y=2"], Some("a")),
            (vec!["x=1", "__Host-session=a"], Some("a")),
            (vec!["__Host-session=a; __Host-session=b"], None),
            (vec!["__Host-session=a", "__Host-session=b"], None),
            (vec!["session=a; X__Host-session=b; __host-session=c"], None),
        ] {
            assert_eq!(read(&request(&cookies), SESSION), value, "{cookies:?}");
        }
    }

    #[test]
    fn a_workspace_gets_its_own_cookies_only() {
        for (cookies, kept) in [
            (vec!["__Host-workspace=a"], None),
            (vec!["a=1; __Host-workspace=x; b=2=3"], Some("a=1; b=2=3")),
            (vec!["a=1", "__HOST-session=x", "__Host-sign-in=x"], Some("a=1")),
        ] {
            let mut headers = request(&cookies);
            strip_request(&mut headers);
            assert_eq!(headers.get(header::COOKIE).map(|it| it.to_str().unwrap()), kept);
        }
    }

    #[test]
    fn a_workspace_sets_its_own_cookies_only() {
        let mut headers = HeaderMap::new();
        for value in ["a=1; Path=/", "__Host-workspace=x; Path=/", " __host-session =x", "b=2"] {
            headers.append(header::SET_COOKIE, HeaderValue::from_static(value));
        }
        strip_response(&mut headers);
        assert_eq!(headers.get_all(header::SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1; Path=/", "b=2"]);
    }

    #[test]
    fn our_cookies_are_bound_to_their_host() {
        let header = set(SESSION, "v", 60).unwrap();
        assert_eq!(header, "__Host-session=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60");
        assert!(header.is_sensitive());
    }
}
