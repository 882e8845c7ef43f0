//! `make bench-launch`: how long a workspace takes from its creation to usable, and what it costs the
//! API server. On the demo's cluster: 20 created at once on a warm pool of 20, then 20 without a pool.
//! Writes are the API server's own count of requests that change something, over everything that runs
//! in the cluster; those of the refill are counted by watching what the pool adds by itself.

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use neuralinverse_tests::Demo;
use serde_json::{Value, json};

/// Workspaces of a round.
const COUNT: usize = 20;

fn main() -> Result<()> {
    let demo = Demo::up()?;
    let result = rounds(&demo);
    demo.script("down")?;
    let line = result?;
    #[expect(clippy::print_stdout, reason = "the result is what a bench prints")]
    {
        println!("RESULT {line}");
    }
    Ok(())
}

fn rounds(demo: &Demo) -> Result<Value> {
    // All pods of a round, and those that refill the pool, fit on a small machine.
    demo.kubectl(&["patch", "region", "cluster", "--type=merge", "-p", r#"{"spec":{"requestsPercent":1}}"#])?;
    set_pool(demo, COUNT)?;
    let (warm, warm_writes) = round(demo, "warm", "Warm", "starter")?;
    set_pool(demo, 0)?;
    let (cold, cold_writes) = round(demo, "cold", "Cold", "standard")?;
    eprintln!("writes of the warm round: {warm_writes:?}");
    eprintln!("writes of the cold round: {cold_writes:?}");
    Ok(json!({
        "workspaces": COUNT,
        "warm_p50_ms": percentile(&warm, 50), "warm_p99_ms": percentile(&warm, 99),
        "cold_p50_ms": percentile(&cold, 50), "cold_p99_ms": percentile(&cold, 99),
        "writes_per_warm_launch": claim_writes(&warm_writes) / COUNT as f64,
    }))
}

fn set_pool(demo: &Demo, size: usize) -> Result<()> {
    let patch = json!({ "spec": { "size": size } }).to_string();
    demo.kubectl(&["patch", "warmpool", "starter-debian", "--type=merge", "-p", &patch])?;
    demo.wait("the pool", || {
        let pool = demo.get(&["warmpool", "starter-debian"])?;
        ensure!(pool["status"]["ready"] == size && pool["status"]["warming"] == 0, "{}", pool["status"]);
        Ok(())
    })
}

type Writes = BTreeMap<String, f64>;

/// Creates workspaces at once, waits until all are usable, deletes them. Launch times in milliseconds, sorted.
fn round(demo: &Demo, prefix: &str, source: &str, tier: &str) -> Result<(Vec<i64>, Writes)> {
    settle(demo)?;
    let before = writes(demo)?;
    let names: Vec<String> = (0..COUNT).map(|number| format!("{prefix}-{number}")).collect();
    let items: Vec<Value> = names.iter().map(|name| workspace(name, tier)).collect();
    demo.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items }))?;
    let mut times = Vec::new();
    for name in &names {
        let object = demo.wait_for_condition(name, "Ready", "True")?;
        let launch = &object["status"]["launch"];
        ensure!(launch["source"] == source, "{launch}");
        times.push(launch["milliseconds"].as_i64().context("milliseconds")?);
    }
    let after = writes(demo)?;
    times.sort_unstable();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    demo.kubectl(&[&["delete", "workspace"], names.as_slice()].concat())?;
    let spent = after.into_iter().map(|(key, count)| (key.clone(), count - before.get(&key).unwrap_or(&0.0)));
    Ok((times, spent.filter(|(_, count)| *count > 0.0).collect()))
}

fn workspace(name: &str, tier: &str) -> Value {
    json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
        "metadata": { "name": name, "namespace": "workspaces" },
        "spec": { "owner": "bench", "tier": tier, "template": "debian", "env": { "A": "b" } },
    })
}

/// Waits until the cluster writes no pods any more.
fn settle(demo: &Demo) -> Result<()> {
    let pods = |demo: &Demo| -> Result<f64> {
        Ok(writes(demo)?.iter().filter(|(key, _)| key.starts_with("pods")).map(|(_, count)| count).sum())
    };
    demo.wait("quiet", || {
        let before = pods(demo)?;
        thread::sleep(Duration::from_secs(3));
        ensure!(pods(demo)? - before < 1.0, "pods are still being written");
        Ok(())
    })
}

/// What a launch itself writes: the claim, its volume's owner and its status. A refill creates, and its
/// pods' other writes are the kubelet's and the scheduler's.
fn claim_writes(writes: &Writes) -> f64 {
    let of_a_launch =
        ["pods PATCH", "persistentvolumeclaims PATCH", "workspaces/status PATCH", "warmpools/status PATCH"];
    of_a_launch.iter().filter_map(|key| writes.get(*key)).sum()
}

/// Requests that change something so far, by resource and verb.
fn writes(demo: &Demo) -> Result<Writes> {
    let metrics = demo.run(&["kubectl", "get", "--raw", "/metrics"])?;
    let mut writes = Writes::new();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("apiserver_request_total{")) {
        let (labels, count) = line.split_once("} ").context("a metric")?;
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        let (verb, resource) = (label("verb").unwrap_or_default(), label("resource").unwrap_or_default());
        if !["POST", "PUT", "PATCH", "APPLY", "DELETE"].contains(&verb) || resource == "leases" {
            continue;
        }
        let subresource = label(",subresource").filter(|it| !it.is_empty()).map(|it| format!("/{it}"));
        let key = format!("{resource}{} {verb}", subresource.unwrap_or_default());
        *writes.entry(key).or_default() += count.parse::<f64>().context("a count")?;
    }
    Ok(writes)
}

/// The smallest value that `percent` of the sorted values do not pass.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied()
}
