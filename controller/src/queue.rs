//! The work of one reconciler: which objects are due, and when.
//!
//! An object is never worked on twice at once; wishes for it meanwhile are merged into one. An object
//! that fails is tried again after a delay of its own, so that it holds up no other. What somebody waits for
//! passes by all that is merely due.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::key::Key;

/// The first delay after a failure, doubled at each further one.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// The longest delay after a failure.
const LAST_RETRY: Duration = Duration::from_secs(120);

/// When an object is to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// After this time, if nothing happens before.
    After(Duration),
    /// When somebody wishes for it: it is gone.
    Never,
    /// It failed: after a delay that grows with each failure in a row.
    Retry,
}

/// Objects that are due.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

/// When an object is due. The earlier is the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Before all others: somebody waits for it. In the order in which they came.
    Awaited(u64),
    /// From then on.
    At(Instant),
}

#[derive(Default)]
struct State {
    due: BTreeSet<(Due, Key)>,
    of: HashMap<Key, Due>,
    running: HashSet<Key>,
    failures: HashMap<Key, u32>,
    /// How many were awaited so far.
    awaited: u64,
}

impl Queue {
    /// Wants `key` to be worked on after `delay`, or earlier if it was due earlier.
    pub fn push(&self, key: Key, delay: Duration) {
        self.lock().schedule(key, Due::At(Instant::now() + delay));
        self.changed.notify_one();
    }

    /// Wants `key` to be worked on before all that is merely due: somebody waits for it.
    pub fn push_first(&self, key: Key) {
        self.lock().put_first(key);
        self.changed.notify_one();
    }

