//! A layer of copied files: sorted, without times, so that the same files give the same bytes.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::containerfile::Copy;
use crate::{
    digest::Digest,
    error::{At, Result},
};

/// Writes the tar file `layer` with what `copy` names in `context`.
pub(super) fn write(copy: &Copy, context: &Path, workdir: &str, layer: &Path) -> Result<()> {
    let mut tar = tar::Builder::new(File::create(layer).at(layer)?);
    for source in &copy.sources {
        let from = context.join(source);
        let metadata = fs::metadata(&from).at(&from)?;
        let mut target = in_image(workdir, &copy.target);
        // A folder's content goes to the target; a file goes to it, or into it when it is written as a folder.
        if metadata.is_file() && (copy.target.ends_with('/') || copy.target == ".") {
            target.push(from.file_name().unwrap_or_default());
        }
        append(&mut tar, copy, &from, &target)?;
    }
    tar.into_inner().at(layer).map(drop)
}

/// Adds the content that `copy` would take to `digest`.
pub(super) fn digest(copy: &Copy, context: &Path, digest: &mut Digest) -> Result<()> {
    for source in &copy.sources {
        let from = context.join(source);
        let metadata = fs::metadata(&from).at(&from)?;
        digest.add(&metadata.permissions().mode().to_le_bytes());
        if metadata.is_dir() { digest.add_folder(&from)? } else { digest.add_file(&from)? }
    }
    Ok(())
}

fn append(tar: &mut tar::Builder<File>, copy: &Copy, from: &Path, target: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(from).at(from)?;
    let mut header = tar::Header::new_gnu();
    header.set_uid(copy.owner.0);
    header.set_gid(copy.owner.1);
    header.set_mode(copy.mode.unwrap_or(metadata.permissions().mode() & 0o7777));
    header.set_size(0);
    if metadata.is_symlink() {
        header.set_entry_type(tar::EntryType::Symlink);
        return tar.append_link(&mut header, target, fs::read_link(from).at(from)?).at(from);
    }
    if metadata.is_dir() {
        header.set_entry_type(tar::EntryType::Directory);
        // The image's root and its own folders keep their owner.
        if target.components().count() > 1 {
            tar.append_data(&mut header, target, std::io::empty()).at(from)?;
        }
        return children(from)?.iter().try_for_each(|child| {
            append(tar, copy, child, &target.join(child.file_name().unwrap_or_default()))
        });
    }
    header.set_size(metadata.len());
    tar.append_data(&mut header, target, File::open(from).at(from)?).at(from)
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).at(folder)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().at(folder)?;
    paths.sort();
    Ok(paths)
}

/// A path in the image, without the leading slash that a tar file must not have.
fn in_image(workdir: &str, target: &str) -> PathBuf {
    let absolute = Path::new("/").join(workdir).join(target);
    absolute.components().filter(|part| matches!(part, std::path::Component::Normal(_))).collect()
}
