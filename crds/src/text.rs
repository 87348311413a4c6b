//! What may people write freely? Links, and maps from a word to a text: languages, labels, annotations. Schemas with their bounds.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::pattern;

/// An https URI without user information and fragment. A rule and not a pattern: its message says what to write instead.
pub(crate) fn https_uri(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 2048,
        "x-kubernetes-validations": [{
            "rule": r"self.matches('^https://[-A-Za-z0-9.:\\[\\]]+([/?][!$-~]*)?$')",
            "message": "write an https URI without fragment or user information, for example https://app.example/page",
        }],
    })
}

/// From language tag to text.
pub(crate) fn by_language(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 1024},
        "x-kubernetes-validations": [{
            "rule": format!("self.all(language, language.matches('{}'))", pattern::LANGUAGE),
            "message": "the keys are language tags such as en or pt-BR (quote \"no\": YAML reads it as false)",
        }],
    })
}

/// Labels for objects that the operator makes; it keeps those that its selectors and its inventory go by.
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 63, "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"},
        "x-kubernetes-validations": [{
            "rule": "self.all(key, !key.startsWith('fapi.rs/') && !key.startsWith('app.kubernetes.io/'))",
            "message": "labels under fapi.rs/ and app.kubernetes.io/ belong to the operator",
        }],
    })
}

/// Annotations for objects that the operator makes.
pub(crate) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 4096},
        "x-kubernetes-validations": [{
            "rule": "self.all(key, !key.startsWith('fapi.rs/'))",
            "message": "annotations under fapi.rs/ belong to the operator",
        }],
    })
}

/// Labels that nodes carry.
pub(crate) fn node_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 63},
    })
}

/// Facts of a client's own, for the bank's records.
pub(crate) fn metadata(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 1024},
    })
}

/// From our claim to the claim of another issuer.
pub(crate) fn claim_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": pattern::CLAIM},
    })
}
