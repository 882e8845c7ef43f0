//! Dashboard of workspaces and the proxy that opens them.

use clap::Parser;
use neuralinverse_portal::args::Args;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).init();
    Args::parse().run().await
}
