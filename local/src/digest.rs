//! Content hashes that name cached things and blobs of images.

use std::{fs, io::Read, path::Path};

use aws_lc_rs::digest::{Context, SHA256, digest};

use crate::error::{At, Result};

/// A hash under construction. Parts are framed by their length, so moving a byte between two parts changes it.
#[derive(Clone)]
pub(crate) struct Digest(Context);

impl Default for Digest {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Digest {
    /// Adds one part.
    pub(crate) fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// Adds a file's content.
    pub(crate) fn add_file(&mut self, path: &Path) -> Result<()> {
        self.add(sha256_file(path)?.as_bytes());
        Ok(())
    }

    /// Adds every name and file below a folder, in the order of names.
    pub(crate) fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let entries = fs::read_dir(folder).at(folder)?;
        let mut paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().at(folder)?;
        paths.sort();
        for path in paths {
            self.add(path.file_name().unwrap_or_default().as_encoded_bytes());
            let kind = path.symlink_metadata().at(&path)?.file_type();
            if kind.is_dir() {
                self.add_folder(&path)?;
            } else if kind.is_symlink() {
                self.add(fs::read_link(&path).at(&path)?.as_os_str().as_encoded_bytes());
            } else if kind.is_file() {
                self.add_file(&path)?;
            }
        }
        Ok(())
    }

    /// Twelve characters, enough to name a folder.
    pub(crate) fn short(self) -> String {
        hex(self.0.finish().as_ref())[..12].to_owned()
    }
}

/// The SHA-256 of `bytes` in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// The SHA-256 of a file's content in hexadecimal digits.
pub(crate) fn sha256_file(path: &Path) -> Result<String> {
    let (mut file, mut context) = (fs::File::open(path).at(path)?, Context::new(&SHA256));
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).at(path)? {
            0 => return Ok(hex(context.finish().as_ref())),
            read => context.update(&buffer[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
