use serde_json::{Value, json};

use super::*;

fn schema(more: &Value) -> Value {
    let mut schema = json!({
        "type": "object",
        "required": ["amount"],
        "properties": {
            "type": {"const": "payment"},
            "amount": {"type": "string", "pattern": "^[0-9]+\\.[0-9]{2}$"},
            "date": {"type": "string", "format": "date"},
        },
        "additionalProperties": false,
    });
    for (name, value) in more.as_object().unwrap() {
        schema[name] = value.clone();
    }
    schema
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// RAR-01.
#[test]
fn an_element_fits_or_the_broken_rule_is_named_without_its_value() {
    let (_, schema) = parse(&schema(&json!({})).to_string()).unwrap();
    assert_eq!(schema.check(&json!({"type": "payment", "amount": "1.00", "date": "2026-01-31"})), Ok(()));
    for (wrong, rule) in [
        (json!({"type": "payment"}), "/required"),
        (json!({"type": "payment", "amount": "1,00"}), "/properties/amount/pattern"),
        (json!({"type": "payment", "amount": "1.00", "date": "31/02"}), "/properties/date/format"),
        (json!({"type": "payment", "amount": "1.00", "canary": 1}), "/additionalProperties"),
        (json!({"type": "canary", "amount": "1.00"}), "/properties/type/const"),
    ] {
        assert_eq!(schema.check(&wrong).unwrap_err(), rule, "RAR-01 {wrong}");
    }
}

/// H-13: what is outside is never fetched, by whatever keyword it is named.
#[test]
fn a_reference_out_of_the_schema_is_refused_when_it_is_read() {
    for outside in [
        json!({"$ref": "https://schemas.example/payment.json"}),
        json!({"$ref": "http://127.0.0.1:9/x"}),
        json!({"$ref": "file:///etc/passwd"}),
        json!({"properties": {"type": {"$ref": "other.json"}}}),
        json!({"$schema": "https://schemas.example/meta"}),
        json!({"$dynamicRef": "https://schemas.example/x#y"}),
    ] {
        let said = refusal(&schema(&outside).to_string());
        assert!(
            said.contains("nothing is fetched") || said.contains("meta-schema"),
            "H-13 {outside}: {said}"
        );
    }
    let inside = json!({"$defs": {"a": {"type": "string"}}, "properties": {"type": {"$ref": "#/$defs/a"}}});
    assert!(parse(&schema(&inside).to_string()).is_ok());
}

/// H-06: patterns that other engines need seconds or megabytes for.
#[test]
fn a_pattern_takes_linear_time_and_little_memory() {
    for costly in ["(?=a)b", "(a)\\\\1", "(a{1000}){1000}", "[a-z]{1000}{100}"] {
        let more = format!(r#"{{"properties": {{"type": {{"pattern": "{costly}"}}}}}}"#);
        let said = refusal(&schema(&serde_json::from_str(&more).unwrap()).to_string());
        assert!(said.contains("linear time"), "H-06 {costly}: {said}");
    }
    let more = json!({"properties": {"type": {"pattern": "^(a+)+$"}}, "required": []});
    let (_, schema) = parse(&schema(&more).to_string()).unwrap();
    assert!(schema.check(&json!({"type": format!("{}b", "a".repeat(4000))})).is_err(), "H-06: and it ends");
}

#[test]
fn a_circle_of_references_ends() {
    for circle in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
    ] {
        let (_, schema) = parse(&schema(&circle).to_string()).unwrap();
        let _ = schema.check(&json!({"type": "payment", "amount": "1.00"}));
    }
}

#[test]
fn what_is_no_schema_is_refused_with_what_to_write() {
    for (text, said) in [
        ("{\n\n\"a\": 1,\n}", "line 4: malformed JSON"),
        (r#"{"type":"object","type":"object"}"#, "line 1: malformed JSON, a member named twice"),
        ("[]", ""),
        ("true", "the schema: must be a JSON object"),
        (r#"{"type":"object"}"#, "the schema: must list \"properties\" at its root"),
        (r#"{"type":"objekt","properties":{"type":{}},"additionalProperties":false}"#, "/type: \"objekt\""),
    ] {
        let message = refusal(text);
        assert!(message.starts_with(said), "{text}: {message}");
    }
    let long = schema(&json!({"description": "x".repeat(MAX_BYTES)})).to_string();
    for text in [long, " ".repeat(MAX_TEXT + 1)] {
        assert_eq!(parse(&text).unwrap_err(), SchemaError::TooLong, "H-06");
    }
}

/// RAR-01: unknown fields are refused, so a schema says of every object what may be in it.
#[test]
fn an_open_object_is_refused_by_its_place() {
    let nested = json!({"properties": {"type": {}, "to": {"items": {"properties": {"name": {}}}}}});
    for (more, said) in [
        (json!({"properties": {"amount": {}}}), "/properties: must have \"type\""),
        (nested, "/properties/to/items: lists \"properties\""),
        (json!({"$defs": {"party": {"properties": {}}}}), "/$defs/party: lists \"properties\""),
        (json!({"properties": {"type": {"format": "regex"}}}), "/properties/type/format: "),
    ] {
        let message = refusal(&schema(&more).to_string());
        assert!(message.starts_with(said), "RAR-01 {more}: {message}");
    }
    for fine in [
        json!({"oneOf": [{"properties": {"amount": {"const": "1.00"}}}]}),
        json!({"properties": {"type": {}, "amount": {"properties": {}, "additionalProperties": {"type": "string"}}}}),
        json!({"properties": {"type": {}, "amount": {}, "properties": {"type": "string"}}}),
    ] {
        assert_eq!(parse(&schema(&fine).to_string()).err(), None, "{fine}");
    }
}
