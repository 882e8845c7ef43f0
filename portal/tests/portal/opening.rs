//! The way into a workspace, and what goes through.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures::{SinkExt, StreamExt};
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use neuralinverse_api::condition::Reason;
use neuralinverse_portal::{
    codes::Pass,
    cookie,
    grant::{Grant, IDLE},
    pods::Place,
    seal::{Purpose, Seal},
    sidecar::Sidecars,
};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    kubernetes,
    pki::Authority,
    sidecar::Vacancy,
    stage::{KEY, Stage},
    visitor::Visitor,
    websocket,
};

pub async fn a_connection_that_was_idle_for_too_long_costs_no_request(stage: Arc<Stage>) -> Result<()> {
    let (visitor, workspace, origin, _sidecar) = stage.running("ida").await?;
    stage.enter(&visitor, &workspace).await?;
    let idled = format!("{origin}/idled");
    let used = visitor.get(&format!("{origin}/echo")).await?;
    ensure!(used.status == 200, "{used:?}");
    let answer = visitor.get(&idled).await?;
    ensure!(answer.status == 200, "{answer:?}");
    // What may change something is not sent twice.
    let headers = [("origin", origin.as_str())];
    let answer = visitor.send(Method::POST, &idled, &headers, String::new()).await?;
    ensure!(answer.status == 502, "{answer:?}");
    Ok(())
}

