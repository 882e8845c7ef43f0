//! What gets nothing.

use std::sync::Arc;

use anyhow::{Result, ensure};
use neuralinverse_api::agent::{self, gateway::AUDIENCE};

use crate::support::{
    kubernetes::{self, NAMESPACE},
    raw::Connection,
    stage::{Stage, refs},
};

pub async fn tokens_that_are_not_for_the_gateway(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("ida").await?;
    stage.users.make_repository("ida", "hello").await?;
    let (pod, good) = stage.pod(owner.as_str()).await?;
    let path = refs("ida", "hello");
    ensure!(stage.ask("GET", &path, &good).await?.status == 200);
    let controllers = format!("Bearer {}", stage.token(&pod, agent::AUDIENCE).await?);
    let expired = format!("Bearer {}", kubernetes::expired(&stage.control_plane, &good)?);
    let cut = format!("Bearer {}", &good[..good.len() - 8]);
    let basic = "Basic b3BlcmF0b3I6cGFzc3dvcmQ=";
    for (what, headers) in [
        ("no token", vec![]),
        ("an empty one", vec![("authorization", "Bearer ")]),
        ("no scheme", vec![("authorization", good.as_str())]),
        ("another scheme", vec![("authorization", basic)]),
        ("for the controller", vec![("authorization", controllers.as_str())]),
        ("expired", vec![("authorization", expired.as_str())]),
        ("without its end", vec![("authorization", cut.as_str())]),
        ("garbage", vec![("authorization", "Bearer a.b.c")]),
        ("in another place", vec![("cookie", good.as_str()), ("x-authorization", good.as_str())]),
    ] {
        let answer = Connection::open(&stage.gateway).await?.request("GET", &path, &headers).await?;
        ensure!(answer.status == 401, "{what}: {answer:?}");
        ensure!(!answer.head.contains("www-authenticate"), "{what}: {answer:?}");
    }
    Ok(())
}

pub async fn a_pod_that_is_nobodys(stage: Arc<Stage>) -> Result<()> {
    stage.users.make("jon").await?;
    let free = kubernetes::make_pod(&stage.client, NAMESPACE, None).await?;
    let elsewhere = kubernetes::make_pod(&stage.client, kubernetes::UNREADABLE, Some("jon")).await?;
    for pod in [free, elsewhere] {
        let token = stage.token(&pod, AUDIENCE).await?;
        let answer = stage.ask("GET", &refs("jon", "hello"), &token).await?;
        ensure!(answer.status == 403 && answer.body.contains("belongs to nobody"), "{answer:?}");
    }
    Ok(())
}

pub async fn whatever_is_not_smart_http(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.users.make("kim").await?;
    stage.users.make_repository("kim", "hello").await?;
    let (_, token) = stage.pod(owner.as_str()).await?;
    for (method, path, status) in [
        ("GET", "/git/kim/hello.git/info/refs", 404),
        ("GET", "/git/kim/hello.git/info/refs?service=git-upload-archive", 404),
        ("GET", "/git/kim/hello.git/HEAD", 404),
        ("GET", "/git/kim/hello.git/objects/info/packs", 404),
        ("POST", "/git/kim/hello.git/info/lfs/objects/batch", 404),
        ("GET", "/git/kim/hello.git/git-upload-pack", 405),
        ("POST", "/git/kim/hello.git/info/refs?service=git-upload-pack", 405),
        ("OPTIONS", "/git/kim/hello.git/git-upload-pack", 405),
        ("GET", "/git/kim/../../api/v1/user", 404),
        ("GET", "/git/../api/v1/user", 404),
        ("GET", "/git/kim/..%2f..%2fapi%2fv1%2fuser/info/refs?service=git-upload-pack", 404),
        ("GET", "/git/kim%2Fhello.git/info/refs?service=git-upload-pack", 404),
        ("GET", "/git//hello.git/info/refs?service=git-upload-pack", 404),
        ("GET", "/git/kim//info/refs?service=git-upload-pack", 404),
        ("GET", "//git/kim/hello.git/info/refs?service=git-upload-pack", 404),
        ("GET", "/git/", 404),
        ("GET", "/git", 404),
        ("GET", "/", 404),
        ("GET", "/api/v1/user", 404),
        ("GET", "/kim/hello", 404),
    ] {
        let answer = stage.ask(method, path, &token).await?;
        ensure!(answer.status == status, "{method} {path}: {answer:?}");
        let sentence = if status == 404 { "the gateway serves git clone" } else { "is possible here" };
        ensure!(answer.body.contains(sentence), "{method} {path}: {answer:?}");
        ensure!(answer.head.contains("content-type: text/plain"), "{method} {path}: {answer:?}");
    }
    Ok(())
}

pub async fn headers_that_would_mean_something_to_gitea(stage: Arc<Stage>) -> Result<()> {
    let (_, owner) = (stage.users.make("lea").await?, stage.users.make("leo").await?);
    stage.users.make_repository("lea", "secret").await?;
    let (_, token) = stage.pod(owner.as_str()).await?;
    let authorization = format!("Bearer {token}");
    let (admin, password) = stage.gitea.admin();
    for (name, value) in [
        ("sudo", "lea"),
        ("x-webauth-user", "lea"),
        ("x-forwarded-user", "lea"),
        ("cookie", "i_like_gitea=whatever"),
        ("connection", "authorization"),
        // Git's own credentials for the host, should somebody have set them.
        ("proxy-authorization", &format!("Basic {admin}:{password}")),
    ] {
        let headers = [("authorization", authorization.as_str()), (name, value)];
        let mut connection = Connection::open(&stage.gateway).await?;
        let answer = connection.request("GET", &refs("lea", "secret"), &headers).await?;
        ensure!(answer.status == 404, "{name}: {answer:?}");
        ensure!(!answer.head.contains("set-cookie"), "{name}: {answer:?}");
    }
    Ok(())
}
