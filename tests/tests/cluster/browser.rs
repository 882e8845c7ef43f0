//! What a person does all day, in Chromium: sign in, create, edit, run, push, stop, come back.

use anyhow::{Context, Result, ensure};
use neuralinverse_browser::pictures;
use neuralinverse_tests::{Demo, Editor, Person};
use serde_json::{Value, json};

use crate::objects::{remove, runs_in};

/// The workspace that these cases share; each makes it if it is not there.
pub const DESK: &str = "desk";

/// Runs a case as somebody who has signed in.
pub fn signed_in(demo: &Demo, case: impl AsyncFnOnce(&Person) -> Result<()>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let person = Person::sign_in(demo).await?;
        case(&person).await
    })
}

/// The editor of the shared workspace.
pub async fn desk<'a>(demo: &Demo, person: &'a Person) -> Result<Editor<'a>> {
    if person.workspaces().await?.iter().any(|name| name == DESK) {
        return person.open(DESK).await;
    }
    person.create(DESK, &demo.repository()?).await
}

/// Waits until a file of the shared workspace says something.
pub fn wait_for_file(demo: &Demo, file: &str, content: &str) -> Result<()> {
    demo.wait(&format!("{file} to say {content}"), || says(demo, file, content))
}

fn says(demo: &Demo, file: &str, content: &str) -> Result<()> {
    let found = demo.shell(DESK, &["cat", file])?;
    ensure!(found.trim() == content, "{file}: {found}");
    Ok(())
}

pub fn somebody_signs_in_and_sees_nothing_of_others(demo: &Demo) -> Result<()> {
    remove(demo, DESK)?;
    signed_in(demo, async |person| {
        // The workspace of the quickstart is of a name, not of the account of that name.
        ensure!(person.workspaces().await?.is_empty());
        person.browser.picture("e2e-empty").await
    })
}

pub fn a_workspace_is_created_and_its_editor_is_there(demo: &Demo) -> Result<()> {
    remove(demo, DESK)?;
    signed_in(demo, async |person| {
        person.create(DESK, &demo.repository()?).await?;
        let url = person.browser.window.current_url().await?;
        let (id, domain) = url.host_str().and_then(|host| host.split_once('.')).context("no host")?;
        ensure!(!id.is_empty() && demo.workspace_domain()?.starts_with(domain), "{url}");
        person.browser.find(".explorer-folders-view .monaco-list-row[aria-label^='hello.py']").await?;
        person.browser.picture("e2e-editor").await
    })
}

pub fn a_file_is_edited_and_a_command_runs_in_the_terminal(demo: &Demo) -> Result<()> {
    signed_in(demo, async |person| {
        let editor = desk(demo, person).await?;
        person.browser.picture("e2e-opened").await?;
        editor.open("hello.py").await?;
        editor.write("# edited in the browser\n").await?;
        person.browser.picture("e2e-edited").await?;
        // The tab may say that nothing is to be saved before it has heard of the edit.
        demo.wait("the edit in the file", || {
            let file = demo.shell(DESK, &["head", "-2", "hello.py"])?;
            ensure!(file.starts_with("# edited in the browser\n\"\"\"Says hello"), "{file}");
            Ok(())
        })?;
        editor.terminal().await?;
        person.browser.picture("e2e-terminal").await?;
        editor.run("python3 hello.py | tee said", || says(demo, "said", "Hello, world!")).await?;
        person.browser.picture("e2e-ran").await?;
        editor.leave_terminals().await
    })
}

pub fn its_environment_reaches_terminals_and_tasks_also_when_it_changes(demo: &Demo) -> Result<()> {
    let set = |value: &str| -> Result<()> {
        let patch = json!({ "spec": { "env": { "GREETING": value } } }).to_string();
        demo.kubectl(&["patch", "workspace", DESK, "--type=merge", "-p", &patch])?;
        demo.wait("the environment", || {
            let found = demo.shell(DESK, &["printenv", "GREETING"])?;
            ensure!(found.trim() == value, "{found}");
            Ok(())
        })
    };
    signed_in(demo, async |person| {
        let editor = desk(demo, person).await?;
        let task = json!({
            "label": "greet", "type": "shell", "command": "echo $GREETING > from-task", "problemMatcher": [],
            "presentation": { "close": true }, "group": { "kind": "build", "isDefault": true },
        });
        let tasks = json!({ "version": "2.0.0", "tasks": [task] }).to_string();
        let write = "mkdir -p .vscode && echo \"$1\" > .vscode/tasks.json && rm -f from-*";
        demo.shell(DESK, &["sh", "-c", write, "sh", &tasks])?;
        for value in ["one", "two"] {
            set(value)?;
            editor.terminal().await?;
            let said = || says(demo, "from-terminal", value);
            editor.run("echo $GREETING > from-terminal", said).await?;
            editor.build(|| says(demo, "from-task", value)).await?;
            person.browser.picture("e2e-environment").await?;
            editor.leave_terminals().await?;
        }
        Ok(())
    })
}

