//! How long to wait before the next try.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Doubling delays; half of each is random, so that the pods of a region do not come back all at once.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    tries: u32,
}

impl Backoff {
    /// Begins with about `first` and grows to at most `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, tries: 0 }
    }

    /// The next delay.
    pub fn next(&mut self) -> Duration {
        let whole = delay(self.first, self.most, self.tries);
        self.tries = self.tries.saturating_add(1);
        // The hasher's keys are random: enough for this, without a crate.
        whole / 2 + (whole / 2).mul_f64(RandomState::new().hash_one(0) as f64 / u64::MAX as f64)
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

fn delay(first: Duration, most: Duration, tries: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(tries)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_most() {
        let [first, most] = [5, 300].map(Duration::from_secs);
        let seconds: Vec<u64> = (0..9).map(|tries| delay(first, most, tries).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(delay(first, most, u32::MAX), most);
    }

    #[test]
    fn at_least_half_of_a_delay_is_waited() {
        let mut backoff = Backoff::new(Duration::from_secs(4), Duration::from_secs(4));
        for _ in 0..100 {
            let next = backoff.next();
            assert!(next >= Duration::from_secs(2) && next <= Duration::from_secs(4), "{next:?}");
        }
    }
}
