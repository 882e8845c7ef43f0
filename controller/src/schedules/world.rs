//! A server, two controllers, kubelets and users, and the schedule that moves them.

use std::time::Duration;

use axum::http::Method;
use jiff::{SignedDuration, Timestamp};
use neuralinverse_api::labels;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    history::History,
    replica::Replica,
    server::{DISK_ON, Kind, NODES, Server, going, label, name, refusal, scheduled, volume},
    step::{REPLICAS, Step},
    wire::{Call, Wire},
};

/// The warm pool.
pub const POOL: &str = "pool";

/// How many free pods it keeps.
pub const POOL_SIZE: usize = 1;

/// Annotation of a volume: the node that it is made for.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// How long a request can be on its way.
const SLOWEST: Duration = Duration::from_secs(5);

/// How long everything is left alone at the end: longer than any delay of the controller's that matters.
const CALM: Duration = Duration::from_secs(240);

/// In how many turns everybody has done what there is to do.
const TURNS: usize = 200;

/// All that takes part.
pub struct World {
    pub server: Server,
    wire: Wire,
    replicas: Vec<Option<Replica>>,
    began: Instant,
    history: History,
    /// What happened, for whoever reads a failure.
    pub trace: Vec<String>,
}

impl World {
    /// With two replicas, the first of which leads, and a pool that is still empty.
    pub async fn new() -> Self {
        let mut world = Self {
            server: Server::default(),
            wire: Wire::default(),
            replicas: (0..REPLICAS).map(|_| None).collect(),
            began: Instant::now(),
            history: History::default(),
            trace: Vec::new(),
        };
        for node in NODES {
            let now = world.now();
            world.server.create(
                Kind::Node,
                json!({ "metadata": { "name": node }, "status": answers("True", now) }),
                now,
            );
        }
        let spec = json!({ "tier": "standard", "template": "rust", "size": POOL_SIZE });
        world.declare(Kind::WarmPool, "WarmPool", POOL, spec);
        for replica in 0..REPLICAS {
            world.start(replica);
        }
        world.lead(0);
        world.rest(Duration::from_millis(1)).await;
        world
    }

    /// Does one step, and lets everybody act on it. Says what must not have happened.
    pub async fn step(&mut self, step: Step) -> Result<(), String> {
        self.trace.push(format!("{step:?}"));
        match step {
            Step::Serve(call) => self.with_call(call, Self::serve)?,
            Step::LoseAnswer(call) => self.with_call(call, |world, call| {
                world.answer(&call)?;
                call.answer(refusal(504, "the answer was lost"));
                Ok(())
            })?,
            Step::Refuse(call, code) => self.with_call(call, |_, call| {
                call.answer(refusal(code, "not now"));
                Ok(())
            })?,
            Step::Hear(replica, kind) => drop(self.hear(replica, kind)),
            Step::HearAll(replica) => self.hear_all(replica),
            Step::Cut(replica, kind) => {
                let Self { replicas, server, .. } = self;
                replicas[replica].iter_mut().for_each(|replica| replica.cut(kind, server));
            }
            Step::Kill(replica) => self.replicas[replica] = None,
            Step::Start(replica) => self.start(replica),
            Step::Lead(replica) => self.lead(replica),
            Step::Resign(replica) => self.replicas[replica].iter_mut().for_each(Replica::resign),
            Step::Jump(replica, seconds) => {
                self.replicas[replica].iter().for_each(|replica| replica.is_fast(seconds));
            }
            Step::Pass(milliseconds) => self.pass(Duration::from_millis(milliseconds)).await,
            Step::Create(number) => {
                let spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
                self.declare(Kind::Workspace, "Workspace", &format!("w{number}"), spec);
            }
            Step::Stop(number) => self.wants(number, "Stopped"),
            Step::Resume(number) => self.wants(number, "Always"),
            Step::Delete(number) => {
                let now = self.now();
                self.server.delete(Kind::Workspace, &format!("w{number}"), now);
            }
            Step::Run(pod) => self.with_pod(pod, Self::run),
            Step::End(pod) => self.with_pod(pod, |world, pod| {
                if !going(&pod) && world.is_reached(&pod) {
                    world.server.change(Kind::Pod, name(&pod), |pod| {
                        pod["status"] = json!({ "phase": "Failed", "reason": "Evicted" });
                    });
                }
            }),
            Step::Finish(pod) => self.with_pod(pod, Self::finish),
            Step::Vanish(pod) => self.with_pod(pod, |world, pod| world.server.remove(Kind::Pod, name(&pod))),
            Step::Silence(node) => self.node(NODES[node], "Unknown"),
            Step::Return(node) => self.node(NODES[node], "True"),
            Step::DeletePod(pod) => self.with_pod(pod, |world, pod| {
                let now = world.now();
                world.server.delete(Kind::Pod, name(&pod), now);
            }),
            Step::DeleteVolume(number) => self.delete_volume(number),
            Step::Report(pod, replica) => self.with_pod(pod, |world, pod| world.report(replica, &pod)),
            Step::Collect => {
                let now = self.now();
                self.server.collect(now);
            }
        }
        self.rest(Duration::from_millis(1)).await;
        self.history.look(&self.server)
    }

