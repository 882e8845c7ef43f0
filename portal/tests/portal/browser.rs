//! What a person sees, in Chromium: cookies, forms, scripts and policies as a real browser takes them.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use neuralinverse_api::condition::Reason;
use neuralinverse_browser::Chromium;
use neuralinverse_portal::labels::FIELD_MANAGER;

use crate::support::{kubernetes, stage::Stage, until};

pub async fn a_person_signs_in_creates_watches_and_opens(stage: Arc<Stage>) -> Result<()> {
    let browser = Chromium::start().await?;
    sign_in(&browser, &stage).await?;
    let id = create(&browser).await?;
    let workspace = stage.by_id(&id).await?;
    let (name, origin) = (workspace.name_any(), stage.origin(&workspace)?);
    // The form has brought us to the workspace's own origin, where the browser keeps our cookie.
    browser.find("#steps").await?;
    ensure!(browser.window.current_url().await?.as_str() == format!("{origin}/"));
    let cookie = browser.window.get_named_cookie("__Host-workspace").await?;
    ensure!(
        cookie.secure() == Some(true)
            && cookie.http_only() == Some(true)
            && cookie.domain() == Some(host(&origin)?)
    );
    kubernetes::set_ready(&stage.client, &name, false, Reason::Progressing, "waits for a node").await?;
    browser.wait_for_text("#steps", "waits for a node").await?;
    browser.picture("starting").await?;

    // The list changes while one looks at it.
    browser.window.goto(&stage.url("/")).await?;
    let card = format!("#w-{id}");
    browser.wait_for_text(&card, "Starting").await?;
    kubernetes::set_ready(&stage.client, &name, false, Reason::ImagePullFailed, "the image cannot be pulled")
        .await?;
    browser.wait_for_text(&card, "the image cannot be pulled").await?;
    browser.picture("failed").await?;

    // The page turns into the editor by itself.
    browser.click(&format!("#o-{id}")).await?;
    browser.wait_for_text("#state", "Needs attention").await?;
    let _sidecar = stage.run(&workspace).await?;
    browser.wait_for_text("#editor", "The editor").await?;
    browser.wait_for_text("#echo", "through the portal").await?;
    ensure!(browser.window.current_url().await?.as_str() == format!("{origin}/"));

    browser.window.goto(&stage.url("/")).await?;
    browser.wait_for_text(&card, "Running").await?;
    browser.picture("list").await?;
    nothing_is_reported(&browser).await?;
    sign_out(&browser).await
}

pub async fn the_git_host_is_another_origin(stage: Arc<Stage>) -> Result<()> {
    let browser = Chromium::start().await?;
    sign_in_as(&browser, &stage, "gertrud").await?;
    let git = stage.site.git_origin().context("no Git host")?;
    browser.window.goto(&format!("{git}/echo")).await?;
    let seen = browser.find("body").await?.text().await?;
    ensure!(seen.contains("sec-fetch-mode") && !seen.contains("__Host-"), "{seen}");
    // What it sets is its own, even under our names.
    browser.window.goto(&format!("{git}/cookies")).await?;
    browser.window.goto(&format!("{git}/echo")).await?;
    let seen = browser.find("body").await?.text().await?;
    ensure!(seen.contains("theme=dark"), "{seen}");
    browser.window.goto(&stage.url("/")).await?;
    browser.wait_for_text("summary", "Gertrud").await
}

