//! Terraform plugin protocol 6 for provider authors in Rust: resources and data sources for Terraform 1.11
//! and newer and OpenTofu 1.11 and newer.
//!
//! An author writes types and `async` functions. The SDK does the rest: handshake and mutual TLS,
//! MessagePack, the steps of a plan, logs, debug mode, Ctrl-C.
//!
//! # A provider
//!
//! ```
//! use std::sync::Arc;
//!
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use tf_provider_sdk::*;
//!
//! /// A greeting.
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Greeting {
//!     /// Who is greeted.
//!     #[schemars(extend("x-terraform" = {"requires_replace": true}))]
//!     name: String,
//!     /// How loud, from 0.
//!     #[serde(default)]
//!     volume: u8,
//!     /// What is said.
//!     #[schemars(extend("x-terraform" = {"computed": true}))]
//!     text: Option<String>,
//! }
//!
//! struct Greetings;
//!
//! #[async_trait]
//! impl Resource for Greetings {
//!     type Model = Greeting;
//!     const NAME: &'static str = "hello_greeting";
//!
//!     async fn create(&self, _ctx: &Context, planned: Greeting) -> Outcome<Greeting> {
//!         let text = format!("Hello, {}", planned.name);
//!         Ok(Greeting { text: Some(text), ..planned }.into())
//!     }
//!
//!     async fn read(&self, _ctx: &Context, state: Greeting) -> Result<Option<Greeting>, Diagnostics> {
//!         Ok(Some(state)) // `None` if it is gone
//!     }
//!
//!     async fn update(&self, ctx: &Context, _prior: Greeting, planned: Greeting) -> Outcome<Greeting> {
//!         self.create(ctx, planned).await
//!     }
//!
//!     async fn delete(&self, _ctx: &Context, _state: Greeting) -> Result<(), Failure<Greeting>> {
//!         Ok(())
//!     }
//! }
//!
//! struct Hello;
//!
//! #[async_trait]
//! impl Provider for Hello {
//!     fn schema(&self) -> Schema {
//!         Schema::default()
//!     }
//!
//!     async fn configure(&self, _ctx: &Context, _config: Value) -> Result<(), Diagnostics> {
//!         Ok(())
//!     }
//!
//!     fn resources(&self) -> Vec<Arc<dyn DynResource>> {
//!         vec![typed(Greetings)]
//!     }
//! }
//!
//! // A test that every provider should have.
//! assert_eq!(check(&Hello), Vec::<String>::new());
//! ```
//!
//! `main` is one call, and the file is named `terraform-provider-hello`:
//!
//! ```no_run
//! # use tf_provider_sdk::*;
//! # struct Hello;
//! # #[async_trait]
//! # impl Provider for Hello {
//! #     fn schema(&self) -> Schema { Schema::default() }
//! #     async fn configure(&self, _: &Context, _: Value) -> Result<(), Diagnostics> { Ok(()) }
//! #     fn resources(&self) -> Vec<std::sync::Arc<dyn DynResource>> { vec![] }
//! # }
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> std::process::ExitCode {
//!     let address = "registry.terraform.io/example/hello".into();
//!     serve(Hello, ServeOptions { address, version: "0.1.0".into() }).await
//! }
//! ```
//!
//! # What to know
//!
//! - **Two levels.** [`Resource`] and [`DataSource`] work on the author's types, whose [`Schema`] is derived
//!   ([`schema_of`]). [`DynResource`] and [`DynDataSource`] work on [`Value`]s, for providers that make their
//!   schemas from data. [`typed`] turns the first into the second.
//! - **Failures.** `?` on [`Diagnostics`] (or on any error by way of [`Explain`]) says that nothing was made
//!   or changed;
//!   [`Failure::partial`] says how far it got, and that is stored. Warnings go to [`Context::warn`].
//! - **Unknown values.** A computed `Option` field is `None` when a resource is to be made. A hook that looks
//!   at values before they are known has [`Maybe`] fields.
//! - **No diff for ever.** [`Attribute::keep_prior`] for ids, [`Attribute::equal`] for values with several
//!   spellings; null and empty collections are told apart only as the user did.
//! - **Configuration** may hold unknown values during plan. What it makes lives in a [`Configured`] slot that
//!   provider and resources share.
//! - **Ctrl-C** does not end a call: [`Context::stopped`] does, in the author's waits. What was done is
//!   returned by
//!   [`Failure::partial`].
//! - **Logs** are `tracing` events, shown by `TF_LOG` or `TF_LOG_PROVIDER`.
//! - **Debugging.** Started with `-debug`, the provider prints a `TF_REATTACH_PROVIDERS` variable for CLIs to
//!   use it.
//! - **Not offered:** blocks (use nested attributes), functions, ephemeral resources, lists, actions, state
//!   stores, identities, moves between types.

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
pub use provider::{Configured, Provider, check};
pub use resource::{DynResource, Failure, Outcome, Plan, PlanRequest, Private, Saved};
pub use schema::{Attribute, Equal, Kind, Nesting, Schema, Validator};
pub use serve::{ServeOptions, serve};
pub use typed::{DataSource, Maybe, Resource, TypedPlan, schema_of, typed, typed_data_source};
pub use types::Type;
pub use value::{Number, NumberError, Value, ValueError};
