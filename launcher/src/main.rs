//! First process of the user's container, and the door to its terminals.
//!
//! ```text
//!  sidecar ──assign──► launcher run (PID 1) ◄──what to open with?── launcher shell ──exec──► bash
//! ```

mod init;
mod ready;
mod server;
mod shell;

use std::{env, ffi::OsString, path::PathBuf, process::ExitCode};

use neuralinverse_launcher::{FOLDER, SOCKET};

const USAGE: &str = "\
First process of a workspace, and the door to its terminals

Usage: launcher [--folder FOLDER] run
       launcher [--folder FOLDER] ready
       launcher [--folder FOLDER] shell [COMMAND [ARGUMENT...]]

FOLDER is where the sidecar is met, by default /run/neuralinverse

run    stays in front: reaps processes, and keeps the environment that the sidecar assigns
ready  exits with 0 when the pod can be given to somebody
shell  replaces itself by COMMAND, or by a shell, with the workspace's environment in its folder";

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let mut folder = PathBuf::from(FOLDER);
    if arguments.len() >= 2 && arguments[0] == "--folder" {
        folder = arguments.remove(1).into();
        arguments.remove(0);
    }
    let socket = folder.join(SOCKET);
    let done = match arguments.split_first() {
        Some((verb, [])) if verb == "run" => init::run(&socket).map_err(|error| (error.to_string(), 1)),
        Some((verb, [])) if verb == "ready" => ready::wait(&folder).map_err(|error| (error.to_string(), 1)),
        Some((verb, command)) if verb == "shell" => {
            let error = shell::open(&socket, command);
            Err((error.to_string(), error.code()))
        }
        Some((verb, [])) if verb == "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err((USAGE.to_owned(), 2)),
    };
    done.map_or_else(
        |(message, code)| {
            eprintln!("launcher: {message}");
            ExitCode::from(code)
        },
        |()| ExitCode::SUCCESS,
    )
}
