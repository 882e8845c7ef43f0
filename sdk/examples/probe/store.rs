//! The remote: a directory with a JSON file per thing.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde_json::Value as Json;
use tf_provider_sdk::{Diagnostics, Explain};

pub struct Store(PathBuf);

impl Store {
    pub fn new(directory: &str) -> Self {
        Self(directory.into())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.json"))
    }

    pub fn put(&self, name: &str, json: &Json) -> Result<(), Diagnostics> {
        fs::write(self.file(name), json.to_string()).explain("Cannot write")
    }

    pub fn get(&self, name: &str) -> Result<Option<Json>, Diagnostics> {
        match fs::read(self.file(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => serde_json::from_slice(&read.explain("Cannot read")?).explain("Not JSON").map(Some),
        }
    }

    pub fn count(&self) -> Result<usize, Diagnostics> {
        Ok(fs::read_dir(&self.0).explain("Cannot list")?.count())
    }

    pub fn remove(&self, name: &str) -> Result<(), Diagnostics> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.explain("Cannot delete"),
        }
    }
}
