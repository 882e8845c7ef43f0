//! A killed owner leaves nothing: its programs end with it, and the next start removes the rest.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

#[test]
fn the_programs_of_a_killed_owner_end_and_the_next_start_removes_its_folder() -> Result<()> {
    let state = tempfile::tempdir()?;
    let (mut owner, kubeconfig) = start_control_plane(state.path())?;
    ensure!(Path::new(&kubeconfig).exists());
    ensure!(
        !programs_in(state.path())?.is_empty(),
        "no program names the state folder; the test sees nothing"
    );

    owner.kill()?;
    owner.wait()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !programs_in(state.path())?.is_empty() {
        ensure!(Instant::now() < deadline, "still run: {:?}", programs_in(state.path())?);
        std::thread::sleep(Duration::from_millis(50));
    }

    let (mut next, _) = start_control_plane(state.path())?;
    ensure!(!Path::new(&kubeconfig).exists(), "the next start left the killed owner's folder");
    drop(next.stdin.take());
    ensure!(next.wait()?.success());
    let left: Vec<_> = std::fs::read_dir(state.path().join(".control-planes"))?.flatten().collect();
    ensure!(left.is_empty(), "a stopped control plane left {left:?}");
    Ok(())
}

/// Runs the program until it says where its kubeconfig is.
fn start_control_plane(state: &Path) -> Result<(Child, String)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_neuralinverse-local"))
        .arg("control-plane")
        .env("NEURALINVERSE_STATE", state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    ensure!(!line.is_empty(), "the program ended: {}", child.wait()?);
    Ok((child, line.trim().to_owned()))
}

/// The command lines that name the folder, our own child's aside.
fn programs_in(state: &Path) -> Result<Vec<String>> {
    let lines = std::fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    Ok(lines.filter(|line| line.contains(&format!("{}/", state.display()))).collect())
}
