//! Amounts of money as people write them (`0.4032`), exact to a millionth.

use std::{borrow::Cow, fmt, iter::Sum, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What an amount must look like.
pub const PATTERN: &str = r"^[0-9]{1,12}(\.[0-9]{1,6})?$";

const MICROS: u64 = 1_000_000;

/// An amount of money, in the currency that the region counts in. Written as text, since binary fractions hold
/// no cents; two are equal when they mean the same (`0.4` and `0.40`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    micros: u64,
}

/// Text that is no amount of money.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no amount of money: write digits, with at most six after a point, such as `0.4032`")]
pub struct NotMoney(pub String);

impl FromStr for Money {
    type Err = NotMoney;

    fn from_str(text: &str) -> Result<Self, NotMoney> {
        parse(text).map(|micros| Self { micros }).ok_or_else(|| NotMoney(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 12) || !digits(fraction, 6) {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * MICROS + fraction)
}

impl fmt::Display for Money {
    /// At least two digits after the point, and no zeros after those.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.micros % MICROS);
        let (cents, rest) = fraction.split_at(2);
        write!(f, "{}.{cents}{}", self.micros / MICROS, rest.trim_end_matches('0'))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self { micros: amounts.fold(0, |sum, amount| sum.saturating_add(amount.micros)) }
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
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
    fn amounts_are_exact_and_written_with_cents() {
        for (text, written) in
            [("0.4", "0.40"), ("12", "12.00"), ("0.403200", "0.4032"), ("0.000001", "0.000001")]
        {
            assert_eq!(money(text).to_string(), written, "{text}");
        }
        let sum: Money = ["0.1", "0.2", "0.4032"].map(money).into_iter().sum();
        assert_eq!(sum, money("0.7032"));
    }

    #[test]
    fn nonsense_is_refused_with_the_fix() {
        for text in ["", ".5", "1.", "-1", "1,50", "1e3", "0.1234567", "1000000000000", "€1"] {
            let error = text.parse::<Money>().unwrap_err();
            assert!(error.to_string().contains("such as `0.4032`"), "{text}");
        }
    }
}
