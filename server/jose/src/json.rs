//! JSON read strictly: a name twice in one object is refused at every depth, and so is nesting beyond [`MAX_DEPTH`].
//!
//! Most JSON parsers keep the last of two members with one name, some the first. Whoever checks one and acts on the
//! other can be fooled (J-07); refusing both closes the question. The depth is bounded while parsing, so a hundred
//! thousand brackets cost sixteen stack frames (J-09).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deeply objects and arrays may be nested.
pub const MAX_DEPTH: usize = 16;

/// Where the JSON went wrong. The content is not part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("malformed JSON, a member named twice, or nesting beyond 16 levels, at line {line}, column {column}")]
pub struct JsonError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// Reads one JSON value.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Strict::ROOT
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| JsonError { line: error.line(), column: error.column() })
}

/// Reads one JSON object.
pub(crate) fn parse_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match parse(bytes) {
        Ok(Value::Object(map)) => Some(map),
        Ok(_) | Err(_) => None,
    }
}

/// A value under construction, with the levels of nesting that are left.
#[derive(Clone, Copy)]
pub(crate) struct Strict {
    levels: usize,
}

impl Strict {
    pub(crate) const ROOT: Strict = Strict { levels: MAX_DEPTH };

    fn inner<E: serde::de::Error>(self) -> Result<Strict, E> {
        let levels = self.levels.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Strict { levels })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom("a member is named twice"));
            }
            let value = members.next_value_seed(inner)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn ordinary_json_is_read_as_the_ordinary_parser_reads_it() {
        let text = br#" {"a":[1,-2,3.5,1e3,true,null,"\u00e9\n"],"b":{"c":{}},"d":18446744073709551615} "#;
        assert_eq!(parse(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
    }

    /// J-07
    #[test]
    fn a_name_twice_is_refused_at_every_depth_and_in_every_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"x":{"a":1,"b":2,"a":3}}"#,
            r#"[[{"x":[{"a":1,"a":2}]}]]"#,
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(br#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#).is_ok());
    }

    /// J-09
    #[test]
    fn nesting_stops_at_sixteen_levels() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(nested(16).as_bytes()).is_ok());
        assert!(parse(nested(17).as_bytes()).is_err());
        assert!(parse(nested(100_000).as_bytes()).is_err());
        let objects = |levels: usize| r#"{"a":"#.repeat(levels) + "1" + &"}".repeat(levels);
        assert!(parse(objects(16).as_bytes()).is_ok());
        assert!(parse(objects(17).as_bytes()).is_err());
        assert!(parse(objects(50_000).as_bytes()).is_err());
    }

    /// J-08: a number that no f64 holds is refused by the parser, not rounded.
    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "{}{}",
            "{} x",
            "{a:1}",
            "{'a':1}",
            r#"{"a":1,}"#,
            "1e400",
            "-1e400",
            "NaN",
            "01",
            "+1",
            "\u{feff}{}",
            r#""\ud800""#,
            "\"\u{0}\"",
            "nul",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn the_error_says_where() {
        let error = parse(b"{\n  \"a\": 1,\n  \"a\": 2\n}").unwrap_err();
        assert_eq!(error.line, 3);
        assert!(error.to_string().contains("line 3"));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "[a-z\"\\\\é]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[a-e]{1,2}", inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Writes `value`, and in the object numbered `at` (counted as met) writes the first member once more.
    fn write_with_duplicate(value: &Value, at: &mut usize, out: &mut String) {
        match value {
            Value::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_with_duplicate(item, at, out);
                }
                out.push(']');
            }
            Value::Object(members) => {
                out.push('{');
                let here = !members.is_empty() && {
                    *at = at.wrapping_sub(1);
                    *at == usize::MAX
                };
                for (index, (name, item)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&json!(name).to_string());
                    out.push(':');
                    write_with_duplicate(item, at, out);
                }
                if here {
                    let name = members.keys().next().unwrap();
                    out.push_str(&[",", &json!(name).to_string(), ":0"].concat());
                }
                out.push('}');
            }
            leaf => out.push_str(&leaf.to_string()),
        }
    }

    fn objects_with_members(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(objects_with_members).sum(),
            Value::Object(members) => {
                usize::from(!members.is_empty()) + members.values().map(objects_with_members).sum::<usize>()
            }
            _ => 0,
        }
    }

    proptest! {
        /// J-07: a duplicate inserted anywhere is refused; the same text without it is read, and read alike.
        #[test]
        fn a_duplicate_inserted_anywhere_is_refused(value in value(), pick: prop::sample::Index) {
            let plain = value.to_string();
            prop_assert_eq!(parse(plain.as_bytes()).unwrap(), value.clone());
            let objects = objects_with_members(&value);
            if objects > 0 {
                let mut text = String::new();
                write_with_duplicate(&value, &mut pick.index(objects), &mut text);
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "last-wins parsers take it: {}", text);
                prop_assert!(parse(text.as_bytes()).is_err(), "{}", text);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
