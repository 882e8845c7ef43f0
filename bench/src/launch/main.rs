//! `make bench-launch`: how long a workspace takes from its creation to usable, and what it costs the API
//! server. On the demo's cluster, on one node, as the peer's own harness does it: a burst of 40 on a warm pool
//! of 40, then arrivals at random, 3 a second for 25 s, with refill.
//!
//! With `AGENT_SANDBOX=<source tree of kubernetes-sigs/agent-sandbox>` that is built, installed beside us and
//! measured in turn with us; see README.md.

mod arrivals;
mod contender;
mod disks;
mod ours;
mod peer;

use anyhow::{Context, Result};
use kube::{Client, Config, config::Kubeconfig};
use neuralinverse_tests::Demo;
use serde_json::{Map, Value, json};

use self::{
    arrivals::Round,
    contender::{Contender, Kind},
    disks::Disks,
    ours::Ours,
    peer::Peer,
};

/// How many bursts there are in a round: one alone may meet whatever else the machine does just then.
const BURSTS: usize = 3;

#[tokio::main]
async fn main() -> Result<()> {
    let demo = Demo::up("bench", 18081)?;
    let result = measure(&demo).await;
    demo.down()?;
    let line = Value::Object(result?);
    #[expect(clippy::print_stdout, reason = "the result is what a bench prints")]
    {
        println!("RESULT {line}");
    }
    Ok(())
}

async fn measure(demo: &Demo) -> Result<Map<String, Value>> {
    let client = client(demo).await?;
    ours::prepare(demo)?;
    let disks = Disks::new(client.clone()).await?;
    let peer = match std::env::var_os("AGENT_SANDBOX") {
        Some(source) => Some(Peer::install(demo, client.clone(), source.as_ref()).await?),
        None => None,
    };
    // Nobody's API server is a minute old: bursts take it a third less CPU after the first hundred seconds.
    disks.add().await?;
    round(&Ours::new(client.clone(), Kind::Empty, demo.repository()?)).await?;
    if let Some(peer) = &peer {
        round(&peer.of(Kind::Empty)).await?;
    }
    let mut result = Map::new();
    for kind in [Kind::Empty, Kind::EnvironmentAndVolume, Kind::Repository] {
        let contender = Ours::new(client.clone(), kind, demo.repository()?);
        disks.add().await?;
        let ours = round(&contender).await?;
        ours.put(contender.prefix(), &mut result);
        // The figures without a prefix are those of the kind that people have.
        if kind == Kind::EnvironmentAndVolume {
            ours.put("", &mut result);
            result.insert("controller_rss_mb".to_owned(), json!(contender.memory()?));
        }
        // In turn, so that whatever else the machine does hits both.
        let Some(peer) = peer.as_ref().map(|peer| peer.of(kind)) else { continue };
        match kind {
            // Its best, without a prefix.
            Kind::Empty => round(&peer).await?.put("peer_", &mut result),
            Kind::EnvironmentAndVolume => {
                disks.add().await?;
                round(&peer).await?.put("peer_environment_", &mut result);
                result.insert("peer_controller_rss_mb".to_owned(), json!(peer.memory()?));
            }
            Kind::Repository => {}
        }
    }
    Ok(result)
}

async fn round<C: Contender>(contender: &C) -> Result<Round> {
    let mut round = Round::default();
    for _ in 0..BURSTS {
        contender.fill().await?;
        let burst = arrivals::burst(contender).await?;
        eprintln!("40 at once: {burst}");
        round.burst.add(burst);
        contender.clear().await?;
    }
    contender.fill().await?;
    round.poisson = arrivals::poisson(contender).await?;
    eprintln!("3 a second: {}", round.poisson);
    contender.clear().await?;
    contender.drain().await?;
    Ok(round)
}

async fn client(demo: &Demo) -> Result<Client> {
    let path = demo.run(&["printenv", "KUBECONFIG"])?;
    let kubeconfig = Kubeconfig::read_from(path.trim())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await?;
    // A watch that is quiet is no fault.
    config.read_timeout = None;
    Client::try_from(config).context("a client for the demo's cluster")
}
