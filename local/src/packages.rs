//! The few programs that come from the distribution: found by what they bring, installed where we may.

use std::path::Path;

use crate::{
    command::{command, output, search_path, succeeds},
    error::{Error, Result},
};

/// A command or file, and the Debian package that brings it.
const PACKAGES: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("setpriv", "util-linux"),
    ("nsenter", "util-linux"),
    ("setsid", "util-linux"),
    ("mount", "mount"),
    ("cc", "gcc"),
    ("/usr/include/stdio.h", "libc6-dev"),
    ("pkg-config", "pkg-config"),
    ("/usr/include/seccomp.h", "libseccomp-dev"),
    ("/bin/busybox", "busybox-static"),
    ("debootstrap", "debootstrap"),
    ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    ("gpgv", "gpgv"),
    ("tar", "tar"),
    ("git", "git"),
    ("npm", "npm"),
    ("make", "make"),
    ("c++", "g++"),
    ("python3", "python3"),
    ("strip", "binutils"),
];

/// What only some tests need.
const FOR_TESTS: &[(&str, &str)] = &[("chromium", "chromium"), ("chromedriver", "chromium-driver")];

/// A browser and what drives it.
pub const BROWSER: &[&str] = &["chromium", "chromedriver"];

/// What a cluster with nodes needs.
pub(crate) const CLUSTER: &[&str] = &[
    "ip",
    "nft",
    "conntrack",
    "setpriv",
    "nsenter",
    "setsid",
    "mount",
    "cc",
    "/usr/include/stdio.h",
    "/bin/busybox",
];

/// What the base image needs.
pub(crate) const BASE: &[&str] =
    &["debootstrap", "/usr/share/keyrings/debian-archive-keyring.gpg", "gpgv", "tar"];

/// What the IDE of the workspace image is installed and compiled with.
pub const IDE: &[&str] = &["npm", "make", "c++", "python3", "strip"];

/// Makes sure that `needs` are there: installs their packages as root on Debian and Ubuntu, with a line that says so,
/// else fails with the command to type.
pub fn require(needs: &[&'static str]) -> Result<()> {
    let (what, packages) = missing(needs);
    if what.is_empty() {
        return Ok(());
    }
    if nix::unistd::geteuid().is_root() && present("apt-get") {
        eprintln!("installing {} (for {}) …", packages.join(" "), what.join(", "));
        install(&packages)?;
    }
    if missing(needs).0.is_empty() { Ok(()) } else { Err(Error::Missing { what, packages }) }
}

/// All needs with whether this machine has them, for the `doctor`.
pub fn report() -> Vec<(&'static str, &'static str, bool)> {
    PACKAGES.iter().map(|(need, package)| (*need, *package, present(need))).collect()
}

/// Installs all that is missing of the whole table.
pub fn install_all() -> Result<()> {
    let needs: Vec<_> = PACKAGES.iter().map(|(need, _)| *need).collect();
    require(&needs)
}

fn missing(needs: &[&'static str]) -> (Vec<&'static str>, Vec<&'static str>) {
    let what: Vec<_> = needs.iter().copied().filter(|need| !present(need)).collect();
    let mut packages: Vec<_> = PACKAGES
        .iter()
        .chain(FOR_TESTS)
        .filter(|(need, _)| what.contains(need))
        .map(|(_, package)| *package)
        .collect();
    packages.sort_unstable();
    packages.dedup();
    (what, packages)
}

fn install(packages: &[&str]) -> Result<()> {
    let apt = |args: &[&str]| {
        let mut apt = command("apt-get", args.iter().chain(packages.iter().filter(|_| args[0] == "install")));
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    // A fresh machine has no package lists; then the first try fails and the lists are fetched.
    let install = ["install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"];
    if !succeeds(&mut apt(&install)) {
        output(&mut apt(&["update", "-q"]))?;
        output(&mut apt(&install))?;
    }
    Ok(())
}

fn present(need: &str) -> bool {
    if need.starts_with('/') {
        return Path::new(need).exists();
    }
    std::env::split_paths(&search_path(&[])).any(|folder| folder.join(need).is_file())
}
