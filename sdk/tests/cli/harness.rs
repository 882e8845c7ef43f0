//! A work directory with a configuration and the probe provider, and a CLI to run there.
//!
//! After every run nothing may be left: no process, no socket, no complaint in the log about the provider's
//! exit.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use serde_json::Value as Json;
use tempfile::TempDir;

/// Runs `test` under each CLI, and says which one failed.
pub fn with_each_cli(test: impl Fn(&Work)) {
    let clis = clis();
    if clis.is_empty() {
        eprintln!("skipped: set NEURALINVERSE_TERRAFORMS to the CLIs to test with");
    }
    for cli in clis {
        eprintln!("under {}", cli.display());
        let started = Instant::now();
        test(&Work::new(&cli));
        eprintln!("took {:?} under {}", started.elapsed(), cli.display());
    }
}

fn clis() -> Vec<PathBuf> {
    if let Some(paths) = env::var_os("NEURALINVERSE_TERRAFORMS") {
        return env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|directory| directory.join("terraform"))
        .find(|file| file.exists())
        .into_iter()
        .collect()
}

/// The probe provider, as cargo built it beside this test.
pub fn probe() -> PathBuf {
    let test = env::current_exe().expect("this test is a file");
    let target = test.parent().and_then(Path::parent).expect("target/debug/deps/this");
    let probe = target.join("examples/probe");
    // Cargo builds examples for a whole `cargo test`, but not with `--test cli`.
    let built = fs::metadata(&probe).and_then(|file| file.modified()).ok();
    let stale = built.is_none() || built < newest(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(!stale, "{} is missing or stale: run `cargo build --examples`", probe.display());
    probe
}

/// When a source file below `directory` was changed last; tests do not count.
fn newest(directory: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(directory).ok()?.filter_map(Result::ok);
    let times = entries.filter_map(|entry| match entry.path() {
        path if path.file_stem().is_some_and(|name| name == "tests") => None,
        path if path.is_dir() => newest(&path),
        path if path.extension().is_some_and(|extension| extension == "rs") => {
            entry.metadata().ok()?.modified().ok()
        }
        _ => None,
    });
    times.max()
}

/// What a run said.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The run must have worked.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    /// The run must have failed, saying this.
    pub fn fails_with(&self, text: &str) {
        assert_eq!(self.code, 1, "{}{}", self.stdout, self.stderr);
        self.says(text);
    }

    /// The run must have said this, wherever lines break.
    pub fn says(&self, text: &str) {
        let said = format!("{}{}", self.stdout, self.stderr);
        let words: Vec<_> =
            said.split_whitespace().filter(|word| !matches!(*word, "│" | "╷" | "╵")).collect();
        assert!(words.join(" ").contains(text), "`{text}` is not in:\n{said}");
    }
}

/// A work directory of its own for one test under one CLI.
pub struct Work {
    cli: PathBuf,
    root: TempDir,
}

impl Work {
    fn new(cli: &Path) -> Self {
        let root = TempDir::new().expect("a temporary directory");
        let work = Self { cli: cli.to_owned(), root };
        for directory in ["plugins", "tmp", "things", "work"] {
            fs::create_dir(work.path(directory)).expect(directory);
        }
        // A name of its own tells this test's processes from others'.
        fs::copy(probe(), work.plugin()).expect("a copy of the provider");
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"example/probe\" = {:?}\n  }}\n  direct {{}}\n}}\n",
            work.path("plugins")
        );
        fs::write(work.path("rc"), overrides).expect("a configuration of the CLI");
        work
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn plugin(&self) -> PathBuf {
        self.path("plugins/terraform-provider-probe")
    }

    /// Writes the configuration: the provider, and `body`.
    pub fn write(&self, body: &str) {
        let mut text =
            "terraform {\n  required_providers {\n    probe = { source = \"example/probe\" }\n  }\n}\n"
                .to_owned();
        writeln!(text, "provider \"probe\" {{ directory = {:?} }}", self.path("things")).expect("text");
        fs::write(self.path("work/main.tf"), text + body).expect("main.tf");
    }

    /// The command, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cli);
        command.args(arguments).current_dir(self.path("work")).stdin(Stdio::null());
        command.env("TF_CLI_CONFIG_FILE", self.path("rc")).env("TMPDIR", self.path("tmp"));
        command.env("CHECKPOINT_DISABLE", "1").env("TF_LOG", "warn").env("TF_LOG_PATH", self.path("log"));
        command.env_remove("TF_REATTACH_PROVIDERS");
        command
    }

    /// Runs the CLI and checks that nothing is left.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_command(&mut self.command(&with_no_color(arguments)))
    }

    pub fn run_command(&self, command: &mut Command) -> Ran {
        let output = command.output().expect("the CLI starts");
        let ran = Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        self.nothing_is_left();
        ran
    }

    /// No process of the provider, no socket, no complaint.
    pub fn nothing_is_left(&self) {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        for complaint in
            ["failed to exit gracefully", "unexpected data", "scanning stdout", "stdio service unavailable"]
        {
            assert!(!log.contains(complaint), "{log}");
        }
        wait_until("the provider's process is gone", || self.processes().is_empty());
        let left: Vec<_> = fs::read_dir(self.path("tmp")).expect("tmp").filter_map(Result::ok).collect();
        let sockets: Vec<_> =
            left.iter().filter(|entry| entry.file_name().to_string_lossy().starts_with("plugin")).collect();
        assert!(sockets.is_empty(), "{sockets:?}");
    }

    /// Processes that run this work directory's copy of the provider.
    pub fn processes(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
        let ours = processes.filter(|process| {
            fs::read_link(process.path().join("exe")).is_ok_and(|file| file.starts_with(self.root.path()))
        });
        ours.filter_map(|process| process.file_name().to_string_lossy().parse().ok()).collect()
    }

    /// Writes the configuration, applies it, and checks that both plans are empty: without refresh and with.
    pub fn apply(&self, body: &str) -> Ran {
        self.write(body);
        let ran = self.run(&["apply", "-auto-approve"]).ok();
        self.has_empty_plans();
        ran
    }

    pub fn has_empty_plans(&self) {
        for arguments in
            [&["plan", "-detailed-exitcode", "-refresh=false"][..], &["plan", "-detailed-exitcode"]]
        {
            let plan = self.run(arguments);
            assert_eq!(plan.code, 0, "{arguments:?} is not empty: {}{}", plan.stdout, plan.stderr);
        }
    }

    /// The stored state of a resource such as `probe_thing.a`: `values`, and `tainted` if it is.
    pub fn state(&self, address: &str) -> Json {
        let shown = self.run(&["show", "-json"]).ok();
        let state: Json = serde_json::from_str(&shown.stdout).expect("JSON");
        let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
        resources.into_iter().find(|resource| resource["address"] == address).unwrap_or_default()
    }

    /// What the remote holds under this name.
    pub fn remote(&self, name: &str) -> Option<Json> {
        let text = fs::read_to_string(self.path("things").join(format!("{name}.json"))).ok()?;
        serde_json::from_str(&text).ok()
    }
}

fn with_no_color<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    match arguments {
        [first, rest @ ..] if !matches!(*first, "version" | "providers" | "show" | "state") => {
            [&[*first, "-no-color"], rest].concat()
        }
        other => other.to_vec(),
    }
}

/// Waits for what must come soon.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