pub async fn pages_fit_their_window_by_day_and_by_night(stage: Arc<Stage>) -> Result<()> {
    let owner = stage.owner("wilma");
    let mut sidecars = Vec::new();
    for (name, state) in [
        ("billing", Some(Reason::Available)),
        ("a-name-that-is-nearly-as-long-as-names-may-be", Some(Reason::CloneFailed)),
        ("docs", Some(Reason::ImagePullFailed)),
        ("firmware", Some(Reason::Progressing)),
        ("radar", Some(Reason::Cloning)),
        ("site", None),
    ] {
        let workspace = kubernetes::declare(&stage.client, FIELD_MANAGER, owner.as_str(), name).await?;
        match state {
            Some(Reason::Available) => sidecars.push(stage.run(&workspace).await?),
            Some(reason @ (Reason::Cloning | Reason::CloneFailed)) => {
                let url = format!("https://git.test/{}", "long/".repeat(20));
                kubernetes::set_source(&stage.client, name, &url).await?;
                let why =
                    "fatal: could not read Username for 'https://git.test': mend its URL or credentials";
                let message = if reason == Reason::Cloning { "the repository is being cloned" } else { why };
                kubernetes::set_repository(&stage.client, name, reason, message).await?;
                sidecars.push(stage.run(&workspace).await?);
            }
            Some(reason) => {
                let why = "no node has room for it: 0/3 nodes are available, 3 Insufficient memory";
                kubernetes::set_ready(&stage.client, name, false, reason, why).await?;
            }
            None => kubernetes::stop(&stage.client, name).await?,
        }
    }
    for (browser, name) in [(Chromium::start().await?, "day"), (Chromium::on_a_phone().await?, "night")] {
        sign_in_as(&browser, &stage, "wilma").await?;
        browser.wait_for_text("#content", "site").await?;
        fits(&browser, &format!("{name}-list")).await?;
        browser.window.goto(&stage.url("/new")).await?;
        fits(&browser, &format!("{name}-new")).await?;
        browser.window.goto(&stage.url("/")).await?;
        browser.click("a[aria-label='Delete billing']").await?;
        browser.find("#confirm").await?;
        fits(&browser, &format!("{name}-delete")).await?;
        browser.window.goto(&stage.url("/nothing")).await?;
        fits(&browser, &format!("{name}-nothing")).await?;
        browser.window.goto(&stage.url("/")).await?;
        browser.click("a[aria-label='Open firmware']").await?;
        browser.find("#steps").await?;
        fits(&browser, &format!("{name}-starting")).await?;
        browser.window.goto(&stage.url("/")).await?;
        browser.click("a[aria-label='Open radar']").await?;
        browser.find("#at-once button").await?;
        // What the editor is made of is loaded while one waits.
        let loaded =
            "return performance.getEntriesByType('resource').some((it) => it.name.endsWith('/editor.js'))";
        browser.wait_for_value("the editor's script", loaded).await?;
        fits(&browser, &format!("{name}-cloning")).await?;
        browser.click("#at-once button").await?;
        browser.wait_for_text("#echo", "through the portal").await?;
    }
    Ok(())
}

/// Nothing stands out at the side.
async fn fits(browser: &Chromium, name: &str) -> Result<()> {
    browser.picture(name).await?;
    let over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    ensure!(browser.window.execute(over, Vec::new()).await? == 0, "{name} is wider than its window");
    Ok(())
}

/// Each test has a person of its own: one of them signs out everywhere.
async fn sign_in_as(browser: &Chromium, stage: &Stage, login: &str) -> Result<()> {
    browser.window.goto(&stage.url("/")).await?;
    browser.click("#sign-in").await?;
    browser.find("input[name=login]").await?.send_keys(login).await?;
    browser.find("input[name=password]").await?.send_keys("any").await?;
    browser.click("button[type=submit]").await?;
    // The issuer's own question, whether the portal may know who one is.
    browser.find("input[name=prompt][value=consent]").await?;
    browser.click("button[type=submit]").await?;
    browser.find("summary").await?;
    Ok(())
}

async fn sign_in(browser: &Chromium, stage: &Stage) -> Result<()> {
    browser.window.goto(&stage.url("/")).await?;
    browser.picture("welcome").await?;
    sign_in_as(browser, stage, "ursula").await?;
    browser.wait_for_text("summary", "Ursula").await?;
    ensure!(browser.window.current_url().await?.as_str() == stage.url("/"));
    let cookie = browser.window.get_named_cookie("__Host-session").await?;
    ensure!(cookie.secure() == Some(true) && cookie.http_only() == Some(true));
    ensure!(browser.window.execute("return document.cookie", Vec::new()).await? == "");
    browser.picture("empty").await
}

async fn create(browser: &Chromium) -> Result<String> {
    browser.click("#new").await?;
    browser.find("#repository").await?.send_keys("https://git.test/ursula/sensors").await?;
    browser.click("input[name=tier][value=standard]").await?;
    browser.picture("new").await?;
    browser.click("#create").await?;
    browser.find("#steps").await?;
    let url = browser.window.current_url().await?;
    Ok(url.host_str().and_then(|it| it.split('.').next()).context("no host")?.to_owned())
}

/// Chromium reports what a policy forbids; our own pages ask for nothing of that kind.
async fn nothing_is_reported(browser: &Chromium) -> Result<()> {
    let styled = "return getComputedStyle(document.querySelector('.card')).borderRadius";
    ensure!(browser.window.execute(styled, Vec::new()).await? == "12px");
    let inline = "const it = document.createElement('script'); it.textContent = 'window.inline = true'; \
                  document.body.append(it); return window.inline === undefined";
    ensure!(browser.window.execute(inline, Vec::new()).await? == true, "an inline script ran");
    Ok(())
}

async fn sign_out(browser: &Chromium) -> Result<()> {
    browser.click("summary").await?;
    browser.click("form[action='/sign-out/everywhere'] button").await?;
    browser.find("#sign-in").await?;
    let gone = async || Ok(browser.window.get_named_cookie("__Host-session").await.is_err().then_some(()));
    until("the cookie to go", gone).await
}

fn host(origin: &str) -> Result<&str> {
    origin.trim_start_matches("http://").split(':').next().context("no host")
}
