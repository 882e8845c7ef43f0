//! Which requests a browser may have been talked into by another site, and so are refused.
//!
//! Cookies go along with requests that other sites start, and `SameSite` counts sibling hosts as the
//! same site. So three things must agree: the method, the exact `Origin`, and what the browser says of
//! the request's origin in its `Sec-Fetch` headers, where it sends them.

use http::{HeaderMap, Method, header};

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Changes and WebSockets need an `Origin`, and browsers always send one.
    #[error("the request does not say which site it comes from")]
    NoOrigin,
    /// The origin is not the one that it must be.
    #[error("the request comes from another site")]
    OtherOrigin,
    /// Another site loads this into one of its pages.
    #[error("another site may link here, but not load this into its pages")]
    Embedded,
}

/// Judges a request to the origin `own`.
pub fn check(method: &Method, headers: &HeaderMap, own: &str) -> Result<(), Refusal> {
    if needs_origin(method, headers) {
        return from(headers, own);
    }
    let fetch = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"));
    match fetch("sec-fetch-site") {
        "" | "none" | "same-origin" => Ok(()),
        _ if fetch("sec-fetch-mode") == "navigate" && fetch("sec-fetch-dest") == "document" => Ok(()),
        _ => Err(Refusal::Embedded),
    }
}

/// Whether the request comes from pages of this very origin.
pub fn from(headers: &HeaderMap, origin: &str) -> Result<(), Refusal> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Err(Refusal::NoOrigin),
        (Some(value), None) if value.as_bytes() == origin.as_bytes() => Ok(()),
        _ => Err(Refusal::OtherOrigin),
    }
}

/// Whether somebody opened this in the browser's own tab, not a script or an embedded part of a page.
pub fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let says = |name: &str, value: &str| headers.get(name).is_none_or(|it| it.as_bytes() == value.as_bytes());
    let accepts_html = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"));
    method == Method::GET
        && accepts_html
        && !is_upgrade(headers)
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
}

/// Whether the request wants another protocol, such as a WebSocket.
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}

fn needs_origin(method: &Method, headers: &HeaderMap) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || is_upgrade(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "http://a.ws.localhost:8080";

    fn headers(text: &str) -> HeaderMap {
        let pairs = text.split('|').filter_map(|pair| pair.split_once(": "));
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(http::HeaderName::try_from(name.trim()).unwrap(), value.trim().parse().unwrap());
        }
        map
    }

    #[test]
    fn requests_are_judged() {
        use Refusal::{Embedded, NoOrigin, OtherOrigin};
        let own = "origin: http://a.ws.localhost:8080";
        for (method, text, outcome) in [
            ("GET", "", Ok(())),
            ("GET", "sec-fetch-site: none | sec-fetch-mode: navigate | sec-fetch-dest: document", Ok(())),
            ("GET", "sec-fetch-site: same-origin | sec-fetch-mode: no-cors | sec-fetch-dest: script", Ok(())),
            (
                "GET",
                "sec-fetch-site: cross-site | sec-fetch-mode: navigate | sec-fetch-dest: document",
                Ok(()),
            ),
            (
                "GET",
                "sec-fetch-site: cross-site | sec-fetch-mode: navigate | sec-fetch-dest: iframe",
                Err(Embedded),
            ),
            (
                "GET",
                "sec-fetch-site: same-site | sec-fetch-mode: no-cors | sec-fetch-dest: script",
                Err(Embedded),
            ),
            (
                "GET",
                "sec-fetch-site: cross-site | sec-fetch-mode: cors | sec-fetch-dest: empty",
                Err(Embedded),
            ),
            ("POST", own, Ok(())),
            ("POST", "", Err(NoOrigin)),
            ("POST", "origin: null", Err(OtherOrigin)),
            ("POST", "origin: http://b.ws.localhost:8080", Err(OtherOrigin)),
            ("POST", "origin: https://a.ws.localhost:8080", Err(OtherOrigin)),
            ("POST", "origin: http://a.ws.localhost", Err(OtherOrigin)),
            ("POST", "origin: http://a.ws.localhost:8080.evil.test", Err(OtherOrigin)),
            ("POST", "origin: http://a.ws.localhost:8080 | origin: http://evil.test", Err(OtherOrigin)),
            ("DELETE", "", Err(NoOrigin)),
            ("GET", "upgrade: websocket", Err(NoOrigin)),
            ("GET", "upgrade: websocket | origin: http://evil.test", Err(OtherOrigin)),
            ("GET", "upgrade: websocket | origin: http://a.ws.localhost:8080", Ok(())),
        ] {
            assert_eq!(check(&method.parse().unwrap(), &headers(text), OWN), outcome, "{method} {text}");
        }
    }

    #[test]
    fn only_a_tab_of_its_own_is_a_navigation() {
        for (method, text, outcome) in [
            ("GET", "accept: text/html,*/*", true),
            ("GET", "accept: text/html | sec-fetch-mode: navigate | sec-fetch-dest: document", true),
            ("GET", "accept: text/html | sec-fetch-mode: navigate | sec-fetch-dest: iframe", false),
            ("GET", "accept: */*", false),
            ("GET", "accept: text/html | upgrade: websocket", false),
            ("HEAD", "accept: text/html", false),
        ] {
            assert_eq!(is_navigation(&method.parse().unwrap(), &headers(text)), outcome, "{method} {text}");
        }
    }
}
