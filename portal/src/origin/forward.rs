//! What changes in a request and an answer on the way through: headers of one connection, our own
//! secrets, and what the workspace is told of where it stands.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::cookie;

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

/// What a client may claim, and the workspace would believe.
const CLAIMS: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
];

/// Makes a browser's request one for the workspace at `scheme://host`.
pub(super) fn request(headers: &mut HeaderMap, scheme: &str, host: &str) {
    let websocket = is_websocket(headers);
    connection(headers);
    cookie::strip_request(headers);
    headers.remove(header::AUTHORIZATION);
    for claim in CLAIMS {
        headers.remove(*claim);
    }
    for (name, value) in [
        ("forwarded", format!("host=\"{host}\";proto={scheme}")),
        ("x-forwarded-host", host.to_owned()),
        ("x-forwarded-proto", scheme.to_owned()),
        ("host", host.to_owned()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if websocket {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// Makes a workspace's answer one for the browser.
pub(super) fn response(headers: &mut HeaderMap, switches: bool) {
    connection(headers);
    cookie::strip_response(headers);
    // On top of what the editor says itself: nobody else may put it into a frame.
    headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'self'"));
    if switches {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// Whether the request wants a WebSocket, the only other protocol that passes.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_request_carries_nothing_of_ours_and_no_claims() {
        let mut sent = headers(&[
            ("host", "evil.test"),
            ("cookie", "__Host-workspace=secret; theme=dark"),
            ("authorization", "Bearer secret"),
            ("forwarded", "host=evil.test"),
            ("x-forwarded-host", "evil.test"),
            ("x-forwarded-for", "1.2.3.4"),
            ("connection", "keep-alive, x-secret"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ]);
        request(&mut sent, "https", "a.ws.example.net");
        let expected = headers(&[
            ("cookie", "theme=dark"),
            ("accept", "*/*"),
            ("forwarded", "host=\"a.ws.example.net\";proto=https"),
            ("x-forwarded-host", "a.ws.example.net"),
            ("x-forwarded-proto", "https"),
            ("host", "a.ws.example.net"),
        ]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn only_websockets_are_upgraded() {
        for (upgrade, passes) in [("websocket", true), ("WebSocket", true), ("h2c", false)] {
            let mut sent = HeaderMap::new();
            sent.insert(header::UPGRADE, HeaderValue::from_static(upgrade));
            sent.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            request(&mut sent, "https", "a.ws.example.net");
            assert_eq!(sent.contains_key(header::UPGRADE), passes, "{upgrade}");
        }
    }

    #[test]
    fn an_answer_cannot_set_our_cookies_and_is_not_framed_elsewhere() {
        let mut answer = headers(&[
            ("set-cookie", "__Host-workspace=x"),
            ("set-cookie", "theme=dark"),
            ("content-security-policy", "default-src 'self'"),
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
        ]);
        response(&mut answer, false);
        let expected = headers(&[
            ("set-cookie", "theme=dark"),
            ("content-security-policy", "default-src 'self'"),
            ("content-security-policy", "frame-ancestors 'self'"),
        ]);
        assert_eq!(answer, expected);
    }
}
