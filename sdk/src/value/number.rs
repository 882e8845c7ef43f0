//! Decimal numbers of any size, kept as decimal digits.
//!
//! Core computes with 512-bit binary floats and sends what fits neither an `i64` nor exactly an `f64` as
//! decimal text. Going through `f64` would change such a value, and core compares, so the digits are kept.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// More digits than any number core can hold; a bound for text from elsewhere.
const MAX_EXPONENT: i64 = 100_000;

/// A decimal number in a canonical spelling, so equal numbers have equal text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number(String);

/// The text is no decimal number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a decimal number")]
pub struct NumberError(String);

impl Number {
    /// The canonical decimal text, e.g. `-0.5`, `1000`, `1e+400`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, if it is whole and fits.
    pub fn to_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The number, if it is whole and fits.
    pub fn to_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The nearest `f64`, if it is finite. May differ from the number: see [`Number::to_f64_exact`].
    pub fn to_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|float: &f64| float.is_finite())
    }

    /// The number as `f64`, if that has exactly this value.
    pub fn to_f64_exact(&self) -> Option<f64> {
        // No f64 has more fraction digits than this, so the text is its exact value.
        self.to_f64().filter(|float| format!("{float:.1074}").parse().as_ref() == Ok(self))
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl TryFrom<f64> for Number {
    type Error = NumberError;

    /// The shortest decimal that reads back as this `f64`, as core compares them: `0.1` is one tenth.
    fn try_from(number: f64) -> Result<Self, NumberError> {
        number.to_string().parse()
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let fault = || NumberError(text.chars().take(64).collect());
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| fault())?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let is_number = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || exponent.abs() > MAX_EXPONENT {
            return Err(fault());
        }
        let fraction_digits = i64::try_from(fraction.len()).map_err(|_| fault())?;
        Ok(Self(canonical(negative, &digits, exponent - fraction_digits)))
    }
}

/// The one spelling of `digits × 10^exponent`.
fn canonical(negative: bool, digits: &str, exponent: i64) -> String {
    let significant = digits.trim_end_matches('0');
    let exponent = exponent + (digits.len() - significant.len()) as i64;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let sign = if negative { "-" } else { "" };
    let count = significant.len() as i64;
    let point = count + exponent; // digits left of the point
    match exponent {
        0.. if point <= 400 => format!("{sign}{significant}{}", "0".repeat(exponent as usize)),
        ..0 if point > 0 => {
            let (whole, fraction) = significant.split_at(point as usize);
            format!("{sign}{whole}.{fraction}")
        }
        ..0 if point > -400 => format!("{sign}0.{}{significant}", "0".repeat(-point as usize)),
        _ => format!("{sign}{significant}e{exponent:+}"),
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_spelling() {
        for (text, canonical) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("007", "7"),
            ("1e30", "1000000000000000000000000000000"),
            ("0.10", "0.1"),
            ("-12.50e1", "-125"),
            ("1.5E-3", "0.0015"),
            ("18446744073709551615", "18446744073709551615"),
            ("12e+500", "12e+500"),
            ("1.20e-500", "12e-501"),
        ] {
            assert_eq!(text.parse::<Number>().expect(text).as_str(), canonical, "{text}");
        }
    }

    #[test]
    fn text_that_is_no_number_is_refused() {
        for text in ["", "-", ".5", "1.2.3", "0x10", "inf", "NaN", "1e", "1e999999999", "１"] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_dyadic_fractions_are_exact_floats() {
        let exact = |text: &str| text.parse::<Number>().expect(text).to_f64_exact();
        assert_eq!(exact("1.5"), Some(1.5));
        assert_eq!(exact("0.1"), None);
        assert_eq!(exact("1e400"), None);
    }
}
