//! Pages that change while one looks at them.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use http::Method;
use kube::ResourceExt;
use neuralinverse_api::{Wanted, Why, condition::Reason, labels::TERRAFORM};
use neuralinverse_portal::id::WorkspaceId;

use crate::support::{DEADLINE, kubernetes, stage::Stage, until, visitor::Visitor};

/// A stream of events that is being read.
struct Events {
    response: reqwest::Response,
    seen: String,
}

impl Events {
    async fn open(visitor: &Visitor, url: &str) -> Result<Self> {
        let headers = [("accept", "text/event-stream")];
        let response = visitor.open(Method::GET, url, &headers, String::new()).await?;
        ensure!(response.status() == 200, "{response:?}");
        Ok(Self { response, seen: String::new() })
    }

    /// Reads on until this came.
    async fn wait_for(&mut self, text: &str) -> Result<()> {
        let reading = async {
            while !self.seen.contains(text) {
                let chunk =
                    self.response.chunk().await?.with_context(|| format!("it ended: {}", self.seen))?;
                self.seen.push_str(&String::from_utf8_lossy(&chunk));
            }
            self.seen.clear();
            anyhow::Ok(())
        };
        tokio::time::timeout(DEADLINE, reading).await.with_context(|| format!("waited for {text}"))?
    }
}

pub async fn the_list_changes_by_itself(stage: Arc<Stage>) -> Result<()> {
    let (visitor, other) = (stage.visitor("ida").await?, stage.visitor("ivo").await?);
    let mut events = Events::open(&visitor, &stage.url("/events")).await?;
    events.wait_for("No workspace yet").await?;
    let workspace = stage.create(&visitor, "idas").await?;
    events.wait_for("Starting").await?;
    stage.create(&other, "ivos").await?;
    let _sidecar = stage.run(&workspace).await?;
    events.wait_for("started in 0.4 s").await?;
    ensure!(!events.seen.contains("ivos"));
    visitor.submit(&stage.url("/"), &stage.url("/sign-out"), &[]).await?;
    events.wait_for("event: reload\ndata: now").await
}

pub async fn a_stopped_workspace_starts_at_the_first_visit(stage: Arc<Stage>) -> Result<()> {
    let (visitor, workspace, origin, sidecar) = stage.running("jana").await?;
    stage.enter(&visitor, &workspace).await?;
    let id = WorkspaceId::of(&workspace).context("no id")?;
    let page = visitor.get(&format!("{origin}/")).await?;
    ensure!(page.body.contains("The editor"), "{page:?}");

    visitor.submit(&stage.url("/"), &stage.url(&format!("/workspaces/{id}/stop")), &[]).await?;
    kubernetes::take_pod_away(&stage.client, &workspace.name_any()).await?;
    // An editor that was left open keeps asking; that does not start anything.
    let asked = until("the portal to see it stop", async || {
        let answer =
            visitor.send(Method::GET, &format!("{origin}/echo"), &[("accept", "*/*")], String::new()).await?;
        Ok((answer.status == 503).then_some(answer))
    })
    .await?;
    ensure!(asked.headers.contains_key("retry-after"));
    ensure!(stage.by_id(id.as_str()).await?.wanted() == Wanted::Stopped(Why::Asked));

    let starting = visitor.get(&format!("{origin}/")).await?;
    ensure!(starting.status == 200 && starting.body.contains("data-events"), "{starting:?}");
    ensure!(stage.by_id(id.as_str()).await?.wanted() == Wanted::Running);
    let mut events = Events::open(&visitor, &format!("{origin}/.neuralinverse/events")).await?;
    let name = workspace.name_any();
    kubernetes::set_ready(&stage.client, &name, false, Reason::Progressing, "the volume is being attached")
        .await?;
    events.wait_for("the volume is being attached").await?;
    drop(sidecar);
    let _sidecar = stage.run(&workspace).await?;
    events.wait_for("event: reload\ndata: now").await
}

pub async fn a_visit_wakes_a_workspace_whoever_declares_it(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("jule").await?;
    let owner = stage.owner("jule");
    let workspace = kubernetes::declare(&stage.client, TERRAFORM, owner.as_str(), "jules").await?;
    let name = workspace.name_any();
    let workspace = kubernetes::set_on_demand(&stage.client, TERRAFORM, &name).await?;
    let (id, origin) = (WorkspaceId::of(&workspace).context("no id")?, stage.origin(&workspace)?);
    kubernetes::suspend(&stage.client, &name).await?;
    until("the portal to see it stopped", async || {
        Ok(visitor.get(&stage.url("/")).await?.body.contains("Stopped").then_some(()))
    })
    .await?;
    stage.enter(&visitor, &workspace).await?;
    let asked =
        visitor.send(Method::GET, &format!("{origin}/echo"), &[("accept", "*/*")], String::new()).await?;
    ensure!(asked.status == 503 && stage.by_id(id.as_str()).await?.wanted() == Wanted::Stopped(Why::Idle));

    let starting = visitor.get(&format!("{origin}/")).await?;
    ensure!(starting.status == 200 && starting.body.contains("data-events"), "{starting:?}");
    ensure!(!starting.body.contains("<li class=\"done\"><span>Editor ready"), "{starting:?}");
    let waked = stage.by_id(id.as_str()).await?;
    ensure!(waked.wanted() == Wanted::Running && waked.spec == workspace.spec, "{waked:?}");
    let again = visitor.get(&format!("{origin}/")).await?;
    ensure!(again.status == 200 && stage.by_id(id.as_str()).await?.wake() == waked.wake());

    let stopped = visitor.submit(&stage.url("/"), &stage.url(&format!("/workspaces/{id}/stop")), &[]).await?;
    ensure!(stopped.status == 303, "{stopped:?}");
    let stopped = stage.by_id(id.as_str()).await?;
    ensure!(stopped.wanted() == Wanted::Stopped(Why::Asked) && stopped.spec == workspace.spec, "{stopped:?}");
    Ok(())
}

