//! How code-server is run, and what its user finds in it at first.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use neuralinverse_launcher::{FOLDER, IDE_SOCKET};
use serde_json::{Value, json};

use crate::stand_in;

/// Name of the program.
pub const NAME: &str = "code-server";

/// Where it keeps settings and extensions, below the home. It is its own default, so that `code-server FILE` in a
/// terminal finds the editor that is open.
const DATA: &str = ".local/share/code-server";

/// What the image wants its users' settings to begin with, if it has any. As settings and not as the defaults of an
/// extension: those are known to a browser from its second visit on.
const TASTE: &str = "/etc/code-server/settings.json";

/// Where it notes what was opened last.
const LAST: &str = "coder.json";

/// code-server of this pod.
pub struct CodeServer {
    program: PathBuf,
    folder: PathBuf,
    socket: PathBuf,
    home: PathBuf,
    data: PathBuf,
}

impl CodeServer {
    /// That program, in the home, with its socket in `folder`.
    pub fn new(program: PathBuf, folder: &Path) -> Self {
        let home = env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let data = home.join(DATA);
        Self { program, folder: folder.to_owned(), socket: folder.join(IDE_SOCKET), home, data }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its user's settings begin with ours. They are the user's from then on.
    pub fn prepare(&self) {
        for (name, settings) in [
            ("User/settings.json", settings_at_first(&fs::read(TASTE).unwrap_or_default())),
            ("Machine/settings.json", shells(&stand_in::links())),
        ] {
            let path = self.data.join(name);
            match create(&path, &settings) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    eprintln!("launcher: the IDE starts without our settings: {}: {error}", path.display());
                }
                _ => {}
            }
        }
    }

    /// Notes that folder as the one that was opened last, unless something was.
    pub fn open_with(&self, folder: &Path) -> io::Result<()> {
        let note = self.data.join(LAST);
        let now = match fs::read(&note) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        match noting(&now, folder) {
            Some(new) => replace(&note, &new),
            None => Ok(()),
        }
    }
}

impl From<&CodeServer> for Command {
    fn from(server: &CodeServer) -> Self {
        let mut command = Command::new(&server.program);
        // Who comes to the socket has been let in by the sidecar.
        command.args(["--auth", "none", "--socket-mode", "0600", "--socket"]).arg(&server.socket);
        // An empty one: else it writes one into the home, with a password that nobody needs.
        command.args(["--config", "/dev/null", "--user-data-dir"]).arg(&server.data);
        command.args([
            "--disable-telemetry",
            "--disable-update-check",
            "--disable-getting-started-override",
            // What listens on a port would get the editor's origin, and with it the editor.
            "--disable-proxy",
            "--app-name",
            "Neural Inverse Cloud",
        ]);
        if let Some(shell) = stand_in::for_ide() {
            command.env("SHELL", shell);
        }
        if server.folder != Path::new(FOLDER) {
            command.env(stand_in::FOLDER_VARIABLE, &server.folder);
        }
        // A group of its own, so that its helpers end with it.
        command.current_dir(&server.home).stdin(Stdio::null()).process_group(0);
        command
    }
}

/// What follows from being a workspace, whatever the image; taste is the image's. In the file that the settings' page
/// writes, so that all can be changed there.
fn settings_at_first(taste: &[u8]) -> Value {
    let mut settings = json!({
        // What is only in the editor's memory is lost with the pod.
        "files.autoSave": "afterDelay",
        // There is no way from the browser to them yet.
        "remote.autoForwardPorts": false,
    });
    if let (Some(settings), Ok(Value::Object(taste))) =
        (settings.as_object_mut(), serde_json::from_slice(taste))
    {
        settings.extend(taste);
    }
    settings
}

/// Terminals by name, where it would take the image's own shells by PATH: those would open with the environment of
/// the IDE's first client, however it has changed since.
fn shells(links: &[(&str, PathBuf)]) -> Value {
    let profile = |(name, link): &(&str, PathBuf)| {
        let icon = if *name == "bash" { "terminal-bash" } else { "terminal" };
        ((*name).to_owned(), json!({ "path": link, "icon": icon }))
    };
    let profiles: serde_json::Map<String, Value> = links.iter().map(profile).collect();
    json!({ "terminal.integrated.profiles.linux": profiles })
}

/// The note with that folder in it; `None` when its user has opened, or closed, something. An empty question is what
/// our own first request leaves.
fn noting(now: &[u8], folder: &Path) -> Option<Value> {
    let mut note = serde_json::from_slice(now).unwrap_or_else(|_| json!({}));
    let query = &mut note.as_object_mut()?.entry("query").or_insert_with(|| json!({}));
    let query = query.as_object_mut().filter(|query| query.is_empty())?;
    query.insert("folder".to_owned(), folder.to_str()?.into());
    Some(note)
}

/// Writes a file that is not there yet.
fn create(path: &Path, content: &Value) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create_new(path)?;
    file.write_all(format!("{content:#}\n").as_bytes())
}

/// Writes a file whole, or leaves it.
fn replace(path: &Path, content: &Value) -> io::Result<()> {
    let partial = path.with_extension("new");
    let _ = fs::remove_file(&partial);
    create(&partial, content)?;
    fs::rename(partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_noted_unless_something_was_opened() {
        let folder = Path::new("/home/developer/hello");
        let noted = json!({ "query": { "folder": folder } });
        for (now, new) in [
            ("", Some(noted.clone())),
            ("{}", Some(noted.clone())),
            ("not JSON", Some(noted.clone())),
            (r#"{"query":{}}"#, Some(noted.clone())),
            (r#"{"update":1,"query":{}}"#, Some(json!({ "update": 1, "query": { "folder": folder } }))),
            (r#"{"query":{"folder":"/home/developer/other"}}"#, None),
            (r#"{"query":{"workspace":"/home/developer/all.code-workspace"}}"#, None),
            (r#"{"query":{"ew":"true"}}"#, None),
        ] {
            assert_eq!(noting(now.as_bytes(), folder), new, "{now}");
        }
    }

    #[test]
    fn terminals_open_by_the_links() {
        let profiles = shells(&[("bash", "/opt/neuralinverse/bin/bash".into())]);
        let bash = json!({ "path": "/opt/neuralinverse/bin/bash", "icon": "terminal-bash" });
        assert_eq!(profiles, json!({ "terminal.integrated.profiles.linux": { "bash": bash } }));
    }

    #[test]
    fn an_image_has_a_say_in_the_settings_and_a_broken_file_of_it_none() {
        let first = |taste: &str| settings_at_first(taste.as_bytes());
        let taste = first(r#"{ "files.autoSave": "off", "workbench.startupEditor": "readme" }"#);
        assert_eq!(
            (&taste["files.autoSave"], &taste["workbench.startupEditor"]),
            (&json!("off"), &json!("readme"))
        );
        assert_eq!(taste["remote.autoForwardPorts"], json!(false));
        assert_eq!((first("no JSON"), first("[]")), (first(""), first("")));
    }

    #[test]
    fn settings_are_written_once_and_are_the_user_s_then() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join(DATA);
        let paths = [home.path(); 3].map(Path::to_owned);
        let [folder, socket, home] = paths;
        let server = CodeServer { program: "code-server".into(), folder, socket, home, data };
        server.prepare();
        let settings = server.data.join("User/settings.json");
        assert!(fs::read_to_string(&settings).unwrap().contains("afterDelay"));
        fs::write(&settings, "mine").unwrap();
        server.prepare();
        assert_eq!(fs::read_to_string(&settings).unwrap(), "mine");
    }
}
