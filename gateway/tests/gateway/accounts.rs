//! Which user of Gitea's somebody is.

use std::sync::Arc;

use anyhow::{Result, ensure};
use neuralinverse_api::Owner;
use reqwest::Method;
use serde_json::json;

use crate::support::{
    stage::{Stage, refs, url},
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
    let mut other = stage.replica("finds-users", &["workspaces"], &stage.relay.url).await?;
    other.ready().await?;
    let (_, token) = stage.pod(stranger.as_str()).await?;
    let git = crate::support::git::Git::new(&other, crate::support::stage::GIT_URL, &token)?;
    git.run(".", &["clone", &url("gina", "shared")]).await?;
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
    let mut other = stage.replica("hears-of-locks", &["workspaces"], &stage.relay.url).await?;
    other.ready().await?;
    let authorization = format!("Bearer {token}");
    let answer = until("an answer", async || {
        let mut connection = crate::support::raw::Connection::open(&other).await?;
        let headers = [("authorization", authorization.as_str())];
        connection.request("GET", &refs("hal", "hello"), &headers).await.map(Some)
    })
    .await?;
    ensure!(answer.status == 403 && answer.body.contains("is disabled"), "{answer:?}");
    Ok(())
}
