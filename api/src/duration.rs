//! Lengths of time as people write them (`30m`, `1h30m`), compared by meaning.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a duration must look like; also how derived schemas recognise one.
pub const PATTERN: &str = r"^([0-9]{1,6}(h|m|s))+$";

/// A length of time, to the second. Keeps the text it was given; two of them are equal when they mean the same
/// (`90m` and `1h30m`).
#[derive(Clone, Debug)]
pub struct Duration {
    text: String,
    seconds: u64,
}

/// Text that is no duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a duration: write hours, minutes and seconds, such as `30m`, `8h` or `1h30m`")]
pub struct NotADuration(pub String);

impl Duration {
    /// So many minutes.
    pub fn minutes(minutes: u32) -> Self {
        Self { text: format!("{minutes}m"), seconds: u64::from(minutes) * 60 }
    }

    /// So many days, spelled in hours.
    pub fn days(days: u32) -> Self {
        Self { text: format!("{}h", days * 24), seconds: u64::from(days) * 24 * 3600 }
    }

    /// As seconds.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }
}

impl From<&Duration> for time::Duration {
    fn from(duration: &Duration) -> Self {
        Self::from_secs(duration.seconds)
    }
}

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        parse(text)
            .map(|seconds| Self { text: text.to_owned(), seconds })
            .ok_or_else(|| NotADuration(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let parts: Vec<&str> = text.split_inclusive(['h', 'm', 's']).collect();
    let seconds = |part: &&str| {
        let (digits, unit) = part.split_at_checked(part.len().checked_sub(1)?)?;
        let usable = (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let factor = match unit {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        digits.parse::<u64>().ok().filter(|_| usable).map(|number| number * factor)
    };
    let sum = parts.iter().map(seconds).sum::<Option<u64>>()?;
    (!parts.is_empty()).then_some(sum)
}

impl PartialEq for Duration {
    fn eq(&self, other: &Self) -> bool {
        self.seconds == other.seconds
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The format makes it a duration in CEL too.
        json_schema!({ "type": "string", "format": "duration", "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_mean_what_go_means() {
        for (text, seconds) in [("30m", 1800), ("1h30m", 5400), ("90s", 90), ("0s", 0), ("1h0m5s", 3605)] {
            assert_eq!(text.parse::<Duration>().unwrap().seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn spelling_does_not_matter_to_equality() {
        assert_eq!("90m".parse::<Duration>(), "1h30m".parse());
        assert_eq!(Duration::minutes(60), "1h".parse().unwrap());
        assert_ne!("90m".parse::<Duration>(), "90s".parse());
    }

    #[test]
    fn nonsense_is_refused_with_the_fix() {
        for text in ["", "30", "m", "1.5h", "-1m", "30 m", "1d", "1h30", "1234567s", "30min", "٣m"] {
            let error = text.parse::<Duration>().unwrap_err();
            assert!(error.to_string().contains("such as `30m`"), "{text}");
        }
    }
}