pub fn it_is_stopped_and_comes_back_with_its_files(demo: &Demo) -> Result<()> {
    signed_in(demo, async |person| {
        desk(demo, person).await?;
        demo.shell(DESK, &["sh", "-c", "echo not committed > draft"])?;
        person.list().await?;
        let card = person.card(DESK).await?;
        person.browser.wait_for_text(&card, "Running").await?;
        person.browser.picture("e2e-running").await?;
        person.browser.click(&format!("button[aria-label='Stop {DESK}']")).await?;
        person.browser.wait_for_text(&card, "Stopped").await?;
        person.browser.picture("e2e-stopped").await?;
        person.browser.click(&format!("a[aria-label='Open {DESK}']")).await?;
        person.browser.find("#steps").await?;
        person.browser.picture("e2e-starting").await?;
        Editor::painted(&person.browser).await?;
        person.browser.find(".explorer-folders-view .monaco-list-row[aria-label^='draft']").await?;
        wait_for_file(demo, "draft", "not committed")?;
        person.browser.picture("e2e-back").await
    })
}

pub fn it_stops_when_nobody_uses_it_but_not_under_a_command_and_wakes_at_a_visit(demo: &Demo) -> Result<()> {
    let idle_timeout = |timeout: Value| {
        let patch = json!({ "spec": { "idleTimeout": timeout } }).to_string();
        demo.kubectl(&["patch", "workspace", DESK, "--type=merge", "-p", &patch]).map(drop)
    };
    signed_in(demo, async |person| {
        let editor = desk(demo, person).await?;
        demo.shell(DESK, &["rm", "-f", "began", "went-on"])?;
        editor.terminal().await?;
        // Longer than the timeout, and silent.
        let command = "echo yes > began; sleep 20; echo yes > went-on; exit";
        editor.run(command, || says(demo, "began", "yes")).await?;
        person.list().await?;
        idle_timeout(json!("5s"))?;
        let card = person.card(DESK).await?;
        person.browser.wait_for_text(&card, "Stopped").await?;
        person.browser.picture("e2e-suspended").await?;
        let workspace = demo.get(&["workspace", DESK])?;
        ensure!(workspace["status"]["suspended"].is_object(), "{workspace}");
        ensure!(workspace["spec"]["runPolicy"] == "OnDemand", "{workspace}");
        idle_timeout(Value::Null)?;
        person.open(DESK).await?;
        wait_for_file(demo, "went-on", "yes")
    })
}

pub fn sign_out_everywhere_ends_an_editor_that_is_open(demo: &Demo) -> Result<()> {
    /// Keeps the sockets of a page where a script finds them.
    const SOCKETS: &str = "window.sockets = []; window.WebSocket = class extends WebSocket { \
        constructor(...all) { super(...all); window.sockets.push(this); } }";
    const OPEN: &str = "return window.sockets.filter((it) => it.readyState === 1).length > 0";
    const NONE_OPEN: &str = "return window.sockets.every((it) => it.readyState === 3)";
    signed_in(demo, async |person| {
        let window = &person.browser.window;
        let script = json!({ "source": SOCKETS });
        person.browser.devtools("Page.addScriptToEvaluateOnNewDocument", script).await?;
        desk(demo, person).await?;
        person.browser.wait_for_value("an open socket", OPEN).await?;
        let (editor, url) = (window.window().await?, window.current_url().await?);
        window.switch_to_window(window.new_window(true).await?.handle).await?;
        person.sign_out_everywhere().await?;
        person.browser.picture("e2e-signed-out").await?;
        window.switch_to_window(editor).await?;
        person.browser.wait_for_value("the sockets to close", NONE_OPEN).await?;
        let status = "const [done] = arguments; fetch('/').then((it) => done(it.status), () => done(0))";
        let status = window.execute_async(status, Vec::new()).await?;
        ensure!(status == 401, "{status}");
        person.browser.picture("e2e-cut-off").await?;
        // The Git host would sign in whoever is signed in there without a question.
        let git = json!({ "urls": [demo.git_url()?] });
        let cookies = person.browser.devtools("Network.getCookies", git).await?;
        for cookie in cookies["cookies"].as_array().into_iter().flatten() {
            let cookie =
                json!({ "name": cookie["name"], "domain": cookie["domain"], "path": cookie["path"] });
            person.browser.devtools("Network.deleteCookies", cookie).await?;
        }
        window.goto(url.as_str()).await?;
        person.browser.find("input[name=user_name]").await?;
        person.browser.picture("e2e-sign-in-again").await
    })
}

pub fn the_memory_of_one_client_is_measured(demo: &Demo) -> Result<()> {
    /// Bytes in use without what the kernel can take back, by either version of cgroups.
    const USED: &str = "cd /sys/fs/cgroup; [ ! -d memory ] || cd memory; \
        echo $(cat memory.usage_in_bytes memory.current 2>/dev/null) \
             $(sed -n 's/^\\(total_\\)\\?inactive_file //p' memory.stat | tail -1)";
    signed_in(demo, async |person| {
        let editor = desk(demo, person).await?;
        editor.open("hello.py").await?;
        editor.terminal().await?;
        person.browser.picture("e2e-memory").await?;
        let pod = demo.pod_of(DESK)?;
        let mebibytes = |container: &str| -> Result<u64> {
            let text = runs_in(demo, &pod, container, &["sh", "-c", USED])?;
            let (all, inactive) = text.trim().split_once(' ').with_context(|| text.clone())?;
            Ok(all.parse::<u64>()?.saturating_sub(inactive.parse()?) >> 20)
        };
        let used = json!({ "workspace_mib": mebibytes("workspace")?, "agent_mib": mebibytes("agent")? });
        eprintln!("memory with one client: {used}");
        std::fs::create_dir_all(pictures())?;
        std::fs::write(pictures().join("e2e-memory.json"), format!("{used}\n"))?;
        editor.leave_terminals().await
    })
}
