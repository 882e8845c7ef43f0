//! A real Gitea on loopback, for tests of what talks to it: SQLite, an administrator, and nothing in it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    blocking,
    command::{command, output},
    error::{At, Result},
    files::write_private,
    own_folder::OwnFolder,
    packages, paths,
    ports::Ports,
    process::{Launch, Lifetime, Process, wait_until},
    tools::{self, Tool},
};

/// Name of the administrator.
const ADMIN: &str = "operator";

/// How a Gitea differs from the plain one.
#[derive(Debug, Clone, Default)]
pub struct GiteaOptions {
    root_url: Option<String>,
    settings: BTreeMap<String, BTreeMap<String, String>>,
}

impl GiteaOptions {
    /// The URL that Gitea thinks it has, when a proxy stands before it: also the issuer of its sign-in, without the
    /// slash at the end.
    #[must_use]
    pub fn with_root_url(mut self, url: impl Into<String>) -> Self {
        self.root_url = Some(url.into());
        self
    }

    /// One more setting, or another value for one: `("service", "REQUIRE_SIGNIN_VIEW", "true")`.
    #[must_use]
    pub fn with_setting(mut self, section: &str, key: &str, value: impl Into<String>) -> Self {
        self.settings.entry(section.to_owned()).or_default().insert(key.to_owned(), value.into());
        self
    }
}

/// A running Gitea. It stops when dropped, and with its process however that ends, so several tests may share one in a
/// `static`. Needs no root.
#[derive(Debug)]
pub struct Gitea {
    url: String,
    password: String,
    program: PathBuf,
    process: Process,
    folder: OwnFolder,
    _ports: Ports,
}

impl Gitea {
    /// Starts one and waits until it serves: about 3 s on two cores, plus minutes when the program is not built yet.
    pub async fn start(options: GiteaOptions) -> Result<Self> {
        blocking(move || Self::start_blocking(&options)).await
    }

    /// As [`start`](Self::start), for callers without a runtime.
    pub fn start_blocking(options: &GiteaOptions) -> Result<Self> {
        packages::require(&["git", "setpriv"])?;
        let program = tools::ensure(&[Tool::Gitea])?.path(Tool::Gitea)?.to_owned();
        let folder = OwnFolder::make(&paths::state().join(".gitea"))?;
        let ports = Ports::take()?;
        let url = format!("http://127.0.0.1:{}", ports.api);
        let ini = ini(&settings(options, &program, folder.path(), ports.api, &secret()?));
        write_private(&config(folder.path()), &ini)?;
        let process = launch(&program, folder.path()).start()?;
        let mut gitea = Self { url, password: secret()?, program, process, folder, _ports: ports };
        wait_until("an answer of Gitea", Duration::from_secs(120), [&mut gitea.process], || {
            healthy(gitea._ports.api)
        })?;
        gitea.create_admin()?;
        Ok(gitea)
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Name and password of the administrator.
    pub fn admin(&self) -> (&str, &str) {
        (ADMIN, &self.password)
    }

    /// Runs `gitea ARGS`, such as `admin user create …`, on this Gitea's data and gives what it prints. Blocks.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let mut gitea = command(&self.program, args);
        output(environment(&mut gitea, self.folder.path()).arg("--config").arg(config(self.folder.path())))
    }

    /// The last lines of its log.
    pub fn logs(&self) -> String {
        self.process.tail()
    }

    fn create_admin(&self) -> Result<()> {
        let email = format!("{ADMIN}@neuralinverse.invalid");
        let user = ["--username", ADMIN, "--email", &email, "--password", &self.password];
        let flags = ["--admin", "--must-change-password=false"];
        self.run(&[&["admin", "user", "create"], &user[..], &flags[..]].concat()).map(drop)
    }
}

impl Drop for Gitea {
    fn drop(&mut self) {
        self.process.kill();
    }
}

fn config(folder: &Path) -> PathBuf {
    folder.join("app.ini")
}