    /// No more faults: one replica leads, all is served, heard and run, until nothing is left to be done.
    pub async fn calm_down(&mut self) -> Result<(), String> {
        self.trace.push("calm".to_owned());
        for replica in 0..REPLICAS {
            self.start(replica);
            self.replicas[replica].iter().for_each(|replica| replica.is_fast(0));
        }
        let leads = |replica: &Option<Replica>| replica.as_ref().is_some_and(Replica::leads);
        let leader = self.replicas.iter().position(leads).unwrap_or_default();
        let others = self.replicas.iter_mut().enumerate().filter(|(number, _)| *number != leader);
        others.flat_map(|(_, replica)| replica).for_each(Replica::resign);
        self.lead(leader);
        self.wire.waiting().retain(|call| !call.abandoned());
        if !NODES.iter().any(|node| self.serves(node)) {
            self.node(NODES[0], "True");
        }
        if !NODES.iter().all(|node| self.serves(node)) {
            self.settle(leader).await?;
            self.history.nobody_waits_for_a_lost_node(&self.server)?;
            NODES.iter().for_each(|node| self.node(node, "True"));
        }
        self.settle(leader).await?;
        self.history.end(&self.server)
    }

    /// All is served, heard and run until nothing is left to be done.
    async fn settle(&mut self, leader: usize) -> Result<(), String> {
        let calm = Instant::now() + CALM;
        let mut turns = 0;
        while Instant::now() < calm {
            while self.turn(leader).await? {
                turns += 1;
                if turns > TURNS {
                    let last = &self.server.log[self.server.log.len().saturating_sub(3)..];
                    return Err(format!("it does not come to rest: {last:#?}"));
                }
            }
            // Nothing but a controller moves on its own.
            while Instant::now() < calm && self.wire.waiting().is_empty() {
                self.rest(Duration::from_secs(1)).await;
            }
        }
        Ok(())
    }

    /// Everybody does what there is to do. Says whether there was something.
    async fn turn(&mut self, leader: usize) -> Result<bool, String> {
        let before = self.server.log.len();
        let calls = std::mem::take(&mut *self.wire.waiting());
        let asked = !calls.is_empty();
        for call in calls {
            self.trace.push(format!("  {call}"));
            self.serve(call)?;
        }
        (0..REPLICAS).for_each(|replica| self.hear_all(replica));
        self.rest(Duration::from_millis(1)).await;
        let pods: Vec<_> = self.server.all(Kind::Pod).cloned().collect();
        for pod in pods {
            self.run(pod.clone());
            self.finish(pod.clone());
            if self.is_reached(&pod) && self.waits_for_report(&pod) {
                self.report(leader, &pod);
            }
        }
        let now = self.now();
        self.server.collect(now);
        (0..REPLICAS).for_each(|replica| self.hear_all(replica));
        self.rest(Duration::from_millis(1)).await;
        self.history.look(&self.server)?;
        Ok(asked || self.server.log.len() > before)
    }

