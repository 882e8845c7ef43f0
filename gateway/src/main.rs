//! What workspaces reach of the region's services, as their owners.

use clap::Parser;
use neuralinverse_gateway::args::Args;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).init();
    Args::parse().run().await
}
