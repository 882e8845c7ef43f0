//! Cases in their order, as far as it matters.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Instant,
};

use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use neuralinverse_tests::Demo;

/// A name, and what is done under it.
pub type Case = (&'static str, fn(&Demo) -> Result<()>);

/// Cases that run in this order.
pub type Track = &'static [Case];

/// The cases of stages of tracks, each of which waits for the one before it in its track, or for all of the stage
/// before. Each needs a thread to wait in.
pub fn in_order(stages: &[Vec<Vec<Case>>], demo: &Arc<Demo>) -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut stage_before = Vec::new();
    for tracks in stages {
        let mut stage = Vec::new();
        for track in tracks {
            let mut before = stage_before.clone();
            for &(name, case) in track {
                let ended = Arc::new(Latch::default());
                let first = std::mem::replace(&mut before, vec![ended.clone()]);
                let demo = demo.clone();
                trials.push(Trial::test(name, move || {
                    // Also when it panics: those behind it run all the same.
                    let _open = Open(ended);
                    first.iter().for_each(|latch| latch.wait());
                    let start = Instant::now();
                    let result = case(&demo);
                    eprintln!("{name}: {:.0?}", start.elapsed());
                    result.map_err(|error| Failed::from(format!("{error:#}")))
                }));
            }
            stage.extend(before);
        }
        stage_before = stage;
    }
    trials
}

/// Waited for until it is opened.
#[derive(Default)]
struct Latch {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Latch {
    fn wait(&self) {
        let is_open = self.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.wait_while(is_open, |is_open| !*is_open));
    }
}

/// Opens a latch when dropped.
struct Open(Arc<Latch>);

impl Drop for Open {
    fn drop(&mut self) {
        *self.0.is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.opened.notify_all();
    }
}
