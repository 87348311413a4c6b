//! What a token says, read by type: a claim that is there with the wrong type is an error, never an absence.

use std::fmt;

use serde_json::{Map, Value};

use crate::JoseError;
use crate::json;

/// The last second of the year 9999: later times are mistakes or attacks (J-22).
const LAST_SECOND: i64 = 253_402_300_799;

/// The claims of a token (RFC 7519 4): one JSON object in which no name occurs twice, at any depth.
///
/// `Debug` prints the names only: the values are personal data.
#[derive(Clone, PartialEq, Default)]
pub struct Claims(Map<String, Value>);

/// A claim is there with a type it cannot have (J-08).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the claim {claim} must be {expected}")]
pub struct ClaimError {
    /// The claim's name, as the caller asked for it.
    pub claim: String,
    /// What it has to be.
    pub expected: &'static str,
}

impl Claims {
    /// Reads the payload of a token.
    pub fn parse(bytes: &[u8]) -> Result<Claims, JoseError> {
        json::parse_object(bytes).map(Claims).ok_or(JoseError::BadJson)
    }

    /// Claims that were built here, not received.
    pub fn from_map(map: Map<String, Value>) -> Claims {
        Claims(map)
    }

    /// All of them.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// All of them.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// The claim as it stands; `null` is a value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that must be a string if it is there.
    pub fn string(&self, name: &str) -> Result<Option<&str>, ClaimError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "a string")),
        }
    }

    /// A `NumericDate` (RFC 7519 2) in whole seconds, decimals cut off; between 1970 and the end of the year 9999.
    ///
    /// The library's own readers panic on 1e300, which a client with a valid key can send.
    pub fn time(&self, name: &str) -> Result<Option<i64>, ClaimError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value
            .as_number()
            .and_then(seconds)
            .map(Some)
            .ok_or_else(|| wrong(name, "a time in seconds since 1970"))
    }

    /// The values of `aud`, of which a single one may stand without an array (RFC 7519 4.1.3). Empty if there is none.
    pub fn audience(&self) -> Result<Vec<&str>, ClaimError> {
        let values = match self.get("aud") {
            None => Some(Vec::new()),
            Some(Value::String(one)) => Some(vec![one.as_str()]),
            Some(Value::Array(several)) => several.iter().map(Value::as_str).collect(),
            Some(_) => None,
        };
        values.ok_or_else(|| wrong("aud", "a string or an array of strings"))
    }

    /// Whether `aud` is a single string: FAPI 2.0 wants that of a client assertion (FAPI2-SP 5.3.2.1).
    pub fn audience_is_string(&self) -> bool {
        matches!(self.get("aud"), Some(Value::String(_)))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims")?;
        f.debug_list().entries(self.0.keys()).finish()
    }
}

fn wrong(claim: &str, expected: &'static str) -> ClaimError {
    ClaimError { claim: claim.to_owned(), expected }
}

fn seconds(number: &serde_json::Number) -> Option<i64> {
    if let Some(whole) = number.as_i64() {
        return (0..=LAST_SECOND).contains(&whole).then_some(whole);
    }
    // Also where u64 values beyond i64 end up: far beyond the last second.
    let decimal = number.as_f64()?.floor();
    #[expect(clippy::cast_precision_loss, reason = "253402300799 is below 2^53: exact")]
    let in_range = (0.0..=LAST_SECOND as f64).contains(&decimal);
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 0..=253402300799")]
    in_range.then_some(decimal as i64)
}
