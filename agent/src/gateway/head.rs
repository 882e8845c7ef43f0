//! What of a head is passed on.

use std::net::SocketAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{
        AUTHORIZATION, CONNECTION, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
        TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

/// Of one connection only (RFC 9110, 7.6.1).
const HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Who asks is what our token says, not what the client says. Nobody is made to wait for a body: it is asked for
/// as soon as the gateway is there.
const CLAIMS: [HeaderName; 4] = [AUTHORIZATION, COOKIE, FORWARDED, EXPECT];

/// Start of the names of more such claims.
const FORWARDED_BY: &str = "x-forwarded-";

/// Whether the client means this address. A page in a browser of this machine may have been led here under another
/// name, and would find the door open.
pub fn is_meant(uri: &Uri, headers: &HeaderMap, address: SocketAddr) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let named = host.strip_prefix("localhost:").is_some_and(|port| *port == address.port().to_string());
    uri.authority().is_none() && (named || host == address.to_string())
}

/// Makes a client's head ours.
pub fn outgoing(headers: &mut HeaderMap, host: HeaderValue, authorization: HeaderValue) {
    strip(headers);
    for name in &CLAIMS {
        headers.remove(name);
    }
    let forwarded = headers.keys().filter(|name| name.as_str().starts_with(FORWARDED_BY));
    for name in forwarded.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
    headers.insert(HOST, host);
    headers.insert(AUTHORIZATION, authorization);
}

/// Takes away what concerns one connection only.
pub fn strip(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed.iter().chain(&HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let parsed =
            lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
        parsed.collect()
    }

    #[test]
    fn who_asks_is_said_by_us_alone() {
        let mut head = headers(&[
            ("host", "localhost:8445"),
            ("authorization", "Basic YW5uOmh1bnRlcjI="),
            ("cookie", "session=1"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-user", "root"),
            ("connection", "keep-alive, x-secret"),
            ("x-secret", "1"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("git-protocol", "version=2"),
            ("content-type", "application/x-git-upload-pack-request"),
        ]);
        outgoing(
            &mut head,
            HeaderValue::from_static("gateway:8443"),
            HeaderValue::from_static("Bearer token"),
        );
        let expected = headers(&[
            ("host", "gateway:8443"),
            ("authorization", "Bearer token"),
            ("git-protocol", "version=2"),
            ("content-type", "application/x-git-upload-pack-request"),
        ]);
        assert_eq!(head, expected);
    }

    #[test]
    fn only_this_address_is_meant() {
        let address: SocketAddr = "127.0.0.1:8445".parse().unwrap();
        for (uri, host, meant) in [
            ("/git/", "localhost:8445", true),
            ("/git/", "127.0.0.1:8445", true),
            ("/git/", "localhost:84455", false),
            ("/git/", "localhost", false),
            ("/git/", "rebound.example:8445", false),
            ("/git/", "[::1]:8445", false),
            ("http://localhost:8445/git/", "localhost:8445", false),
        ] {
            assert_eq!(
                is_meant(&uri.parse().unwrap(), &headers(&[("host", host)]), address),
                meant,
                "{host}"
            );
        }
        assert!(is_meant(
            &"/".parse().unwrap(),
            &headers(&[("host", "[::1]:8445")]),
            "[::1]:8445".parse().unwrap()
        ));
        assert!(!is_meant(&"/".parse().unwrap(), &HeaderMap::new(), address));
    }
}
