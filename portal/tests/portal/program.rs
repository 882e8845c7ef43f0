//! The program itself, as a pod runs it.

use std::{
    fs,
    future::ready,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use http::Method;
use tokio::net::TcpListener;

use crate::support::{
    stage::{KEY, Stage},
    until,
    visitor::Visitor,
};

pub async fn it_serves_until_it_is_asked_to_go_and_logs_no_secrets(stage: Arc<Stage>) -> Result<()> {
    let (port, health) = (free_port().await?, free_port().await?);
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("keys"), KEY)?;
    // As the portal's service account, which may do only what it must.
    let kubeconfig = stage.control_plane.kubeconfig()?;
    let mut kubeconfig: kube::config::Kubeconfig = kube::config::Kubeconfig::from_yaml(&kubeconfig)?;
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|it| it.auth_info.as_mut()) {
        user.impersonate = Some("system:serviceaccount:portal:portal".to_owned());
    }
    fs::write(folder.path().join("kubeconfig"), serde_json::to_vec(&kubeconfig)?)?;
    let log = fs::File::create(folder.path().join("log"))?;
    let origin = format!("http://portal.localhost:{port}");
    let program = Command::new(env!("CARGO_BIN_EXE_neuralinverse-portal"))
        .args(["--listen", &format!("127.0.0.1:{port}"), "--health", &format!("127.0.0.1:{health}")])
        .args(["--public-url", &origin, "--workspace-domain", &format!("ws.localhost:{port}")])
        .args(["--issuer", &stage.issuer.url, "--client-id", "portal", "--namespace", "portal"])
        .args(["--git-upstream", &stage.git.url])
        .arg("--session-key-file")
        .arg(folder.path().join("keys"))
        .arg("--tls-dir")
        .arg(stage.folder.path())
        .arg("--kubeconfig")
        .arg(folder.path().join("kubeconfig"))
        .stdout(Stdio::from(log))
        .spawn()?;
    let mut program = Running(program);
    let probe = format!("http://127.0.0.1:{health}/readyz");
    let visitor = Visitor::new()?;
    until("it to be ready", async || Ok(visitor.get(&probe).await.ok().filter(|it| it.status == 200)))
        .await?;

    // Signed in at one portal, known to the other: they have the same keys.
    let signed_in = stage.visitor("vera").await?;
    let session = signed_in.cookies(&stage.url("/"))?;
    visitor.keep(&origin, &session)?;
    let page = visitor.get(&format!("{origin}/?secret=query")).await?;
    ensure!(page.body.contains("Vera"), "{page:?}");
    let new = format!("{origin}/new");
    let form =
        [("template", "debian"), ("tier", "starter"), ("repository", ""), ("branch", ""), ("name", "veras")];
    let created = visitor.submit(&new, &new, &form).await?;
    let id = created
        .location()
        .and_then(|it| it.strip_prefix("/open/"))
        .with_context(|| format!("{created:?}"))?;
    let open = visitor.get(&format!("{origin}/open/{id}")).await?;
    let (action, code) = (open.attribute("data-submit", "action")?, open.hidden("code")?);
    ensure!(!action.contains('?') && !action.contains(&code), "{action}");
    let entered = visitor.post(&action, &origin, &[("code", &code)]).await?;
    ensure!(entered.location() == Some("/"), "{entered:?}");
    let workspace = visitor.cookies(&action)?;
    let pass = workspace.split_once('=').context("no pass")?.1;
    let clone = format!("{}/echo", origin.replace("portal.", "git.portal."));
    let secret = [("authorization", "Basic c2VjcmV0OnNlY3JldA==")];
    ensure!(visitor.send(Method::GET, &clone, &secret, String::new()).await?.body.contains("c2VjcmV0"));
    for action in ["stop", "delete"] {
        let answer = visitor.submit(&new, &format!("{origin}/workspaces/{id}/{action}"), &[]).await?;
        ensure!(answer.status == 303, "{action}: {answer:?}");
    }
    let out = visitor.submit(&new, &format!("{origin}/sign-out/everywhere"), &[]).await?;
    ensure!(out.location() == Some("/"), "{out:?}");

    let asked = Command::new("kill").args(["-TERM", &program.0.id().to_string()]).status()?;
    ensure!(asked.success());
    let ended = until("it to go", || ready(program.0.try_wait().map_err(Into::into))).await?;
    ensure!(ended.success(), "{ended}");
    let log = fs::read_to_string(folder.path().join("log"))?;
    let sealed = session.split_once('=').context("no session")?.1;
    for secret in ["secret=query", sealed, &code, pass, "c2VjcmV0", "Vera", "vera@"] {
        ensure!(!log.contains(secret), "{secret} in {log}");
    }
    ensure!(log.contains(r#""target":"audit""#) && log.contains("sign-out"), "{log}");
    ensure!(log.contains(stage.owner("vera").as_str()), "{log}");
    Ok(())
}

/// Ends with the case, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
