//! Debug mode: one process for many runs of the CLI.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::harness::with_each_cli;

#[test]
fn one_debugged_process_serves_many_runs() {
    with_each_cli(|work| {
        // Not the copy that must be gone after each run, and no installed provider to fall back to.
        let mut provider = Command::new(crate::harness::probe());
        provider.arg("-debug").env("TMPDIR", work.path("tmp")).stdout(Stdio::piped());
        std::fs::remove_file(work.plugin()).expect("removed");
        std::fs::create_dir(work.path("sockets")).expect("a directory");
        let mut provider = provider.env("TMPDIR", work.path("sockets")).spawn().expect("the provider starts");
        let lines = BufReader::new(provider.stdout.take().expect("piped")).lines();
        let mut lines = lines.map_while(Result::ok);
        let line = lines.find(|line| line.contains("TF_REATTACH_PROVIDERS=")).expect("the variable");
        let variable = line.split('\'').nth(1).expect("in quotes").to_owned();

        let run = |arguments: &[&str]| {
            work.run_command(work.command(arguments).env("TF_REATTACH_PROVIDERS", &variable))
        };
        for size in ["small", "large"] {
            work.write(&format!(
                "resource \"probe_thing\" \"a\" {{\n  name = \"a\"\n  size = \"{size}\"\n}}\n"
            ));
            run(&["apply", "-auto-approve"]).ok();
            assert_eq!(run(&["plan", "-detailed-exitcode"]).code, 0);
        }
        run(&["destroy", "-auto-approve"]).ok();

        Command::new("kill").args(["-INT", &provider.id().to_string()]).status().expect("kill runs");
        assert!(provider.wait().expect("it ends").success());
        assert_eq!(std::fs::read_dir(work.path("sockets")).expect("a directory").count(), 0);
    });
}
