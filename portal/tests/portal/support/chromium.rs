//! A real Chromium, driven by chromedriver; both from Debian.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Result;
use fantoccini::{Client, ClientBuilder, Locator, elements::Element, wd::WebDriverCompatibleCommand};
use neuralinverse_local::packages;
use openidconnect::url::{ParseError, Url};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{DEADLINE, until};

/// A browser; it ends when dropped.
pub struct Chromium {
    driver: Child,
    /// Its only window.
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
        window.issue_cmd(WithoutAlerts).await?;
        Ok(Self { driver, window })
    }

    /// Waits for an element.
    pub async fn find(&self, css: &str) -> Result<Element> {
        Ok(self.window.wait().at_most(DEADLINE).for_element(Locator::Css(css)).await?)
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
            Err(error) => Err(error.context(format!(
                "{} {}",
                self.window.current_url().await?,
                self.window.source().await?
            ))),
        }
    }

    /// Keeps a picture of the window in the folder that `SCREENSHOTS` names, else in `screenshots` where
    /// cargo builds.
    pub async fn picture(&self, name: &str) -> Result<()> {
        let beside = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        let folder = std::env::var_os("SCREENSHOTS").map_or_else(beside, PathBuf::from);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name).with_extension("png"), self.window.screenshot().await?)?;
        Ok(())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A Gitea that is built without its scripts says so by an alert on each page, which stops the driver.
#[derive(Debug)]
struct WithoutAlerts;

impl WebDriverCompatibleCommand for WithoutAlerts {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        let params = json!({ "source": "window.alert = () => {}" });
        let body = json!({ "cmd": "Page.addScriptToEvaluateOnNewDocument", "params": params });
        (http::Method::POST, Some(body.to_string()))
    }
}
