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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claims(text: &str) -> Claims {
        Claims::parse(text.as_bytes()).unwrap()
    }

    /// J-08, J-22
    #[test]
    fn a_time_is_a_number_within_the_calendar() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("1900000000", 1_900_000_000),
            ("1900000000.999", 1_900_000_000),
            ("1.9e9", 1_900_000_000),
            ("2147483648", 2_147_483_648),
            ("253402300799", 253_402_300_799),
            ("253402300799.5", 253_402_300_799),
        ] {
            assert_eq!(claims(&format!(r#"{{"exp":{text}}}"#)).time("exp"), Ok(Some(expected)), "{text}");
        }
        for text in [
            "-1",
            "-0.5",
            "253402300800",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "1e300",
            "-1e300",
            "1e19",
            "null",
            "true",
            r#""1900000000""#,
            r#""never""#,
            "[]",
            "[1900000000]",
            "{}",
        ] {
            let error = claims(&format!(r#"{{"exp":{text}}}"#)).time("exp").unwrap_err();
            assert_eq!(error.to_string(), "the claim exp must be a time in seconds since 1970", "{text}");
        }
        assert_eq!(claims("{}").time("exp"), Ok(None));
        assert_eq!(Claims::parse(br#"{"exp":1e400}"#), Err(JoseError::BadJson));
    }

    /// J-08
    #[test]
    fn a_string_is_a_string_or_absent() {
        assert_eq!(claims(r#"{"sub":"alice"}"#).string("sub"), Ok(Some("alice")));
        assert_eq!(claims(r#"{"sub":""}"#).string("sub"), Ok(Some("")));
        assert_eq!(claims(r#"{"Sub":"alice"}"#).string("sub"), Ok(None));
        for value in ["null", "1", "true", "[]", r#"["alice"]"#, "{}"] {
            assert!(claims(&format!(r#"{{"sub":{value}}}"#)).string("sub").is_err(), "{value}");
        }
    }

    /// J-08: RFC 7519 4.1.3
    #[test]
    fn an_audience_is_one_string_or_several() {
        let audience = |value: &str| {
            let claims = claims(&format!(r#"{{"aud":{value}}}"#));
            claims.audience().map(|values| values.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(audience(r#""a""#).unwrap(), ["a"]);
        assert_eq!(audience(r#"["a","b"]"#).unwrap(), ["a", "b"]);
        assert!(audience("[]").unwrap().is_empty());
        for value in ["null", "1", "{}", r#"["a",1]"#, "[null]", r#"[["a"]]"#] {
            assert!(audience(value).is_err(), "{value}");
        }
        assert_eq!(claims("{}").audience(), Ok(vec![]));
        assert!(claims(r#"{"aud":"a"}"#).audience_is_string());
        assert!(!claims(r#"{"aud":["a"]}"#).audience_is_string());
        assert!(!claims("{}").audience_is_string());
    }

    #[test]
    fn claims_are_one_object() {
        for text in ["[]", "null", "1", r#""a""#, "", "{} {}"] {
            assert_eq!(Claims::parse(text.as_bytes()), Err(JoseError::BadJson), "{text}");
        }
        let parsed = claims(r#"{"a":{"b":1}}"#);
        assert_eq!(parsed.get("a").unwrap()["b"], 1);
        assert_eq!(Claims::from_map(parsed.as_map().clone()), parsed);
    }

    proptest! {
        #[test]
        fn any_whole_number_is_a_time_or_refused(value: i64) {
            let expected = (0..=LAST_SECOND).contains(&value).then_some(value);
            prop_assert_eq!(claims(&format!(r#"{{"exp":{value}}}"#)).time("exp").ok().flatten(), expected);
        }

        #[test]
        fn any_decimal_number_is_cut_off_or_refused(value: f64) {
            let text = serde_json::to_string(&value).unwrap();
            let time = claims(&format!(r#"{{"exp":{text}}}"#)).time("exp").unwrap_or_default();
            prop_assert!(time.is_none_or(|time| (0..=LAST_SECOND).contains(&time)));
            let expected = (0.0..253_402_300_800.0).contains(&value);
            prop_assert_eq!(time.is_some(), expected, "{}", text);
        }

        #[test]
        fn decimals_of_real_times_are_cut_off(seconds in 0..=LAST_SECOND, decimals in 0..1000_u16) {
            let time = claims(&format!(r#"{{"exp":{seconds}.{decimals:03}}}"#)).time("exp");
            prop_assert_eq!(time, Ok(Some(seconds)));
        }
    }
}
