//! How many launches a pool is asked for, estimated from those seen. Pure.

use jiff::Timestamp;

use crate::workspace::decide::elapsed;

/// How far back the calm estimate looks, in seconds. It follows the hours of a day and hardly the chance of
/// single launches.
const CALM: f64 = 3600.0;

/// How far back the quick one looks. It sees that people come in the morning.
const QUICK: f64 = 600.0;

/// Launches per second, as two averages that forget what is long ago.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    calm: f64,
    quick: f64,
    at: Timestamp,
}

impl Rate {
    /// Adds what is known from before.
    pub fn restore(&mut self, per_second: f64, now: Timestamp) {
        self.forget(now);
        self.calm += per_second;
        self.quick += per_second;
    }

    /// Counts a launch.
    pub fn launch(&mut self, now: Timestamp) {
        self.forget(now);
        self.calm += 1.0 / CALM;
        self.quick += 1.0 / QUICK;
    }

    /// Launches per second at this time. The quick average counts for what it surely says: less what chance
    /// may have added. Less than one launch in two hours is none.
    pub fn per_second(mut self, now: Timestamp) -> f64 {
        self.forget(now);
        let chance = (self.quick / (2.0 * QUICK)).sqrt();
        let rate = self.calm.max(self.quick - chance);
        if rate * 3600.0 < 0.5 { 0.0 } else { rate }
    }

    fn forget(&mut self, now: Timestamp) {
        let seconds = elapsed(self.at, now).as_secs_f64();
        self.calm *= (-seconds / CALM).exp();
        self.quick *= (-seconds / QUICK).exp();
        self.at = self.at.max(now);
    }
}

/// What is written of a rate: launches per hour. One that only fades stays `before` until it is half of that, so that
/// pools that nobody asks write next to nothing.
pub fn per_hour(before: i32, per_second: f64, asked: bool) -> i32 {
    let exact = (per_second * 3600.0).min(1e9);
    let fades = !asked && exact > 0.0 && (exact..=2.0 * exact).contains(&f64::from(before));
    // Rounded up: a few launches are not none.
    #[expect(clippy::cast_possible_truncation, reason = "at most a billion")]
    if fades { before } else { exact.ceil() as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn hourly(rate: Rate, second: i64) -> f64 {
        rate.per_second(at(second)) * 3600.0
    }

    #[test]
    fn regular_launches_are_estimated_well_after_a_while() {
        let mut rate = Rate::default();
        for minute in 1..=300 {
            rate.launch(at(minute * 60));
        }
        assert!((58.0..66.0).contains(&hourly(rate, 300 * 60)), "{}", hourly(rate, 300 * 60));
    }

    #[test]
    fn a_rise_is_seen_within_minutes_and_a_fall_within_hours() {
        let mut rate = Rate::default();
        rate.restore(6.0 / 3600.0, at(0));
        for minute in 1..=10 {
            rate.launch(at(minute * 60));
        }
        assert!(hourly(rate, 600) > 20.0, "{}", hourly(rate, 600));
        assert!(hourly(rate, 600 + 3600) > 4.0);
        assert!((hourly(rate, 600 + 6 * 3600) - 0.0).abs() < f64::EPSILON);
    }

    #[test]
    fn one_launch_is_no_rush() {
        let mut rate = Rate::default();
        rate.launch(at(1000));
        assert!((1.0..2.0).contains(&hourly(rate, 1000)), "{}", hourly(rate, 1000));
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let mut rate = Rate::default();
        rate.restore(0.1, at(1000));
        rate.launch(at(10));
        assert!(rate.per_second(at(10)) > 0.1);
    }

    #[test]
    fn a_rate_is_written_anew_only_when_it_is_another_one() {
        for (before, hourly, asked, expected) in [
            (0, 0.0, false, 0),
            (0, 0.6, true, 1),
            (1, 0.5, false, 1),
            (60, 60.0, false, 60),
            (60, 60.0, true, 60),
            (60, 30.1, false, 60),
            (60, 30.1, true, 31),
            (60, 29.5, false, 30),
            (60, 80.2, false, 81),
            (3, 0.0, false, 0),
        ] {
            assert_eq!(per_hour(before, hourly / 3600.0, asked), expected, "{before} {hourly}");
        }
    }
}
