//! Which user of Gitea's somebody is.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use neuralinverse_api::Owner;
use reqwest::Method;
use serde_json::json;

use crate::support::{
    git::Git,
    kubernetes::NAMESPACE,
    raw::ask,
    relay::Relay,
    stage::{GIT_URL, Stage, refs, url},
    until,
};

pub async fn a_declared_name_is_the_user_of_that_name(stage: Arc<Stage>) -> Result<()> {
    stage.users.make("frida").await?;
    stage.users.make_repository("frida", "hello").await?;
    stage.terminal("frida").await?.run(".", &["clone", &url("frida", "hello")]).await?;
    // The gateway's own user is nobody's, whatever is declared.
    let (admin, _) = stage.gitea.admin();
    let (_, token) = stage.pod(admin).await?;
    let answer = stage.ask("GET", &refs("frida", "hello"), &token).await?;
    ensure!(answer.status == 403, "{answer:?}");
    Ok(())
}

pub async fn somebody_without_a_user_gets_one(stage: Arc<Stage>) -> Result<()> {
    stage.users.make("gina").await?;
    stage.users.make_repository("gina", "shared").await?;
    let stranger = Owner::of("https://id.example.test", "somebody");
    for owner in [stranger.as_str(), "newcomer"] {
        let git = stage.terminal(owner).await?;
        let ended = git.try_run(".", &["clone", &url("gina", "shared")]).await?;
        let sentence = format!("there is no repository gina/shared, or `{owner}` may not read it");
        ensure!(ended.stderr.contains(&sentence), "{ended:?}");
        let shared = format!("/repos/gina/shared/collaborators/{owner}");
        stage.users.call(Method::PUT, &shared, Some(json!({ "permission": "write" }))).await?;
        git.run(".", &["clone", &url("gina", "shared"), "shared"]).await?;
        git.commit("shared", owner, b"hello").await?;
        git.run("shared", &["push"]).await?;
        let user = stage.users.call(Method::GET, &format!("/users/{owner}"), None).await?;
        ensure!(user["visibility"] == "private", "{user}");
    }
    // Another replica finds the same users again.
    let mut other = stage.replica("finds-users", &[NAMESPACE], &stage.relay.url).await?;
    other.ready().await?;
    let (_, token) = stage.pod(stranger.as_str()).await?;
    let git = Git::new(&other, GIT_URL, &token)?;
    git.run(".", &["clone", &url("gina", "shared")]).await?;
    Ok(())
}

pub async fn replicas_that_meet_somebody_at_once_make_one_user(stage: Arc<Stage>) -> Result<()> {
    let mut other = stage.replica("makes-users", &[NAMESPACE], &stage.relay.url).await?;
    other.ready().await?;
    let (_, token) = stage.pod("olive").await?;
    let path = refs("olive", "nothing");
    let answers = futures::future::try_join_all(
        [&stage.gateway, &other].into_iter().cycle().take(6).map(|gateway| ask(gateway, &path, &token)),
    )
    .await?;
    // Each of them knows who asks, and that there is no such repository.
    ensure!(answers.iter().all(|answer| answer.status == 404), "{answers:?}");
    Ok(())
}

pub async fn whoever_comes_while_the_users_are_read_waits_for_no_second_time(
    stage: Arc<Stage>,
) -> Result<()> {
    const WHO_ASKS: &str = "GET /api/v1/user ";
    let owner = stage.users.make("oscar").await?;
    stage.users.make_repository("oscar", "hello").await?;
    let relay = Relay::start(stage.gitea.url()).await?;
    let mut gateway = stage.replica("reads-once", &[NAMESPACE], &relay.url).await?;
    gateway.ready().await?;
    let (_, token) = stage.pod(owner.as_str()).await?;
    let path = refs("oscar", "hello");
    relay.set_flowing(false);
    let later = async {
        // Each reading begins with the question who asks.
        until("the users to be read", async || Ok((relay.requests(WHO_ASKS) > 0).then_some(()))).await?;
        let release = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            relay.set_flowing(true);
            Ok(())
        };
        let asked = futures::future::try_join_all((0..4).map(|_| ask(&gateway, &path, &token)));
        tokio::try_join!(asked, release).map(|(answers, ())| answers)
    };
    let (first, later) = tokio::try_join!(ask(&gateway, &path, &token), later)?;
    ensure!(later.iter().chain([&first]).all(|answer| answer.status == 200), "{first:?} {later:?}");
    ensure!(relay.requests(WHO_ASKS) == 1);
    Ok(())
}

pub async fn a_user_named_like_somebodys_id_is_not_that_person(stage: Arc<Stage>) -> Result<()> {
    let victim = Owner::of("https://id.example.test", "victim");
    stage.users.make(victim.as_str()).await?;
    stage.users.make_repository(victim.as_str(), "trap").await?;
    let (_, token) = stage.pod(victim.as_str()).await?;
    let answer = stage.ask("GET", &refs(victim.as_str(), "trap"), &token).await?;
    ensure!(answer.status == 403 && answer.body.contains("ask an administrator"), "{answer:?}");
    Ok(())
}

pub async fn a_disabled_user_gets_nothing(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("hal").await?;
    stage.users.make_repository("hal", "hello").await?;
    let (_, token) = stage.pod(owner.as_str()).await?;
    let answer = stage.ask("GET", &refs("hal", "hello"), &token).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let locked = json!({ "login_name": "hal", "source_id": 0, "prohibit_login": true });
    stage.users.call(Method::PATCH, "/admin/users/hal", Some(locked)).await?;
    // By Gitea itself at once, while the gateway has not heard of it.
    let answer = stage.ask("GET", &refs("hal", "hello"), &token).await?;
    ensure!(answer.status == 403, "{answer:?}");
    // And by the gateway, when it has.
    let mut other = stage.replica("hears-of-locks", &[NAMESPACE], &stage.relay.url).await?;
    other.ready().await?;
    let answer = ask(&other, &refs("hal", "hello"), &token).await?;
    ensure!(answer.status == 403 && answer.body.contains("is disabled"), "{answer:?}");
    Ok(())
}
