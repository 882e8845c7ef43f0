//! Resources and data sources over the author's own types.
//!
//! A model is read from and written to values by serde ([`de`], [`ser`]), and its schema comes from schemars
//! ([`derive`]). Where the author's code leaves a field alone the original value is kept ([`model::Model`]),
//! so unknown values and long numbers survive types that cannot hold them.

mod data_source;
mod de;
mod derive;
mod maybe;
mod model;
mod resource;
mod rules;
mod ser;
#[cfg(test)]
mod tests;

pub use data_source::{DataSource, typed_data_source};
pub use derive::schema_of;
pub use maybe::Maybe;
pub use resource::{Resource, TypedPlan, typed};
