//! What we know of the objects of one kind: what the watch brought, and what our own writes gave back.
//!
//! Objects that our writes return go in at once, so that we read what we wrote: a claimed pod is no
//! candidate any more before the watch says so, and a created one is counted. Of two copies the newer
//! wins, by resourceVersion. Secondary keys spare walks over thousands of objects.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    hash::Hash,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use kube::{Resource, ResourceExt, api::ObjectMeta};
use tokio::sync::{broadcast, watch};

use crate::{change::Change, key::Key, overwritten};

/// How many UIDs of deleted objects are remembered, against a late answer that would bring one back.
const TOMBSTONES: usize = 4096;

/// A kind that can be cached.
pub trait Cached: Resource<DynamicType: Default> + Send + Sync + 'static {
    /// What it can be looked up by, besides its key.
    type Index: Eq + Hash + Clone + Send + Sync;

    /// Under which secondary keys this object is found.
    fn indices(&self) -> Vec<Self::Index>;

    /// What to tell others when `self` replaces `old`.
    fn change(self: &Arc<Self>, old: Option<&Arc<Self>>) -> Option<Change>;

    /// Drops what nobody reads, beside what no kind needs.
    fn slim(&mut self) {}
}

/// All objects of a kind that we know.
pub struct Cache<K: Cached> {
    inner: RwLock<Inner<K>>,
    changes: broadcast::Sender<Change>,
    complete: watch::Sender<bool>,
}

struct Inner<K: Cached> {
    objects: HashMap<Arc<Key>, Arc<K>>,
    /// Sorted, so that the same objects give the same decisions in the same order.
    index: HashMap<K::Index, BTreeSet<Arc<Key>>>,
    gone: VecDeque<String>,
    /// During a list: what was known before and has not come yet.
    missing: HashSet<Arc<Key>>,
}

impl<K: Cached> Cache<K> {
    /// An empty one that tells its changes to `changes`.
    pub fn new(changes: broadcast::Sender<Change>) -> Self {
        let inner = Inner {
            objects: HashMap::new(),
            index: HashMap::new(),
            gone: VecDeque::new(),
            missing: HashSet::new(),
        };
        Self { inner: RwLock::new(inner), changes, complete: watch::Sender::new(false) }
    }

