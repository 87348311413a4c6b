//! How long? A duration as people write it in YAML: `90s`, `1h30m`, `720h`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A duration as it was written. It is measured by [`Duration::seconds`] and not while reading, so that one object with an absurd
/// duration cannot stop a whole list from being read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(String);

/// The text is not a duration, or not one that fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Other characters, no unit, no number, or longer than 20 characters.
    #[error("write a duration as numbers with h, m or s, for example 90s or 1h30m, of at most 20 characters")]
    Malformed,
    /// More seconds than fit into 64 bits.
    #[error("the duration is too long to be counted in seconds; write a shorter one")]
    Overflow,
}

impl Duration {
    /// What the API server accepts.
    pub const PATTERN: &str = "^([0-9]+(h|m|s))+$";
    /// Longest text the API server accepts.
    pub const MAX_LENGTH: usize = 20;

    /// A duration of whole seconds, in the largest unit that divides it.
    pub fn from_seconds(seconds: u32) -> Self {
        Self(match seconds {
            0 => "0s".to_owned(),
            _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
            _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
            _ => format!("{seconds}s"),
        })
    }

    /// Reads a duration and makes sure that it can be counted.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let duration = Self(text.to_owned());
        duration.seconds()?;
        Ok(duration)
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> Result<i64, DurationError> {
        if self.0.is_empty() || self.0.len() > Self::MAX_LENGTH {
            return Err(DurationError::Malformed);
        }
        let mut total = 0_i64;
        let mut number: Option<i64> = None;
        for character in self.0.chars() {
            if let Some(digit) = character.to_digit(10) {
                let shifted = number.unwrap_or(0).checked_mul(10).ok_or(DurationError::Overflow)?;
                number = Some(shifted.checked_add(i64::from(digit)).ok_or(DurationError::Overflow)?);
                continue;
            }
            let unit = match character {
                'h' => 3600,
                'm' => 60,
                's' => 1,
                _ => return Err(DurationError::Malformed),
            };
            let part = number
                .take()
                .ok_or(DurationError::Malformed)?
                .checked_mul(unit)
                .ok_or(DurationError::Overflow)?;
            total = total.checked_add(part).ok_or(DurationError::Overflow)?;
        }
        if number.is_some() { Err(DurationError::Malformed) } else { Ok(total) }
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::str::FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        Self::parse(text)
    }
}

/// The longest duration in any field: the API server refuses more, so none overflows there either.
pub(crate) const LONGEST: &str = "87600h";

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": Self::MAX_LENGTH,
            "pattern": Self::PATTERN,
            "x-kubernetes-validations": [{
                "rule": format!("duration(self) <= duration('{LONGEST}')"),
                "message": "a duration is at most 87600h (ten years)",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_seconds() {
        for (text, seconds) in
            [("90s", 90), ("1h30m", 5400), ("720h", 2_592_000), ("0s", 0), ("1m1m", 120), ("30s1h", 3630)]
        {
            assert_eq!(Duration::parse(text).unwrap().seconds(), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in ["", "5", "h", "5d", "5 s", "-5s", "5s5", "1.5h", "٣s", "1s1s1s1s1s1s1s1s1s1s1s"] {
            assert_eq!(Duration::parse(text), Err(DurationError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_duration_that_overflows_is_refused_and_still_can_be_read() {
        let read: Duration = serde_json::from_str("\"9999999999999999999h\"").unwrap();
        assert_eq!(read.seconds(), Err(DurationError::Overflow));
        assert_eq!(Duration::parse("9223372036854775807h"), Err(DurationError::Overflow));
    }

    #[test]
    fn seconds_are_written_in_their_largest_unit() {
        for (seconds, text) in [(0, "0s"), (45, "45s"), (60, "1m"), (90, "90s"), (5400, "90m"), (7200, "2h")]
        {
            assert_eq!(Duration::from_seconds(seconds).as_str(), text);
            assert_eq!(Duration::from_seconds(seconds).seconds(), Ok(i64::from(seconds)));
        }
    }
}
