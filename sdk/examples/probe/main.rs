//! The provider that the end-to-end tests run: it does what the tests ask of it, faults included.
//!
//! `probe_echo` ([`echo`]) gives back values of every type, over plain values; `probe_thing` ([`thing`]) is a
//! typed resource that is slow, fails or panics on request. Both keep what they make as JSON in the
//! provider's directory.

mod echo;
mod store;
mod thing;

use std::process::ExitCode;
use std::sync::Arc;

use store::Store;
use tf_provider_sdk::*;

struct Probe(Configured<Store>);

#[async_trait]
impl Provider for Probe {
    fn schema(&self) -> Schema {
        Schema::new([Attribute::string("directory").required().describe("Where things are kept.")])
    }

    async fn configure(&self, _ctx: &Context, config: Value) -> Result<(), Diagnostics> {
        if let Some(directory) = config.attr("directory").as_str() {
            self.0.set(Store::new(directory));
        }
        Ok(())
    }

    fn resources(&self) -> Vec<Arc<dyn DynResource>> {
        vec![Arc::new(echo::Echo(self.0.clone())), typed(thing::Things(self.0.clone()))]
    }

    fn data_sources(&self) -> Vec<Arc<dyn DynDataSource>> {
        vec![typed_data_source(thing::Things(self.0.clone()))]
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options =
        ServeOptions { address: "registry.terraform.io/example/probe".into(), version: "0.1.0".into() };
    serve(Probe(Configured::new()), options).await
}
