//! Git in a terminal of a workspace.

use std::{fs, io::Read, sync::Arc};

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;

use crate::support::{
    stage::{Stage, url},
    until,
};

pub async fn somebody_clones_pushes_and_pulls_and_the_push_is_theirs(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("ada").await?;
    stage.users.make_repository("ada", "hello").await?;
    let (desk, laptop) = (stage.terminal(owner.as_str()).await?, stage.terminal(owner.as_str()).await?);
    desk.run(".", &["clone", &url("ada", "hello"), "hello"]).await?;
    // The way people copy it out of a browser.
    laptop.run(".", &["clone", url("ada", "hello").trim_end_matches(".git"), "hello"]).await?;

    desk.commit("hello", "note", b"from the desk").await?;
    desk.run("hello", &["push"]).await?;
    laptop.run("hello", &["pull", "--ff-only"]).await?;
    ensure!(fs::read(laptop.path("hello/note"))? == b"from the desk");
    laptop.run("hello", &["push", "origin", "HEAD:refs/heads/topic"]).await?;
    let branches = desk.run("hello", &["ls-remote", "--heads", "origin"]).await?;
    ensure!(branches.contains("refs/heads/topic"), "{branches}");
    let remote = desk.run("hello", &["remote", "--verbose"]).await?;
    ensure!(!remote.contains("Bearer"), "{remote}");

    let feeds = "/repos/ada/hello/activities/feeds";
    let pushed = until("the push in Gitea's feed", async || {
        let feed = stage.users.call(Method::GET, feeds, None).await?;
        let mut pushes = feed.as_array().into_iter().flatten();
        Ok(pushes.find(|it| it["op_type"] == "commit_repo" && it["ref_name"] == "refs/heads/main").cloned())
    })
    .await?;
    ensure!(pushed["act_user"]["login"] == "ada", "{pushed}");
    Ok(())
}

pub async fn a_large_push_streams_through(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("bea").await?;
    stage.users.make_repository("bea", "large").await?;
    let git = stage.terminal(owner.as_str()).await?;
    git.run(".", &["clone", &url("bea", "large"), "large"]).await?;
    // Random, so that it stays as large on the way.
    let mut bytes = vec![0; 20 << 20];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    git.commit("large", "blob", &bytes).await?;
    git.run("large", &["push"]).await?;
    git.run(".", &["clone", &url("bea", "large"), "again"]).await?;
    ensure!(fs::read(git.path("again/blob"))? == bytes);
    Ok(())
}

pub async fn a_renamed_repository_is_followed(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("carl").await?;
    stage.users.make_repository("carl", "before").await?;
    let git = stage.terminal(owner.as_str()).await?;
    git.run(".", &["clone", &url("carl", "before"), "clone"]).await?;
    stage.users.call(Method::PATCH, "/repos/carl/before", Some(json!({ "name": "after" }))).await?;
    git.commit("clone", "note", b"later").await?;
    git.run("clone", &["push"]).await?;
    git.run(".", &["clone", &url("carl", "after"), "after"]).await?;
    ensure!(fs::read(git.path("after/note"))? == b"later");
    Ok(())
}

pub async fn a_repository_is_not_made_by_a_push(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("dana").await?;
    stage.users.make_repository("dana", "one").await?;
    let git = stage.terminal(owner.as_str()).await?;
    git.run(".", &["clone", &url("dana", "one"), "one"]).await?;
    let ended = git.try_run("one", &["push", &url("dana", "two"), "main"]).await?;
    ensure!(!ended.success && ended.stderr.contains("403"), "{ended:?}");
    let ended = git.try_run(".", &["clone", &url("dana", "two")]).await?;
    ensure!(ended.stderr.contains("there is no repository dana/two, or `dana` may not read it"), "{ended:?}");
    Ok(())
}

pub async fn somebody_elses_private_repository_is_not_there(stage: Arc<Stage>) -> Result<()> {
    let (_, eve) = (stage.users.make("emil").await?, stage.users.make("eve").await?);
    stage.users.make_repository("emil", "secret").await?;
    stage.users.make_repository("eve", "mine").await?;
    let git = stage.terminal(eve.as_str()).await?;
    git.run(".", &["clone", &url("eve", "mine"), "mine"]).await?;
    let reads = [vec!["clone", "target"], vec!["ls-remote", "target"]];
    let writes = [vec!["push", "target", "main"], vec!["push", "--force", "target", "main:stolen"]];
    for mut args in [reads, writes].concat() {
        let secret = url("emil", "secret");
        args.iter_mut().filter(|it| **it == "target").for_each(|it| *it = &secret);
        let ended = git.try_run("mine", &args).await?;
        ensure!(!ended.success, "{args:?}: {ended:?}");
        ensure!(ended.stderr.contains("there is no repository emil/secret"), "{args:?}: {ended:?}");
    }
    // Until its owner shares it; then only what was shared.
    let shared = "/repos/emil/secret/collaborators/eve";
    stage.users.call(Method::PUT, shared, Some(json!({ "permission": "read" }))).await?;
    git.run(".", &["clone", &url("emil", "secret"), "secret"]).await?;
    git.commit("secret", "note", b"hers").await?;
    let ended = git.try_run("secret", &["push"]).await?;
    ensure!(!ended.success, "{ended:?}");
    Ok(())
}
