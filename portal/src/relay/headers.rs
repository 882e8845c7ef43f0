//! Headers that do not pass: those of one connection, and what a client claims of where it comes from.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// Headers that speak of one connection only (RFC 9110, section 7.6.1).
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Makes a browser's request one for who stands behind `scheme://host`.
pub(crate) fn request(headers: &mut HeaderMap, scheme: &str, host: &str) {
    let websocket = is_websocket(headers);
    connection(headers);
    let claims: Vec<_> = headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for claim in claims {
        headers.remove(claim);
    }
    // No `Forwarded`: a host with a port is quoted in it, which code-server takes for a part of the name.
    for (name, value) in [
        ("x-forwarded-host", host.to_owned()),
        ("x-forwarded-proto", scheme.to_owned()),
        ("host", host.to_owned()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if websocket {
        upgrade(headers);
    }
}

/// Makes an answer one for the browser.
pub(super) fn response(response: &mut Response) {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    connection(headers);
    if switches {
        upgrade(headers);
    }
}

/// What a client may claim and who stands behind us would believe: where it comes from, and who it is.
fn is_claim(name: &str) -> bool {
    matches!(name, "forwarded" | "x-real-ip")
        || ["x-forwarded-", "x-webauth-"].iter().any(|prefix| name.starts_with(prefix))
}

/// WebSockets are the only other protocol that passes.
fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

fn connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().map(HeaderName::as_str).chain(HOP_BY_HOP.iter().copied()) {
        headers.remove(name);
    }
}

/// Headers as a table has them.
#[cfg(test)]
pub(crate) fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_request_says_where_it_goes_and_makes_no_claims() {
        let mut sent = headers(&[
            ("host", "evil.test"),
            ("forwarded", "host=evil.test"),
            ("x-forwarded-host", "evil.test"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-anything", "1"),
            ("x-real-ip", "1.2.3.4"),
            ("x-webauth-user", "root"),
            ("connection", "keep-alive, x-secret"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("accept", "*/*"),
            ("x-request-id", "1"),
        ]);
        request(&mut sent, "https", "a.ws.example.net");
        let expected = headers(&[
            ("accept", "*/*"),
            ("x-request-id", "1"),
            ("x-forwarded-host", "a.ws.example.net"),
            ("x-forwarded-proto", "https"),
            ("host", "a.ws.example.net"),
        ]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn only_websockets_are_upgraded() {
        for (upgrade, passes) in [("websocket", true), ("WebSocket", true), ("h2c", false)] {
            let mut sent = headers(&[("connection", "upgrade")]);
            sent.insert(header::UPGRADE, HeaderValue::from_static(upgrade));
            request(&mut sent, "https", "a.ws.example.net");
            assert_eq!(sent.contains_key(header::UPGRADE), passes, "{upgrade}");
        }
    }

    #[test]
    fn an_answer_says_nothing_of_the_connection_that_it_came_by() {
        for (status, expected) in [
            (StatusCode::OK, headers(&[("etag", "1")])),
            (
                StatusCode::SWITCHING_PROTOCOLS,
                headers(&[("etag", "1"), ("connection", "Upgrade"), ("upgrade", "websocket")]),
            ),
        ] {
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = status;
            *answer.headers_mut() =
                headers(&[("connection", "close"), ("transfer-encoding", "chunked"), ("etag", "1")]);
            response(&mut answer);
            assert_eq!(*answer.headers(), expected, "{status}");
        }
    }
}
