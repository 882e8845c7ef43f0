//! `make bench-scale`: what ten thousand workspaces cost the controller, and whether launches notice them. A real
//! API server and etcd; kwok's nodes and pods, which say that they run and do not; sidecars that poll, each over a
//! connection of its own with a token of its pod.
//!
//! `WORKSPACES=1000` for a smaller one.

mod cluster;
mod controller;
mod launches;
mod placement;
mod sidecars;

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use self::{cluster::Cluster, controller::Controller, sidecars::Sidecars};

/// Workspaces that the others are compared to.
const FEW: usize = 100;

/// How long the cluster has for what it still does after thousands of workspaces, such as protecting their volumes.
const SETTLES: Duration = Duration::from_secs(60);

/// How long is looked at a controller that has nothing to do.
const REST: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> Result<()> {
    let many = match std::env::var("WORKSPACES") {
        Ok(text) => text.parse().context("WORKSPACES is a number")?,
        Err(_) => 10_000,
    };
    let cluster = Cluster::start().await?;
    let client = cluster.client.clone();
    let mut controller = Controller::start(&cluster).await?;
    cluster.declare().await?;
    let _nodes = placement::start(&client);
    let sidecars = Sidecars::start(&client, controller.url()).await?;

    launches::fill(&client, 0..FEW).await?;
    cluster.warm_pools_are_full().await?;
    let few = launches::measure(&client, "few").await?;
    eprintln!("{FEW} workspaces: launches {few:?}, controller {} MB", controller.resident_mb()?);

    launches::fill(&client, FEW..many).await?;
    cluster.warm_pools_are_full().await?;
    eprintln!("{many} workspaces, {} sidecars poll", sidecars.polling());
    tokio::time::sleep(SETTLES).await;
    let lots = launches::measure(&client, "many").await?;
    eprintln!("launches {lots:?}, controller {} MB", controller.resident_mb()?);

    cluster.warm_pools_are_full().await?;
    tokio::time::sleep(SETTLES).await;
    let (cpu, writes) = (controller.cpu()?, cluster.writes()?);
    tokio::time::sleep(REST).await;
    let idle_cpu = (controller.cpu()? - cpu).as_secs_f64() / REST.as_secs_f64() * 100.0;
    let idle = cluster.writes()?.split_off(writes.len());
    let minutes = REST.as_secs_f64() / 60.0;
    eprintln!("at rest: {idle:?}");
    let resident = controller.resident_mb()?;

    let resync = controller.restart().await?;
    eprintln!("after the restart: {} MB, {} sidecars poll", controller.resident_mb()?, sidecars.polling());
    let result = json!({
        "workspaces": many,
        "rss_mb": resident,
        "idle_cpu_percent": (idle_cpu * 100.0).round() / 100.0,
        "idle_writes_per_min": idle.len() as f64 / minutes,
        "resync_s": (resync.as_secs_f64() * 10.0).round() / 10.0,
        "launch_p99_ms": lots.p99,
        "launch_p99_small_ms": few.p99,
        "launch_p50_ms": lots.p50,
        "launch_p50_small_ms": few.p50,
        "sidecars": sidecars.polling(),
    });
    #[expect(clippy::print_stdout, reason = "the result is what a bench prints")]
    {
        println!("RESULT {result}");
    }
    Ok(())
}
