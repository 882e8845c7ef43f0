//! Resources and data sources over the author's own types.

mod data_source;
mod maybe;
mod resource;

pub use data_source::{DataSource, typed_data_source};
pub use maybe::Maybe;
pub use resource::{Resource, TypedPlan, typed};
