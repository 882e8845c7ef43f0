//! What can go wrong, each with what to do about it.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, told to the person who started the cluster or the test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A short command could not be started; mostly it is not installed.
    #[error("cannot run `{command}`: {source}")]
    NotRun {
        /// The command line.
        command: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A short command ended with an error.
    #[error("`{command}` failed ({status}):\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said on its error output.
        output: String,
    },
    /// A server program ended although it should run.
    #[error("{program} ended ({status}); the end of {}:\n{tail}", log.display())]
    Ended {
        /// Its name.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Its log file.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// Something did not become true in time.
    #[error("{what} did not happen within {} s\n{tail}", limit.as_secs())]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// The last log lines of the programs concerned.
        tail: String,
    },
    /// Go is missing or too old to build the programs.
    #[error("the local Kubernetes is built from Go modules: install Go {needed} or newer ({found})")]
    Go {
        /// The least version.
        needed: &'static str,
        /// What was found instead.
        found: String,
    },
    /// A program did not build.
    #[error("building {tool} failed; the end of {}:\n{tail}", log.display())]
    Build {
        /// The program.
        tool: &'static str,
        /// The whole output of the compiler.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// Names that are no tool.
    #[error("there is no tool named `{0}`; `neuralinverse-local tools --list` names them")]
    UnknownTool(String),
    /// Commands that this machine lacks and that could not be installed.
    #[error("this machine lacks {}; install the packages: apt-get install {}", what.join(", "), packages.join(" "))]
    Missing {
        /// The commands or files.
        what: Vec<&'static str>,
        /// The Debian packages that hold them.
        packages: Vec<&'static str>,
    },
    /// Network namespaces, mounts and device files are root's to make.
    #[error("{0} needs root: run it with sudo")]
    NotRoot(&'static str),
    /// Another live process has the cluster.
    #[error("the cluster `{0}` belongs to another running process; choose another name or stop that process")]
    InUse(String),
    /// A detached cluster of that name runs.
    #[error(
        "the cluster `{0}` runs already; stop it with `neuralinverse-local down {0}` or choose another name"
    )]
    Exists(String),
    /// No cluster has that name.
    #[error("there is no cluster `{0}`; `neuralinverse-local status` lists them")]
    NoCluster(String),
    /// The cluster has no node of that name.
    #[error("the cluster has no node `{0}`")]
    NoNode(String),
    /// A name that cannot be one of a node or a cluster.
    #[error(
        "`{0}` cannot be a name here: use up to 24 (a node: 16) lower-case letters, digits and hyphens, a letter first"
    )]
    BadName(String),
    /// All address blocks are taken.
    #[error(
        "all {0} clusters that fit on a machine are running; stop one with `neuralinverse-local down NAME`"
    )]
    Full(u8),
    /// More nodes than a cluster's addresses suffice for.
    #[error("a cluster can have at most {0} nodes")]
    TooManyNodes(u8),
    /// Another program listens on a port that is to be published.
    #[error("another program listens on port {0} of this machine; stop it, or choose another port")]
    PortTaken(u16),
    /// No pair of free ports was found.
    #[error("no free ports between {from} and {to}; stop other local control planes")]
    NoPorts {
        /// First port tried.
        from: u16,
        /// Last port tried.
        to: u16,
    },
    /// A certificate could not be made; a bug of ours.
    #[error("making a certificate failed: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file of ours is damaged.
    #[error("{} is damaged ({reason}); `neuralinverse-local down` and `up` make it anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A Containerfile uses something that the builder does not know.
    #[error("{}:{line}: {reason}", file.display())]
    Containerfile {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// An archive is not an image.
    #[error("{} is not an image archive: {reason}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A background thread ended early; a bug of ours.
    #[error("a background thread ended early; please report it")]
    Thread,
}

/// Names the path in an I/O error.
pub(crate) trait At<T> {
    /// Adds `path` to the error.
    fn at(self, path: impl Into<PathBuf>) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(|source| Error::Io { path: path.into(), source })
    }
}
