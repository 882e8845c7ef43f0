//! Somebody at the portal.

use anyhow::{Context, Result};
use neuralinverse_browser::{Chromium, keys::ENTER};

use crate::{Demo, Editor, USER};

/// Who uses the demo, signed in.
pub struct Person {
    /// What is before them.
    pub browser: Chromium,
    portal: String,
}

impl Person {
    /// Opens a browser and signs in with the Git host's form.
    pub async fn sign_in(demo: &Demo) -> Result<Self> {
        let person = Self { browser: Chromium::start().await?, portal: demo.url()? };
        person.list().await?;
        person.browser.picture("e2e-welcome").await?;
        person.browser.click("#sign-in").await?;
        let name = person.browser.find("input[name=user_name]").await?;
        name.send_keys(USER).await?;
        let password = person.browser.find("input[name=password]").await?;
        person.browser.picture("e2e-git-sign-in").await?;
        password.send_keys(&format!("{}{ENTER}", demo.password()?)).await?;
        // The question whether the portal may know who one is comes once.
        let consent = "return document.querySelector('#authorize-app, summary')?.id ?? null";
        let came = person.browser.wait_for_value("consent or the list", consent).await?;
        if came == "authorize-app" {
            person.browser.picture("e2e-git-consent").await?;
            person.browser.click("#authorize-app").await?;
        }
        person.browser.find("summary").await?;
        Ok(person)
    }

    /// Goes to the list.
    pub async fn list(&self) -> Result<()> {
        Ok(self.browser.window.goto(&format!("{}/", self.portal)).await?)
    }

    /// Fills in the form for a new workspace, up to the click that makes it.
    pub async fn fill_in(&self, name: &str, repository: &str, tier: &str) -> Result<()> {
        self.browser.window.goto(&format!("{}/new", self.portal)).await?;
        self.browser.find("#repository").await?.send_keys(repository).await?;
        self.browser.find("#name").await?.send_keys(name).await?;
        for (field, value) in [("template", "debian"), ("tier", tier)] {
            self.browser.click(&format!("input[name={field}][value={value}]")).await?;
        }
        Ok(())
    }

    /// Creates a workspace and waits for its editor.
    pub async fn create(&self, name: &str, repository: &str) -> Result<Editor<'_>> {
        self.fill_in(name, repository, "starter").await?;
        self.browser.picture("e2e-new").await?;
        self.browser.click("#create").await?;
        Editor::painted(&self.browser).await
    }

    /// Opens a workspace from the list and waits for its editor.
    pub async fn open(&self, name: &str) -> Result<Editor<'_>> {
        self.list().await?;
        self.browser.click(&format!("a[aria-label='Open {name}']")).await?;
        Editor::painted(&self.browser).await
    }

    /// The names in the list.
    pub async fn workspaces(&self) -> Result<Vec<String>> {
        self.list().await?;
        self.browser.find("#content .cards").await?;
        let names = "return [...document.querySelectorAll('article h2')].map((it) => it.textContent)";
        let names = self.browser.window.execute(names, Vec::new()).await?;
        serde_json::from_value(names).context("names")
    }

    /// Finds the card of a workspace in the list that is before them.
    pub async fn card(&self, name: &str) -> Result<String> {
        let id =
            "return document.querySelector(`a[aria-label='Delete ${arguments[0]}']`)?.closest('.card').id";
        self.browser.find(".card").await?;
        let id = self.browser.window.execute(id, vec![name.into()]).await?;
        Ok(format!("#{}", id.as_str().with_context(|| format!("{name} is not in the list"))?))
    }

    /// Ends every session by the menu.
    pub async fn sign_out_everywhere(&self) -> Result<()> {
        self.list().await?;
        self.browser.click("summary").await?;
        self.browser.click("form[action='/sign-out/everywhere'] button").await?;
        self.browser.find("#sign-in").await.map(drop)
    }
}
