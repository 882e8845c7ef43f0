//! `make bench-portal`: how long somebody waits for the editor, and how fast and heavy the portal's pages
//! are. On the demo's cluster, in Chromium, with programs as they are released.

use anyhow::{Context, Result};
use neuralinverse_tests::{Demo, Person};
use serde_json::json;

mod editor;
mod pages;

/// Launches with a warm pod.
const WARM: usize = 5;

/// Launches without.
const COLD: usize = 3;

#[tokio::main]
async fn main() -> Result<()> {
    let demo = Demo::up("bench", 18081)?;
    let result = measure(&demo).await;
    demo.down()?;
    let line = result?;
    #[expect(clippy::print_stdout, reason = "the result is what a bench prints")]
    {
        println!("RESULT {line}");
    }
    Ok(())
}

async fn measure(demo: &Demo) -> Result<serde_json::Value> {
    let person = Person::sign_in(demo).await?;
    editor::watch(&person).await?;
    // The first visit of the day fills caches that are not asked about here.
    editor::launch(demo, &person, "first", "starter").await?;
    let mut warm = Vec::new();
    for number in 0..WARM {
        warm.push(editor::launch(demo, &person, &format!("warm-{number}"), "starter").await?);
    }
    let mut cold = Vec::new();
    for number in 0..COLD {
        cold.push(editor::launch(demo, &person, &format!("cold-{number}"), "standard").await?);
    }
    let again = editor::again(&person, "warm-0").await?;
    eprintln!("warm: {warm:?}\ncold: {cold:?}\nagain: {again:?}");
    let kilobytes = pages::kilobytes(&person).await?;
    let times = pages::times(demo, &person).await?;
    editor::delete(demo)?;
    Ok(json!({
        "editor_warm_ms": median(warm.iter().map(|it| it.painted)).context("no run")?,
        "editor_cold_ms": median(cold.iter().map(|it| it.painted)).context("no run")?,
        "page_p99_ms": times.p99,
        "page_kb": kilobytes,
        "page_p50_ms": times.p50,
        "editor_warm_files_ms": median(warm.iter().map(|it| it.files)).context("no run")?,
        "editor_again_ms": again.painted,
    }))
}

fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