    /// The object of this key.
    pub fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.read().objects.get(key).cloned()
    }

    /// All objects.
    pub fn all(&self) -> Vec<Arc<K>> {
        self.read().objects.values().cloned().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.read().objects.len()
    }

    /// The objects with this secondary key.
    pub fn by(&self, index: &K::Index) -> Vec<Arc<K>> {
        let inner = self.read();
        let keys = inner.index.get(index).into_iter().flatten();
        keys.filter_map(|key| inner.objects.get(key).cloned()).collect()
    }

    /// Takes in an object that came from the API server, unless we know a newer copy.
    pub fn apply(&self, mut object: K) -> Arc<K> {
        let managed = object.meta_mut().managed_fields.take().unwrap_or_default();
        trim(object.meta_mut());
        object.slim();
        let object = Arc::new(object);
        let (gone, change) = self.write().apply(&object);
        self.tell(gone.and_then(|gone| gone.change(None)));
        let only_status = matches!(change, Some(Change::Status(..) | Change::WorkspaceStatus(_)));
        self.tell(change);
        if only_status && let Some(stranger) = overwritten::by(&managed) {
            let object = object.object_ref(&K::DynamicType::default());
            self.tell(Some(Change::Overwritten(Box::new(object), stranger)));
        }
        object
    }

    /// Takes out an object that the API server has no more.
    pub fn remove(&self, object: K) {
        let object = Arc::new(object);
        let removed = self.write().remove(&object);
        self.tell(removed.and_then(|old| old.change(None)));
    }

    /// A list begins.
    pub fn begin(&self) {
        let mut inner = self.write();
        inner.missing = inner.objects.keys().cloned().collect();
    }

    /// The list has ended: what it did not name is gone.
    pub fn end(&self) {
        let removed = self.write().sweep();
        removed.iter().for_each(|old| self.tell(old.change(None)));
        self.complete.send_replace(true);
    }

    /// Waits until the first list has ended.
    pub async fn completed(&self) {
        let mut complete = self.complete.subscribe();
        // The sender lives in self, so this cannot fail.
        let _ = complete.wait_for(|complete| *complete).await;
    }

    fn tell(&self, change: Option<Change>) {
        if let Some(change) = change {
            // Nobody listens as long as we do not lead.
            let _ = self.changes.send(change);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner<K>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner<K>> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Cached> Inner<K> {
    /// Another object that had its name and is gone, and what to tell of itself.
    fn apply(&mut self, object: &Arc<K>) -> (Option<Arc<K>>, Option<Change>) {
        let key = Key::of(object.as_ref());
        let key = self.objects.get_key_value(&key).map_or_else(|| Arc::new(key), |(known, _)| known.clone());
        self.missing.remove(&key);
        if object.meta().uid.as_ref().is_some_and(|uid| self.gone.contains(uid)) {
            return (None, None);
        }
        let known = self.objects.get(&key).cloned();
        if known.as_ref().is_some_and(|known| !newer(object.as_ref(), known.as_ref())) {
            return (None, None);
        }
        let (gone, old) = match known {
            // A list can bring it where nobody said that the first was deleted.
            Some(another) if another.uid() != object.uid() => (self.remove(&another), None),
            same => (None, same),
        };
        if let Some(old) = &old {
            self.unindex(&key, old);
        }
        for index in object.indices() {
            self.index.entry(index).or_default().insert(key.clone());
        }
        self.objects.insert(key, object.clone());
        (gone, object.change(old.as_ref()))
    }

    fn remove(&mut self, object: &Arc<K>) -> Option<Arc<K>> {
        if let Some(uid) = object.uid() {
            self.gone.push_back(uid);
            if self.gone.len() > TOMBSTONES {
                self.gone.pop_front();
            }
        }
        let key = Key::of(object.as_ref());
        let same = self.objects.get(&key).is_some_and(|known| known.uid() == object.uid());
        if !same {
            return None;
        }
        self.unindex(&key, object);
        let old = self.objects.remove(&key);
        if let Some(old) = &old {
            self.unindex(&key, old);
        }
        old
    }

    fn sweep(&mut self) -> Vec<Arc<K>> {
        let missing = std::mem::take(&mut self.missing);
        let objects: Vec<_> = missing.iter().filter_map(|key| self.objects.get(key).cloned()).collect();
        objects.iter().filter_map(|object| self.remove(object)).collect()
    }

    fn unindex(&mut self, key: &Key, object: &Arc<K>) {
        for index in object.indices() {
            if let Some(keys) = self.index.get_mut(&index) {
                keys.remove(key);
                if keys.is_empty() {
                    self.index.remove(&index);
                }
            }
        }
    }
}

/// Drops the room that lists keep for more.
fn trim(meta: &mut ObjectMeta) {
    meta.owner_references.iter_mut().for_each(Vec::shrink_to_fit);
    meta.finalizers.iter_mut().for_each(Vec::shrink_to_fit);
}

/// Whether `a` is a later copy than `b`. Versions that are no numbers cannot be compared: then what
/// comes last wins.
fn newer<K: Resource>(a: &K, b: &K) -> bool {
    let version = |object: &K| object.resource_version().and_then(|version| version.parse::<u64>().ok());
    match (version(a), version(b)) {
        (Some(a), Some(b)) => a > b,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{change::PodIndex, kubernetes::Pod};

    fn pod(uid: &str, version: u64, pool: Option<&str>) -> Pod {
        serde_json::from_value(json!({ "metadata": {
            "namespace": "ns", "name": "p", "uid": uid, "resourceVersion": version.to_string(),
            "labels": pool.map(|pool| json!({ neuralinverse_api::labels::WARM_POOL: pool })),
        } }))
        .unwrap()
    }

    fn cache() -> Cache<Pod> {
        Cache::new(broadcast::channel(16).0)
    }

    fn in_pool(cache: &Cache<Pod>) -> usize {
        cache.by(&PodIndex::WarmPool(Key::new("ns", "pool"))).len()
    }

    #[test]
    fn the_newer_copy_wins_whatever_comes_last() {
        let cache = cache();
        cache.apply(pod("u", 5, Some("pool")));
        cache.apply(pod("u", 7, None));
        cache.apply(pod("u", 6, Some("pool")));
        assert_eq!(cache.get(&Key::new("ns", "p")).unwrap().resource_version().unwrap(), "7");
        assert_eq!(in_pool(&cache), 0);
    }

    #[test]
    fn a_late_answer_does_not_bring_back_what_was_deleted() {
        let cache = cache();
        cache.apply(pod("u", 5, Some("pool")));
        cache.remove(pod("u", 8, Some("pool")));
        cache.apply(pod("u", 7, Some("pool")));
        assert_eq!(cache.all().len(), 0);
        cache.apply(pod("another", 9, Some("pool")));
        assert_eq!(in_pool(&cache), 1);
    }

    #[test]
    fn a_deletion_of_the_one_before_does_not_remove_the_one_after() {
        let cache = cache();
        cache.apply(pod("second", 9, None));
        cache.remove(pod("first", 8, None));
        assert_eq!(cache.count(), 1);
    }

    #[test]
    fn another_of_the_name_is_told_and_the_one_before_it_as_gone() {
        let (sender, mut changes) = broadcast::channel(16);
        let cache = Cache::new(sender);
        cache.apply(pod("first", 5, Some("pool")));
        cache.begin();
        cache.apply(pod("second", 9, Some("another")));
        cache.end();
        let mut told = Vec::new();
        while let Ok(Change::Pod(pod, before)) = changes.try_recv() {
            told.push((pod.uid(), before.is_some()));
        }
        let uid = |uid: &str| Some(uid.to_owned());
        assert_eq!(told, [(uid("first"), false), (uid("first"), false), (uid("second"), false)]);
        assert_eq!(in_pool(&cache), 0);
        cache.remove(pod("second", 11, None));
        cache.apply(pod("first", 12, None));
        assert_eq!(cache.count(), 0, "the first is gone for good");
    }

    #[test]
    fn a_list_removes_what_it_does_not_name_but_not_what_we_wrote_meanwhile() {
        let cache = cache();
        cache.apply(pod("u", 5, Some("pool")));
        cache.begin();
        let mut written = pod("w", 6, None);
        written.metadata.name = Some("written".into());
        cache.apply(written);
        cache.end();
        assert_eq!(in_pool(&cache), 0);
        assert!(cache.get(&Key::new("ns", "written")).is_some());
    }
}
