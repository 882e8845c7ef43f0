//! `terraform-provider-neuralinverse`: started by Terraform or OpenTofu. `docs DIR` writes its documentation,
//! `docs --check DIR` says whether it is stale.

use std::process::ExitCode;

use neuralinverse_provider::{NeuralInverse, docs};
use tf_provider_sdk::{ServeOptions, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [docs, rest @ ..] = args.as_slice()
        && docs == "docs"
    {
        return docs::run(rest);
    }
    // Another crate of the build may bring a second provider; then rustls has no default of its own.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let options = ServeOptions {
        address: "registry.terraform.io/neuralinverse/neuralinverse".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    serve(NeuralInverse::default(), options).await
}
