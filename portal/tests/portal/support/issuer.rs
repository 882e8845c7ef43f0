//! `oidc-provider` from npm, run by node, installed once into a cache outside the clone.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// A running issuer; it ends with its standard input.
pub struct Issuer {
    child: Child,
    /// Its URL.
    pub url: String,
}

impl Issuer {
    /// Starts one that sends people back to `redirect`. Blocks.
    pub fn start(redirect: &str) -> Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/issuer");
        let folder = install(&source)?;
        fs::copy(source.join("server.mjs"), folder.join("server.mjs"))?;
        let mut child = Command::new("node")
            .args(["server.mjs", redirect])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("node: install Node.js 20 or newer")?;
        let mut url = String::new();
        let output = child.stdout.as_mut().context("no output")?;
        BufReader::new(output).read_line(&mut url)?;
        ensure!(url.starts_with("http"), "the issuer did not start");
        Ok(Self { child, url: url.trim().to_owned() })
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `npm ci` into a folder named after what the lock file says.
fn install(source: &Path) -> Result<std::path::PathBuf> {
    let lock = fs::read(source.join("package-lock.json"))?;
    let hash: String = Sha256::digest(&lock).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let folder = neuralinverse_local::paths::cache().join("issuer").join(hash);
    if !folder.join("node_modules/.package-lock.json").exists() {
        fs::create_dir_all(&folder)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), folder.join(file))?;
        }
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
        let status =
            Command::new("npm").args(npm).current_dir(&folder).status().context("npm: install Node.js")?;
        ensure!(status.success(), "npm ci in {} failed", folder.display());
    }
    Ok(folder)
}
