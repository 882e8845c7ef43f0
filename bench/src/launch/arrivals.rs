//! Launches that arrive at once or at random, each timed from before its creation to the watch event that
//! says that it can be used.

use std::{collections::HashMap, fmt, time::Duration};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, stream};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, PostParams},
    runtime::watcher,
};
use neuralinverse_tests::{Writes, writes};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use crate::contender::{Contender, SIZE};

/// Arrivals a second.
const RATE: f64 = 3.0;

/// How long they come.
const SECONDS: f64 = 25.0;

/// How long one launch may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What bursts or a stream of arrivals gave.
#[derive(Default)]
pub struct Times {
    /// Milliseconds from creation to usable, sorted.
    sorted: Vec<u128>,
    /// Requests that changed something meanwhile, from everybody in the cluster.
    writes: Writes,
}

/// Bursts, and arrivals at random.
#[derive(Default)]
pub struct Round {
    /// All at once, of every burst.
    pub burst: Times,
    /// One after the other.
    pub poisson: Times,
}

impl Round {
    /// Adds its figures.
    pub fn put(&self, prefix: &str, result: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Value| result.insert(format!("{prefix}{name}"), value);
        for (name, times) in [("burst", &self.burst), ("poisson", &self.poisson)] {
            put(&format!("{name}_p50_ms"), json!(times.percentile(50)));
            put(&format!("{name}_p99_ms"), json!(times.percentile(99)));
        }
        let launches = self.burst.sorted.len() as f64;
        let (own, refill) = (self.burst.writes.of_launches(), self.burst.writes.of_refill());
        // A sum of nothing is -0.
        let each = |sum: f64| json!(((sum / launches) * 100.0).round() / 100.0 + 0.0);
        put("writes_per_launch", each(own));
        put("refill_writes", each(refill));
        eprintln!("{prefix}burst writes: {:?}", self.burst.writes);
    }
}

impl Times {
    /// Takes those of another burst in.
    pub fn add(&mut self, other: Self) {
        self.sorted.extend(other.sorted);
        self.sorted.sort_unstable();
        self.writes.add(other.writes);
    }

    /// The smallest value that `percent` of the times do not pass.
    fn percentile(&self, percent: usize) -> Option<u128> {
        let rank = (self.sorted.len() * percent).div_ceil(100).saturating_sub(1);
        self.sorted.get(rank).copied()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [50, 99].map(|percent| self.percentile(percent).unwrap_or_default());
        write!(to, "p50 {p50} ms, p99 {p99} ms")
    }
}

/// All at once, on a full pool.
pub async fn burst<C: Contender>(contender: &C) -> Result<Times> {
    let now = Instant::now();
    launch(contender, "burst", vec![now; SIZE]).await
}

/// At random, with refill. The same seed for everybody.
pub async fn poisson<C: Contender>(contender: &C) -> Result<Times> {
    let start = Instant::now() + Duration::from_millis(200);
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut at, mut times) = (0.0, Vec::new());
    loop {
        at -= random.unit().ln() / RATE;
        if at >= SECONDS {
            return launch(contender, "poisson", times).await;
        }
        times.push(start + Duration::from_secs_f64(at));
    }
}

async fn launch<C: Contender>(contender: &C, prefix: &str, times: Vec<Instant>) -> Result<Times> {
    let client = contender.api().into_client();
    let before = written(&client).await?;
    let api = contender.api();
    let names: Vec<String> = (0..times.len()).map(|number| format!("{prefix}-{number}")).collect();
    let config = watcher::Config::default().labels("bench=launch");
    let mut events = watcher(api.clone(), config).boxed();
    // The watch is there before the first creation.
    while let Some(event) = events.next().await {
        if matches!(event?, watcher::Event::InitDone) {
            break;
        }
    }
    let creations =
        stream::iter(names.iter().zip(&times)).map(|(name, at)| create(contender, &api, name, *at));
    let creations = creations.buffer_unordered(times.len()).collect::<Vec<Result<(String, Instant)>>>();
    let usable = async {
        let mut usable = HashMap::new();
        while usable.len() < names.len() {
            let event = timeout(PATIENCE, events.next()).await;
            let event =
                event.with_context(|| format!("{} of {} became usable", usable.len(), names.len()))?;
            match event {
                Some(Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object))) => {
                    if contender.usable(&object) {
                        usable.entry(object.name_any()).or_insert_with(Instant::now);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => eprintln!("the watch was cut: {error}"),
                None => bail!("the watch ended"),
            }
        }
        Ok(usable)
    };
    let (created, usable) = tokio::join!(creations, usable);
    let usable = usable?;
    let mut sorted = Vec::new();
    for created in created {
        let (name, since) = created?;
        sorted.push(usable.get(&name).context("it was not seen")?.duration_since(since).as_millis());
    }
    sorted.sort_unstable();
    Ok(Times { sorted, writes: written(&client).await?.since(&before) })
}

async fn written(client: &Client) -> Result<Writes> {
    writes(&client.request_text(http::Request::get("/metrics").body(Vec::new())?).await?)
}

async fn create<C: Contender>(
    contender: &C,
    api: &Api<DynamicObject>,
    name: &str,
    at: Instant,
) -> Result<(String, Instant)> {
    let mut object: DynamicObject = serde_json::from_value(contender.object(name))?;
    object.labels_mut().insert("bench".to_owned(), "launch".to_owned());
    sleep_until(at).await;
    let since = Instant::now();
    api.create(&PostParams::default(), &object).await.with_context(|| name.to_owned())?;
    Ok((name.to_owned(), since))
}

/// Numbers that look random and are the same each time (xorshift64*).
struct Random(u64);

impl Random {
    /// Between 0, which never comes, and 1.
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        (bits as f64 + 1.0) / (1u64 << 53) as f64
    }
}
