//! A folder with a configuration, a Terraform to run on it, and an API server to run it against.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use neuralinverse_api::install;
use neuralinverse_local::{ControlPlane, ControlPlaneOptions, Kubectl};
use serde_json::Value;
use tempfile::TempDir;

use crate::controller;

/// The command lines to test with.
pub fn terraforms() -> Vec<PathBuf> {
    let list = std::env::var("NEURALINVERSE_TERRAFORMS").unwrap_or_else(|_| "terraform".to_owned());
    list.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect()
}

/// An API server with our kinds, and something that makes their objects ready.
pub struct Server {
    control_plane: ControlPlane,
}

impl Server {
    /// The one that tests share; each has names of its own in it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| {
            let server = Self::bare();
            let crds: Vec<String> = install::crds().iter().map(ToString::to_string).collect();
            server.kubectl().apply(&crds.join("\n---\n")).unwrap();
            server.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
            server.run(&["create", "namespace", "workspaces"]);
            controller::start(&server.kubeconfig());
            server
        })
    }

    /// One of its own, without our kinds.
    pub fn bare() -> Self {
        let options = ControlPlaneOptions::default().with_controller_manager();
        Self { control_plane: ControlPlane::start_blocking(&options).unwrap() }
    }

    pub fn kubectl(&self) -> &Kubectl {
        self.control_plane.kubectl()
    }

    /// `kubectl ARGS`, which must succeed.
    pub fn run(&self, args: &[&str]) -> String {
        self.kubectl().run(args).unwrap()
    }

    pub fn url(&self) -> &str {
        self.control_plane.server()
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.control_plane.kubeconfig_path()
    }

    /// A project whose only region is this server.
    pub fn project(&self) -> Project {
        let project = Project::new(&terraforms()[0]);
        project.with_provider(&format!("regions = {{ us = {{ kubeconfig = {:?} }} }}", self.kubeconfig()))
    }
}

/// A folder with a configuration.
pub struct Project {
    terraform: PathBuf,
    folder: TempDir,
    provider: String,
}

/// How a command ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub diagnostics: Vec<Diagnostic>,
    /// `create neuralinverse_warm_pool.a` and so on; of a plan only.
    pub changes: Vec<String>,
    pub text: String,
}

/// What a user is told.
#[derive(Debug)]
pub struct Diagnostic {
    pub error: bool,
    pub summary: String,
    pub detail: String,
    /// The line of the configuration that it points at.
    pub line: String,
}

impl Project {
    pub fn new(terraform: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_terraform-provider-neuralinverse"));
        let config = format!(
            "provider_installation {{\n  dev_overrides {{ \"neuralinverse/neuralinverse\" = {:?} }}\n  direct {{}}\n}}\n",
            binary.parent().unwrap()
        );
        fs::write(folder.path().join("cli.rc"), config).unwrap();
        Self { terraform: terraform.to_owned(), folder, provider: String::new() }
    }

    /// What stands in the provider block.
    pub fn with_provider(mut self, block: &str) -> Self {
        self.provider = format!("provider \"neuralinverse\" {{\n{block}\n}}\n");
        self
    }

