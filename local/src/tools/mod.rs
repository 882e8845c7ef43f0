//! The programs that a local Kubernetes consists of, built from pinned Go modules and cached.
//!
//! A program lies at `<cache>/bin/<name>-<hash>/<name>`; the hash covers its go.mod, go.sum, stubs and build flags,
//! so a cached program is never out of date and two clones share what they pin alike.

mod build;
mod table;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
};

pub use table::Tool;
use table::{ROWS, Row};

use crate::{
    error::{Error, Result},
    paths,
};

/// Paths of programs that are there.
#[derive(Debug, Clone)]
pub struct Tools {
    paths: BTreeMap<Tool, PathBuf>,
}

/// Builds what is missing of `tools`, with a line on standard error per program, and gives their paths.
///
/// The control plane's programs are taken from `$KUBEBUILDER_ASSETS` when that is set and has them.
/// Blocks: minutes on a cold cache.
pub fn ensure(tools: &[Tool]) -> Result<Tools> {
    let mut paths = BTreeMap::new();
    for row in ROWS.iter().filter(|row| tools.contains(&row.tool)) {
        let path = match from_assets(row) {
            Some(path) => path,
            None => build::ensure(row)?,
        };
        paths.insert(row.tool, path);
    }
    Ok(Tools { paths })
}

impl Tools {
    /// The program's path.
    pub fn path(&self, tool: Tool) -> Result<&Path> {
        self.paths.get(&tool).map(PathBuf::as_path).ok_or_else(|| Error::UnknownTool(tool.name().to_owned()))
    }

    /// All programs by name.
    pub fn iter(&self) -> impl Iterator<Item = (Tool, &Path)> {
        self.paths.iter().map(|(tool, path)| (*tool, path.as_path()))
    }
}

impl Tool {
    /// All programs, in the order in which to build them.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.tool)
    }

    /// The program's file name.
    pub fn name(self) -> &'static str {
        ROWS.iter().find(|row| row.tool == self).map_or("", |row| row.name)
    }
}

impl FromStr for Tool {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let row = ROWS.iter().find(|row| row.name == name);
        row.map(|row| row.tool).ok_or_else(|| Error::UnknownTool(name.to_owned()))
    }
}

fn from_assets(row: &Row) -> Option<PathBuf> {
    let control_plane = matches!(row.tool, Tool::Etcd | Tool::KubeApiserver | Tool::Kubectl);
    let path = paths::assets().filter(|_| control_plane)?.join(row.name);
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_row_of_its_own_and_a_pinned_module() {
        for row in ROWS {
            assert_eq!(row.name.parse::<Tool>().unwrap(), row.tool);
            let folder = build::sources(row);
            let sums = std::fs::read_to_string(folder.join("go.sum")).unwrap();
            assert!(!sums.is_empty(), "{} has no checksums", row.name);
            let module = std::fs::read_to_string(folder.join("go.mod")).unwrap();
            let required = module
                .lines()
                .filter_map(|line| line.trim().trim_start_matches("require ").split(' ').next());
            assert!(
                required.into_iter().any(|name| !name.is_empty() && row.package.starts_with(name)),
                "{} is not pinned",
                row.name
            );
        }
    }
}
