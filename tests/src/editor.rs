//! The editor in the browser, used by its keys.

use anyhow::Result;
use neuralinverse_browser::{
    Chromium,
    keys::{CONTROL, ENTER, SHIFT},
};

/// Files and their explorer are there: the last that is painted of the first sight.
pub const PAINTED: &str = "return document.querySelector('.explorer-folders-view .monaco-list-row') !== null";

/// What answers a question of whether one trusts the folder.
const TRUST: &str = "return [...document.querySelectorAll('.monaco-dialog-box .monaco-button')]\
    .find((it) => it.textContent.startsWith('Trust Folder'))?.click() === undefined";

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
        self.browser.chord(&[CONTROL, '\u{e011}']).await?;
        self.browser.type_text(text).await?;
        self.browser.chord(&[CONTROL, 's']).await?;
        let saved = "return document.querySelector('.tab.active.dirty') === null";
        self.browser.wait_for_value("the file to be saved", saved).await.map(drop)
    }

    /// Opens a terminal, and says on the way that the folder is trusted.
    pub async fn terminal(&self) -> Result<()> {
        self.browser.chord(&[CONTROL, SHIFT, '`']).await?;
        self.browser.window.execute(TRUST, Vec::new()).await?;
        self.browser.find(".terminal-wrapper.active .xterm-helper-textarea").await.map(drop)
    }

    /// Runs the folder's task that builds.
    pub async fn build(&self) -> Result<()> {
        self.browser.chord(&[CONTROL, SHIFT, 'b']).await
    }

    /// Types a line into the terminal that is open.
    pub async fn run(&self, line: &str) -> Result<()> {
        self.browser.type_text(&format!("{line}{ENTER}")).await
    }
}
