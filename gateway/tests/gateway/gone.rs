//! Pods that exist no longer, while their tokens are still valid.

use std::sync::Arc;

use anyhow::{Result, ensure};

use crate::support::{
    git::Git,
    kubernetes,
    raw::Connection,
    stage::{GIT_URL, Stage, refs, url},
    until,
};

/// Waits until a token is refused. A connection that is open when its pod goes ends without an answer, so the gateway
/// must have heard that it is gone.
async fn locked_out(stage: &Stage, path: &str, token: &str) -> Result<()> {
    until("the pod to be locked out", async || {
        let answer = stage.ask("GET", path, token).await?;
        Ok((answer.status == 403 && answer.body.contains("does not exist any more")).then_some(()))
    })
    .await
}

/// A connection that has been used and is kept open.
async fn kept(stage: &Stage, path: &str, token: &str) -> Result<Connection> {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    let mut kept = Connection::open(&stage.gateway).await?;
    for _ in 0..2 {
        ensure!(kept.request("GET", path, &headers).await?.status == 200);
    }
    Ok(kept)
}

pub async fn a_deleted_pod_is_locked_out(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("mia").await?;
    stage.users.make_repository("mia", "hello").await?;
    let (pod, token) = stage.pod(owner.as_str()).await?;
    let path = refs("mia", "hello");
    let mut kept = kept(&stage, &path, &token).await?;
    kubernetes::delete_pod(&stage.client, &pod).await?;
    kept.closed().await?;
    locked_out(&stage, &path, &token).await?;
    let git = Git::new(&stage.gateway, GIT_URL, &token)?;
    let ended = git.try_run(".", &["clone", &url("mia", "hello")]).await?;
    ensure!(!ended.success && ended.stderr.contains("403"), "{ended:?}");
    // The owner's next pod is not concerned.
    stage.terminal(owner.as_str()).await?.run(".", &["clone", &url("mia", "hello")]).await?;
    Ok(())
}

pub async fn a_pod_that_is_being_deleted_is_locked_out(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("nils").await?;
    stage.users.make_repository("nils", "hello").await?;
    let (pod, token) = stage.pod(owner.as_str()).await?;
    let path = refs("nils", "hello");
    kubernetes::hold_pod(&stage.client, &pod, true).await?;
    let mut kept = kept(&stage, &path, &token).await?;
    kubernetes::delete_pod(&stage.client, &pod).await?;
    kept.closed().await?;
    locked_out(&stage, &path, &token).await?;
    kubernetes::hold_pod(&stage.client, &pod, false).await
}

pub async fn a_stream_ends_with_its_pod(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("olga").await?;
    stage.users.make_repository("olga", "hello").await?;
    let (pod, token) = stage.pod(owner.as_str()).await?;
    ensure!(stage.ask("GET", &refs("olga", "hello"), &token).await?.status == 200);
    // A push that has begun, at Gitea too, and waits for its next piece.
    let mut push = Connection::open(&stage.gateway).await?;
    push.send(&format!(
        "POST /git/olga/hello.git/git-receive-pack HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/x-git-receive-pack-request\r\ntransfer-encoding: chunked\r\n\r\n4\r\n00ff\r\n"
    ))
    .await?;
    until("the push to reach Gitea", async || Ok(stage.relay.has_push_to("olga/hello").then_some(())))
        .await?;
    kubernetes::delete_pod(&stage.client, &pod).await?;
    push.closed().await
}
