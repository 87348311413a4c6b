//! Does a value fit its schema? The part of OpenAPI that structural schemas use: types, required fields, words, bounds, patterns.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::Regex;
use serde_json::Value;

use super::Violation;

/// What does not fit, in the order in which it stands.
pub(super) fn misfits(schema: &Value, value: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    Walk { found: &mut found }.value(schema, value, "");
    found
}

struct Walk<'a> {
    found: &'a mut Vec<Violation>,
}

impl Walk<'_> {
    fn refuse(&mut self, path: &str, message: String) {
        self.found.push(Violation { path: path.to_owned(), message });
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        // A null is pruned before anything looks at it, as no schema of ours is nullable.
        if value.is_null() || schema.get("x-kubernetes-int-or-string").is_some_and(|flag| flag == true) {
            return;
        }
        let expected = schema.get("type").and_then(Value::as_str);
        if let Some(expected) = expected
            && !has_type(value, expected)
        {
            return self.refuse(
                path,
                format!(
                    "must be {}, not {}{}",
                    article(expected),
                    article(type_of(value)),
                    hint(expected, value)
                ),
            );
        }
        if let Some(Value::Array(words)) = schema.get("enum")
            && !words.contains(value)
        {
            let words: Vec<String> = words.iter().map(word).collect();
            return self.refuse(path, format!("{} is not one of {}", word(value), words.join(", ")));
        }
        match value {
            Value::Object(members) => {
                self.count(schema, members.len(), ["minProperties", "maxProperties"], "entries", path);
                self.members(schema, members, path);
            }
            Value::Array(items) => {
                self.count(schema, items.len(), ["minItems", "maxItems"], "items", path);
                self.items(schema, items, path);
            }
            Value::String(text) => {
                self.count(schema, text.chars().count(), ["minLength", "maxLength"], "characters", path);
                self.text(schema, text, path);
            }
            Value::Number(number) => self.number(schema, number.as_f64(), path),
            _ => {}
        }
    }

    fn members(&mut self, schema: &Value, members: &serde_json::Map<String, Value>, path: &str) {
        for name in
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if members.get(name).is_none_or(Value::is_null) {
                self.refuse(&join(path, name), "is required".to_owned());
            }
        }
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (name, value) in members {
            if let Some(schema) = known.and_then(|known| known.get(name)).or(others) {
                self.value(schema, value, &join(path, name));
            }
        }
    }

    fn items(&mut self, schema: &Value, items: &[Value], path: &str) {
        let keys: Vec<&str> = schema
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let set = schema.get("x-kubernetes-list-type").is_some_and(|kind| kind == "set");
        let identity = |item: &Value| -> Vec<Option<Value>> {
            if set {
                vec![Some(item.clone())]
            } else {
                keys.iter().map(|key| item.get(*key).cloned()).collect()
            }
        };
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if (set || !keys.is_empty())
                && items.iter().take(index).any(|earlier| identity(earlier) == identity(item))
            {
                self.refuse(&path, "is there already".to_owned());
            }
            if let Some(schema) = schema.get("items") {
                self.value(schema, item, &path);
            }
        }
    }

    fn count(&mut self, schema: &Value, count: usize, [least, most]: [&str; 2], what: &str, path: &str) {
        let bound =
            |name| schema.get(name).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
        if let Some(least) = bound(least).filter(|least| count < *least) {
            self.refuse(path, format!("has {count} {what} and needs at least {least}"));
        }
        if let Some(most) = bound(most).filter(|most| count > *most) {
            self.refuse(path, format!("has {count} {what} and may have at most {most}"));
        }
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str) {
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && !matches(pattern, text)
        {
            self.refuse(path, format!("{text:?} does not match {pattern}"));
        }
        if schema.get("format").is_some_and(|format| format == "date-time")
            && text.parse::<k8s_openapi::jiff::Timestamp>().is_err()
        {
            self.refuse(path, format!("{text:?} is not a time; write for example 2027-01-31T09:00:00Z"));
        }
    }

    fn number(&mut self, schema: &Value, number: Option<f64>, path: &str) {
        let Some(number) = number else { return };
        if let Some(least) = schema.get("minimum").and_then(Value::as_f64).filter(|least| number < *least) {
            self.refuse(path, format!("{number} is below the minimum {least}"));
        }
        if let Some(most) = schema.get("maximum").and_then(Value::as_f64).filter(|most| number > *most) {
            self.refuse(path, format!("{number} is above the maximum {most}"));
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn has_type(value: &Value, expected: &str) -> bool {
    match expected {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        expected => type_of(value) == expected,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn article(type_: &str) -> &'static str {
    match type_ {
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "string" => "text",
        "array" => "a list",
        "object" => "a block",
        _ => "nothing",
    }
}

fn hint(expected: &str, value: &Value) -> &'static str {
    match (expected, value) {
        ("string", Value::Bool(_) | Value::Number(_)) => " (put it in quotes)",
        ("boolean" | "integer" | "number", Value::String(_)) => " (remove the quotes)",
        _ => "",
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if !compiled.contains_key(pattern) {
        let regex = Regex::new(pattern).expect("patterns compile: `every_pattern_is_anchored_and_compiles`");
        compiled.insert(pattern.to_owned(), regex);
    }
    compiled.get(pattern).is_some_and(|regex| regex.is_match(text))
}
