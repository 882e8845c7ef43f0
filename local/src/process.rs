//! Long-running programs: started with a log file, watched while others wait for them, stopped with their owner.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::{
    command::{command, last_lines, output, search_path},
    error::{At, Error, Result},
};

/// Who outlives whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// The program ends with the process that started it, however that ends.
    Owner,
    /// The program stays when its starter ends.
    Detached,
}

/// How a program is started.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) name: &'a str,
    pub(crate) program: &'a Path,
    pub(crate) args: Vec<String>,
    /// Variables beside the starter's.
    pub(crate) env: Vec<(&'a str, String)>,
    /// The folder of log files.
    pub(crate) logs: &'a Path,
    /// The network namespace to run in; else the starter's.
    pub(crate) netns: Option<&'a Path>,
    /// Folders put before `PATH`.
    pub(crate) path: Vec<PathBuf>,
    pub(crate) lifetime: Lifetime,
}

/// A running program; dropping it leaves it running.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Launch<'_> {
    /// Starts the program.
    pub(crate) fn start(self) -> Result<Process> {
        fs::create_dir_all(self.logs).at(self.logs)?;
        let log = self.logs.join(format!("{}.log", self.name));
        let out = File::options().create(true).append(true).open(&log).at(&log)?;
        let err = out.try_clone().at(&log)?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = spawn(command)
            .map_err(|source| Error::NotRun { command: self.program.display().to_string(), source })?;
        Ok(Process { name: self.name.to_owned(), log, child })
    }

    /// The wrappers exec one another, so the child's process id is the program's.
    fn command(&self) -> Command {
        let mut words: Vec<String> = match self.lifetime {
            Lifetime::Owner => ["setpriv", "--pdeathsig", "KILL", "--"].map(String::from).to_vec(),
            Lifetime::Detached => vec!["setsid".to_owned()],
        };
        if let Some(netns) = self.netns {
            // Not `ip netns exec`: it mounts a new /sys, and the kubelet no longer finds its cgroups.
            words.extend(["nsenter".to_owned(), format!("--net={}", netns.display()), "--".to_owned()]);
        }
        words.push(self.program.display().to_string());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(&self.args).env("PATH", search_path(&self.path));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if self.lifetime == Lifetime::Owner {
            // Away from the terminal's group: Ctrl-C goes to the owner, which then stops us in order.
            command.process_group(0);
        }
        command
    }
}

impl Process {
    /// The program's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        tail(&self.log)
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        output(&mut command("kill", ["-s", signal, &self.child.id().to_string()])).map(drop)
    }

    /// Kills it and waits for its end. The programs here survive that by design.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `probe` is true; fails at the deadline, or at once when a watched program ended.
pub(crate) fn wait_until<'a>(
    what: &str,
    limit: Duration,
    watched: impl IntoIterator<Item = &'a mut Process>,
    mut probe: impl FnMut() -> bool,
) -> Result<()> {
    let mut watched: Vec<_> = watched.into_iter().collect();
    let start = Instant::now();
    while !probe() {
        for process in &mut watched {
            if let Some(status) = process.ended() {
                let (program, log, tail) = (process.name.clone(), process.log.clone(), process.tail());
                return Err(Error::Ended { program, status, log, tail });
            }
        }
        if start.elapsed() > limit {
            let tails = watched
                .iter()
                .map(|process| format!("--- the end of {}:\n{}", process.log.display(), process.tail()));
            return Err(Error::Late {
                what: what.to_owned(),
                limit,
                tail: tails.collect::<Vec<_>>().join("\n"),
            });
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    last_lines(&fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default())
}

type Request = (Command, mpsc::Sender<io::Result<Child>>);

/// The kernel sends the parent's death signal when the *thread* that started the child ends, and a test's thread
/// ends with the test. So one thread that lives as long as the process starts them all.
static SPAWNER: LazyLock<mpsc::Sender<Request>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel::<Request>();
    thread::spawn(move || {
        for (mut command, answer) in receiver {
            let _ = answer.send(command.spawn());
        }
    });
    sender
});

fn spawn(command: Command) -> io::Result<Child> {
    let (answer, child) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts programs is gone");
    SPAWNER.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