fn launch<'a>(program: &'a Path, folder: &'a Path) -> Launch<'a> {
    // Every folder is said in the settings: what the user's own Gitea has in the environment is not ours.
    let args = ["web", "--config", &config(folder).display().to_string()].map(String::from).to_vec();
    Launch {
        name: "gitea",
        program,
        args,
        env: Vec::new(),
        logs: folder,
        netns: None,
        path: Vec::new(),
        lifetime: Lifetime::Owner,
    }
}

/// The short commands find their folder as the server does.
fn environment<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command.env("GITEA_WORK_DIR", folder).env_remove("GITEA_CUSTOM")
}

type Settings = BTreeMap<String, BTreeMap<String, String>>;

/// What the plain one is set to, and what the caller adds.
fn settings(options: &GiteaOptions, program: &Path, folder: &Path, port: u16, secret: &str) -> Settings {
    let root_url = options.root_url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
    let data = program.parent().unwrap_or(Path::new("/"));
    let plain: [(&str, &str, String); 19] = [
        ("", "WORK_PATH", folder.display().to_string()),
        ("", "RUN_MODE", "prod".to_owned()),
        // Root runs it in tests; nothing but loopback reaches it.
        ("", "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT", "true".to_owned()),
        ("server", "HTTP_ADDR", Ipv4Addr::LOCALHOST.to_string()),
        ("server", "HTTP_PORT", port.to_string()),
        ("server", "ROOT_URL", format!("{}/", root_url.trim_end_matches('/'))),
        ("server", "PUBLIC_URL_DETECTION", "never".to_owned()),
        ("server", "STATIC_ROOT_PATH", data.display().to_string()),
        ("server", "DISABLE_SSH", "true".to_owned()),
        ("server", "OFFLINE_MODE", "true".to_owned()),
        ("database", "DB_TYPE", "sqlite3".to_owned()),
        ("database", "SQLITE_JOURNAL_MODE", "WAL".to_owned()),
        ("database", "SQLITE_TIMEOUT", "10000".to_owned()),
        ("security", "INSTALL_LOCK", "true".to_owned()),
        ("security", "SECRET_KEY", secret.to_owned()),
        ("indexer", "ISSUE_INDEXER_TYPE", "db".to_owned()),
        ("service", "DISABLE_REGISTRATION", "true".to_owned()),
        ("log", "MODE", "console".to_owned()),
        ("log", "LEVEL", "Info".to_owned()),
    ];
    let mut settings = Settings::new();
    for (section, key, value) in plain {
        settings.entry(section.to_owned()).or_default().insert(key.to_owned(), value);
    }
    for (section, keys) in &options.settings {
        settings.entry(section.clone()).or_default().extend(keys.clone());
    }
    settings
}

/// As Gitea reads it: the settings without a section come first, which they do in the map's order.
fn ini(settings: &Settings) -> String {
    let mut text = String::new();
    for (section, keys) in settings {
        if !section.is_empty() {
            text += &format!("[{section}]\n");
        }
        keys.iter().for_each(|(key, value)| text += &format!("{key} = {value}\n"));
    }
    text
}

fn secret() -> Result<String> {
    let (source, mut bytes) = ("/dev/urandom", [0; 24]);
    File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).at(source)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether it says that its database and its cache are well.
fn healthy(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /api/healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    ask().is_ok_and(|answer: String| answer.split(' ').nth(1) == Some("200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_settings_win_and_those_without_a_section_come_first() {
        let options = GiteaOptions::default()
            .with_root_url("http://git.example.test")
            .with_setting("service", "DISABLE_REGISTRATION", "false")
            .with_setting("", "APP_NAME", "Test");
        let text = ini(&settings(&options, Path::new("/bin/gitea"), Path::new("/data"), 3000, "secret"));
        assert!(text.starts_with("APP_NAME = Test\n"), "{text}");
        assert!(text.contains("ROOT_URL = http://git.example.test/\n"), "{text}");
        assert!(text.contains("[service]\nDISABLE_REGISTRATION = false\n"), "{text}");
    }
}
