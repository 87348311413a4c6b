//! Which bytes stand for a value? One text for each value: members sorted by name at every depth, no white space, no floats.
//!
//! `serde_json` keeps the order in which members were put (another crate of the build asks it to), so hashing its output
//! would make the hash depend on the order of fields in our source. The rules are those of RFC 8785, for values without
//! fractions: names sorted by UTF-16 code units, and the shortest escapes.

use serde::Serialize;
use serde_json::{Map, Value};

/// A value has no canonical text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotCanonical {
    /// A fraction, or a number beyond 64 bits: two writers may spell it differently.
    #[error("the value holds a number that is not a whole one")]
    Fraction,
    /// A map with keys that are no strings, or a value that refuses to be written.
    #[error("the value cannot be written as JSON")]
    NotJson,
}

/// The canonical bytes of a value.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let value = serde_json::to_value(value).map_err(|_| NotCanonical::NotJson)?;
    let mut out = Vec::new();
    write(&value, &mut out)?;
    Ok(out)
}

/// The canonical bytes of a type of ours that holds strings, whole numbers and maps by string only.
pub(crate) fn of<T: Serialize>(value: &T) -> Vec<u8> {
    to_vec(value).expect("no type of this crate holds a fraction or a map by anything but strings")
}

/// Writes a value at the end of `out`.
pub fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_f64() => return Err(NotCanonical::Fraction),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(index, out);
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => object(members, out)?,
    }
    Ok(())
}

fn object(members: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    out.push(b'{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        separate(index, out);
        string(name, out);
        out.push(b':');
        write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

/// RFC 8785 3.2.2.2: the seven short escapes, `\u00xx` for other control characters, everything else as it is.
fn string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => {
                let nibble = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[nibble(byte >> 4), nibble(byte & 0xf)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_at_every_depth() {
        let one = json!({"b": [{"z": 1, "a": 2}], "a": {"y": null, "x": true}});
        let text = String::from_utf8(to_vec(&one).unwrap()).unwrap();
        assert_eq!(text, r#"{"a":{"x":true,"y":null},"b":[{"a":2,"z":1}]}"#);
    }

    /// RFC 8785 3.2.3: by UTF-16 code units, in which a surrogate pair sorts before U+FB33.
    #[test]
    fn names_are_sorted_as_rfc_8785_sorts_them() {
        let value =
            json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
        let text = String::from_utf8(to_vec(&value).unwrap()).unwrap();
        assert_eq!(
            text,
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn a_fraction_has_no_canonical_text() {
        assert_eq!(to_vec(&json!({"a": 1.5})), Err(NotCanonical::Fraction));
        assert_eq!(to_vec(&1e300_f64), Err(NotCanonical::Fraction));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn reversed(value: &Value) -> Value {
        match value {
            Value::Object(map) => map.iter().rev().map(|(k, v)| (k.clone(), reversed(v))).collect(),
            Value::Array(items) => items.iter().map(reversed).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn canonical_text_is_json_of_the_same_value(value in any_json()) {
            let bytes = to_vec(&value).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value);
        }

        #[test]
        fn the_order_of_members_does_not_matter(value in any_json()) {
            prop_assert_eq!(to_vec(&reversed(&value)).unwrap(), to_vec(&value).unwrap());
        }
    }
}
