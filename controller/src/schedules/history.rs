//! What must be true all the time, and in the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use neuralinverse_api::{Workspace, labels};
use serde_json::Value;

use super::{
    server::{Event, Kind, Server, going, label, name, volume},
    world::{POOL, POOL_SIZE},
};
use crate::{
    fixtures::from,
    kubernetes::Pod,
    workspace::say::{Say, say},
};

/// What was seen so far.
#[derive(Default)]
pub struct History {
    /// How much of the server's log was read.
    read: usize,
    /// The pods at that time, by name.
    pods: BTreeMap<String, Value>,
    /// The workspaces at that time, by UID.
    workspaces: BTreeMap<String, Value>,
    /// The workspace that each pod was given to, by UIDs.
    given: BTreeMap<String, String>,
    /// The pod that each workspace's status names, by UIDs. Another pod may get its name.
    pod_of: BTreeMap<String, String>,
    /// The workspace that people were let into on a volume, by UIDs.
    worked: BTreeMap<String, String>,
}

impl History {
    /// Reads what has happened since the last time.
    pub fn look(&mut self, server: &Server) -> Result<(), String> {
        if self.read == server.log.len() {
            return Ok(());
        }
        for event in &server.log[self.read..] {
            match event.kind {
                Kind::Pod => self.pod(event)?,
                Kind::Workspace => self.workspace(event, server)?,
                Kind::Volume | Kind::WarmPool | Kind::Node | Kind::Usage => {}
            }
        }
        self.read = server.log.len();
        self.workspaces.values().try_for_each(|workspace| self.one_has_the_say(workspace))
    }

    /// A controller has deleted a volume.
    pub fn deleted(&self, server: &Server, volume: &Value) -> Result<(), String> {
        let worked = self.worked.get(&uid(volume));
        let used = |workspace: &Value| {
            worked == Some(&uid(workspace)) || workspace["status"]["volume"] == *name(volume)
        };
        check(!server.all(Kind::Workspace).any(used), || {
            format!("`{}`, which may hold work, was deleted", name(volume))
        })
    }

