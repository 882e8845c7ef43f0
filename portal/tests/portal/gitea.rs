//! The region's own Gitea behind the portal: a real one, which signs people in and serves Git.

use std::{path::Path, process::Command, sync::Arc};

use anyhow::{Context, Result, ensure};
use http::Method;
use neuralinverse_api::{GitAuthor, Owner};
use neuralinverse_browser::Chromium;
use neuralinverse_local::gitea::{Gitea, GiteaOptions};
use neuralinverse_portal::{issuer::IssuerOptions, pages::sign_in::CALLBACK, site::Site};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::support::{stage::Stage, visitor::Visitor};

const PASSWORD: &str = "correct-horse-battery";

/// A portal whose issuer and Git host is a Gitea, and somebody who has a repository there.
struct Region {
    site: Site,
    git: String,
    user: u64,
    gitea: Gitea,
    _tasks: JoinSet<()>,
}

impl Region {
    async fn start(stage: &Stage) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let site = Site::new(&format!("http://portal.localhost:{port}"), &format!("ws.localhost:{port}"))?;
        let site = site.with_git_host();
        let git = site.git_origin().context("no Git host")?;
        let gitea = Gitea::start(GiteaOptions::default().with_root_url(&git)).await?;
        let redirect = format!("{}{CALLBACK}", site.origin());
        let application = json!({ "name": "Neural Inverse Cloud", "redirect_uris": [redirect], "confidential_client": true });
        let application = ask(&gitea, "/user/applications/oauth2", &application).await?;
        let text = |key: &str| application[key].as_str().map(str::to_owned);
        let options = IssuerOptions {
            url: git.clone(),
            client_id: text("client_id").context("no id")?,
            client_secret: text("client_secret"),
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            redirect,
            upstream: None,
        };
        let mut tasks = JoinSet::new();
        stage
            .another(&site, options.of_gitea(gitea.url().to_owned()), gitea.url(), listener, &mut tasks)
            .await?;
        let user = json!({
            "username": "ada", "full_name": "Ada Lovelace", "email": "ada@example.com",
            "password": PASSWORD, "must_change_password": false,
        });
        let user = ask(&gitea, "/admin/users", &user).await?["id"].as_u64().context("no user")?;
        let repository = json!({ "name": "hello", "private": true, "auto_init": true });
        ask(&gitea, "/admin/users/ada/repos", &repository).await?;
        Ok(Self { site, git, user, gitea, _tasks: tasks })
    }
}

/// Asks Gitea itself, as its administrator.
async fn ask(gitea: &Gitea, path: &str, body: &Value) -> Result<Value> {
    let (name, password) = gitea.admin();
    let credentials =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{name}:{password}"));
    let authorization = format!("Basic {credentials}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let url = format!("{}/api/v1{path}", gitea.url());
    let answer = Visitor::new()?.send(Method::POST, &url, &headers, body.to_string()).await?;
    ensure!(answer.status == 201, "{path}: {answer:?}");
    Ok(serde_json::from_str(&answer.body)?)
}

pub async fn somebody_signs_in_with_the_regions_gitea(stage: Arc<Stage>) -> Result<()> {
    let region = Region::start(&stage).await?;
    let home = format!("{}/", region.site.origin());
    let sent_off = Visitor::new()?.get(&format!("{home}sign-in")).await?;
    let location = sent_off.location().with_context(|| format!("{sent_off:?} {}", region.gitea.logs()))?;
    ensure!(location.starts_with(&format!("{}/login/oauth/authorize?", region.git)), "{location}");
    // Else its token could do everything.
    ensure!(location.contains("read%3Auser"), "{location}");

    let browser = Chromium::start().await?;
    browser.window.goto(&home).await?;
    browser.click("#sign-in").await?;
    browser.find("input[name=user_name]").await?.send_keys("ada").await?;
    browser.find("input[name=password]").await?.send_keys(PASSWORD).await?;
    browser.picture("gitea-sign-in").await?;
    // By the keyboard: this Gitea is built without its scripts.
    browser.find("input[name=password]").await?.send_keys("\u{e007}").await?;
    let consent = browser.find("#authorize-app").await?;
    browser.picture("gitea-consent").await?;
    consent.click().await?;
    browser.wait_for_text("summary", "Ada Lovelace").await?;
    ensure!(browser.window.current_url().await?.as_str() == home);

    // The workspace is that person's, by a number that never changes hands, and so are its commits.
    browser.click("#new").await?;
    let repository = format!("{}/ada/hello.git", region.git);
    browser.find("#repository").await?.send_keys(&repository).await?;
    browser.click("#create").await?;
    browser.find("#steps").await?;
    let url = browser.window.current_url().await?;
    let id = url.host_str().and_then(|it| it.split('.').next()).context("no host")?;
    let workspace = stage.by_id(id).await?;
    ensure!(
        workspace.spec.owner == Owner::of(&region.git, &region.user.to_string()).as_str(),
        "{workspace:?}"
    );
    let author = GitAuthor { name: "Ada Lovelace".to_owned(), email: "ada@example.com".to_owned() };
    ensure!(workspace.spec.git_author == Some(author), "{workspace:?}");

    // On Gitea's own pages, one is signed in as well, and nothing of the portal's is there.
    browser.window.goto(&format!("{}/ada/hello", region.git)).await?;
    browser.wait_for_text("body", "hello").await?;
    let cookies = browser.window.get_all_cookies().await?;
    ensure!(!cookies.is_empty() && cookies.iter().all(|it| !it.name().starts_with("__Host-")), "{cookies:?}");
    browser.window.goto(&home).await?;
    browser.wait_for_text("summary", "Ada Lovelace").await
}

pub async fn git_clones_and_pushes_with_a_password(stage: Arc<Stage>) -> Result<()> {
    let region = Region::start(&stage).await?;
    let folder = tempfile::tempdir()?;
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let url = |password: &str| {
        format!("{}/ada/hello.git", region.git.replacen("http://", &format!("http://ada:{password}@"), 1))
    };
    ensure!(git(folder.path(), &["clone", "--quiet", &url("wrong"), "refused"]).is_err());
    git(folder.path(), &["clone", "--quiet", &url(PASSWORD), "one"])?;
    // More than Git sends in one piece.
    let large: Vec<u8> =
        (0..3_000_000_u32).flat_map(|it| it.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(one.join("large"), &large)?;
    git(&one, &["add", "."])?;
    git(&one, &["commit", "--quiet", "--message", "large"])?;
    git(&one, &["push", "--quiet", "origin", "HEAD"])?;
    git(folder.path(), &["clone", "--quiet", &url(PASSWORD), "two"])?;
    ensure!(std::fs::read(two.join("large"))? == large);
    Ok(())
}

/// Git without anybody's own settings.
fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut git = Command::new("git");
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.com"),
    ] {
        git.env(name, value);
    }
    let output = git.args(arguments).current_dir(folder).output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