    fn now(&self) -> Timestamp {
        time(self.began)
    }

    /// Lets everybody act until all wait for something.
    async fn rest(&self, time: Duration) {
        sleep(time).await;
    }

    /// Lets time pass. Requests do not wait that long.
    async fn pass(&mut self, time: Duration) {
        if time > SLOWEST {
            let calls = std::mem::take(&mut *self.wire.waiting());
            calls.into_iter().for_each(|call| call.answer(refusal(504, "it took too long")));
        }
        self.rest(time).await;
    }

    fn start(&mut self, number: usize) {
        let began = self.began;
        let Self { wire, server, .. } = self;
        self.replicas[number]
            .get_or_insert_with(|| Replica::start(number, wire, server, move || time(began)));
    }

    fn lead(&mut self, number: usize) {
        self.replicas[number].iter_mut().for_each(Replica::lead);
    }

    fn hear(&mut self, replica: usize, kind: Kind) -> bool {
        let Self { replicas, server, .. } = self;
        replicas[replica].as_mut().is_some_and(|replica| replica.hear(kind, server))
    }

    fn hear_all(&mut self, replica: usize) {
        for kind in Kind::WATCHED {
            while self.hear(replica, kind) {}
        }
    }

    fn with_call(
        &mut self,
        number: usize,
        then: impl FnOnce(&mut Self, Call) -> Result<(), String>,
    ) -> Result<(), String> {
        let call = {
            let mut waiting = self.wire.waiting();
            let count = waiting.len();
            (count > 0).then(|| waiting.remove(number % count))
        };
        match call {
            Some(call) => {
                self.trace.push(format!("  {call}"));
                then(self, call)
            }
            // Whoever has nothing to ask any more hears what there is.
            None => {
                self.hear_all(number % REPLICAS);
                Ok(())
            }
        }
    }

    fn serve(&mut self, call: Call) -> Result<(), String> {
        let answer = self.answer(&call)?;
        call.answer(answer);
        Ok(())
    }

    /// What the server says to a request that it serves now.
    fn answer(&mut self, call: &Call) -> Result<super::server::Answer, String> {
        let now = self.now();
        let answer = self.server.serve(&call.request, now);
        let volume = call.request.path.contains("/persistentvolumeclaims/");
        if call.request.method == Method::DELETE && volume && answer.0 == 200 {
            self.history.deleted(&self.server, &answer.1)?;
        }
        Ok(answer)
    }

    fn with_pod(&mut self, number: usize, then: impl FnOnce(&mut Self, Value)) {
        let pods: Vec<_> = self.server.all(Kind::Pod).cloned().collect();
        if let Some(pod) = pods.get(number % pods.len().max(1)) {
            self.trace.push(format!("  pod {}", name(pod)));
            then(self, pod.clone());
        }
    }

    fn delete_volume(&mut self, number: usize) {
        let volumes: Vec<_> = self.server.all(Kind::Volume).map(|it| name(it).to_owned()).collect();
        let now = self.now();
        if let Some(volume) = volumes.get(number % volumes.len().max(1)) {
            self.trace.push(format!("  volume {volume}"));
            self.server.delete(Kind::Volume, volume, now);
        }
    }

    /// A kubelet takes a pod whose volume is there.
    fn run(&mut self, pod: Value) {
        let volume = volume(&pod).and_then(|volume| self.server.get(Kind::Volume, volume)).cloned();
        let Some(volume) = volume.filter(|volume| !going(volume)) else { return };
        if going(&pod) || scheduled(&pod) {
            return;
        }
        let Some(node) = self.place(&volume) else { return };
        let now = self.now();
        self.server.change(Kind::Pod, name(&pod), |pod| {
            pod["spec"]["nodeName"] = json!(node);
            pod["status"] = answers("True", now);
            pod["status"]["phase"] = json!("Running");
            let started = |container: &Value| json!({ "name": container["name"], "started": true });
            let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
            pod["status"]["containerStatuses"] = containers.map(started).collect();
        });
        self.server.change(Kind::Volume, name(&volume), |volume| {
            volume["metadata"]["annotations"][SELECTED_NODE] = json!(node);
            volume["spec"]["volumeName"] = json!(format!("{DISK_ON}{node}"));
            volume["status"]["phase"] = json!("Bound");
        });
    }

