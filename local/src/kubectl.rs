//! Talking to an API server through `kubectl`: enough for starting clusters and for tests, and no client to compile.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::{command, output, output_with_input, succeeds},
    error::{Error, Result},
};

/// `kubectl` as a cluster's administrator.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub(crate) fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.to_owned(), kubeconfig: kubeconfig.to_owned() }
    }

    /// Runs `kubectl ARGS` and gives what it prints. Blocks.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        output(&mut self.command(args))
    }

    /// Whether `kubectl ARGS` succeeds. Blocks.
    pub fn succeeds(&self, args: &[&str]) -> bool {
        succeeds(&mut self.command(args))
    }

    /// Applies `manifests` (YAML or JSON documents) on the server's side. Blocks.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        let args =
            ["apply", "--server-side", "--force-conflicts", "--field-manager=neuralinverse-local", "-f", "-"];
        output_with_input(&mut self.command(&args), manifests)
    }

    /// The object of `kubectl get ARGS -o json`. Blocks.
    pub fn get(&self, args: &[&str]) -> Result<serde_json::Value> {
        let args: Vec<_> = ["get", "-o", "json"].iter().chain(args).copied().collect();
        let text = self.run(&args)?;
        serde_json::from_str(&text).map_err(|error| Error::Damaged {
            path: self.kubeconfig.clone(),
            reason: format!("kubectl's answer: {error}"),
        })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(&self.program, args);
        let folder = self.kubeconfig.parent().unwrap_or(Path::new("."));
        // A cache of our own: clusters come and go at the same address with other kinds in them.
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", folder.join("kubectl-cache"));
        command
    }
}
