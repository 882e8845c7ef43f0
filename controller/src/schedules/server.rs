//! An API server in memory, as far as launches need one: optimistic locking, JSON patches with tests,
//! preconditions of deletion, pods that end slowly and volumes that stay while a pod uses them.
//!
//! One namespace, and all objects are ours, so that selectors need not be looked at but for one label.

use std::{collections::BTreeMap, fmt};

use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace of all objects.
pub const NAMESPACE: &str = "workspaces";

/// The nodes that pods run on.
pub const NODES: [&str; 2] = ["node-0", "node-1"];

/// What a disk that cannot leave a node is called before the node's name.
pub const DISK_ON: &str = "disk-on-";

/// Kinds that change. All but the last are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Pod,
    Volume,
    Workspace,
    WarmPool,
    Node,
    Usage,
}

impl Kind {
    pub const WATCHED: [Self; 5] = [Self::Pod, Self::Volume, Self::Workspace, Self::WarmPool, Self::Node];

    fn of(plural: &str) -> Self {
        match plural {
            "pods" => Self::Pod,
            "persistentvolumeclaims" => Self::Volume,
            "workspaces" => Self::Workspace,
            "warmpools" => Self::WarmPool,
            "nodes" => Self::Node,
            "configmaps" => Self::Usage,
            other => panic!("nobody asks for {other} here"),
        }
    }
}

/// What is asked of the server.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub content_type: String,
    pub body: Value,
}

/// A status code and an object or `Status`.
pub type Answer = (u16, Value);

/// Something that watches hear.
#[derive(Clone, Debug)]
pub struct Event {
    pub kind: Kind,
    pub object: Value,
    pub deleted: bool,
}

/// All objects, and all that ever happened to them.
#[derive(Default)]
pub struct Server {
    pub objects: BTreeMap<(Kind, String), Value>,
    /// The resourceVersion of an object is the length of this after the event that it stands in.
    pub log: Vec<Event>,
}

/// What the server says when it does not do what it is asked.
pub fn refusal(code: u16, message: &str) -> Answer {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    (code, status)
}

impl Server {
    /// Does what it is asked.
    pub fn serve(&mut self, request: &Request, now: Timestamp) -> Answer {
        if let Some(disk) = request.path.strip_prefix("/api/v1/persistentvolumes/") {
            return (200, self::disk(disk));
        }
        let namespaced = request.path.split_once(&format!("/namespaces/{NAMESPACE}/")).map(|(_, path)| path);
        let path = namespaced.or_else(|| request.path.strip_prefix("/api/v1/")).expect("a path");
        let mut parts = path.split('/');
        let kind = Kind::of(parts.next().unwrap_or_default());
        match (&request.method, parts.next(), parts.next()) {
            (&Method::GET, None, _) => self.list(kind, &request.query),
            (&Method::GET, Some(name), _) => match self.get(kind, name) {
                Some(object) => (200, object.clone()),
                None => refusal(404, name),
            },
            (&Method::POST, None, _) => self.create(kind, request.body.clone(), now),
            (&Method::PATCH, Some(name), part) => self.patch(kind, name, part == Some("status"), request),
            (&Method::DELETE, Some(name), _) => self.delete_if(kind, name, &request.body, now),
            other => panic!("{other:?} is not served here"),
        }
    }