    fn pod(&mut self, event: &Event) -> Result<(), String> {
        let pod = &event.object;
        let name = name(pod);
        if event.deleted {
            self.pods.remove(name);
            return Ok(());
        }
        let owners = pod["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len);
        check(owners == 1, || format!("`{name}` has {owners} owners"))?;
        if let Some(workspace) = label(pod, labels::WORKSPACE_UID) {
            let first = self.given.entry(uid(pod)).or_insert_with(|| workspace.to_owned());
            check(first == workspace, || format!("`{name}` was given to {first} and to {workspace}"))?;
            let owner = &pod["metadata"]["ownerReferences"][0]["uid"];
            check(owner == workspace, || format!("`{name}` is {workspace}'s and owned by {owner}"))?;
        }
        let shares = |other: &&Value| self::name(other) != name && volume(other) == volume(pod);
        let theirs = label(pod, labels::WORKSPACE_UID);
        let same = |other: &Value| theirs.is_some() && label(other, labels::WORKSPACE_UID) == theirs;
        let other = self.pods.values().filter(shares).find(|other| !same(other));
        check(other.is_none(), || format!("`{name}` has the volume of {:?}", other.map(self::name)))?;
        self.pods.insert(name.to_owned(), pod.clone());
        Ok(())
    }

    fn workspace(&mut self, event: &Event, server: &Server) -> Result<(), String> {
        let new = &event.object;
        let (name, uid) = (name(new), uid(new));
        if event.deleted {
            self.workspaces.remove(&uid);
            return Ok(());
        }
        let volume = new["status"]["volume"].as_str().and_then(|it| server.get(Kind::Volume, it));
        if let Some(volume) = volume.filter(|_| !new["status"]["run"].is_null()) {
            self.worked.insert(self::uid(volume), uid.clone());
        }
        if let Some(old) = self.workspaces.insert(uid.clone(), new.clone()) {
            let epoch = |workspace: &Value| workspace["status"]["epoch"].as_i64().unwrap_or_default();
            check(epoch(&old) <= epoch(new), || format!("the epoch of `{name}` fell"))?;
            self.keeps_its_pod(&old, new)?;
            if old["status"]["pod"] == new["status"]["pod"] {
                return Ok(());
            }
        }
        match new["status"]["pod"].as_str().and_then(|pod| self.pods.get(pod)) {
            Some(pod) => self.pod_of.insert(uid, self::uid(pod)),
            None => self.pod_of.remove(&uid),
        };
        Ok(())
    }

    /// A pod that the status names stays in it as long as it runs.
    fn keeps_its_pod(&self, old: &Value, new: &Value) -> Result<(), String> {
        let Some(named) = old["status"]["pod"].as_str() else { return Ok(()) };
        let runs = |pod: &&Value| {
            let same = self.pod_of.get(&uid(old)) == Some(&uid(pod));
            same && !going(pod) && pod["status"]["phase"] != "Failed"
        };
        let lost = new["status"]["pod"] != *named && self.pods.get(named).filter(runs).is_some();
        check(!lost, || format!("`{named}` runs and `{}` names {}", name(new), new["status"]["pod"]))
    }

    fn one_has_the_say(&self, workspace: &Value) -> Result<(), String> {
        let theirs = |pod: &&Value| label(pod, labels::WORKSPACE_UID) == Some(&uid(workspace));
        let pods: Vec<Arc<Pod>> =
            self.pods.values().filter(theirs).map(|pod| Arc::new(from(pod.clone()))).collect();
        if pods.len() < 2 {
            return Ok(());
        }
        let typed: Workspace = from(workspace.clone());
        let alive = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let say = alive.filter(|pod| say(&typed, pod, &pods) == Say::Has).count();
        check(say <= 1, || format!("{say} pods of `{}` have the say", name(workspace)))
    }

    /// What must be true when everybody has done what there was to do, and a node is still lost: all that is to run does
    /// so elsewhere.
    pub fn nobody_waits_for_a_lost_node(&self, server: &Server) -> Result<(), String> {
        for workspace in server.all(Kind::Workspace).filter(|it| it["spec"]["runPolicy"] != "Stopped") {
            let status = &workspace["status"];
            let pod = status["pod"].as_str().and_then(|pod| server.get(Kind::Pod, pod));
            let runs = pod.is_some_and(|pod| pod["status"]["conditions"][0]["status"] == "True");
            check(is_ready(workspace) && runs, || format!("`{}` waits: {status:#}", name(workspace)))?;
        }
        Ok(())
    }

    /// What must be true when everybody has done what there was to do.
    pub fn end(&self, server: &Server) -> Result<(), String> {
        let mut wanted = BTreeSet::new();
        for workspace in server.all(Kind::Workspace) {
            wanted.extend(Self::settled(server, workspace)?);
        }
        let free = server.all(Kind::Pod).filter(|pod| label(pod, labels::WARM_POOL) == Some(POOL));
        let free: Vec<_> = free.map(name).collect();
        check(free.len() == POOL_SIZE, || format!("the pool has the pods {free:?}"))?;
        wanted.extend(free);
        for pod in server.all(Kind::Pod) {
            check(wanted.contains(name(pod)), || format!("`{}` is nobody's", name(pod)))?;
        }
        for volume in server.all(Kind::Volume) {
            let used = server.users(name(volume)).count() == 1;
            let named = |workspace: &Value| workspace["status"]["volume"] == *name(volume);
            let worked = self.worked.get(&uid(volume)).is_some_and(|it| self.workspaces.contains_key(it));
            let kept = worked || server.all(Kind::Workspace).any(named);
            let retained = !volume["metadata"]["annotations"][labels::RETAINED_UNTIL].is_null();
            check(used || kept || retained, || format!("volume `{}` is nobody's", name(volume)))?;
        }
        Ok(())
    }

    /// The pod that a workspace has in the end: the one that its status names, ready, or none if it is stopped.
    fn settled<'a>(server: &'a Server, workspace: &'a Value) -> Result<Option<&'a str>, String> {
        let pods = server.all(Kind::Pod);
        let theirs = pods.filter(|pod| label(pod, labels::WORKSPACE_UID) == Some(&uid(workspace)));
        let theirs: Vec<_> = theirs.map(name).collect();
        let status = &workspace["status"];
        let said = || format!("`{}` has {theirs:?} and says {status:#}", name(workspace));
        check(is_ready(workspace), said)?;
        if workspace["spec"]["runPolicy"] == "Stopped" {
            check(theirs.is_empty() && status["pod"].is_null(), said)?;
            return Ok(None);
        }
        check(theirs.len() == 1 && status["pod"] == theirs[0], said)?;
        let volume = server.get(Kind::Pod, theirs[0]).and_then(volume);
        check(status["volume"].as_str() == volume, said)?;
        Ok(theirs.first().copied())
    }
}

fn is_ready(workspace: &Value) -> bool {
    let conditions = workspace["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|it| it["type"] == "Ready" && it["status"] == "True"))
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(otherwise()),
    }
}
