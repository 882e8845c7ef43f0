//! How many more pods the nodes of a pool may start now. Most of a start is waiting, so that a node does well to start
//! some at once. When its CPUs are busy, more of them are ready no sooner: the first is ready late, launches on the node
//! are slow meanwhile, and the longer it takes, the more a pool would start. A launch counts as a start until it is told
//! how it went and its repository is cloned: somebody waits for it, and refilling comes after it.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::{
    amount::has,
    caches::Caches,
    change::{PodIndex, WorkspaceIndex},
    key::Key,
    node_pool,
    workspace::decide::elapsed,
};

/// How many pods may start at once for each CPU of the nodes. By `make bench-launch` on 2 CPUs a pool of 40 fills in
/// 18 s with four for each and in 19 s with two, and launches at three a second beside it have a p99 of 0.6 s and of
/// 0.3 s. With one the CPUs are idle for half of the time, and the pool runs dry. Where disks take seconds to attach,
/// four would be ready sooner.
const PER_CPU: usize = 2;

/// How long a start or a launch takes CPU. One that takes longer waits for something, such as an image.
const BUSY: Duration = Duration::from_secs(60);

/// How many more pods may start on the nodes of this pool. Without nodes nothing is slowed down: whoever adds nodes
/// does so for the pods that wait.
pub fn left(caches: &Caches, node_pool: &str, now: Timestamp) -> usize {
    let cpus: Vec<i128> = node_pool::open(caches, node_pool).map(|node| has(&node).cpu).collect();
    if cpus.is_empty() {
        return usize::MAX;
    }
    let starting = caches.pods.by(&PodIndex::Starting(node_pool.to_owned()));
    let created = starting.iter().filter_map(|pod| pod.creation_timestamp()).map(|created| created.0);
    let busy = created.chain(launching(caches, node_pool)).filter(|&since| elapsed(since, now) < BUSY);
    most(cpus.iter().sum()).saturating_sub(busy.count())
}

/// Since when the workspaces that are being launched on the nodes of this pool run, or wait to.
fn launching(caches: &Caches, node_pool: &str) -> impl Iterator<Item = Timestamp> {
    let workspaces = caches.workspaces.by(&WorkspaceIndex::Launching).into_iter();
    workspaces.filter_map(move |workspace| {
        let (tier, since) = match workspace.status.as_ref().and_then(|status| status.run.as_ref()) {
            Some(run) => (&run.tier, run.since.0),
            None => (&workspace.spec.tier, workspace.creation_timestamp()?.0),
        };
        let tier = caches.tiers.get(&Key::cluster(tier))?;
        (tier.spec.node_pool == node_pool).then_some(since)
    })
}

/// How many pods may start at once on so many thousandths of a CPU. Pure.
fn most(milli_cpu: i128) -> usize {
    let cpus = usize::try_from(milli_cpu / 1000).unwrap_or_default();
    (cpus * PER_CPU).max(1)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::{Value, json};

    use super::*;
    use crate::{fixtures, kubernetes::Pod};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn pods_start_by_the_cpus_of_the_nodes_of_their_pool() {
        let caches = Caches::default();
        assert_eq!(left(&caches, "blue", at(0)), usize::MAX, "no nodes");
        for (name, pool, cpu, unschedulable) in [
            ("a", "blue", "4", false),
            ("b", "blue", "1500m", false),
            ("c", "red", "8", false),
            ("d", "blue", "8", true),
        ] {
            caches.nodes.apply(fixtures::from(json!({
                "metadata": { "name": name, "uid": name, "labels": { "workspace-tier": pool } },
                "spec": { "unschedulable": unschedulable },
                "status": {
                    "allocatable": { "cpu": cpu }, "conditions": [{ "type": "Ready", "status": "True" }],
                },
            })));
        }
        assert_eq!(left(&caches, "blue", at(0)), 10);
        let pod = |name: &str, pool: &str, created: i64, node: Option<&str>, ready: &str| -> Pod {
            fixtures::from(json!({
                "metadata": { "namespace": "ns", "name": name, "uid": name, "creationTimestamp": at(created) },
                "spec": { "nodeSelector": { "workspace-tier": pool }, "nodeName": node, "containers": [] },
                "status": { "conditions": [{ "type": "Ready", "status": ready }] },
            }))
        };
        for (name, pool, created, node, ready) in [
            ("starts", "blue", 100, Some("a"), "False"),
            ("is-ready", "blue", 100, Some("a"), "True"),
            ("has-no-node", "blue", 100, None, "False"),
            ("of-others", "red", 100, Some("c"), "False"),
            ("waits-for-its-image", "blue", 30, Some("b"), "False"),
        ] {
            caches.pods.apply(pod(name, pool, created, node, ready));
        }
        assert_eq!(left(&caches, "blue", at(101)), 9);
        assert_eq!(left(&caches, "red", at(101)), 15);
        assert_eq!(left(&caches, "blue", at(200)), 10, "later");
    }

    #[test]
    fn a_launch_counts_as_a_start_until_its_repository_is_cloned() {
        let caches = Caches::default();
        fixtures::tier(&caches);
        caches.nodes.apply(fixtures::from(json!({
            "metadata": { "name": "a", "uid": "a", "labels": { "workspace-tier": "default" } },
            "status": { "allocatable": { "cpu": "4" }, "conditions": [{ "type": "Ready", "status": "True" }] },
        })));
        let repository = json!({ "repository": { "url": "https://git.example.test/ada/hello.git" } });
        let run = |since| json!({ "epoch": 1, "since": at(since), "tier": "standard" });
        let not_yet = |reason| {
            json!([{
                "type": "RepositoryReady", "status": "False", "reason": reason, "message": "it is so",
                "lastTransitionTime": at(0),
            }])
        };
        for (name, declared, status) in [
            (
                "has-just-its-pod",
                &repository,
                json!({ "run": run(100), "conditions": not_yet("Progressing") }),
            ),
            ("clones", &repository, json!({ "run": run(100), "conditions": not_yet("Cloning") })),
            ("clones-for-long", &repository, json!({ "run": run(40), "conditions": not_yet("Cloning") })),
            ("cannot-clone", &repository, json!({ "run": run(100), "conditions": not_yet("CloneFailed") })),
            ("has-cloned", &repository, json!({ "run": run(100), "repositoryCloned": true })),
            ("has-no-repository", &json!({}), json!({ "run": run(100) })),
            ("does-not-run", &repository, json!({ "conditions": not_yet("Progressing") })),
            ("has-just-been-declared", &repository, Value::Null),
            ("has-just-been-declared-without", &json!({}), Value::Null),
        ] {
            let mut workspace = fixtures::workspace(declared.clone(), status);
            workspace.metadata.creation_timestamp = Some(Time(at(100)));
            workspace.metadata.name = Some(name.to_owned());
            caches.workspaces.apply(workspace);
        }
        assert_eq!(left(&caches, "default", at(101)), 4);
        assert_eq!(left(&caches, "of-others", at(101)), usize::MAX);
    }
}