pub async fn requests_sockets_and_streams_reach_the_pod(stage: Arc<Stage>) -> Result<()> {
    let (visitor, workspace, origin, _sidecar) = stage.running("lea").await?;
    let first = visitor.get(&format!("{origin}/")).await?;
    let id = origin.trim_start_matches("http://").split('.').next().context("no id")?;
    ensure!(first.location() == Some(&stage.url(&format!("/open/{id}"))), "{first:?}");
    stage.enter(&visitor, &workspace).await?;
    visitor.keep(&origin, "theme=dark")?;

    let body = "x".repeat(3_000_000);
    let headers = [
        ("origin", origin.as_str()),
        ("authorization", "Bearer secret"),
        ("x-forwarded-host", "evil.test"),
        ("forwarded", "host=evil.test"),
    ];
    let echo = visitor.send(Method::POST, &format!("{origin}/echo?folder=/home"), &headers, body).await?;
    let seen: Value = serde_json::from_str(&echo.body).with_context(|| format!("{echo:?}"))?;
    ensure!(
        seen["method"] == "POST" && seen["uri"] == "/echo?folder=/home" && seen["bytes"] == 3_000_000,
        "{seen}"
    );
    let text = seen.to_string();
    for secret in ["__Host-", "secret", "evil.test"] {
        ensure!(!text.contains(secret), "{secret} in {text}");
    }
    let host = origin.trim_start_matches("http://");
    for (name, value) in
        [("host", host), ("x-forwarded-host", host), ("x-forwarded-proto", "http"), ("cookie", "theme=dark")]
    {
        let found = seen["headers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|it| it[0] == name)
            .map(|it| it[1].clone());
        ensure!(found.collect::<Vec<_>>() == [value], "{name}: {seen}");
    }
    ensure!(echo.headers.get_all("content-security-policy").iter().any(|it| it == "frame-ancestors 'self'"));

    let mut stream = visitor.open(Method::GET, &format!("{origin}/stream"), &[], String::new()).await?;
    ensure!(stream.chunk().await?.as_deref() == Some(b"first ".as_slice()));

    let url = format!("ws://{host}/socket");
    let socket = websocket::connect(&url, Some(&origin), &visitor.cookies(&origin)?).await?;
    let mut socket = socket.map_err(|status| anyhow::anyhow!("{status}"))?;
    for message in [Message::text("hello"), Message::binary(vec![7; 200_000])] {
        socket.send(message.clone()).await?;
        ensure!(socket.next().await.context("it ended")?? == message);
    }
    Ok(())
}

pub async fn a_code_works_once_on_one_origin(stage: Arc<Stage>) -> Result<()> {
    let (visitor, workspace, origin, _sidecar) = stage.running("mia").await?;
    let other = stage.create(&visitor, "mias-other").await?;
    let (action, code) = stage.code(&visitor, &workspace).await?;
    ensure!(action == format!("{origin}/.neuralinverse/enter"), "{action}");
    let thief = Visitor::new()?;
    let elsewhere = action.replace(&origin, &stage.origin(&other)?);

    // Not from another site, not as a link, not for another workspace.
    let portal = stage.site.origin();
    for (url, from) in [(&action, "http://evil.test"), (&action, origin.as_str()), (&action, "null")] {
        let answer = thief.post(url, from, &[("code", &code)]).await?;
        ensure!(answer.status == 403 && thief.cookies(&origin)?.is_empty(), "{from}: {answer:?}");
    }
    let link = thief.get(&format!("{action}?code={code}")).await?;
    ensure!(link.status == 405 || link.status == 404, "{link:?}");
    let answer = thief.post(&elsewhere, portal, &[("code", &code)]).await?;
    ensure!(answer.status == 403, "{answer:?}");
    // Whoever tried it elsewhere has used it up.
    let answer = visitor.post(&action, portal, &[("code", &code)]).await?;
    ensure!(answer.status == 403, "{answer:?}");

    let (action, code) = stage.code(&visitor, &workspace).await?;
    let entered = visitor.post(&action, portal, &[("code", &code)]).await?;
    ensure!(entered.location() == Some("/"), "{entered:?}");
    let again = thief.post(&action, portal, &[("code", &code)]).await?;
    ensure!(again.status == 403 && thief.cookies(&origin)?.is_empty(), "{again:?}");
    Ok(())
}

pub async fn a_pass_opens_one_workspace(stage: Arc<Stage>) -> Result<()> {
    let (nora, hers, her_origin, _one) = stage.running("nora").await?;
    let (nils, _his, his_origin, sidecar) = stage.running("nils").await?;
    stage.enter(&nora, &hers).await?;
    let pass = nora.cookies(&her_origin)?;
    let thief = Visitor::new()?;
    thief.keep(&his_origin, &pass)?;
    let page = thief.get(&format!("{his_origin}/")).await?;
    ensure!(page.status == 303, "{page:?}");
    let script = thief.send(Method::GET, &format!("{his_origin}/echo"), &[], String::new()).await?;
    ensure!(script.status == 401, "{script:?}");
    // The portal's own session is no pass.
    let session = nils.cookies(&stage.url("/"))?.replace("session", "workspace");
    thief.keep(&his_origin, &session)?;
    let script = thief.send(Method::GET, &format!("{his_origin}/echo"), &[], String::new()).await?;
    ensure!(script.status == 401 && sidecar.requests() == 0, "{script:?}");
    let socket = websocket::connect(&his_origin.replace("http", "ws"), Some(&his_origin), &pass).await?;
    ensure!(socket.err() == Some(401));
    Ok(())
}

pub async fn a_sidecar_that_cannot_prove_itself_gets_nothing(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("olga").await?;
    let workspace = stage.create(&visitor, "olgas").await?;
    let vacancy = Vacancy::find().await?;
    kubernetes::make_pod(&stage.client, &workspace, &vacancy.address.to_string()).await?;
    // Signed by the same authority, but another pod's.
    let neighbour = vacancy.serve(&stage.authority, "00000000-0000-0000-0000-000000000000")?;
    kubernetes::set_ready(&stage.client, &workspace.name_any(), true, Reason::Available, "").await?;
    stage.wait_until_running(&workspace).await?;
    stage.enter(&visitor, &workspace).await?;
    let answer = visitor.get(&format!("{}/", stage.origin(&workspace)?)).await?;
    ensure!(answer.status == 502 && neighbour.requests() == 0, "{answer:?}");
    Ok(())
}

pub async fn a_renewed_certificate_is_used_without_a_restart(_: Arc<Stage>) -> Result<()> {
    let (old, new, folder) = (Authority::new()?, Authority::new()?, tempfile::tempdir()?);
    old.write_client(folder.path())?;
    let sidecars = Sidecars::from_folder(folder.path())?;
    let vacancy = Vacancy::find().await?;
    let place = Place { uid: "11111111-1111-1111-1111-111111111111".to_owned(), address: vacancy.address };
    let sidecar = vacancy.serve(&new, &place.uid)?;
    let ask = async || Ok::<_, anyhow::Error>(sidecars.send(&place, Request::default()).await?.status());
    ensure!(!sidecars.reread()? && ask().await.is_err() && sidecar.requests() == 0);

    new.write_client(folder.path())?;
    ensure!(sidecars.reread()? && ask().await? == 200);
    ensure!(!sidecars.reread()?);
    // What cannot be used is not, such as one that is being written.
    std::fs::write(folder.path().join("tls.key"), "")?;
    ensure!(sidecars.reread().is_err() && ask().await? == 200);
    Ok(())
}

pub async fn a_pass_ends_with_its_session(stage: Arc<Stage>) -> Result<()> {
    let (visitor, workspace, origin, sidecar) = stage.running("pia").await?;
    let (now, second) = (Timestamp::now(), SignedDuration::from_secs(1));
    let session = visitor.cookies(&stage.url("/"))?;
    let pass = |began: Timestamp, seal: &Seal| {
        let grant = Grant::new(stage.owner("pia"), "a-session".to_owned(), began);
        seal.seal(
            Purpose::Pass,
            &Pass { workspace: workspace.uid().unwrap_or_default(), grant, at_once: false },
        )
    };
    let (ours, other) =
        (Seal::from_lines(KEY)?, Seal::from_lines("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")?);
    for (what, sealed, holds) in [
        ("a pass", pass(now, &ours)?, true),
        ("one that was idle", pass(now - IDLE - second, &ours)?, false),
        ("one of another key", pass(now, &other)?, false),
        ("the session itself", session.trim_start_matches("__Host-session=").to_owned(), false),
    ] {
        let visitor = Visitor::new()?;
        visitor.keep(&origin, &format!("{}={sealed}", cookie::WORKSPACE))?;
        let before = sidecar.requests();
        let answer = visitor.send(Method::GET, &format!("{origin}/echo"), &[], String::new()).await?;
        ensure!(
            (answer.status == 200) == holds && (sidecar.requests() > before) == holds,
            "{what}: {answer:?}"
        );
    }
    Ok(())
}

pub async fn sign_out_cuts_open_sockets(stage: Arc<Stage>) -> Result<()> {
    let (visitor, workspace, origin, _sidecar) = stage.running("paul").await?;
    stage.enter(&visitor, &workspace).await?;
    let url = format!("{}/socket", origin.replace("http", "ws"));
    let socket = websocket::connect(&url, Some(&origin), &visitor.cookies(&origin)?).await?;
    let mut socket = socket.map_err(|status| anyhow::anyhow!("{status}"))?;
    socket.send(Message::text("still here")).await?;
    ensure!(socket.next().await.is_some_and(|it| it.is_ok()));
    let mut stream = visitor.open(Method::GET, &format!("{origin}/stream"), &[], String::new()).await?;
    ensure!(stream.chunk().await?.is_some());

    let elsewhere = stage.visitor("paul").await?;
    elsewhere.submit(&stage.url("/"), &stage.url("/sign-out/everywhere"), &[]).await?;
    let cut = tokio::time::timeout(crate::support::DEADLINE, socket.next()).await?;
    ensure!(cut.is_none_or(|it| it.is_err()));
    let cut = tokio::time::timeout(crate::support::DEADLINE, stream.chunk()).await?;
    ensure!(!matches!(cut, Ok(Some(_))), "{cut:?}");
    let page = visitor.get(&format!("{origin}/")).await?;
    ensure!(page.status == 303, "{page:?}");
    Ok(())
}

pub async fn a_workspace_cannot_take_over_our_cookies(stage: Arc<Stage>) -> Result<()> {
    let (visitor, workspace, origin, _sidecar) = stage.running("quin").await?;
    stage.enter(&visitor, &workspace).await?;
    let answer = visitor.get(&format!("{origin}/cookies")).await?;
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    ensure!(set == ["theme=dark; Path=/"], "{set:?}");
    Ok(())
}

pub async fn a_template_without_an_editor_says_so(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("rita").await?;
    let form =
        [("template", "tasks"), ("tier", "starter"), ("repository", ""), ("branch", ""), ("name", "ritas")];
    let created = visitor.submit(&stage.url("/new"), &stage.url("/new"), &form).await?;
    let id = created.location().and_then(|it| it.strip_prefix("/open/")).context("no way to open")?;
    let workspace = stage.by_id(id).await?;
    let sidecar = stage.run(&workspace).await?;
    stage.enter(&visitor, &workspace).await?;
    let page = visitor.get(&format!("{}/", stage.origin(&workspace)?)).await?;
    ensure!(page.status == 404 && page.body.contains("without an editor"), "{page:?}");
    ensure!(sidecar.requests() == 0);
    Ok(())
}
