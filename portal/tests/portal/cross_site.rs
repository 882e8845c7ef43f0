//! What other sites try, with the visitor's own cookies.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use http::Method;
use neuralinverse_api::Wanted;
use neuralinverse_portal::id::WorkspaceId;

use crate::support::{stage::Stage, websocket};

pub async fn forms_of_other_sites_are_refused(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("rosa").await?;
    let workspace = stage.create(&visitor, "rosas").await?;
    let id = WorkspaceId::of(&workspace).context("no id")?;
    let token = visitor.get(&stage.url("/")).await?.hidden("token")?;
    let stranger = stage.visitor("rolf").await?.get(&stage.url("/new")).await?.hidden("token")?;
    let (own, sibling) = (stage.site.origin().to_owned(), stage.origin(&workspace)?);
    let git = stage.site.git_origin().context("no Git host")?;
    for path in [
        format!("/workspaces/{id}/stop"),
        format!("/workspaces/{id}/delete"),
        "/sign-out/everywhere".to_owned(),
    ] {
        let url = stage.url(&path);
        for (origin, token) in [
            (Some("http://evil.test"), token.as_str()),
            // A workspace is another site, too.
            (Some(sibling.as_str()), token.as_str()),
            // So is the Git host, although browsers count it as the same one.
            (Some(git.as_str()), token.as_str()),
            (Some("null"), token.as_str()),
            (None, token.as_str()),
            (Some(own.as_str()), ""),
            (Some(own.as_str()), "guessed"),
            (Some(own.as_str()), stranger.as_str()),
        ] {
            let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
            headers.extend(origin.map(|origin| ("origin", origin)));
            let answer = visitor.send(Method::POST, &url, &headers, format!("token={token}")).await?;
            ensure!(answer.status == 403, "{path} from {origin:?}: {answer:?}");
        }
        // A link changes nothing either.
        visitor.get(&url).await?;
    }
    let kept = stage.by_id(id.as_str()).await?;
    ensure!(kept.wanted() == Wanted::Running && kept.metadata.deletion_timestamp.is_none());
    ensure!(visitor.get(&stage.url("/")).await?.body.contains("Rosa"));
    Ok(())
}

pub async fn sockets_of_other_sites_are_refused(stage: Arc<Stage>) -> Result<()> {
    let (visitor, workspace, origin, sidecar) = stage.running("sven").await?;
    stage.enter(&visitor, &workspace).await?;
    let (url, cookies) = (format!("{}/socket", origin.replace("http", "ws")), visitor.cookies(&origin)?);
    let sibling = stage.site.workspace_origin(&WorkspaceId::of_uid("another"));
    let https = origin.replace("http://", "https://");
    let git = stage.site.git_origin();
    for from in [
        Some("http://evil.test"),
        Some(stage.site.origin()),
        Some(&sibling),
        git.as_deref(),
        Some(&https),
        Some("null"),
        None,
    ] {
        let refused = websocket::connect(&url, from, &cookies).await?;
        ensure!(refused.err() == Some(403), "{from:?}");
    }
    ensure!(sidecar.requests() == 0);
    ensure!(websocket::connect(&url, Some(&origin), "").await?.err() == Some(401));
    ensure!(websocket::connect(&url, Some(&origin), &cookies).await?.is_ok());
    let form = [("origin", "http://evil.test")];
    let answer = visitor.send(Method::POST, &format!("{origin}/echo"), &form, String::new()).await?;
    ensure!(answer.status == 403, "{answer:?}");
    Ok(())
}

pub async fn pages_refuse_to_be_embedded(stage: Arc<Stage>) -> Result<()> {
    let (visitor, workspace, origin, _sidecar) = stage.running("tess").await?;
    stage.enter(&visitor, &workspace).await?;
    for url in [stage.url("/"), format!("{origin}/")] {
        for (site, mode, destination, refused) in [
            ("cross-site", "navigate", "document", false),
            ("cross-site", "navigate", "iframe", true),
            ("same-site", "no-cors", "script", true),
            ("cross-site", "cors", "empty", true),
            ("same-origin", "cors", "empty", false),
        ] {
            let headers = [
                ("accept", "text/html"),
                ("sec-fetch-site", site),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", destination),
            ];
            let answer = visitor.send(Method::GET, &url, &headers, String::new()).await?;
            ensure!((answer.status == 403) == refused, "{url} {site} {destination}: {answer:?}");
        }
    }
    let page = visitor.get(&stage.url("/")).await?;
    let policy = page.headers.get("content-security-policy").context("no policy")?.to_str()?;
    ensure!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        ensure!(page.headers.get(name).is_some_and(|it| it == value), "{name}");
    }
    let elsewhere = format!("http://127.0.0.1:{}/", stage.port);
    ensure!(visitor.get(&elsewhere).await?.status == 421);
    Ok(())
}
