//! A Gitea without a cluster: it answers, its administrator may do all, and it goes with its owner.

use std::process::Command;

use anyhow::{Result, ensure};
use neuralinverse_local::gitea::{Gitea, GiteaOptions};

#[tokio::test]
async fn one_serves_its_administrator_under_the_url_that_it_was_given() -> Result<()> {
    let options = GiteaOptions::default().with_root_url("http://git.example.test:8080");
    let gitea = Gitea::start(options).await?;
    let (user, password) = gitea.admin();
    let get = |path: &str| -> Result<String> {
        let url = format!("{}{path}", gitea.url());
        let output =
            Command::new("curl").args(["-fsS", "--user", &format!("{user}:{password}"), &url]).output()?;
        ensure!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    };
    assert!(get("/api/v1/user")?.contains("\"is_admin\":true"));
    assert!(
        get("/.well-known/openid-configuration")?.contains("\"issuer\": \"http://git.example.test:8080\"")
    );
    // The pages have their templates and texts.
    assert!(get("/user/login")?.contains("<title>"));

    let url = gitea.url().to_owned();
    drop(gitea);
    assert!(!Command::new("curl").args(["-fsS", &url]).output()?.status.success());
    Ok(())
}
