//! Amounts of CPU, memory and storage as Kubernetes writes them (`500m`, `2Gi`), compared by meaning.
//!
//! Source of the syntax: Kubernetes' `resource.Quantity`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a quantity must look like; also how derived schemas recognise one.
pub const PATTERN: &str = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";

/// The suffixes, with their factor in thousandths of a unit.
const SUFFIXES: [(&str, i128); 12] = [
    ("Ki", 1_000 << 10),
    ("Mi", 1_000 << 20),
    ("Gi", 1_000 << 30),
    ("Ti", 1_000 << 40),
    ("Pi", 1_000 << 50),
    ("m", 1),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("", 1_000),
];

/// An amount. Keeps the text it was given; two of them are equal when they mean the same (`1024Mi` and `1Gi`).
#[derive(Clone, Debug)]
pub struct Quantity {
    text: String,
    milli: i128,
}

/// Text that is no quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a quantity: write a number with an optional unit, such as `2`, `500m` or `4Gi`")]
pub struct NotAQuantity(pub String);

impl Quantity {
    /// The amount in thousandths of a unit (of a CPU, of a byte).
    pub fn milli(&self) -> i128 {
        self.milli
    }

    /// `percent` of this amount, at least a thousandth of a unit.
    pub fn scaled(&self, percent: i32) -> Self {
        Self::from_milli((self.milli * i128::from(percent) / 100).max(1))
    }

    /// So many thousandths of a unit.
    pub fn from_milli(milli: i128) -> Self {
        match milli % 1_000 {
            0 => Self { text: (milli / 1_000).to_string(), milli },
            _ => Self { text: format!("{milli}m"), milli },
        }
    }

    /// This amount, rounded up to whole units, as bytes must be.
    pub fn whole(&self) -> Self {
        match self.milli % 1_000 {
            0 => self.clone(),
            part => {
                let milli = self.milli - part + 1_000;
                Self { text: (milli / 1_000).to_string(), milli }
            }
        }
    }

    /// So many thousandths of a byte as people read memory: in `Gi` or `Mi`, rounded down to a whole `Mi`.
    pub fn memory_from_milli(milli: i128) -> Self {
        let mebibytes = milli / (1_000 << 20);
        let text = match mebibytes {
            0 => "0".to_owned(),
            _ if mebibytes % 1024 == 0 => format!("{}Gi", mebibytes / 1024),
            _ => format!("{mebibytes}Mi"),
        };
        Self { text, milli: mebibytes * (1_000 << 20) }
    }

    /// As the Kubernetes API types want it.
    pub fn to_kubernetes(&self) -> k8s_openapi::apimachinery::pkg::api::resource::Quantity {
        k8s_openapi::apimachinery::pkg::api::resource::Quantity(self.text.clone())
    }
}

impl FromStr for Quantity {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        parse_milli(text)
            .map(|milli| Self { text: text.to_owned(), milli })
            .ok_or_else(|| NotAQuantity(text.to_owned()))
    }
}

fn parse_milli(text: &str) -> Option<i128> {
    let (number, factor) =
        SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 || whole.len() > 18 {
        return None;
    }
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let value = whole.parse::<i128>().ok()?.checked_mul(scale)? + fraction.parse::<i128>().ok()?;
    let milli = value.checked_mul(factor)?;
    // Kubernetes rounds up what is finer than a thousandth.
    Some((milli + scale - 1) / scale)
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.milli == other.milli
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Integer(u64),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Integer(number) => number.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true, "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_mean_what_kubernetes_means() {
        for (text, milli) in [
            ("2", 2_000),
            ("500m", 500),
            ("0.5", 500),
            ("1.5Gi", 1_610_612_736_000),
            ("1Ki", 1_024_000),
            ("1k", 1_000_000),
            ("0.0001", 1),
        ] {
            assert_eq!(text.parse::<Quantity>().unwrap().milli(), milli, "{text}");
        }
    }

    #[test]
    fn spelling_does_not_matter_to_equality() {
        assert_eq!("1024Mi".parse::<Quantity>(), "1Gi".parse());
        assert_ne!("1G".parse::<Quantity>(), "1Gi".parse());
    }

    #[test]
    fn nonsense_is_refused_with_the_fix() {
        for text in ["abc", "", "-1", "1.", ".5", "1 Gi", "2gb", "1e3", "Gi"] {
            let error = text.parse::<Quantity>().unwrap_err();
            assert!(error.to_string().contains("such as `2`, `500m` or `4Gi`"), "{text}");
        }
    }

    #[test]
    fn a_share_of_an_amount_is_written_in_the_shortest_exact_form() {
        let scaled = |text: &str, percent| text.parse::<Quantity>().unwrap().scaled(percent).to_string();
        assert_eq!(scaled("2", 100), "2");
        assert_eq!(scaled("2", 25), "500m");
        assert_eq!(scaled("2Gi", 50), "1073741824");
    }

    #[test]
    fn memory_is_written_as_people_read_it() {
        for (given, written) in [
            ("0", "0"),
            ("1023Ki", "0"),
            ("1536Mi", "1536Mi"),
            ("16306256Ki", "15924Mi"),
            ("65536Mi", "64Gi"),
        ] {
            let memory = Quantity::memory_from_milli(given.parse::<Quantity>().unwrap().milli());
            assert_eq!(
                (memory.to_string(), memory.to_string().parse().unwrap()),
                (written.to_owned(), memory),
                "{given}"
            );
        }
    }
}
