//! The program `neuralinverse-local`: its verbs.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{
    cluster::{self, ClusterOptions, Outcome, Running},
    control_plane::{ControlPlane, ControlPlaneOptions},
    error::Result,
    images::{self, BaseOptions, BuildOptions},
    packages, paths,
    tools::{self, Tool},
};

/// A real Kubernetes on one machine without a container engine
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start a cluster that stays, or make sure that it runs; prints its kubeconfig's path
    Up {
        /// The cluster's name
        name: String,
        /// How many nodes: the first is the system's, the others are for workspaces
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
        nodes: u8,
    },
    /// Stop a cluster and remove all it has on this machine, also after a crash
    Down {
        /// The cluster's name
        name: String,
    },
    /// List the clusters and how they are
    Status,
    /// Print the path of a cluster's kubeconfig
    Kubeconfig {
        /// The cluster's name
        name: String,
    },
    /// Bring image archives to all nodes of a cluster
    Load {
        /// The cluster's name
        name: String,
        /// OCI or Docker archives
        #[arg(required = true)]
        archives: Vec<PathBuf>,
    },
    /// Make a port of a cluster's nodes a port of this machine, as long as the cluster runs
    Publish {
        /// The cluster's name
        name: String,
        /// The port on this machine's loopback
        port: u16,
        /// The port of a NodePort Service
        node_port: u16,
    },
    /// What `publish` starts
    #[command(hide = true)]
    Relay {
        /// A folder of the cluster, by which its programs are known
        folder: PathBuf,
        /// The port on this machine's loopback
        port: u16,
        /// Where connections go
        to: std::net::SocketAddr,
    },
    /// Run an API server without nodes until Ctrl-C or the end of the input; prints its kubeconfig's path. Needs no root
    ControlPlane {
        /// Also run the controller manager
        #[arg(long)]
        controller_manager: bool,
    },
    /// Build the programs that are not in the cache, and print their names and paths
    Tools {
        /// Which; all when none is named
        names: Vec<Tool>,
        /// Only list the names
        #[arg(long)]
        list: bool,
    },
    /// Make the Debian base image of this month, if it is not in the cache, and print its archive's path. Needs root
    BaseImage {
        /// A file that lists the packages; by default the one in `images/base`
        #[arg(long)]
        packages: Option<PathBuf>,
        /// The release of Debian
        #[arg(long, default_value = "bookworm")]
        suite: String,
    },
    /// Build an image archive from a Containerfile without RUN, if its inputs changed
    BuildImage {
        /// The Containerfile
        #[arg(long)]
        containerfile: PathBuf,
        /// The folder that COPY takes from
        #[arg(long)]
        context: PathBuf,
        /// The image's name
        #[arg(long)]
        tag: String,
        /// The archive to write
        #[arg(long)]
        out: PathBuf,
        /// A value for ARG: NAME=VALUE
        #[arg(long = "build-arg", value_parser = pair)]
        args: Vec<(String, String)>,
    },
    /// Say what this machine lacks
    Doctor {
        /// Install it, as root on Debian and Ubuntu
        #[arg(long)]
        install: bool,
        /// Only see to what one thing is made with
        #[arg(long = "for", value_enum, conflicts_with = "install")]
        purpose: Option<Purpose>,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Purpose {
    /// The IDE of the workspace image
    Ide,
}

impl Args {
    /// Does what was asked.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Up { name, nodes } => up(&name, nodes),
            Verb::Down { name } => {
                let was = cluster::down(&name)?;
                eprintln!("the cluster `{name}` {}", if was { "is gone" } else { "does not exist" });
                Ok(())
            }
            Verb::Status => status(),
            Verb::Kubeconfig { name } => {
                println!("{}", cluster::kubeconfig(&name)?.display());
                Ok(())
            }
            Verb::Load { name, archives } => {
                let cluster = Running::open(&name)?;
                archives.iter().try_for_each(|archive| cluster.load_image(archive))
            }
            Verb::Publish { name, port, node_port } => cluster::publish(&name, port, node_port),
            Verb::Relay { folder: _, port, to } => cluster::relay(port, to),
            Verb::ControlPlane { controller_manager } => control_plane(controller_manager),
            Verb::Tools { names, list } => print_tools(&names, list),
            Verb::BaseImage { packages, suite } => base_image(packages, suite),
            Verb::BuildImage { containerfile, context, tag, out, args } => {
                let args = args.into_iter().collect();
                let built =
                    images::build(&BuildOptions { containerfile, context, tag: tag.clone(), out, args })?;
                eprintln!("{tag} {}", if built { "built" } else { "unchanged" });
                Ok(())
            }
            Verb::Doctor { purpose: Some(Purpose::Ide), .. } => packages::require(packages::IDE),
            Verb::Doctor { install, purpose: None } => doctor(install),
        }
    }
}

fn up(name: &str, nodes: u8) -> Result<()> {
    let (cluster, outcome) = cluster::up(&ClusterOptions::new(name, nodes - 1).persist())?;
    eprintln!(
        "the cluster `{name}` {}",
        match outcome {
            Outcome::Kept => "runs already",
            Outcome::Repaired => "runs again",
            Outcome::Started => "runs",
        }
    );
    println!("{}", cluster.kubeconfig().display());
    Ok(())
}

fn status() -> Result<()> {
    cluster::status()?.iter().for_each(|(name, health)| println!("{name}  {health}"));
    Ok(())
}

fn control_plane(controller_manager: bool) -> Result<()> {
    let options = ControlPlaneOptions::default();
    let options = if controller_manager { options.with_controller_manager() } else { options };
    let control_plane = ControlPlane::start_blocking(&options)?;
    println!("{}", control_plane.kubeconfig_path().display());
    // Ctrl-C ends us without a word, and the kernel then ends the programs; the next start removes their folder.
    let mut input = String::new();
    while std::io::stdin().read_line(&mut input).is_ok_and(|read| read > 0) {}
    Ok(())
}

fn base_image(packages: Option<PathBuf>, suite: String) -> Result<()> {
    let mut options = BaseOptions { suite, ..BaseOptions::default() };
    if let Some(file) = packages {
        options = options.with_packages_of(&file)?;
    }
    println!("{}", images::base_image(&options)?.display());
    Ok(())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

fn print_tools(names: &[Tool], list: bool) -> Result<()> {
    let wanted: Vec<_> = if names.is_empty() { Tool::all().collect() } else { names.to_vec() };
    if list {
        wanted.iter().for_each(|tool| println!("{}", tool.name()));
        return Ok(());
    }
    for (tool, path) in tools::ensure(&wanted)?.iter() {
        println!("{} {}", tool.name(), path.display());
    }
    Ok(())
}

fn doctor(install: bool) -> Result<()> {
    if install {
        packages::install_all()?;
    }
    println!("cache    {}\nclusters {}", paths::cache().display(), paths::clusters().display());
    let mut packages = Vec::new();
    for (need, package, present) in packages::report() {
        println!("{} {need} ({package})", if present { "ok     " } else { "missing" });
        packages.extend((!present).then_some(package));
    }
    if !packages.is_empty() {
        println!("to install them: apt-get install {}", packages.join(" "));
    }
    Ok(())
}