pub async fn a_failure_says_why(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("kim").await?;
    let workspace = stage.create(&visitor, "kims").await?;
    stage.enter(&visitor, &workspace).await?;
    let name = workspace.name_any();
    let message = "the image cannot be pulled: ask for access to it";
    kubernetes::set_ready(&stage.client, &name, false, Reason::ImagePullFailed, message).await?;
    let page = format!("{}/", stage.origin(&workspace)?);
    for url in [stage.url("/"), page] {
        let what = format!("{url} to say it");
        until(&what, async || {
            let body = visitor.get(&url).await?.body;
            Ok((body.contains(message) && body.contains("Needs attention")).then_some(()))
        })
        .await?;
    }
    Ok(())
}

pub async fn an_editor_waits_for_its_repository(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("yara").await?;
    let workspace = stage.create_from(&visitor, "yaras", "https://git.test/yara/hello").await?;
    let (name, origin) = (workspace.name_any(), stage.origin(&workspace)?);
    kubernetes::set_repository(&stage.client, &name, Reason::Cloning, "the repository is being cloned")
        .await?;
    let _sidecar = stage.run(&workspace).await?;
    stage.enter(&visitor, &workspace).await?;
    let page = format!("{origin}/");
    let starting = visitor.get(&page).await?;
    ensure!(starting.body.contains("the repository is being cloned"), "{starting:?}");
    let mut events = Events::open(&visitor, &format!("{origin}/.neuralinverse/events")).await?;
    events.wait_for("Repository cloned").await?;
    // Who does not want to wait need not, and an editor that is open is not in the way of anything.
    let hasty = stage.visitor("yara").await?;
    stage.enter(&hasty, &workspace).await?;
    let asked = hasty.send(Method::GET, &format!("{origin}/echo"), &[], String::new()).await?;
    ensure!(asked.status == 200, "{asked:?}");
    let elsewhere = hasty.post(&format!("{origin}/.neuralinverse/at-once"), stage.site.origin(), &[]).await?;
    ensure!(elsewhere.status == 403, "{elsewhere:?}");
    let at_once = hasty.post(&format!("{origin}/.neuralinverse/at-once"), &origin, &[]).await?;
    ensure!(at_once.location() == Some("/"), "{at_once:?}");
    ensure!(hasty.get(&page).await?.body.contains("The editor"));
    ensure!(visitor.get(&page).await?.body.contains("data-events"));

    kubernetes::set_repository(&stage.client, &name, Reason::Cloned, "").await?;
    events.wait_for("event: reload\ndata: now").await?;
    ensure!(visitor.get(&page).await?.body.contains("The editor"));
    Ok(())
}

pub async fn a_visit_waits_a_moment_for_an_editor_that_is_about_to_be_there(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("zita").await?;
    let workspace = stage.create_from(&visitor, "zitas", "https://git.test/zita/hello").await?;
    let (name, page) = (workspace.name_any(), format!("{}/", stage.origin(&workspace)?));
    let _sidecar = stage.run(&workspace).await?;
    stage.enter(&visitor, &workspace).await?;
    // A busy machine may need longer for one write than a visit waits.
    for _ in 0..5 {
        kubernetes::set_repository(&stage.client, &name, Reason::Cloning, "it is being cloned").await?;
        until("the portal to see it", async || {
            Ok(visitor.get(&page).await?.body.contains("it is being cloned").then_some(()))
        })
        .await?;
        let cloned = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            kubernetes::set_repository(&stage.client, &name, Reason::Cloned, "").await
        };
        let (visit, cloned) = tokio::join!(visitor.get(&page), cloned);
        cloned?;
        if visit?.body.contains("The editor") {
            return Ok(());
        }
    }
    bail!("each visit got the page to wait on")
}

pub async fn a_clone_that_failed_keeps_nobody_out(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("zoe").await?;
    let workspace = stage.create_from(&visitor, "zoes", "https://git.test/zoe/gone").await?;
    let (name, origin) = (workspace.name_any(), stage.origin(&workspace)?);
    kubernetes::set_repository(&stage.client, &name, Reason::Cloning, "the repository is being cloned")
        .await?;
    let _sidecar = stage.run(&workspace).await?;
    stage.enter(&visitor, &workspace).await?;
    let mut events = Events::open(&visitor, &format!("{origin}/.neuralinverse/events")).await?;
    let message = "there is no such repository: mend its URL";
    kubernetes::set_repository(&stage.client, &name, Reason::CloneFailed, message).await?;
    events.wait_for("event: reload\ndata: now").await?;
    ensure!(visitor.get(&format!("{origin}/")).await?.body.contains("The editor"));
    let list = visitor.get(&stage.url("/")).await?;
    ensure!(list.body.contains(message) && list.body.contains("Running"), "{list:?}");
    Ok(())
}
