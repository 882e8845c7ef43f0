//! Terraform plugin protocol 6 for provider authors in Rust.

mod context;
mod data_source;
mod diagnostic;
mod path;
mod plan;
mod provider;
mod resource;
mod rpc;
mod schema;
mod serve;
mod typed;
mod types;
mod value;
mod wire;

pub use async_trait::async_trait;
pub use context::Context;
pub use data_source::DynDataSource;
pub use diagnostic::{Diagnostic, Diagnostics, Explain, Severity};
pub use path::{Path, Step};
pub use provider::{Configured, Provider};
pub use resource::{DynResource, Failure, Outcome, Plan, PlanRequest, Private, Saved};
pub use schema::{Attribute, Equal, Kind, Nesting, Schema, Validator};
pub use serve::{ServeOptions, serve};
pub use typed::{DataSource, Maybe, Resource, TypedPlan, schema_of, typed, typed_data_source};
pub use types::Type;
pub use value::{Number, NumberError, Value, ValueError};
