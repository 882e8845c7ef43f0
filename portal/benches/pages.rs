//! How fast pages are at 100 requests a second: `cargo bench -p neuralinverse-portal`.
//!
//! Requests leave on time whether or not earlier ones came back, so a stall shows in all that it delays.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use http::Method;
use neuralinverse_portal::labels::FIELD_MANAGER;
use support::{kubernetes, stage::Stage, until, visitor::Visitor};
use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};

#[path = "../tests/portal/support/mod.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod support;

const RATE: u32 = 100;
const SECONDS: u32 = 20;

#[tokio::main]
async fn main() -> Result<()> {
    let stage = Stage::start().await?;
    let (visitor, workspace, origin, _sidecar) = stage.running("ada").await?;
    stage.enter(&visitor, &workspace).await?;
    let owner = stage.owner("ada");
    for index in 1..10 {
        kubernetes::declare(&stage.client, FIELD_MANAGER, owner.as_str(), &format!("adas-{index}")).await?;
    }
    let home = stage.url("/");
    until("the list", async || Ok(visitor.get(&home).await?.body.contains("adas-9").then_some(()))).await?;
    let visitor = Arc::new(visitor);
    for (name, url) in
        [("list of 10 workspaces", home), ("form", stage.url("/new")), ("proxied", format!("{origin}/echo"))]
    {
        measure(name, &visitor, &url).await?;
    }
    Ok(())
}

async fn measure(name: &str, visitor: &Arc<Visitor>, url: &str) -> Result<()> {
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    let mut requests = JoinSet::new();
    for _ in 0..RATE * SECONDS {
        ticks.tick().await;
        let (visitor, url, start) = (visitor.clone(), url.to_owned(), Instant::now());
        requests.spawn(async move {
            let answer = visitor.send(Method::GET, &url, &[("accept", "*/*")], String::new()).await?;
            ensure!(answer.status == 200, "{answer:?}");
            Ok(start.elapsed())
        });
    }
    let mut times = requests.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1000].as_secs_f64() * 1000.0;
    println!(
        "{name}: p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms at {RATE} requests/s",
        at(500),
        at(990),
        at(999)
    );
    Ok(())
}
