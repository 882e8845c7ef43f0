//! Short commands: run to the end, their output or an error that shows what they said.

use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::error::{Error, Result};

/// A command from a program and its arguments.
pub(crate) fn command<A: AsRef<std::ffi::OsStr>>(
    program: impl AsRef<Path>,
    args: impl IntoIterator<Item = A>,
) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(args).stdin(Stdio::null()).env("PATH", search_path(&[]));
    command
}

/// `PATH` with `first` before it, and behind it the administrators' folders, which many users' `PATH` lacks.
pub(crate) fn search_path(first: &[PathBuf]) -> OsString {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let last = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders = first.iter().cloned().chain(std::env::split_paths(&inherited)).chain(last);
    // Only a folder with a colon in its name cannot be joined.
    std::env::join_paths(folders).unwrap_or(inherited)
}

/// Runs `command` and gives its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|source| Error::NotRun { command: line(command), source })?;
    checked(command, output)
}

/// Runs `command` with `input` on its standard input.
pub(crate) fn output_with_input(command: &mut Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let not_run = |source, command: &Command| Error::NotRun { command: line(command), source };
    let mut child = command.spawn().map_err(|source| not_run(source, command))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that ends early says why on its error output; the broken pipe says nothing more.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|source| not_run(source, command))?;
    checked(command, output)
}

/// Whether `command` ran and succeeded; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn checked(command: &Command, output: Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Command { command: line(command), status: output.status, output: said(&output) })
}

/// What it says of its failure; some programs say it on their standard output.
fn said(output: &Output) -> String {
    let [error, other] =
        [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes).trim_end().to_owned());
    if error.is_empty() { last_lines(&other) } else { last_lines(&error) }
}

/// The last lines of a text, cut where lines are endless.
pub(crate) fn last_lines(text: &str) -> String {
    const LINES: usize = 12;
    const COLUMNS: usize = 300;
    let lines: Vec<_> = text.lines().rev().take(LINES).collect();
    let short = lines.into_iter().rev().map(|line| line.chars().take(COLUMNS).collect::<String>());
    short.collect::<Vec<_>>().join("\n")
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
