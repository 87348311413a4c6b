//! Does a schema say what else may stand in an object? JSON Schema lets through what it does not name; RFC 9396 5 has unknown
//! fields refused. So wherever `properties` are listed, the author says what of the rest.

use serde_json::{Map, Value};

use crate::SchemaError;

/// Checks the root and every schema within.
pub(crate) fn check(schema: &Value) -> Result<(), SchemaError> {
    let Some(root) = schema.as_object() else {
        return Err(SchemaError::at("", "must be a JSON object: write a JSON Schema"));
    };
    let Some(properties) = root.get("properties").and_then(Value::as_object) else {
        let message = "must list \"properties\" at its root, \"type\" among them";
        return Err(SchemaError::at("", message));
    };
    if !properties.contains_key("type") {
        let message = "must have \"type\" beside the others, for example {\"type\": \"string\"}";
        return Err(SchemaError::at("/properties", message));
    }
    walk(schema, "", Part::Whole)
}

/// Whether a schema describes an object alone, or beside others that it is combined with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Combined,
    Whole,
}

fn walk(schema: &Value, place: &str, part: Part) -> Result<(), SchemaError> {
    let Some(schema) = schema.as_object() else { return Ok(()) };
    if part == Part::Whole && schema.contains_key("properties") && !says_the_rest(schema) {
        let message = "lists \"properties\" and does not say what else may be there: \
                       write \"additionalProperties\": false beside them (RFC 9396 5)";
        return Err(SchemaError::at(place, message));
    }
    if schema.get("format").and_then(Value::as_str) == Some("regex") {
        let message = "\"format\": \"regex\" would compile what clients send: write another";
        return Err(SchemaError::at(format!("{place}/format"), message));
    }
    for (keyword, value) in schema {
        let place = format!("{place}/{keyword}");
        match keyword.as_str() {
            "properties" | "patternProperties" | "$defs" | "definitions" => {
                each(value, &place, Part::Whole)?;
            }
            "items"
            | "prefixItems"
            | "additionalItems"
            | "additionalProperties"
            | "contains"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "propertyNames" => {
                walk(value, &place, Part::Whole)?;
                each(value, &place, Part::Whole)?;
            }
            "allOf" | "anyOf" | "oneOf" | "dependentSchemas" | "dependencies" => {
                each(value, &place, Part::Combined)?;
            }
            "if" | "then" | "else" | "not" => walk(value, &place, Part::Combined)?,
            _ => {}
        }
    }
    Ok(())
}

/// The schemas of an array, or of an object by name.
fn each(value: &Value, place: &str, part: Part) -> Result<(), SchemaError> {
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| walk(item, &format!("{place}/{index}"), part)),
        Value::Object(members) if !is_schema_list(place) => {
            members.iter().try_for_each(|(name, member)| walk(member, &format!("{place}/{name}"), part))
        }
        _ => Ok(()),
    }
}

/// `items` and its like hold a schema or a list of them, never schemas by name.
fn is_schema_list(place: &str) -> bool {
    let keyword = place.rsplit('/').next().unwrap_or_default();
    !matches!(
        keyword,
        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" | "dependencies"
    )
}

fn says_the_rest(schema: &Map<String, Value>) -> bool {
    ["additionalProperties", "unevaluatedProperties"].iter().any(|keyword| schema.contains_key(*keyword))
}