    pub fn get(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.objects.get(&(kind, name.to_owned()))
    }

    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |((it, _), _)| *it == kind).map(|(_, object)| object)
    }

    fn list(&self, kind: Kind, query: &str) -> Answer {
        // Of all selectors, only those of a workspace's pods and of a volume's workspace are used.
        let uid = ("workspace-uid%3D", "/metadata/labels/cloud.neuralinverse.com~1workspace-uid");
        let volume = ("status.volume%3D", "/status/volume");
        let lost = ("status.lostVolume%3D", "/status/lostVolume");
        let selectors: Vec<_> = [uid, volume, lost]
            .into_iter()
            .filter_map(|(asked, path)| Some((query.split_once(asked)?.1.split('&').next(), path)))
            .collect();
        let fits = |object: &&Value| {
            selectors.iter().all(|(value, path)| object.pointer(path).and_then(Value::as_str) == *value)
        };
        let items: Vec<_> = self.all(kind).filter(fits).collect();
        (200, json!({ "metadata": { "resourceVersion": self.log.len().to_string() }, "items": items }))
    }

    /// Makes an object.
    pub fn create(&mut self, kind: Kind, mut object: Value, now: Timestamp) -> Answer {
        let name = name(&object).to_owned();
        if self.get(kind, &name).is_some() {
            let (code, mut status) = refusal(409, &name);
            status["reason"] = json!("AlreadyExists");
            return (code, status);
        }
        let meta = &mut object["metadata"];
        if kind != Kind::Node {
            meta["namespace"] = json!(NAMESPACE);
        }
        meta["uid"] = json!(format!("{kind:?}-{}", self.log.len() + 1));
        meta["creationTimestamp"] = seconds(now);
        meta["generation"] = json!(1);
        match kind {
            Kind::Pod | Kind::Volume => object["status"] = json!({ "phase": "Pending" }),
            Kind::Workspace | Kind::WarmPool | Kind::Usage => {
                drop(object.as_object_mut().map(|it| it.remove("status")));
            }
            Kind::Node => {}
        }
        (201, self.put(kind, object))
    }

    fn patch(&mut self, kind: Kind, name: &str, status: bool, request: &Request) -> Answer {
        let Some(old) = self.get(kind, name).cloned() else { return refusal(404, name) };
        let mut new = old.clone();
        if request.content_type.contains("json-patch") {
            let patch: json_patch::Patch = serde_json::from_value(request.body.clone()).expect("a patch");
            if let Err(error) = json_patch::patch(&mut new, &patch) {
                return refusal(422, &error.to_string());
            }
        } else {
            if let Some(version) = request.body.pointer("/metadata/resourceVersion")
                && *version != old["metadata"]["resourceVersion"]
            {
                return refusal(409, "the object has been modified");
            }
            json_patch::merge(&mut new, &request.body);
        }
        if status {
            let written = new["status"].take();
            new = old.clone();
            new["status"] = written;
        }
        (200, self.update(kind, &old, new))
    }

    /// Writes an object anew, if it is another one.
    fn update(&mut self, kind: Kind, old: &Value, mut new: Value) -> Value {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or_default();
        if new["spec"] != old["spec"] {
            new["metadata"]["generation"] = json!(generation + 1);
        }
        match new == *old {
            true => new,
            false => self.put(kind, new),
        }
    }

    /// Changes an object, if it exists.
    pub fn change(&mut self, kind: Kind, name: &str, change: impl FnOnce(&mut Value)) {
        let Some(old) = self.get(kind, name).cloned() else { return };
        let mut new = old.clone();
        change(&mut new);
        self.update(kind, &old, new);
    }

    fn delete_if(&mut self, kind: Kind, name: &str, options: &Value, now: Timestamp) -> Answer {
        let Some(object) = self.get(kind, name) else { return refusal(404, name) };
        let conditions = options["preconditions"].as_object().cloned().unwrap_or_default();
        if conditions.iter().any(|(field, value)| object["metadata"][field] != *value) {
            return refusal(409, "the object is not as the precondition says");
        }
        let object = object.clone();
        self.delete(kind, name, now);
        (200, object)
    }

    /// Deletes an object, as soon as nothing holds it.
    pub fn delete(&mut self, kind: Kind, name: &str, now: Timestamp) {
        self.change(kind, name, |object| {
            let time = &mut object["metadata"]["deletionTimestamp"];
            if time.is_null() {
                *time = seconds(now);
            }
        });
        let held = match kind {
            // A kubelet has to end it.
            Kind::Pod => self.get(kind, name).is_some_and(scheduled),
            Kind::Volume => self.users(name).any(scheduled),
            Kind::Workspace | Kind::WarmPool | Kind::Node | Kind::Usage => false,
        };
        if !held {
            self.remove(kind, name);
        }
    }

    /// Takes an object away.
    pub fn remove(&mut self, kind: Kind, name: &str) {
        let Some(mut object) = self.objects.remove(&(kind, name.to_owned())) else { return };
        object["metadata"]["resourceVersion"] = json!((self.log.len() + 1).to_string());
        let volume = volume(&object).map(str::to_owned).filter(|_| kind == Kind::Pod);
        self.log.push(Event { kind, object, deleted: true });
        if let Some(volume) = volume
            && self.get(Kind::Volume, &volume).is_some_and(going)
            && !self.users(&volume).any(scheduled)
        {
            self.remove(Kind::Volume, &volume);
        }
    }

    /// Deletes what no owner holds any more, as Kubernetes' garbage collector does.
    pub fn collect(&mut self, now: Timestamp) {
        let uids: Vec<_> = self.objects.values().map(|object| object["metadata"]["uid"].clone()).collect();
        let lost = |object: &Value| {
            let owners = object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
            !owners.is_empty() && !owners.iter().any(|owner| uids.contains(&owner["uid"])) && !going(object)
        };
        let lost: Vec<_> =
            self.objects.iter().filter(|(_, object)| lost(object)).map(|(key, _)| key.clone()).collect();
        for (kind, name) in lost {
            self.delete(kind, &name, now);
        }
    }

    /// The pods that name a volume.
    pub fn users(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.all(Kind::Pod).filter(move |pod| volume(pod) == Some(name))
    }

    fn put(&mut self, kind: Kind, mut object: Value) -> Value {
        object["metadata"]["resourceVersion"] = json!((self.log.len() + 1).to_string());
        self.objects.insert((kind, name(&object).to_owned()), object.clone());
        self.log.push(Event { kind, object: object.clone(), deleted: false });
        object
    }
}

/// What there is, a line an object.
impl fmt::Display for Server {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((kind, name), object) in self.objects.iter().filter(|((kind, _), _)| *kind != Kind::Usage) {
            let (meta, status) = (&object["metadata"], &object["status"]);
            write!(to, "{kind:?} {name} {} {} {}", meta["uid"], meta["labels"], meta["deletionTimestamp"])?;
            writeln!(to, " {} {} {} {}", status["phase"], status["epoch"], status["pod"], status["volume"])?;
        }
        Ok(())
    }
}

fn seconds(now: Timestamp) -> Value {
    json!(Timestamp::from_second(now.as_second()).expect("a time"))
}

/// The name of an object.
pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

/// Whether it is being deleted.
pub fn going(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// A disk that cannot leave the node in its name.
fn disk(name: &str) -> Value {
    let node = name.strip_prefix(DISK_ON).expect("a node");
    let here = json!({ "key": "kubernetes.io/hostname", "operator": "In", "values": [node] });
    json!({
        "metadata": { "name": name },
        "spec": { "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [here] }] } } },
    })
}

/// Whether a kubelet has the pod.
pub fn scheduled(pod: &Value) -> bool {
    !pod["spec"]["nodeName"].is_null()
}

/// The volume of a pod.
pub fn volume(pod: &Value) -> Option<&str> {
    let volumes = pod["spec"]["volumes"].as_array()?;
    volumes.iter().find_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
}

/// A label of an object.
pub fn label<'a>(object: &'a Value, label: &str) -> Option<&'a str> {
    object["metadata"]["labels"].as_object().and_then(|labels: &Map<_, _>| labels.get(label)?.as_str())
}
