//! Which user of Gitea's somebody is.

use std::sync::Arc;

use anyhow::{Result, ensure};
use neuralinverse_api::Owner;
use reqwest::Method;
use serde_json::json;

use crate::support::{
    git::Git,
    kubernetes::NAMESPACE,
    raw::ask,
    stage::{GIT_URL, Stage, refs, url},
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
