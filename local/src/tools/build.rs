//! Building one program, once: a lock against others, a rename against halves.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use super::table::Row;
use crate::{
    command, digest,
    error::{At, Error, Result},
    files::{create_folder, own_as_folder},
    lock::Lock,
    packages, paths,
    process::tail,
};

/// The least Go that builds all of them.
const GO: &str = "1.26";

/// The program's path in the cache; builds it when it is not there.
pub(super) fn ensure(row: &Row) -> Result<PathBuf> {
    let bin = paths::cache().join("bin");
    let key = format!("{}-{}", row.name, hash(row)?);
    let program = bin.join(&key).join(row.name);
    if program.is_file() {
        return Ok(program);
    }
    let _lock = Lock::wait(&bin.join(".locks").join(&key))?;
    if !program.is_file() {
        build(row, &bin, &key)?;
    }
    Ok(program)
}

/// The folder with the program's go.mod.
pub(super) fn sources(row: &Row) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(row.folder)
}

fn build(row: &Row, bin: &Path, key: &str) -> Result<()> {
    check_go()?;
    packages::require(row.cgo)?;
    let scratch = bin.join(format!(".{key}.new"));
    let log = scratch.join("build.log");
    let _ = fs::remove_dir_all(&scratch);
    create_folder(&scratch)?;
    let start = Instant::now();
    eprintln!("building {} ({}) …", row.name, row.version);
    let output = File::create(&log).at(&log)?;
    let mut go = go_build(row, &scratch);
    go.stderr(output);
    let status = go.status().map_err(|source| Error::NotRun { command: "go build".to_owned(), source })?;
    if !status.success() {
        return Err(Error::Build { tool: row.name, tail: tail(&log), log });
    }
    [&log, &scratch.join(row.name)].into_iter().try_for_each(|file| own_as_folder(file))?;
    copy_data(row, &scratch)?;
    let target = bin.join(key);
    fs::rename(&scratch, &target).at(&target)?;
    eprintln!("building {} ({}) … {:>4} s", row.name, row.version, start.elapsed().as_secs());
    Ok(())
}

fn go_build(row: &Row, scratch: &Path) -> Command {
    // Nice: a build must not starve what the user does meanwhile.
    let mut go = command::command("nice", ["go", "build"]);
    go.args(flags(row)).arg("-o").arg(scratch.join(row.name)).arg(row.package);
    go.current_dir(sources(row));
    go.env("CGO_ENABLED", if row.cgo.is_empty() { "0" } else { "1" });
    // The user's own flags, workspace or toolchain would make another program of the same key.
    go.env("GOFLAGS", "").env("GOWORK", "off").env("GOTOOLCHAIN", "local");
    go
}

/// Puts the program's data beside it: the module's own folder is Go's to remove.
fn copy_data(row: &Row, scratch: &Path) -> Result<()> {
    if row.data.is_empty() {
        return Ok(());
    }
    let mut list = command::command("go", ["list", "-mod=readonly", "-f", "{{.Module.Dir}}", row.package]);
    list.current_dir(sources(row)).env("GOFLAGS", "").env("GOWORK", "off").env("GOTOOLCHAIN", "local");
    let module = PathBuf::from(command::output(&mut list)?.trim_end());
    for folder in row.data {
        // Not the modes: Go keeps modules read-only.
        let args = ["--recursive", "--no-preserve=mode,ownership"];
        command::output(command::command("cp", args).arg(module.join(folder)).arg(scratch))?;
        if nix::unistd::geteuid().is_root() {
            let mut chown = command::command("chown", ["--recursive"]);
            let mut like = OsString::from("--reference=");
            like.push(scratch);
            let copied = Path::new(folder).file_name().unwrap_or_default();
            command::output(chown.arg(like).arg(scratch.join(copied)))?;
        }
    }
    Ok(())
}

fn flags(row: &Row) -> Vec<String> {
    let ldflags = format!("-ldflags=-s -w {}", row.ldflags);
    let tags = format!("-tags={}", row.tags);
    ["-mod=readonly", "-buildvcs=false", "-trimpath", &tags, &ldflags].map(String::from).to_vec()
}

fn hash(row: &Row) -> Result<String> {
    let mut parts = flags(row);
    parts.push(row.package.to_owned());
    parts.extend(row.data.iter().map(ToString::to_string));
    let mut digest = digest::Digest::default();
    parts.iter().for_each(|part| digest.add(part.as_bytes()));
    digest.add_folder(&sources(row))?;
    Ok(digest.short())
}

fn check_go() -> Result<()> {
    let found = command::output(&mut command::command("go", ["env", "GOVERSION"]))
        .unwrap_or_else(|_| "none found".to_owned());
    let numbers = |version: &str| -> Vec<u32> {
        let digits = version.trim().trim_start_matches("go").split(['.', 'r', '-']);
        digits.take(2).filter_map(|part| part.parse().ok()).collect()
    };
    if numbers(&found) >= numbers(GO) {
        return Ok(());
    }
    Err(Error::Go { needed: GO, found: found.trim().to_owned() })
}
