//! The rules a schema must keep, so that a fault is found in a unit test and not by a CLI.

use super::Schema;

impl Schema {
    /// Faults of the schema, each naming the attribute; empty when it is good.
    pub fn check(&self) -> Vec<String> {
        self.faults.clone()
    }
}
