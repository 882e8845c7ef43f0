//! Finding and ending what a killed owner left behind: processes and mounts, known by the folder they use.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    command::{command, succeeds},
    tools::Tool,
};

/// Kills our programs whose command line names something in `folder`.
///
/// No list of process ids: such a list is out of date exactly when its writer was killed.
pub(crate) fn kill_users_of(folder: &Path) {
    let needle = format!("{}/", folder.display());
    for (pid, _) in programs().into_iter().filter(|(_, line)| line.contains(&needle)) {
        let _ = kill(pid, Signal::SIGKILL);
    }
}

/// Unmounts all that is mounted below `folder`, the innermost first.
pub(crate) fn unmount_below(folder: &Path) {
    for mount in mounts_below(folder).iter().rev() {
        // Lazily: a killed process may keep the mount busy for another moment.
        succeeds(command("umount", ["--lazy"]).arg(mount));
    }
}

/// The mounts below `folder`, the outermost first.
pub(crate) fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points =
        table.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| point.replace("\\040", " "));
    points.map(PathBuf::from).filter(|point| point.starts_with(folder)).collect()
}

/// All running programs of ours with their command lines.
fn programs() -> Vec<(Pid, String)> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let program = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let program = fs::read_link(entry.path().join("exe")).ok()?;
        // The kernel adds a word to the name of a program whose file was replaced.
        let name = program.file_name()?.to_str()?.trim_end_matches(" (deleted)").to_owned();
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let ours = name == env!("CARGO_PKG_NAME") || Tool::all().any(|tool| tool.name() == name);
        ours.then(|| (Pid::from_raw(pid), String::from_utf8_lossy(&line).replace('\0', " ")))
    };
    processes.filter_map(program).collect()
}
