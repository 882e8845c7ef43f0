//! The program itself: what it does when something else is down, and what it leaves behind.

use std::sync::Arc;

use anyhow::{Result, ensure};
use neuralinverse_api::agent::gateway::AUDIENCE;

use crate::support::{
    git::Git,
    kubernetes::{self, NAMESPACE, UNREADABLE},
    raw::ask,
    relay::Relay,
    stage::{GIT_URL, Stage, refs, url},
    until,
};

pub async fn a_git_host_that_is_down_is_said_to_be_and_comes_back(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("pia").await?;
    stage.users.make_repository("pia", "hello").await?;
    let relay = Relay::start(stage.gitea.url()).await?;
    let mut gateway = stage.replica("without-gitea", &[NAMESPACE], &relay.url).await?;
    gateway.ready().await?;
    let (_, token) = stage.pod(owner.as_str()).await?;
    let path = refs("pia", "hello");
    relay.set_up(false);
    // Before the user is known, and after.
    for _ in 0..2 {
        let answer = ask(&gateway, &path, &token).await?;
        ensure!(
            answer.status == 502 && answer.body.starts_with("the Git host does not answer"),
            "{answer:?}"
        );
        ensure!(gateway.readiness().await? == 200);
        relay.set_up(true);
        until("the Git host to be back", async || {
            Ok((ask(&gateway, &path, &token).await?.status == 200).then_some(()))
        })
        .await?;
        relay.set_up(false);
    }
    let ended = Git::new(&gateway, GIT_URL, &token)?.try_run(".", &["clone", &url("pia", "hello")]).await?;
    ensure!(!ended.success && ended.stderr.contains("502"), "{ended:?}");
    Ok(())
}

pub async fn a_replica_makes_its_tokens_anew_and_another_one_its_own(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("quinn").await?;
    stage.users.make_repository("quinn", "hello").await?;
    let (_, token) = stage.pod(owner.as_str()).await?;
    let path = refs("quinn", "hello");
    ensure!(stage.ask("GET", &path, &token).await?.status == 200);
    ensure!(stage.users.tokens("quinn").await? == ["neuralinverse-shared"]);

    // As after a restart: what it kept in memory is gone. Whoever still had the old token makes a new one, too.
    let mut again = stage.replica("shared", &[NAMESPACE], &stage.relay.url).await?;
    again.ready().await?;
    for gateway in [&again, &stage.gateway, &again] {
        let answer = ask(gateway, &path, &token).await?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(stage.users.tokens("quinn").await? == ["neuralinverse-shared"]);
    }
    let mut other = stage.replica("other", &[NAMESPACE], &stage.relay.url).await?;
    other.ready().await?;
    ensure!(ask(&other, &path, &token).await?.status == 200);
    ensure!(stage.users.tokens("quinn").await? == ["neuralinverse-other", "neuralinverse-shared"]);
    for gateway in [again, other] {
        let ended = gateway.stop().await?;
        ensure!(ended.success(), "{ended}");
    }
    Ok(())
}

pub async fn a_gateway_that_has_not_read_all_pods_is_not_ready(stage: Arc<Stage>) -> Result<()> {
    stage.users.make("rosa").await?;
    let gateway = stage.replica("blind", &[NAMESPACE, UNREADABLE], &stage.relay.url).await?;
    ensure!(gateway.readiness().await? == 503);
    let pod = kubernetes::make_pod(&stage.client, UNREADABLE, Some("rosa")).await?;
    let token = stage.token(&pod, AUDIENCE).await?;
    let answer = ask(&gateway, &refs("rosa", "hello"), &token).await?;
    ensure!(answer.status == 503 && answer.body.contains("is starting"), "{answer:?}");
    until("the reason in the log", async || Ok(gateway.log()?.contains("forbidden").then_some(()))).await
}

pub async fn nothing_secret_is_logged(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("sven").await?;
    stage.users.make_repository("sven", "quietly").await?;
    let git = stage.terminal(owner.as_str()).await?;
    git.run(".", &["clone", &url("sven", "quietly"), "clone"]).await?;
    git.commit("clone", "note", b"hello").await?;
    git.run("clone", &["push"]).await?;
    git.try_run(".", &["clone", &url("sven", "nothing")]).await?;
    let log = stage.gateway.log()?;
    ensure!(log.contains(r#""target":"access""#) && log.contains("git-receive-pack"), "{log}");
    let seen = stage.relay.secrets();
    let (_, password) = stage.gitea.admin();
    // That of the administrator, and one of a user at least.
    ensure!(seen.contains(password) && seen.len() >= 4, "{}", seen.len());
    for secret in seen.iter().chain(&stage.tokens()) {
        ensure!(!log.contains(secret.as_str()), "{secret} in {log}");
    }
    for name in ["quietly", "sven", owner.as_str()] {
        ensure!(!log.contains(name), "{name} in {log}");
    }
    Ok(())
}
