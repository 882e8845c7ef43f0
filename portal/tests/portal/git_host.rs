//! The Git host's own origin: what goes through, and what does not.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures::{SinkExt, StreamExt};
use http::Method;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{stage::Stage, visitor::Visitor, websocket};

pub async fn requests_sockets_and_streams_reach_it(stage: Arc<Stage>) -> Result<()> {
    let origin = stage.site.git_origin().context("no Git host")?;
    let (host, visitor) = (origin.trim_start_matches("http://"), Visitor::new()?);
    visitor.keep(&origin, "i_like_gitea=1")?;
    let headers = [
        ("authorization", "Basic YWRhOnRva2Vu"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-host", "evil.test"),
        ("x-real-ip", "203.0.113.7"),
        ("x-webauth-user", "root"),
        ("forwarded", "host=evil.test"),
    ];
    // As `git push` does it: large, by a POST, without an origin.
    let body = "x".repeat(3_000_000);
    let url = format!("{origin}/echo?service=git-receive-pack");
    let answer = visitor.send(Method::POST, &url, &headers, body).await?;
    let seen: Value = serde_json::from_str(&answer.body).with_context(|| format!("{answer:?}"))?;
    ensure!(
        seen["method"] == "POST"
            && seen["uri"] == "/echo?service=git-receive-pack"
            && seen["bytes"] == 3_000_000,
        "{seen}"
    );
    for (name, value) in [
        ("host", Some(host)),
        ("authorization", Some("Basic YWRhOnRva2Vu")),
        ("cookie", Some("i_like_gitea=1")),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-real-ip", Some("127.0.0.1")),
        ("x-forwarded-host", Some(host)),
        ("x-forwarded-proto", Some("http")),
        ("x-webauth-user", None),
    ] {
        let all = seen["headers"].as_array().into_iter().flatten();
        let found: Vec<_> = all.filter(|it| it[0] == name).filter_map(|it| it[1].as_str()).collect();
        ensure!(found == value.into_iter().collect::<Vec<_>>(), "{name}: {seen}");
    }
    // Its pages protect themselves: what ours are told would break them.
    for name in ["content-security-policy", "cross-origin-opener-policy", "cache-control", "referrer-policy"]
    {
        ensure!(!answer.headers.contains_key(name), "{name}: {answer:?}");
    }

    let mut stream = visitor.open(Method::GET, &format!("{origin}/stream"), &[], String::new()).await?;
    ensure!(stream.chunk().await?.as_deref() == Some(b"first ".as_slice()));
    let socket = websocket::connect(&format!("ws://{host}/socket"), Some(&origin), "").await?;
    let mut socket = socket.map_err(|status| anyhow::anyhow!("{status}"))?;
    socket.send(Message::text("hello")).await?;
    ensure!(socket.next().await.context("it ended")?? == Message::text("hello"));
    Ok(())
}

pub async fn our_session_is_nothing_there(stage: Arc<Stage>) -> Result<()> {
    let origin = stage.site.git_origin().context("no Git host")?;
    let visitor = stage.visitor("xaver").await?;
    // No page of ours and no way in is on that host, whatever one brings along.
    visitor.keep(&origin, &visitor.cookies(&stage.url("/"))?)?;
    for path in ["/events", "/new", "/.neuralinverse/enter", "/sign-in/callback"] {
        let answer = visitor.get(&format!("{origin}{path}")).await?;
        ensure!(answer.status == 404 && !answer.body.contains("Neural Inverse"), "{path}: {answer:?}");
    }
    // Its cookies are its own, and none of them is one of the portal's.
    let answer = visitor.get(&format!("{origin}/cookies")).await?;
    ensure!(answer.headers.get_all("set-cookie").iter().any(|it| it == "theme=dark; Path=/"), "{answer:?}");
    ensure!(visitor.get(&stage.url("/")).await?.body.contains("Xaver"));
    Ok(())
}
