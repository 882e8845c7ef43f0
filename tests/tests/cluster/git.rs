//! Git in a workspace: its owner's, without a credential that the owner, or what runs as the owner, could lose.

use anyhow::{Result, ensure};
use neuralinverse_tests::{Demo, USER};
use serde_json::{Value, json};

use crate::{
    browser::{DESK, desk, signed_in, wait_for_file},
    objects::runs_in,
};

/// Somebody else, at the Git host.
const STRANGER: &str = "bob";
const PASSWORD: &str = "correct-horse-battery";

pub fn a_commit_is_pushed_from_the_terminal_as_its_author(demo: &Demo) -> Result<()> {
    signed_in(demo, async |person| {
        let editor = desk(demo, person).await?;
        demo.shell(DESK, &["sh", "-c", "date +%N > pushed.txt; rm -f outcome"])?;
        editor.terminal().await?;
        // What is typed twice pushes once.
        let push = "[ -s outcome ] || (git add pushed.txt && git commit -qm 'From the browser' && git push -q; \
                    echo $? > outcome)";
        editor.run(push, || demo.shell(DESK, &["test", "-s", "outcome"]).map(drop)).await?;
        wait_for_file(demo, "outcome", "0")?;
        person.browser.picture("e2e-pushed").await?;
        editor.leave_terminals().await?;

        let password = demo.password()?;
        let ask = |path: &str| demo.git_api(USER, &password, "GET", path, &Value::Null);
        let commit = ask("/repos/ada/hello/commits?limit=1&stat=false")?[0].clone();
        ensure!(
            commit["commit"]["message"].as_str().is_some_and(|it| it.trim() == "From the browser"),
            "{commit}"
        );
        ensure!(commit["commit"]["author"]["name"] == "Ada Lovelace", "{commit}");
        ensure!(commit["author"]["login"] == USER, "{commit}");
        ensure!(demo.shell(DESK, &["git", "rev-parse", "HEAD"])?.trim() == commit["sha"], "{commit}");
        // Whose push it was is known by the token, not by what the commit claims. Gitea writes it down in its own time.
        demo.wait("the push in the feed of its author", || {
            let feed = ask(&format!("/users/{USER}/activities/feeds?only-performed-by=true&limit=1"))?;
            ensure!(feed[0]["op_type"] == "commit_repo" && feed[0]["act_user"]["login"] == USER, "{feed}");
            Ok(())
        })?;
        person.browser.window.goto(&format!("{}/ada/hello", demo.git_url()?)).await?;
        person.browser.wait_for_text("body", "From the browser").await?;
        person.browser.picture("e2e-git-host").await
    })
}

pub fn what_is_private_to_others_cannot_be_cloned(demo: &Demo) -> Result<()> {
    let account = [
        "kubectl",
        "-n",
        "neuralinverse-system",
        "exec",
        "neuralinverse-gitea-0",
        "-c",
        "gitea",
        "--",
        "gitea",
        "admin",
        "user",
        "create",
        "--config",
        "/etc/gitea/app.ini",
        "--must-change-password=false",
        "--username",
        STRANGER,
        "--email",
        "bob@example.com",
        "--password",
        PASSWORD,
    ];
    let there = demo.git_api(STRANGER, PASSWORD, "GET", "/user", &Value::Null).is_ok();
    if !there {
        demo.run(&account)?;
        let repository = json!({ "name": "secret", "private": true, "auto_init": true });
        demo.git_api(STRANGER, PASSWORD, "POST", "/user/repos", &repository)?;
    }
    ready(demo)?;
    let url = format!("{}/{STRANGER}/secret.git", demo.git_url()?);
    let refused = demo.shell(DESK, &["git", "clone", &url, "/tmp/secret"]).err().map(|it| it.to_string());
    ensure!(refused.as_ref().is_some_and(|it| it.contains(&url)), "{refused:?}");
    demo.shell(DESK, &["git", "ls-remote", &demo.repository()?]).map(drop)
}

pub fn no_credential_is_in_the_users_container(demo: &Demo) -> Result<()> {
    ready(demo)?;
    // Whatever is a JSON Web Token, as those of service accounts are, or Git's ways to keep a password.
    let look = "grep -rlsE 'eyJ[A-Za-z0-9_-]{16,}\\.eyJ' \"$HOME\" /tmp /run /etc /opt/neuralinverse /proc/[0-9]*/environ /proc/[0-9]*/cmdline; \
        ls -d \"$HOME/.git-credentials\" \"$HOME/.netrc\" /var/run/secrets /etc/neuralinverse 2> /dev/null; \
        git config --list | grep -iE 'credential|extraheader|authorization|://[^/]*@'; \
        env | grep -iE 'token|password|secret|credential'; true";
    let found = demo.shell(DESK, &["bash", "-c", look])?;
    ensure!(found.trim().is_empty(), "{found}");
    // The same search finds the sidecar's own, so it can find some.
    let look = "grep -rlsE 'eyJ[A-Za-z0-9_-]{16,}\\.eyJ' /etc/neuralinverse";
    let found = runs_in(demo, &demo.pod_of(DESK)?, "agent", &["bash", "-c", look])?;
    ensure!(found.contains("gateway-token"), "{found}");
    Ok(())
}

/// The shared workspace, with its repository.
fn ready(demo: &Demo) -> Result<()> {
    if demo.get(&["workspace", DESK]).is_ok() {
        return demo.wait_for_condition(DESK, "RepositoryReady", "True").map(drop);
    }
    signed_in(demo, async |person| desk(demo, person).await.map(drop))
}
