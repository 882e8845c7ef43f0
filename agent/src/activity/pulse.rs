//! When the workspace was last used.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

/// As many signs within this time are work. An editor that is only open gives one now and then: it asks for what
/// has changed, or answers the server. Each key, click or scroll gives several.
const SIGNS: (usize, Duration) = (3, Duration::from_secs(10));

/// Times within this one are the same.
const SAME: Duration = Duration::from_secs(1);

/// When the workspace was last used.
#[derive(Clone)]
pub struct Pulse {
    last: Arc<watch::Sender<Instant>>,
    signs: Arc<Mutex<Vec<Instant>>>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { last: Arc::new(watch::Sender::new(Instant::now())), signs: Arc::default() }
    }
}

impl Pulse {
    /// It was used then.
    pub fn beat(&self, at: Instant) {
        self.last.send_if_modified(|last| {
            let later = at > *last + SAME;
            if later {
                *last = at;
            }
            later
        });
    }

    /// Something may have been somebody's work.
    pub fn sign(&self) {
        let (enough, within) = SIGNS;
        let now = Instant::now();
        let mut signs = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        signs.retain(|sign| now.duration_since(*sign) <= within);
        signs.push(now);
        if signs.len() >= enough {
            signs.clear();
            self.beat(now);
        }
    }

    /// Tells when it was used, from now on.
    pub fn subscribe(&self) -> watch::Receiver<Instant> {
        self.last.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn signs_are_work_when_they_come_together() {
        let pulse = Pulse::default();
        let start = Instant::now();
        for _ in 0..20 {
            advance(Duration::from_secs(6)).await;
            pulse.sign();
        }
        assert_eq!(*pulse.subscribe().borrow(), start);
        pulse.sign();
        assert_eq!(*pulse.subscribe().borrow(), Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_before_is_no_news() {
        let pulse = Pulse::default();
        advance(Duration::from_secs(60)).await;
        pulse.beat(Instant::now());
        let last = Instant::now();
        pulse.beat(last - Duration::from_secs(30));
        pulse.beat(last + SAME);
        assert_eq!(*pulse.subscribe().borrow(), last);
    }
}
