//! A real Chromium, driven by chromedriver; both from Debian.

use std::{
    fs,
    future::Future,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use fantoccini::{Client, ClientBuilder};
pub use fantoccini::{Locator, elements::Element};
use neuralinverse_local::{packages, paths};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::Instant};

mod devtools;
pub mod keys;

use devtools::Devtools;

/// How long anything may take. Generous: a test is about whether, not when.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A browser; it ends when dropped.
pub struct Chromium {
    driver: Child,
    /// Its window.
    pub window: Client,
}

impl Chromium {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        Self::with(json!({ "args": ["--window-size=1200,800"] })).await
    }

    /// Starts one as on a phone, at night.
    pub async fn on_a_phone() -> Result<Self> {
        let screen = json!({ "width": 390, "height": 844, "pixelRatio": 2.0 });
        let dark = "--blink-settings=preferredColorScheme=0";
        Self::with(json!({ "args": [dark], "mobileEmulation": { "deviceMetrics": screen } })).await
    }

    async fn with(mut options: Value) -> Result<Self> {
        packages::require(packages::BROWSER)?;
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
        ];
        if let Some(own) = options["args"].as_array_mut() {
            own.extend(arguments.map(Value::from));
        }
        let capabilities = json!({ "goog:chromeOptions": options });
        let capabilities = capabilities.as_object().cloned().unwrap_or_default();
        let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        builder.capabilities(capabilities);
        let url = format!("http://127.0.0.1:{port}");
        let window = until("chromedriver", async || Ok(builder.connect(&url).await.ok())).await?;
        let browser = Self { driver, window };
        // A Gitea that is built without its scripts says so by an alert on each page, which stops the driver.
        let source = json!({ "source": "window.alert = () => {}" });
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await?;
        Ok(browser)
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &'static str, parameters: Value) -> Result<Value> {
        Ok(self.window.issue_cmd(Devtools { command, parameters }).await?)
    }

    /// Waits for an element.
    pub async fn find(&self, css: &str) -> Result<Element> {
        let found = self.window.wait().at_most(DEADLINE).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => Ok(element),
            Err(error) => Err(self.seen(&format!("{css}: {error}")).await),
        }
    }

    /// Waits until an element says something.
    pub async fn wait_for_text(&self, css: &str, text: &str) -> Result<()> {
        let what = format!("{css} to say {text}");
        let waited = until(&what, async || {
            // Elements are replaced while one looks at them.
            let found = match self.window.find(Locator::Css(css)).await {
                Ok(element) => element.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            Ok(found.contains(text).then_some(()))
        });
        match waited.await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.seen(&error.to_string()).await),
        }
    }

    /// Clicks on an element as soon as it is there and takes clicks; it may be replaced while one looks at it.
    pub async fn click(&self, css: &str) -> Result<()> {
        let clicked = until(css, async || match self.window.find(Locator::Css(css)).await {
            Ok(element) => Ok(element.click().await.ok()),
            Err(_) => Ok(None),
        });
        match clicked.await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.seen(&error.to_string()).await),
        }
    }

    /// What a script returns, as soon as that is something.
    pub async fn wait_for_value(&self, what: &str, script: &str) -> Result<Value> {
        let value = until(what, async || {
            // Between two pages there is nothing to run it in.
            let value = self.window.execute(script, Vec::new()).await.unwrap_or(Value::Null);
            Ok((!value.is_null() && value != false).then_some(value))
        });
        match value.await {
            Ok(value) => Ok(value),
            Err(error) => Err(self.seen(&error.to_string()).await),
        }
    }

    /// An error with the page that was there instead; its picture is kept as well.
    async fn seen(&self, what: &str) -> anyhow::Error {
        let _ = self.picture("failed").await;
        let url = self.window.current_url().await.map(String::from).unwrap_or_default();
        let text = "return document.body.innerText";
        let text = self.window.execute(text, Vec::new()).await.unwrap_or_default();
        anyhow::anyhow!("{what}\n{url}\n{}", text.as_str().unwrap_or_default())
    }

    /// Keeps a picture of the window in the folder that `SCREENSHOTS` names, else in `screenshots` where
    /// cargo builds.
    pub async fn picture(&self, name: &str) -> Result<()> {
        let folder = pictures();
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name).with_extension("png"), self.window.screenshot().await?)?;
        Ok(())
    }
}

/// The folder of pictures.
pub fn pictures() -> PathBuf {
    let built =
        || std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| paths::cache().join("target"), PathBuf::from);
    std::env::var_os("SCREENSHOTS").map_or_else(|| built().join("screenshots"), PathBuf::from)
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // With all that it has started.
        let _ = killpg(Pid::from_raw(self.driver.id().cast_signed()), Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}

/// Tries until there is a value.
pub async fn until<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    mut attempt: impl FnMut() -> F,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt().await.with_context(|| what.to_owned())? {
            return Ok(value);
        }
        ensure!(start.elapsed() < DEADLINE, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