    /// Replaces the configuration.
    pub fn write(&self, resources: &str) -> &Self {
        let required = "terraform {\n  required_providers {\n    neuralinverse = { source = \"neuralinverse/neuralinverse\" }\n  }\n}\n";
        let text = format!("{required}{}{resources}", self.provider);
        fs::write(self.folder.path().join("main.tf"), text).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn validate(&self) -> Run {
        let output = self.output(&["validate", "-json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let diagnostics = report["diagnostics"].as_array().unwrap().iter().map(diagnostic).collect();
        Run {
            code: output.status.code().unwrap(),
            diagnostics,
            changes: Vec::new(),
            text: report.to_string(),
        }
    }

    /// Exit code 0: nothing to do; 2: changes; 1: errors.
    pub fn plan(&self) -> Run {
        self.run(&["plan", "-json", "-detailed-exitcode"])
    }

    pub fn apply(&self) -> Run {
        self.run(&["apply", "-json", "-auto-approve"])
    }

    /// Apply, and the two empty plans that must follow.
    pub fn apply_settles(&self) {
        self.apply().succeeds();
        self.run(&["plan", "-json", "-detailed-exitcode", "-refresh=false"]).plans_nothing();
        self.plan().plans_nothing();
    }

    pub fn destroy(&self) -> Run {
        self.run(&["destroy", "-json", "-auto-approve"])
    }

    pub fn import(&self, address: &str, id: &str) -> Run {
        let output = self.output(&["import", "-no-color", address, id]);
        let text = text(&output);
        Run { code: output.status.code().unwrap(), diagnostics: Vec::new(), changes: Vec::new(), text }
    }

    /// An attribute of a resource in the state; null for a resource that is not there.
    pub fn state(&self, address: &str, attribute: &str) -> Value {
        let output = self.output(&["show", "-json"]);
        let state: Value = serde_json::from_slice(&output.stdout).unwrap();
        let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
        let resource = resources.into_iter().find(|it| it["address"] == address).unwrap_or_default();
        resource["values"][attribute].clone()
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(&self.output(args))
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Not started yet, for tests that do more with it than wait.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.terraform);
        let home = self.folder.path();
        command
            .args(args)
            .current_dir(home)
            .stdin(Stdio::null())
            .env("TF_CLI_CONFIG_FILE", home.join("cli.rc"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("HOME", home)
            .env_remove("KUBECONFIG");
        command
    }
}

impl Run {
    /// Reads what `plan -json` and `apply -json` print.
    pub fn of(output: &Output) -> Self {
        let messages: Vec<Value> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let of_type = |type_: &'static str| messages.iter().filter(move |it| it["type"] == type_);
        let change = |it: &Value| {
            let (action, address) = (&it["change"]["action"], &it["change"]["resource"]["addr"]);
            format!("{} {}", action.as_str().unwrap_or_default(), address.as_str().unwrap_or_default())
        };
        let diagnostics = of_type("diagnostic").map(|it| diagnostic(&it["diagnostic"]));
        Self {
            code: output.status.code().unwrap_or(-1),
            diagnostics: diagnostics.filter(|it| !it.summary.contains("development overrides")).collect(),
            changes: of_type("planned_change").map(change).collect(),
            text: text(output),
        }
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert!([0, 2].contains(&self.code) && !self.diagnostics.iter().any(|it| it.error), "{self:#?}");
        self
    }

    /// A plan without changes, and without anything to say.
    #[track_caller]
    pub fn plans_nothing(self) {
        assert!(self.code == 0 && self.diagnostics.is_empty(), "{self:#?}");
    }

    /// A plan of exactly these changes.
    #[track_caller]
    pub fn plans(self, changes: &[&str]) -> Self {
        let mut found = self.changes.clone();
        found.sort();
        assert!(self.code == 2 && found == changes, "{self:#?}");
        self
    }

    /// The one error, which must say all of `texts` and point at a line that has `line`.
    #[track_caller]
    pub fn fails(&self, line: &str, texts: &[&str]) {
        assert!(self.code == 1, "{self:#?}");
        self.tells(true, line, texts);
    }

    /// A warning that says all of `texts` and points at a line that has `line`.
    #[track_caller]
    pub fn warns(&self, line: &str, texts: &[&str]) {
        self.tells(false, line, texts);
    }

    #[track_caller]
    fn tells(&self, error: bool, line: &str, texts: &[&str]) {
        let says = |it: &Diagnostic| {
            let all = format!("{}\n{}", it.summary, it.detail);
            it.error == error && it.line.contains(line) && texts.iter().all(|text| all.contains(text))
        };
        assert!(self.diagnostics.iter().any(says), "no diagnostic at `{line}` says {texts:#?}: {self:#?}");
    }
}

fn diagnostic(json: &Value) -> Diagnostic {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Diagnostic {
        error: json["severity"] == "error",
        summary: text(&json["summary"]),
        detail: text(&json["detail"]),
        line: text(&json["snippet"]["code"]),
    }
}

fn text(output: &Output) -> String {
    let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", part(&output.stdout), part(&output.stderr))
}
