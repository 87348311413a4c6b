//! Does it fit? JSON Schema for types of authorization details (RFC 9396 2), compiled once where a document is loaded.
//!
//! A crate of its own, because the validator reaches entropy (its maps are seeded) and `fapi-core` must not: there it is a value
//! behind [`fapi_core::details::Schema`]. What is promised here:
//!
//! - nothing is ever fetched: a `$ref` out of the schema is refused when it is read (H-13);
//! - a pattern takes linear time: look-around and back references are refused, and so is a pattern that needs much memory (H-06);
//! - a schema says what else an object may hold, so that unknown fields are refused (`RAR-01`).

mod closed;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use fapi_core::details::Schema;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// The longest schema, in bytes without white space: 64 of them fit into the document.
pub const MAX_BYTES: usize = 8 * 1024;
/// White space included.
const MAX_TEXT: usize = 8 * MAX_BYTES;
/// The most memory of one compiled pattern, in bytes.
const MAX_PATTERN: usize = 256 * 1024;
/// The most characters of a message that repeats what a schema holds.
const MAX_MESSAGE: usize = 240;

/// What is wrong with a schema, as a sentence that says what to write.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SchemaError {
    /// Too long.
    #[error("is longer than {MAX_BYTES} bytes without white space: write a shorter schema")]
    TooLong,
    /// No JSON.
    #[error("line {line}: malformed JSON, a member named twice, or nesting beyond 16 levels")]
    NotJson {
        /// Line, from 1.
        line: usize,
    },
    /// JSON, but no schema that can be used.
    #[error("{place}: {message}")]
    Unusable {
        /// JSON pointer into the schema.
        place: String,
        /// What is wrong.
        message: String,
    },
}

impl SchemaError {
    fn at(place: impl Into<String>, message: impl Into<String>) -> Self {
        let place: String = place.into();
        let place = if place.is_empty() { "the schema".to_owned() } else { place };
        Self::Unusable { place, message: message.into() }
    }
}

/// A compiled schema.
#[derive(Debug)]
struct Compiled(Validator);

impl Schema for Compiled {
    fn check(&self, element: &Value) -> Result<(), String> {
        self.0.validate(element).map_err(|error| error.schema_path().to_string())
    }
}

/// Reads the text of a JSON Schema, whose root is the object that one element is.
///
/// # Errors
/// What to write instead.
pub fn parse(text: &str) -> Result<(Value, Arc<dyn Schema>), SchemaError> {
    if text.len() > MAX_TEXT {
        return Err(SchemaError::TooLong);
    }
    let schema = fapi_jose::json::parse(text.trim_start_matches('\u{feff}').as_bytes());
    let schema = schema.map_err(|error| SchemaError::NotJson { line: error.line })?;
    if schema.to_string().len() > MAX_BYTES {
        return Err(SchemaError::TooLong);
    }
    let validator = jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN))
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .build(&schema)
        .map_err(|error| unusable(&error))?;
    closed::check(&schema)?;
    Ok((schema, Arc::new(Compiled(validator))))
}

/// As [`fapi_core::details::Compile`]: for the text of a document.
///
/// # Errors
/// What is wrong with the schema.
pub fn compile(text: &str) -> Result<Arc<dyn Schema>, String> {
    parse(text).map(|(_, schema)| schema).map_err(|error| error.to_string())
}

/// A schema is an administrator's, read by its author: what it holds may be repeated, shortened.
fn unusable(error: &jsonschema::ValidationError<'_>) -> SchemaError {
    let said: String = error.to_string().chars().take(MAX_MESSAGE).collect();
    let message = if said.contains("etriev") || said.contains("registry") {
        "refers to something outside itself, and nothing is fetched: copy it into $defs".to_owned()
    } else if said.ends_with("is not a \"regex\"") {
        format!(
            "{said} that can be matched in linear time: write it without look-around and back references, and shorter"
        )
    } else {
        said
    };
    // Where the schema is wrong: errors of the meta-schema name the place as that of an instance.
    let place = error.instance_path().to_string();
    SchemaError::at(place, message)
}
