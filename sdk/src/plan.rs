//! The steps every plan, read and apply goes through before and after the author's code: pure functions over
//! values.
//!
//! Core proposes a state from configuration and prior state; [`propose`] turns it into a plan:
//!
//! 1. defaults where the configuration is null, write-only values removed, equal spellings kept as they were
//!    ([`normalise`]);
//! 2. if anything differs from the prior state, every computed attribute without configuration becomes
//!    unknown, except those that keep their value ([`unknown`]);
//! 3. attributes whose change replaces the resource are listed ([`replace`]).
//!
//! Facts: hashicorp/terraform-plugin-framework, `internal/fwserver/server_planresourcechange.go`, and the
//! checks core makes on the answer, hashicorp/terraform, `internal/plans/objchange`.

mod normalise;
mod pairs;
mod replace;
mod spelling;
#[cfg(test)]
mod tests;
mod unknown;
mod write_only;

pub(crate) use normalise::defaults;
pub(crate) use spelling::{keep_arguments, keep_spelling};
pub(crate) use write_only::{
    configured as configured_write_only, remove as remove_write_only, with_write_only,
};

use crate::{Path, Schema, Value};

/// The plan before the author's hook, and the paths whose change replaces the resource. `prior` is null for a
/// create.
pub(crate) fn propose(schema: &Schema, config: &Value, prior: &Value, proposed: Value) -> (Value, Vec<Path>) {
    let attributes = &schema.attributes;
    let mut planned = normalise::normalise(attributes, config, prior, proposed);
    if planned != *prior {
        unknown::mark(attributes, config, &mut planned);
    }
    let replace = if prior.is_null() { Vec::new() } else { replace::paths(attributes, prior, &planned) };
    (planned, replace)
}
