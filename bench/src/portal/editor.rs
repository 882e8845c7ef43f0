//! From a click in the portal to the editor, by the browser's own clock.

use anyhow::{Context, Result, ensure};
use neuralinverse_tests::{Demo, Person};
use serde_json::{Value, json};

/// Notes on every page when what one waits for is there: the page of a workspace that starts, the editor
/// with its explorer, and the files in it.
const WATCH: &str = "
const wanted = { page: '#steps', painted: '.monaco-workbench .explorer-viewlet',
                 files: '.explorer-folders-view .monaco-list-row' };
window.seen = {};
const look = () => {
  for (const [name, css] of Object.entries(wanted))
    if (!window.seen[name] && document.querySelector(css)) window.seen[name] = Date.now();
  if (!window.seen.files) requestAnimationFrame(look);
};
look();
";

/// What the browser has loaded, for who wants to know where the time goes.
const LOADED: &str = "
const all = performance.getEntriesByType('resource');
const navigation = performance.getEntriesByType('navigation')[0];
return { start: performance.timeOrigin, html: navigation.responseEnd, requests: all.length,
         marks: performance.getEntriesByType('mark').filter((it) => /did(Start|Load|Restore)|will(Start|Load)/.test(it.name))
                           .map((it) => [it.name.replace('code/', ''), it.startTime | 0]),
         bytes: all.reduce((sum, it) => sum + it.transferSize, navigation.transferSize),
         slowest: all.sort((a, b) => b.duration - a.duration).slice(0, 5)
                     .map((it) => [it.name.split('/').pop(), it.startTime | 0, it.duration | 0, it.transferSize]) };
";

/// Milliseconds since the click.
#[derive(Debug)]
pub struct Times {
    /// The editor is there.
    pub painted: u64,
    /// So are the files.
    pub files: u64,
}

/// Looks at every page from now on.
pub async fn watch(person: &Person) -> Result<()> {
    let script = json!({ "source": WATCH });
    person.browser.devtools("Page.addScriptToEvaluateOnNewDocument", script).await?;
    // Who drives a browser has the stack kept of every error that is made, for which V8 reads the editor's script a
    // second time, 0.4 s long. Nobody's browser does.
    person.browser.devtools("Runtime.setMaxCallStackSizeToCapture", json!({ "size": 0 })).await.map(drop)
}

/// Creates a workspace from the demo's repository.
pub async fn launch(demo: &Demo, person: &Person, name: &str, tier: &str) -> Result<Times> {
    demo.wait("a warm pod", || {
        let pool = demo.get(&["warmpool", "starter-debian"])?;
        ensure!(pool["status"]["ready"].as_i64() >= Some(1) && pool["status"]["warming"] == 0, "{pool}");
        Ok(())
    })?;
    person.fill_in(name, &demo.repository()?, tier).await?;
    let times = click(person, "#create").await?;
    let source = &demo.get(&["workspace", name])?["status"]["launch"];
    let expected = if tier == "starter" { "Warm" } else { "Cold" };
    ensure!(source["source"] == expected, "{source}");
    eprintln!("{name}: {times:?} {source}");
    Ok(times)
}

/// Opens one that runs, by a browser that has been there.
pub async fn again(person: &Person, name: &str) -> Result<Times> {
    person.list().await?;
    let open = format!("a[aria-label='Open {name}']");
    person.browser.find(&open).await?;
    click(person, &open).await
}

/// Deletes what the bench has made.
pub fn delete(demo: &Demo) -> Result<()> {
    let runs = |prefix: &'static str, count: usize| (0..count).map(move |it| format!("{prefix}-{it}"));
    let mut all = runs("warm", crate::WARM).chain(runs("cold", crate::COLD)).chain(["first".to_owned()]);
    all.try_for_each(|name| {
        demo.kubectl(&["delete", "workspace", &name, "--ignore-not-found", "--wait=false"]).map(drop)
    })
}

async fn click(person: &Person, css: &str) -> Result<Times> {
    let click = "const start = Date.now(); document.querySelector(arguments[0]).click(); return start";
    let start = person.browser.window.execute(click, vec![css.into()]).await?;
    let seen = person.browser.wait_for_value("the files", "return window.seen?.files && window.seen").await?;
    let loaded = person.browser.window.execute(LOADED, Vec::new()).await?;
    let start = start.as_f64().context("no clock")?;
    let since = |moment: &Value| moment.as_f64().map(|it| (it - start) as u64);
    eprintln!("  page of the editor asked for after {:?} ms: {loaded}", since(&loaded["start"]));
    Ok(Times {
        painted: since(&seen["painted"]).context("not painted")?,
        files: since(&seen["files"]).context("no files")?,
    })
}
