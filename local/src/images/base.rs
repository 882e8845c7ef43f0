//! The Debian under the images that need one: made once a month by `debootstrap`, kept as an image archive.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::json;

use super::oci::Image;
use crate::{
    command::{command, output, succeeds},
    digest::Digest,
    error::{At, Error, Result},
    files::create_folder,
    leftovers,
    lock::Lock,
    packages, paths,
};

/// Packages of every base.
const PACKAGES: &str = include_str!("../../../images/base/packages");

/// What is in a base.
#[derive(Debug, Clone)]
pub struct BaseOptions {
    /// Debian packages beside the essential ones.
    pub packages: Vec<String>,
    /// The release of Debian.
    pub suite: String,
}

impl Default for BaseOptions {
    fn default() -> Self {
        Self { packages: package_list(PACKAGES), suite: "bookworm".to_owned() }
    }
}

impl BaseOptions {
    /// Reads the packages from a file: names, one or more a line, comments after `#`.
    pub fn with_packages_of(mut self, file: &Path) -> Result<Self> {
        self.packages = package_list(&fs::read_to_string(file).at(file)?);
        Ok(self)
    }
}

/// The base's archive in the cache; made when this month has none of these packages. Needs root then, and half a minute.
pub fn base_image(options: &BaseOptions) -> Result<PathBuf> {
    let folder = paths::cache().join("images");
    let archive = folder.join(format!("base-{}.tar", key(options)?));
    let _lock = Lock::wait(&folder.join(".base.lock"))?;
    if archive.exists() {
        return Ok(archive);
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NotRoot("making the Debian base image"));
    }
    packages::require(packages::BASE)?;
    let start = Instant::now();
    eprintln!("making the Debian base image ({}) …", options.suite);
    let rootfs = folder.join(".base.rootfs");
    remove_rootfs(&rootfs)?;
    let made = make(options, &rootfs, &archive);
    remove_rootfs(&rootfs)?;
    made?;
    eprintln!("making the Debian base image ({}) … {:>4} s", options.suite, start.elapsed().as_secs());
    Ok(archive)
}

fn make(options: &BaseOptions, rootfs: &Path, archive: &Path) -> Result<()> {
    create_folder(rootfs)?;
    // In memory if we can: dpkg waits for the disk after every file, minutes on a busy machine.
    succeeds(command("mount", ["-t", "tmpfs", "-o", "size=2g,mode=755", "neuralinverse-base"]).arg(rootfs));
    debootstrap(options, rootfs)?;
    finish(rootfs)?;
    pack(rootfs, archive)
}

/// The month is a part of it: a base of old packages has known holes.
fn key(options: &BaseOptions) -> Result<String> {
    let month = output(&mut command("date", ["+%Y-%m"]))?.trim().to_owned();
    let mut digest = Digest::default();
    options.packages.iter().for_each(|package| digest.add(package.as_bytes()));
    Ok(format!("{}-{month}-{}", options.suite, digest.short()))
}

fn debootstrap(options: &BaseOptions, rootfs: &Path) -> Result<()> {
    let include = format!("--include={}", options.packages.join(","));
    let args = ["--variant=minbase", &include, &options.suite];
    output(command("debootstrap", args).arg(rootfs)).map(drop)
}

/// Takes away what an image does not need.
fn finish(rootfs: &Path) -> Result<()> {
    for folder in [
        "var/cache/apt",
        "var/lib/apt/lists",
        "var/log",
        "usr/share/man",
        "usr/share/info",
        "usr/share/locale",
    ] {
        empty(&rootfs.join(folder))?;
    }
    // The host's, which the container runtime replaces anyway.
    ["etc/resolv.conf", "etc/hostname"].iter().for_each(|file| drop(fs::remove_file(rootfs.join(file))));
    Ok(())
}

fn pack(rootfs: &Path, archive: &Path) -> Result<()> {
    let layer = archive.with_extension("layer");
    let args = ["--create", "--numeric-owner", "--sort=name", "--mtime=@0", "--one-file-system", "--file"];
    output(command("tar", args).arg(&layer).arg("--directory").arg(rootfs).arg("."))?;
    let mut image = Image::scratch();
    image.config = json!({
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
        "Cmd": ["bash"],
    });
    image.push(&layer)?;
    image.write(archive, "localhost/neuralinverse/base:1")?;
    fs::remove_file(&layer).at(layer)
}

fn remove_rootfs(rootfs: &Path) -> Result<()> {
    // An interrupted debootstrap leaves its /proc and /sys mounted.
    leftovers::unmount_below(rootfs);
    if !leftovers::mounts_below(rootfs).is_empty() || !rootfs.exists() {
        return Ok(());
    }
    fs::remove_dir_all(rootfs).at(rootfs)
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() && !succeeds(command("find", [folder]).args(["-mindepth", "1", "-delete"])) {
        fs::remove_dir_all(folder).at(folder)?;
        fs::create_dir(folder).at(folder)?;
    }
    Ok(())
}

fn package_list(text: &str) -> Vec<String> {
    let words = text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    words.map(String::from).collect()
}
