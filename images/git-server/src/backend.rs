//! `git http-backend`, as the Common Gateway Interface has it.

use std::{io, path::Path, process::Stdio};

use axum::{
    body::Body,
    http::{self, HeaderMap, Method, Response, Uri},
};
use tokio::{io::AsyncWriteExt, process::Command};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Git is not there, or has ended early.
    #[error("git http-backend cannot be run: {0}")]
    Run(#[from] io::Error),
    /// Its answer has no head.
    #[error("git http-backend gave no answer")]
    Head,
    /// Its head is not that of an HTTP answer.
    #[error("git http-backend gave a wrong answer: {0}")]
    Http(#[from] http::Error),
}

/// Answers one request from the repositories in `root`.
pub async fn run(
    root: &Path,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response<Body>, Error> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It reads all before it answers; what it does not read it does not want.
        let _ = stdin.write_all(body).await;
    }
    response(child.wait_with_output().await?.stdout)
}

/// Head and body are parted by an empty line.
fn response(output: Vec<u8>) -> Result<Response<Body>, Error> {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").ok_or(Error::Head)?;
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let mut response = Response::builder();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        response = match name {
            "Status" => response.status(value.split(' ').next().unwrap_or_default()),
            _ => response.header(name, value),
        };
    }
    Ok(response.body(Body::from(output[end + 4..].to_vec()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_becomes_status_and_headers() {
        let answer = response(b"Status: 404 Not Found\r\nExpires: never\r\n\r\nNo".to_vec()).unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["expires"]),
            (404, &"never".parse().unwrap())
        );
        assert!(matches!(response(b"nothing".to_vec()), Err(Error::Head)));
    }
}
