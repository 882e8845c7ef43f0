//! The API server's own count of requests that change something, over everything that runs in the cluster.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context, Result};

/// Requests by resource and verb.
#[derive(Clone, Default)]
pub struct Writes(BTreeMap<String, f64>);

impl Writes {
    /// What came since `before`.
    pub fn since(self, before: &Self) -> Self {
        let spent = self.0.into_iter().map(|(key, count)| {
            let spent = count - before.0.get(&key).copied().unwrap_or_default();
            (key, spent)
        });
        Self(spent.filter(|(_, count)| *count > 0.0).collect())
    }

    /// Takes others in.
    pub fn add(&mut self, others: Self) {
        others.0.into_iter().for_each(|(key, count)| *self.0.entry(key).or_default() += count);
    }

    /// What launches themselves write, whoever launches: everything but the user's own creation, events, and
    /// what a new pod or its removal costs.
    pub fn of_launches(&self) -> f64 {
        self.0.iter().filter(|(key, _)| !is_refill(key) && !is_users(key)).map(|(_, count)| count).sum()
    }

    /// How many of one resource and verb, such as `pods PATCH`.
    pub fn of(&self, key: &str) -> f64 {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// What new pods and their volumes cost: creations, bindings, and what the kubelet says of them.
    pub fn of_refill(&self) -> f64 {
        self.0.iter().filter(|(key, _)| is_refill(key)).map(|(_, count)| count).sum()
    }
}

impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn is_users(key: &str) -> bool {
    ["workspaces POST", "workspaces APPLY", "sandboxclaims POST"].contains(&key)
}

fn is_refill(key: &str) -> bool {
    let (resource, verb) = key.rsplit_once(' ').unwrap_or((key, ""));
    let of_new_pods = [
        "pods/status",
        "pods/binding",
        "persistentvolumes",
        "persistentvolumes/status",
        "persistentvolumeclaims/status",
        "serviceaccounts/token",
        "events",
        "endpointslices",
        "endpoints",
    ];
    let created = ["pods", "persistentvolumeclaims", "services", "sandboxes"];
    // The provisioner's and the binder's, of a new volume.
    let binds = key == "persistentvolumeclaims PUT";
    binds
        || of_new_pods.contains(&resource)
        || (created.contains(&resource) && ["POST", "DELETE"].contains(&verb))
}

/// Requests that changed something so far, by what the API server says at `/metrics`.
pub fn writes(metrics: &str) -> Result<Writes> {
    let mut writes = Writes::default();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("apiserver_request_total{")) {
        let (labels, count) = line.split_once("} ").context("a metric")?;
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        let (verb, resource) = (label("verb").unwrap_or_default(), label(",resource").unwrap_or_default());
        if !["POST", "PUT", "PATCH", "APPLY", "DELETE"].contains(&verb) || resource == "leases" {
            continue;
        }
        // Refused ones wrote nothing.
        if !label("code").is_some_and(|code| code.starts_with('2')) {
            continue;
        }
        let subresource = label(",subresource").filter(|it| !it.is_empty()).map(|it| format!("/{it}"));
        let key = format!("{resource}{} {verb}", subresource.unwrap_or_default());
        *writes.0.entry(key).or_default() += count.parse::<f64>().context("a count")?;
    }
    Ok(writes)
}
