//! How large a pool is at least, by the clock. Pure.

use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};
use neuralinverse_api::{Day, Window, condition::Reason};

use crate::references::Problem;

/// What a schedule says at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// Fewest pods now.
    pub min: usize,
    /// When a window begins or ends next.
    pub until: Option<Timestamp>,
}

/// What `schedule` says now. Windows of time zones that do not exist say nothing.
pub fn floor(schedule: &[Window], now: Timestamp) -> Floor {
    let mut floor = Floor::default();
    for window in schedule {
        let Ok(zone) = TimeZone::get(&window.time_zone) else { continue };
        for (start, end) in times(window, &zone, now) {
            if start <= now && now < end {
                floor.min = floor.min.max(usize::try_from(window.min).unwrap_or_default());
            }
            let next = [start, end].into_iter().filter(|time| *time > now).chain(floor.until).min();
            floor.until = next;
        }
    }
    floor
}

/// The first time zone that does not exist, with the fix.
pub fn problem(schedule: &[Window]) -> Option<Problem> {
    let unknown = schedule.iter().find(|window| TimeZone::get(&window.time_zone).is_err())?;
    let message = format!(
        "schedule: there is no time zone `{}`: write a name of the IANA database, such as `Europe/Berlin`; until then that window does not count",
        unknown.time_zone
    );
    Some(Problem::new(Reason::TimeZoneNotFound, message))
}

/// When the window begins and ends, from the one that may have begun yesterday to the one of next week.
fn times(window: &Window, zone: &TimeZone, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let today = now.to_zoned(zone.clone()).date();
    let (Some(start), Some(end)) = (minutes(&window.start), minutes(&window.end)) else { return Vec::new() };
    let end = if end <= start { end + DAY } else { end };
    let dates = (-1..=7).filter_map(|days: i64| today.checked_add(days.days()).ok());
    dates
        .filter(|date| window.days.iter().any(|day| weekday(*day) == date.weekday()))
        .filter_map(|date| Some((instant(date, start, zone)?, instant(date, end, zone)?)))
        .collect()
}

const DAY: i64 = 24 * 60;

/// `HH:MM` → minutes since midnight.
fn minutes(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    Some(hour.parse::<i64>().ok()? * 60 + minute.parse::<i64>().ok()?)
}

/// When clocks on the wall show this time. One that is skipped in spring is an hour later; of two in autumn
/// it is the first.
fn instant(date: civil::Date, minutes: i64, zone: &TimeZone) -> Option<Timestamp> {
    let date = date.checked_add((minutes / DAY).days()).ok()?;
    let minute_of_day = i8::try_from(minutes % DAY / 60).ok().zip(i8::try_from(minutes % 60).ok());
    let (hour, minute) = minute_of_day?;
    zone.to_timestamp(date.at(hour, minute, 0, 0)).ok()
}

fn weekday(day: Day) -> civil::Weekday {
    match day {
        Day::Monday => civil::Weekday::Monday,
        Day::Tuesday => civil::Weekday::Tuesday,
        Day::Wednesday => civil::Weekday::Wednesday,
        Day::Thursday => civil::Weekday::Thursday,
        Day::Friday => civil::Weekday::Friday,
        Day::Saturday => civil::Weekday::Saturday,
        Day::Sunday => civil::Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::from;

    fn windows(schedule: Value) -> Vec<Window> {
        from(schedule)
    }

    fn office() -> Value {
        json!([{ "start": "08:00", "end": "18:00", "timeZone": "Europe/Berlin", "min": 10 }])
    }

    #[test]
    fn the_clock_on_the_wall_decides() {
        let night = json!([{ "days": ["Friday"], "start": "22:00", "end": "06:00", "timeZone": "Asia/Singapore", "min": 3 }]);
        let day = json!([{ "days": ["Sunday"], "start": "00:00", "end": "24:00", "min": 1 }]);
        let both = json!([
            { "start": "08:00", "end": "18:00", "min": 5 }, { "start": "09:00", "end": "10:00", "min": 9 },
        ]);
        for (schedule, now, min, until) in [
            // 2026-01-05 is a Monday; Berlin is an hour ahead in winter and two in summer.
            (office(), "2026-01-05T06:59:59Z", 0, "2026-01-05T07:00:00Z"),
            (office(), "2026-01-05T07:00:00Z", 10, "2026-01-05T17:00:00Z"),
            (office(), "2026-07-06T06:00:00Z", 10, "2026-07-06T16:00:00Z"),
            (office(), "2026-01-05T17:00:00Z", 0, "2026-01-06T07:00:00Z"),
            (office(), "2026-01-09T17:00:00Z", 0, "2026-01-12T07:00:00Z"),
            (office(), "2026-01-10T12:00:00Z", 0, "2026-01-12T07:00:00Z"),
            // Over the night that clocks change: Friday at 7 o'clock UTC becomes Monday at 6.
            (office(), "2026-03-27T17:00:00Z", 0, "2026-03-30T06:00:00Z"),
            (night.clone(), "2026-01-09T14:00:00Z", 3, "2026-01-09T22:00:00Z"),
            (night.clone(), "2026-01-09T21:59:59Z", 3, "2026-01-09T22:00:00Z"),
            (night, "2026-01-09T22:00:00Z", 0, "2026-01-16T14:00:00Z"),
            (day.clone(), "2026-01-11T23:59:59Z", 1, "2026-01-12T00:00:00Z"),
            (day, "2026-01-12T00:00:00Z", 0, "2026-01-18T00:00:00Z"),
            (both.clone(), "2026-01-05T09:30:00Z", 9, "2026-01-05T10:00:00Z"),
            (both, "2026-01-05T10:00:00Z", 5, "2026-01-05T18:00:00Z"),
        ] {
            let expected = Floor { min, until: Some(until.parse().unwrap()) };
            assert_eq!(floor(&windows(schedule), now.parse().unwrap()), expected, "{now}");
        }
        assert_eq!(floor(&[], Timestamp::UNIX_EPOCH), Floor::default());
    }

    #[test]
    fn a_time_that_is_skipped_in_spring_comes_an_hour_later() {
        let sunday = json!([{ "days": ["Sunday"], "start": "02:30", "end": "05:00", "timeZone": "Europe/Berlin", "min": 1 }]);
        let floor = floor(&windows(sunday), "2026-03-29T00:00:00Z".parse().unwrap());
        assert_eq!(floor.until, Some("2026-03-29T01:30:00Z".parse().unwrap()));
    }

    #[test]
    fn a_time_zone_that_does_not_exist_is_named_and_the_rest_holds() {
        let mut schedule = windows(office());
        assert_eq!(problem(&schedule), None);
        schedule.push(Window { time_zone: "Europe/Atlantis".into(), min: 99, ..schedule[0].clone() });
        let problem = problem(&schedule).unwrap();
        assert!(problem.message.contains("`Europe/Atlantis`") && problem.message.contains("`Europe/Berlin`"));
        assert_eq!(floor(&schedule, "2026-01-05T12:00:00Z".parse().unwrap()).min, 10);
    }
}
