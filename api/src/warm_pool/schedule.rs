//! Times of the week at which a pool is larger.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A time of the week at which a pool is at least so large.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.start != self.end")
    .message("start and end must differ: a whole day is from `00:00` to `24:00`"))]
pub struct Window {
    /// Days on which it starts.
    #[serde(default = "weekdays")]
    #[schemars(length(min = 1, max = 7))]
    pub days: Vec<Day>,

    /// When it starts, as `HH:MM`. Write it a little before people come: pods take their time to get ready.
    #[schemars(length(max = 5), regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub start: String,

    /// When it ends, as `HH:MM` or `24:00`. An end before the start is on the next day.
    #[schemars(length(max = 5), regex(pattern = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub end: String,

    /// Time zone of days and times, by its name in the IANA database, such as `Europe/Berlin`.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"))]
    pub time_zone: String,

    /// Fewest free pods that are kept ready while it lasts.
    #[schemars(range(min = 0, max = 1000))]
    pub min: i32,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Day {
    /// The first day of the week.
    Monday,
    /// The second.
    Tuesday,
    /// The third.
    Wednesday,
    /// The fourth.
    Thursday,
    /// The fifth.
    Friday,
    /// The sixth.
    Saturday,
    /// The seventh.
    Sunday,
}

fn weekdays() -> Vec<Day> {
    vec![Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday]
}

fn utc() -> String {
    "UTC".to_owned()
}
