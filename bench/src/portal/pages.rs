//! The list of workspaces: how long it takes while a hundred people a second look at it, and what it weighs.
//!
//! Requests leave on time whether or not earlier ones came back, so a stall shows in all that it delays.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use neuralinverse_tests::{Demo, Person};
use reqwest::{Client, header};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};

const RATE: u32 = 100;
const SECONDS: u32 = 20;

/// In milliseconds.
pub struct Times {
    pub p50: f64,
    pub p99: f64,
}

/// Asks for the list with the session of the browser.
pub async fn times(demo: &Demo, person: &Person) -> Result<Times> {
    person.list().await?;
    let cookie = person.browser.window.get_named_cookie("__Host-session").await?;
    let cookie = format!("{}={}", cookie.name(), cookie.value());
    let url = demo.url()?;
    let host = url.split(['/', ':']).rfind(|it| it.ends_with("localhost")).context("no host")?;
    // As browsers do, also where the system does not.
    let client = Client::builder().no_proxy().resolve(host, ([127, 0, 0, 1], 0).into()).build()?;
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    let mut requests = JoinSet::new();
    for _ in 0..RATE * SECONDS {
        ticks.tick().await;
        let request = client.get(&url).header(header::COOKIE, &cookie).header(header::ACCEPT, "text/html");
        let start = Instant::now();
        requests.spawn(async move {
            let answer = request.send().await?;
            let (status, page) = (answer.status(), answer.text().await?);
            ensure!(status == 200 && page.contains("data-events"), "{status} {page}");
            anyhow::Ok(start.elapsed())
        });
    }
    let mut times = requests.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1));
    let milliseconds = |time: &Duration| (time.as_secs_f64() * 100_000.0).round() / 100.0;
    Ok(Times {
        p50: at(50).map(milliseconds).context("no answer")?,
        p99: at(99).map(milliseconds).context("no answer")?,
    })
}

/// What a browser without a cache loads for the list, in thousands of bytes.
pub async fn kilobytes(person: &Person) -> Result<f64> {
    const BYTES: &str = "const all = performance.getEntries().filter((it) => it.transferSize); \
        return all.reduce((sum, it) => sum + it.transferSize, 0)";
    person.browser.devtools("Network.enable", json!({})).await?;
    person.browser.devtools("Network.setCacheDisabled", json!({ "cacheDisabled": true })).await?;
    person.list().await?;
    person.browser.wait_for_value("everything", "return document.readyState === 'complete'").await?;
    let bytes = person.browser.window.execute(BYTES, Vec::new()).await?;
    person.browser.devtools("Network.setCacheDisabled", json!({ "cacheDisabled": false })).await?;
    Ok((bytes.as_f64().context("no bytes")? / 100.0).round() / 10.0)
}
