//! Under the name of a shell: becomes that shell of the image, with the workspace's environment.
//!
//! The IDE starts before anybody is given the pod, so its own environment says nothing of the workspace. But
//! whatever it runs for its user, it runs by `$SHELL`: terminals, tasks, and the one shell that it asks
//! for the environment of extensions. So its `$SHELL` is a link to the launcher, named like a shell, since
//! the IDE knows by the name how to speak to it.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use neuralinverse_launcher::{FOLDER, SOCKET};

use crate::shell;

/// Shells that the launcher stands in for. `neuralinverse-agent install` makes the links.
const NAMES: [&str; 4] = ["bash", "zsh", "fish", "sh"];

/// Folder of the links, beside the launcher.
const LINKS: &str = "bin";

/// Where real shells are, before PATH is asked.
const PLACES: [&str; 3] = ["/bin", "/usr/bin", "/usr/local/bin"];

/// Tells those that the IDE runs where `launcher run` is met, if not where it is by default.
pub const FOLDER_VARIABLE: &str = "NEURALINVERSE_LAUNCHER_FOLDER";

/// VS Code sets it for the shell that only has to tell its environment.
const RESOLVING: &str = "VSCODE_RESOLVING_ENVIRONMENT";

/// The shell that a program of this name is to be.
pub fn shell_named(name: &OsStr) -> Option<&'static str> {
    let name = Path::new(name).file_name()?.to_str()?;
    // Login shells are told by a dash.
    let name = name.strip_prefix('-').unwrap_or(name);
    NAMES.into_iter().find(|known| *known == name)
}

/// The `$SHELL` for the IDE: the link for the image's own shell, or for the best that the image has.
pub fn for_ide() -> Option<PathBuf> {
    let own = env::var_os("SHELL").and_then(|shell| shell_named(&shell));
    let mut wanted = own.into_iter().chain(["bash", "sh"]);
    let links = links();
    wanted.find_map(|name| links.iter().find(|(of, _)| *of == name).map(|(_, link)| link.clone()))
}

/// The links for those shells that the image has.
pub fn links() -> Vec<(&'static str, PathBuf)> {
    let Some(folder) = env::current_exe().ok().and_then(|launcher| Some(launcher.parent()?.join(LINKS)))
    else {
        return Vec::new();
    };
    let has = |(name, link): &(&str, PathBuf)| link.is_file() && real(name).is_some();
    NAMES.map(|name| (name, folder.join(name))).into_iter().filter(has).collect()
}

/// Replaces this process; what comes back is why that failed. The folder stays: the IDE has chosen it.
pub fn open(name: &str, arguments: &[OsString]) -> shell::Error {
    let folder = env::var_os(FOLDER_VARIABLE).map_or_else(|| PathBuf::from(FOLDER), PathBuf::from);
    let terminal = shell::terminal(&folder.join(SOCKET));
    let program = real(name).unwrap_or_else(|| Path::new("/bin").join(name));
    let mut process = Command::new(&program);
    process.args(passed_on(arguments, env::var_os(RESOLVING).is_some())).env("SHELL", &program);
    for (name, value) in shell::env_of(terminal.as_ref()) {
        let is_ours = name == "SHELL" && is_launcher(Path::new(value));
        if !is_ours && !env::var(name).is_ok_and(|now| surrounds(&now, value)) {
            process.env(name, value);
        }
    }
    shell::Error { source: process.exec(), program }
}

/// The image's shell of that name.
fn real(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = PLACES.into_iter().map(PathBuf::from).chain(env::split_paths(&path));
    places.map(|place| place.join(name)).find(|shell| shell.is_file() && !is_launcher(shell))
}

/// Ourselves would be asked for ever.
fn is_launcher(program: &Path) -> bool {
    match (fs::canonicalize(program), env::current_exe()) {
        (Ok(program), Ok(launcher)) => program == launcher,
        _ => false,
    }
}

/// All arguments, but no login shell to ask for the environment: Debian's `/etc/profile` resets PATH, and with
/// it what the image and the template put there. Terminals are no login shells either.
fn passed_on(arguments: &[OsString], resolving: bool) -> impl Iterator<Item = &OsString> {
    arguments.iter().filter(move |argument| !resolving || *argument != "-l")
}

/// Whether a list still has the workspace's value in it, with what the IDE or an extension put around it,
/// such as the folder of its `code` in PATH.
fn surrounds(now: &str, value: &str) -> bool {
    !value.is_empty() && format!(":{now}:").contains(&format!(":{value}:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_known_by_name() {
        for (name, shell) in [
            ("/opt/neuralinverse/bin/bash", Some("bash")),
            ("fish", Some("fish")),
            ("-zsh", Some("zsh")),
            ("/opt/neuralinverse/launcher", None),
            ("/usr/bin/bashful", None),
            ("", None),
        ] {
            assert_eq!(shell_named(OsStr::new(name)), shell, "{name}");
        }
    }

    #[test]
    fn only_whole_entries_of_a_list_count_as_kept() {
        for (now, value, kept) in [
            ("/code/bin:/go/bin:/bin", "/go/bin:/bin", true),
            ("/go/bin:/bin", "/go/bin:/bin", true),
            ("/code/bin:/bin", "/go/bin:/bin", false),
            ("10", "1", false),
            ("anything", "", false),
        ] {
            assert_eq!(surrounds(now, value), kept, "{now} {value}");
        }
    }

    #[test]
    fn arguments_are_passed_on_but_no_login_shell_tells_the_environment() {
        let arguments = ["-i", "-l", "-c", "env"].map(OsString::from);
        assert_eq!(passed_on(&arguments, false).collect::<Vec<_>>(), ["-i", "-l", "-c", "env"]);
        assert_eq!(passed_on(&arguments, true).collect::<Vec<_>>(), ["-i", "-c", "env"]);
    }

    #[test]
    fn the_real_shell_is_the_image_s() {
        assert!(real("sh").is_some_and(|shell| shell.is_absolute()));
        assert_eq!(real("no-such-shell"), None);
    }
}
