//! Would the API server accept it? Schema and CEL rules, evaluated here.

use std::fmt;
use std::sync::LazyLock;

use kube::core::cel::{CompiledSchema, ErrorKind, ValidationError, Validator, compile_schema};
use serde_json::Value;

use super::{openapi, shape};
use crate::Kind;

/// Something the API server would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where it stands, for example `spec.mtls`. Empty for the object as a whole.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            formatter.write_str(&self.message)
        } else {
            write!(formatter, "{}: {}", self.path, self.message)
        }
    }
}

/// What the API server would refuse in a new object. As there, rules are judged only when the shape is right.
pub fn violations(kind: Kind, object: &Value) -> Vec<Violation> {
    judge(kind, object, None)
}

/// What the API server would refuse in a change of an object from `old`: also what cannot be changed.
pub fn violations_of_update(kind: Kind, object: &Value, old: &Value) -> Vec<Violation> {
    judge(kind, object, Some(old))
}

fn judge(kind: Kind, object: &Value, old: Option<&Value>) -> Vec<Violation> {
    let schema = openapi(kind);
    let object = without_nulls(object);
    let misfits = shape::misfits(schema, &object);
    if !misfits.is_empty() {
        return misfits;
    }
    let old = old.map(without_nulls);
    match Validator::new().validate_compiled(rules(kind), &object, old.as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec().into_iter().map(Violation::from).collect(),
    }
}

fn rules(kind: Kind) -> &'static CompiledSchema {
    static RULES: LazyLock<[CompiledSchema; 3]> =
        LazyLock::new(|| Kind::ALL.map(|kind| compile_schema(openapi(kind))));
    let [workspace, client, signing_key] = &*RULES;
    match kind {
        Kind::Workspace => workspace,
        Kind::Client => client,
        Kind::SigningKey => signing_key,
    }
}

impl From<ValidationError> for Violation {
    fn from(error: ValidationError) -> Self {
        let message = match error.kind {
            ErrorKind::ValidationFailure => error.message,
            _ => format!("{} (while judging the rule {:?})", error.message, error.rule),
        };
        Self { path: error.field_path, message }
    }
}

/// The object as the API server sees it after pruning: an explicit null is nothing.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}