    /// Works until dropped, on at most `parallel` objects at once.
    pub async fn run<F>(self: Arc<Self>, parallel: usize, work: impl Fn(Key) -> F)
    where
        F: Future<Output = Next> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(parallel));
        let mut tasks = JoinSet::new();
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let key = self.take().await;
            let (queue, future) = (self.clone(), work(key.clone()));
            tasks.spawn(async move {
                let mut finish = Finish { queue: &queue, key, next: Next::Retry };
                finish.next = future.await;
                drop((finish, place));
            });
            while tasks.try_join_next().is_some() {}
        }
    }

    /// Waits for the next object that is due.
    async fn take(&self) -> Key {
        loop {
            let wait = match self.lock().take(Instant::now()) {
                Ok(key) => return key,
                Err(wait) => wait,
            };
            let due = async {
                match wait {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { () = due => {}, () = self.changed.notified() => {} }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives an object back to the queue, also when its work panicked.
struct Finish<'a> {
    queue: &'a Queue,
    key: Key,
    next: Next,
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.queue.lock().finish(&self.key, self.next, Instant::now());
        self.queue.changed.notify_one();
    }
}

impl State {
    fn put_first(&mut self, key: Key) {
        self.awaited += 1;
        self.schedule(key, Due::Awaited(self.awaited));
    }

    fn schedule(&mut self, key: Key, due: Due) {
        match self.of.get(&key) {
            Some(known) if *known <= due => return,
            Some(known) => {
                self.due.remove(&(*known, key.clone()));
            }
            None => {}
        }
        self.due.insert((due, key.clone()));
        self.of.insert(key, due);
    }

    /// The first that is due and not being worked on, or when to look again.
    fn take(&mut self, now: Instant) -> Result<Key, Option<Instant>> {
        let Some(first) = self.due.iter().find(|(_, key)| !self.running.contains(key)).cloned() else {
            return Err(None);
        };
        match first.0 {
            Due::At(at) if at > now => Err(Some(at)),
            Due::At(_) | Due::Awaited(_) => {
                self.due.remove(&first);
                let (_, key) = first;
                self.of.remove(&key);
                self.running.insert(key.clone());
                Ok(key)
            }
        }
    }

    fn finish(&mut self, key: &Key, next: Next, now: Instant) {
        self.running.remove(key);
        let delay = match next {
            Next::Never => {
                self.failures.remove(key);
                return;
            }
            Next::After(delay) => {
                self.failures.remove(key);
                delay
            }
            Next::Retry => {
                let failures = self.failures.entry(key.clone()).or_default();
                *failures += 1;
                FIRST_RETRY.saturating_mul(1 << (*failures - 1).min(16)).min(LAST_RETRY)
            }
        };
        self.schedule(key.clone(), Due::At(now + delay));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(name: &str) -> Key {
        Key::cluster(name)
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_wish_counts_and_wishes_merge() {
        let start = Instant::now();
        let mut state = State::default();
        state.schedule(key("a"), Due::At(start + Duration::from_secs(5)));
        state.schedule(key("a"), Due::At(start + Duration::from_secs(1)));
        state.schedule(key("a"), Due::At(start + Duration::from_secs(9)));
        assert_eq!(state.take(start), Err(Some(start + Duration::from_secs(1))));
        assert_eq!(state.take(start + Duration::from_secs(1)), Ok(key("a")));
        assert_eq!(state.take(start + Duration::from_secs(100)), Err(None));
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_is_not_worked_on_twice_at_once() {
        let now = Instant::now();
        let mut state = State::default();
        state.schedule(key("a"), Due::At(now));
        assert_eq!(state.take(now), Ok(key("a")));
        state.schedule(key("a"), Due::At(now));
        assert_eq!(state.take(now), Err(None));
        state.finish(&key("a"), Next::After(Duration::from_secs(60)), now);
        assert_eq!(state.take(now), Ok(key("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_waits_for_passes_by_what_is_due() {
        let now = Instant::now();
        let mut state = State::default();
        for name in ["a", "b", "c"] {
            state.schedule(key(name), Due::At(now));
        }
        state.put_first(key("z"));
        state.put_first(key("c"));
        state.put_first(key("z"));
        // It comes before it would be due anyway.
        state.schedule(key("z"), Due::At(now));
        let order: Vec<_> = std::iter::from_fn(|| state.take(now).ok()).map(|key| key.name).collect();
        assert_eq!(order, ["z", "c", "a", "b"]);
        // Wished for again while it is worked on: afterwards, and before the others.
        state.put_first(key("a"));
        state.schedule(key("d"), Due::At(now));
        assert_eq!(state.take(now), Ok(key("d")));
        assert_eq!(state.take(now), Err(None));
        state.finish(&key("a"), Next::After(Duration::from_secs(60)), now);
        assert_eq!(state.take(now), Ok(key("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn delays_grow_with_failures_and_start_anew_after_a_success() {
        let now = Instant::now();
        let mut state = State::default();
        let delay = |state: &mut State, next| {
            state.finish(&key("a"), next, now);
            let due = state.of.remove(&key("a")).unwrap();
            state.due.clear();
            let Due::At(at) = due else { panic!("{due:?}") };
            at - now
        };
        assert_eq!(delay(&mut state, Next::Retry), Duration::from_millis(100));
        assert_eq!(delay(&mut state, Next::Retry), Duration::from_millis(200));
        for _ in 0..40 {
            delay(&mut state, Next::Retry);
        }
        assert_eq!(delay(&mut state, Next::Retry), LAST_RETRY);
        delay(&mut state, Next::After(Duration::ZERO));
        assert_eq!(delay(&mut state, Next::Retry), Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_panics_is_tried_again_and_holds_up_no_other() {
        let queue = Arc::new(Queue::default());
        let runs = Arc::new(AtomicUsize::new(0));
        let (counted, done) = (runs.clone(), Arc::new(Notify::new()));
        let finished = done.clone();
        let work = move |key: Key| {
            let (runs, done) = (counted.clone(), finished.clone());
            async move {
                match key.name.as_str() {
                    "bad" => assert!(runs.fetch_add(1, Ordering::SeqCst) > 0, "fails once"),
                    _ => done.notify_one(),
                }
                Next::After(Duration::from_secs(3600))
            }
        };
        queue.push(key("bad"), Duration::ZERO);
        queue.push(key("good"), Duration::ZERO);
        let running = tokio::spawn(queue.run(1, work));
        done.notified().await;
        while runs.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        running.abort();
    }
}