    /// The node for a pod with this volume: the one that it is on, or any.
    fn place(&self, volume: &Value) -> Option<&'static str> {
        let on = volume["metadata"]["annotations"][SELECTED_NODE].as_str();
        let fits = |node: &&&str| self.serves(node) && on.is_none_or(|on| on == **node);
        let fitting: Vec<_> = NODES.iter().filter(fits).copied().collect();
        (!fitting.is_empty()).then(|| fitting[self.server.log.len() % fitting.len()])
    }

    /// Whether a node answers.
    fn serves(&self, node: &str) -> bool {
        let node = self.server.get(Kind::Node, node);
        node.is_some_and(|node| node["status"]["conditions"][0]["status"] == "True")
    }

    /// Whether a pod has a kubelet that answers.
    fn is_reached(&self, pod: &Value) -> bool {
        pod["spec"]["nodeName"].as_str().is_some_and(|node| self.serves(node))
    }

    /// A node answers from now on, or does not; Kubernetes says so of its pods, too.
    fn node(&mut self, node: &str, ready: &str) {
        let now = self.now();
        if self.serves(node) == (ready == "True") {
            return;
        }
        self.server.change(Kind::Node, node, |node| node["status"] = answers(ready, now));
        let there = |pod: &&Value| pod["spec"]["nodeName"] == *node && pod["status"]["phase"] == "Running";
        let pods: Vec<_> = self.server.all(Kind::Pod).filter(there).map(|pod| name(pod).to_owned()).collect();
        for pod in pods {
            let ready = if ready == "True" { "True" } else { "False" };
            self.server.change(Kind::Pod, &pod, |pod| {
                pod["status"]["conditions"] = answers(ready, now)["conditions"].take();
            });
        }
    }

    fn finish(&mut self, pod: Value) {
        if going(&pod) && (self.is_reached(&pod) || !scheduled(&pod)) {
            self.server.remove(Kind::Pod, name(&pod));
        }
    }

    fn report(&mut self, replica: usize, pod: &Value) {
        if scheduled(pod) && !going(pod) && label(pod, labels::WORKSPACE).is_some() {
            self.replicas[replica].iter_mut().for_each(|replica| replica.report(pod));
        }
    }

    /// Whether the sidecar of a pod has something to say that the status does not say yet.
    fn waits_for_report(&self, pod: &Value) -> bool {
        let workspace = label(pod, labels::WORKSPACE).and_then(|it| self.server.get(Kind::Workspace, it));
        let conditions = workspace.and_then(|it| it["status"]["conditions"].as_array());
        let running = |it: &Value| it["type"] == "Running" && it["status"] == "True";
        workspace.is_some() && !conditions.is_some_and(|conditions| conditions.iter().any(running))
    }

    fn declare(&mut self, kind: Kind, word: &str, name: &str, spec: Value) {
        let object = json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": word,
            "metadata": { "name": name }, "spec": spec,
        });
        let now = self.now();
        self.server.create(kind, object, now);
    }

    fn wants(&mut self, number: usize, policy: &str) {
        self.server.change(Kind::Workspace, &format!("w{number}"), |workspace| {
            workspace["spec"]["runPolicy"] = json!(policy);
        });
    }
}

/// A status that says since when a pod or node is ready or not.
fn answers(ready: &str, now: Timestamp) -> Value {
    json!({ "conditions": [{ "type": "Ready", "status": ready, "lastTransitionTime": now }] })
}

/// The right time: as much later than an arbitrary moment as the test runs.
fn time(began: Instant) -> Timestamp {
    let start = Timestamp::from_second(1_800_000_000).expect("a time");
    start + SignedDuration::try_from(began.elapsed()).expect("a short test")
}
