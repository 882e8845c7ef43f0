//! The editor in the browser, used by its keys.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use neuralinverse_browser::{
    Chromium,
    keys::{CONTROL, ENTER, HOME, SHIFT},
};
use tokio::time::sleep;

/// Files and their explorer are there: the last that is painted of the first sight.
pub const PAINTED: &str = "return document.querySelector('.explorer-folders-view .monaco-list-row') !== null";

/// How often something is done by keys at most.
const TRIES: usize = 6;

/// How long a terminal may take to come or go.
const PATIENCE: Duration = Duration::from_secs(15);

/// Terminals so far.
const TERMINALS: &str = "return document.querySelectorAll('.terminal-wrapper').length";

/// Whether there is one more terminal, with a prompt, beside which the editor paints a mark. The question that comes first, whether one trusts the
/// folder, is answered on the way.
const PROMPT: &str = "
const trust = [...document.querySelectorAll('.monaco-dialog-box .monaco-button')];
trust.find((it) => it.textContent.startsWith('Trust Folder'))?.click();
const more = [...document.querySelectorAll('.terminal-wrapper')].slice(BEFORE);
return more.some((it) => it.matches('.active') && it.querySelector('.terminal-command-decoration'));
";

/// Lines of the file that is open, as far as they are painted; with spaces that do not break.
const LINES: &str = "return [...document.querySelectorAll('.editor-instance .view-line')]";

/// An editor that has been opened.
pub struct Editor<'a> {
    browser: &'a Chromium,
}

impl<'a> Editor<'a> {
    /// Waits for it.
    pub async fn painted(browser: &'a Chromium) -> Result<Self> {
        browser.wait_for_value("the editor", PAINTED).await?;
        Ok(Self { browser })
    }

    /// Runs a command of the editor by its name.
    pub async fn command(&self, name: &str) -> Result<()> {
        self.browser.chord(&[CONTROL, SHIFT, 'p']).await?;
        self.browser.find(".quick-input-widget input").await?;
        self.browser.type_text(name).await?;
        self.browser.wait_for_text(".quick-input-list .monaco-list-row.focused", name).await?;
        self.browser.type_text(&ENTER.to_string()).await
    }

    /// Opens a file by the explorer.
    pub async fn open(&self, file: &str) -> Result<()> {
        self.browser.click(&format!(".explorer-folders-view .monaco-list-row[aria-label^='{file}']")).await?;
        self.browser.click(&format!(".tab[data-resource-name='{file}']")).await?;
        self.browser.click(".editor-instance .view-lines").await
    }

    /// Writes into the file that is open, at its very beginning, and saves it.
    pub async fn write(&self, text: &str) -> Result<()> {
        let line = serde_json::to_string(text.trim_end())?;
        let there = format!("{LINES}.some((it) => it.textContent.replaceAll('\u{a0}', ' ') === {line})");
        let write = async || {
            self.browser.chord(&[CONTROL, HOME]).await?;
            self.browser.type_text(text).await
        };
        self.again_until(PATIENCE, async || self.shows(&there).await, write).await?;
        self.browser.chord(&[CONTROL, 's']).await?;
        let saved = "return document.querySelector('.tab.active.dirty') === null";
        self.browser.wait_for_value("the file to be saved", saved).await.map(drop)
    }

    /// Opens one more terminal.
    pub async fn terminal(&self) -> Result<()> {
        let before = self.browser.window.execute(TERMINALS, Vec::new()).await?;
        let prompt = PROMPT.replace("BEFORE", &before.to_string());
        let press = async || self.browser.chord(&[CONTROL, SHIFT, '`']).await;
        self.again_until(PATIENCE, async || self.shows(&prompt).await, press).await
    }

    /// Runs the folder's task that builds, until it has been `done`.
    pub async fn build(&self, done: impl Fn() -> Result<()>) -> Result<()> {
        let press = async || self.browser.chord(&[CONTROL, SHIFT, 'b']).await;
        self.again_until(Duration::from_secs(10), async || done(), press).await
    }

    /// Leaves all terminals: else they would be there again at the next visit. That of a task closes by itself,
    /// and takes along what is typed into it.
    pub async fn leave_terminals(&self) -> Result<()> {
        let none = format!("{TERMINALS} === 0");
        self.again_until(PATIENCE, async || self.shows(&none).await, async || self.type_line("exit").await)
            .await
    }

    /// Does something by keys, again after `patience`, until it is `done`. A preview that is painted late, or a
    /// terminal that closes, takes keys along.
    async fn again_until(
        &self,
        patience: Duration,
        done: impl AsyncFn() -> Result<()>,
        act: impl AsyncFn() -> Result<()>,
    ) -> Result<()> {
        let mut in_vain = anyhow!("not looked at");
        for _ in 0..TRIES {
            act().await?;
            let start = Instant::now();
            while start.elapsed() < patience {
                match done().await {
                    Ok(()) => return Ok(()),
                    Err(error) => in_vain = error,
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
        Err(in_vain.context(format!("tried {TRIES} times in vain")))
    }

    /// Fails, with what it says instead, unless a script says `true`.
    async fn shows(&self, script: &str) -> Result<()> {
        let found = self.browser.window.execute(script, Vec::new()).await?;
        ensure!(found.as_bool() == Some(true), "{script}: {found}");
        Ok(())
    }

    /// Runs a line in the terminal that is open, until it has been `done`: twice must be as good as once.
    pub async fn run(&self, line: &str, done: impl Fn() -> Result<()>) -> Result<()> {
        self.again_until(PATIENCE, async || done(), async || self.type_line(line).await).await
    }

    /// Types a line into the terminal that is open, instead of what is left there of one that was typed in vain.
    async fn type_line(&self, line: &str) -> Result<()> {
        let focus = "return document.activeElement.classList.contains('xterm-helper-textarea')";
        let click = async || self.browser.click(".terminal-wrapper.active .xterm-screen").await;
        self.again_until(Duration::from_secs(2), async || self.shows(focus).await, click).await?;
        self.browser.chord(&[CONTROL, 'u']).await?;
        self.browser.type_text(&format!("{line}{ENTER}")).await
    }
}
