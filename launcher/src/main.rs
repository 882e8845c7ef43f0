//! First process of the user's container, and the door to its terminals.
//!
//! ```text
//!  sidecar ──assign──► launcher run (PID 1) ◄──what to open with?── launcher shell ──exec──► bash
//!                          │ starts, warms, starts again                ▲
//!                          └──► IDE ──$SHELL: terminals, tasks──────────┘ under the name of a shell
//! ```

mod ide;
mod init;
mod ready;
mod server;
mod shell;
mod stand_in;
mod terminals;

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use neuralinverse_launcher::{FOLDER, SOCKET};

const USAGE: &str = "\
First process of a workspace, and the door to its terminals

Usage: launcher [--folder FOLDER] run [--ide code-server]
       launcher [--folder FOLDER] ready
       launcher [--folder FOLDER] shell [COMMAND [ARGUMENT...]]

FOLDER is where the sidecar is met, by default /run/neuralinverse

run    stays in front: reaps processes, keeps the environment that the sidecar assigns, and keeps the
       IDE running
ready  exits with 0 when the pod can be given to somebody
shell  replaces itself by COMMAND, or by a shell, with the workspace's environment in its folder

Under the name of bash, zsh, fish or sh it becomes that shell, with the workspace's environment";

/// What went wrong, and what to exit with.
type Failure = (String, u8);

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    let done = match stand_in::shell_named(&name) {
        Some(shell) => {
            let error = stand_in::open(shell, &arguments);
            Err((error.to_string(), error.code()))
        }
        None => run(arguments),
    };
    done.map_or_else(
        |(message, code)| {
            eprintln!("launcher: {message}");
            ExitCode::from(code)
        },
        |()| ExitCode::SUCCESS,
    )
}

fn run(mut arguments: Vec<OsString>) -> Result<(), Failure> {
    let mut folder = PathBuf::from(FOLDER);
    if arguments.len() >= 2 && arguments[0] == "--folder" {
        folder = arguments.remove(1).into();
        arguments.remove(0);
    }
    let init = |ide: Option<&str>| init::run(&folder, ide).map_err(|error| (error.to_string(), 1));
    match arguments.split_first() {
        Some((verb, [])) if verb == "run" => init(None),
        Some((verb, [option, name])) if verb == "run" && option == "--ide" && name == ide::CODE_SERVER => {
            init(Some(ide::CODE_SERVER))
        }
        Some((verb, [])) if verb == "ready" => ready::wait(&folder).map_err(|error| (error.to_string(), 1)),
        Some((verb, command)) if verb == "shell" => shell(&folder, command),
        Some((verb, [])) if verb == "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err((USAGE.to_owned(), 2)),
    }
}

fn shell(folder: &Path, command: &[OsString]) -> Result<(), Failure> {
    let error = shell::open(&folder.join(SOCKET), command);
    Err((error.to_string(), error.code()))
}
