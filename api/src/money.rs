//! Amounts of money as people write them (`0.96`), to the millionth, compared by meaning. The currency is the Region's.

use std::{borrow::Cow, cmp::Ordering, fmt, iter::Sum, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What an amount must look like.
pub const PATTERN: &str = r"^[0-9]{1,9}(\.[0-9]{1,6})?$";

const MILLION: u128 = 1_000_000;

/// An amount of money. Keeps the text it was given; two of them are equal when they mean the same (`1.5` and `1.50`).
#[derive(Clone, Debug)]
pub struct Money {
    text: String,
    millionths: u128,
}

/// Text that is no amount of money.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not an amount: write a number with at most six decimals and without a currency, such as `0.96`"
)]
pub struct NotMoney(pub String);

impl Money {
    /// Nothing.
    pub fn zero() -> Self {
        Self::of(0)
    }

    fn of(millionths: u128) -> Self {
        let fraction = format!("{:06}", millionths % MILLION);
        // As prices are written: two decimals at least.
        let fraction = format!("{:0<2}", fraction.trim_end_matches('0'));
        Self { text: format!("{}.{fraction}", millionths / MILLION), millionths }
    }

    /// The sum of both.
    pub fn plus(&self, other: &Self) -> Self {
        Self::of(self.millionths + other.millionths)
    }

    /// What so long costs when this is the price of an hour.
    pub fn for_time(&self, time: Duration) -> Self {
        const HOUR: u128 = 3_600_000;
        Self::of((self.millionths * time.as_millis() + HOUR / 2) / HOUR)
    }
}

impl FromStr for Money {
    type Err = NotMoney;

    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let no = || NotMoney(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        // What we add up ourselves may be longer than what is declared.
        if !digits(whole, 18) || !digits(fraction, 6) {
            return Err(no());
        }
        let whole: u128 = whole.parse().map_err(|_| no())?;
        let fraction: u128 = format!("{fraction:0<6}").parse().map_err(|_| no())?;
        Ok(Self { text: text.to_owned(), millionths: whole * MILLION + fraction })
    }
}

impl PartialEq for Money {
    fn eq(&self, other: &Self) -> bool {
        self.millionths == other.millionths
    }
}

impl Eq for Money {}

impl PartialOrd for Money {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Money {
    fn cmp(&self, other: &Self) -> Ordering {
        self.millionths.cmp(&other.millionths)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::zero(), |sum, amount| sum.plus(&amount))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Money {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_decimal_and_mean_what_they_say() {
        assert_eq!(money("1.5"), money("1.50"));
        assert_ne!(money("0.000001"), money("0"));
        for text in ["", "1,5", "-1", "1.", ".5", "1.1234567", "1 EUR", "1e3"] {
            assert_eq!(text.parse::<Money>(), Err(NotMoney(text.to_owned())));
        }
    }

    #[test]
    fn time_costs_its_share_of_an_hour() {
        for (price, seconds, cost) in [
            ("0.96", 3600, "0.96"),
            ("0.96", 5400, "1.44"),
            ("0.96", 1, "0.000267"),
            ("1", 7200, "2.00"),
            ("0", 7200, "0.00"),
        ] {
            assert_eq!(money(price).for_time(Duration::from_secs(seconds)).to_string(), cost);
        }
        assert_eq!(money("0.999999").plus(&money("0.000001")).to_string(), "1.00");
    }
}
