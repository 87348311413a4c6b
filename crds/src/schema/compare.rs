//! Are the definitions of a cluster those of this version, older ones, or newer ones? By the fields that they have.

use std::collections::BTreeSet;

use serde_json::Value;

use super::openapi;
use crate::Kind;

/// What two schemas of a kind do not share: fields such as `spec.mtls.port` or `status.keys[].state`, and values that a field
/// may have, as in `spec.profile: "Fintech"`. In alphabetical order. What is below a field that is lacking is not listed.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What this version has and the other schema has not.
    pub lacking: Vec<String>,
    /// What the other schema has and this version has not.
    pub more: Vec<String>,
}

impl Difference {
    /// Whether everything that this version writes and reads is kept by the API server.
    pub fn is_enough(&self) -> bool {
        self.lacking.is_empty()
    }

    /// The first few of what is lacking, for a sentence.
    pub fn lacking_in_short(&self) -> String {
        in_short(&self.lacking)
    }

    /// The first few of what there is more, for a sentence.
    pub fn more_in_short(&self) -> String {
        in_short(&self.more)
    }
}

/// Compares the published schema of a kind with another one: of a definition in a cluster, or of the `OpenAPI` document that its
/// API server serves.
pub fn compare(kind: Kind, other: &Value) -> Difference {
    let ours = openapi(kind);
    Difference { lacking: lacking(ours, other), more: lacking(other, ours) }
}

fn in_short(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=SHOWN => shown,
        all => format!("{shown} and {} more", all - SHOWN),
    }
}

fn lacking(of: &Value, in_: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    // What every object has, and only the served document repeats.
    for part in ["spec", "status"] {
        let path = format!("/properties/{part}");
        match (of.pointer(&path), in_.pointer(&path)) {
            (Some(of), Some(in_)) => walk(of, in_, part, &mut found),
            (Some(_), None) => drop(found.insert(part.to_owned())),
            (None, _) => {}
        }
    }
    found.into_iter().collect()
}

fn walk(of: &Value, in_: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(Value::Object(properties)) = of.get("properties") {
        for (name, schema) in properties {
            let path = format!("{path}.{name}");
            match in_.get("properties").and_then(|known| known.get(name)) {
                Some(known) => walk(schema, known, &path, found),
                None if keeps_all(in_) => {}
                None => drop(found.insert(path)),
            }
        }
    }
    for (member, suffix) in [("items", "[]"), ("additionalProperties", ".*")] {
        if let (Some(of), Some(in_)) = (of.get(member), in_.get(member)) {
            walk(of, in_, &format!("{path}{suffix}"), found);
        }
    }
    if let (Some(Value::Array(values)), Some(Value::Array(known))) = (of.get("enum"), in_.get("enum")) {
        found.extend(
            values.iter().filter(|value| !known.contains(value)).map(|value| format!("{path}: {value}")),
        );
    }
}

/// Whether fields that are not named are kept.
fn keeps_all(schema: &Value) -> bool {
    schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(change: impl Fn(&mut Value)) -> Difference {
        let mut other = openapi(Kind::Workspace).clone();
        change(&mut other);
        compare(Kind::Workspace, &other)
    }

    fn remove(schema: &mut Value, path: &str) {
        let (parent, name) = path.rsplit_once('/').unwrap();
        schema.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    }

    #[test]
    fn equal_definitions_do_not_differ_whatever_the_served_document_adds() {
        for kind in Kind::ALL {
            let mut served = openapi(kind).clone();
            served["properties"]["metadata"] =
                json!({"allOf": [{"$ref": "#/components/schemas/ObjectMeta"}]});
            served["properties"]["kind"] = json!({"type": "string"});
            served["x-kubernetes-group-version-kind"] = json!([{"group": "fapi.rs"}]);
            assert_eq!(compare(kind, &served), Difference::default(), "{kind}");
        }
    }

    /// F-C06
    #[test]
    fn fields_that_an_older_definition_lacks_are_named_where_they_stand() {
        let difference = changed(|schema| {
            remove(schema, "/properties/spec/properties/mtls");
            remove(schema, "/properties/spec/properties/scopes/items/properties/description");
            remove(schema, "/properties/status/properties/keys/items/properties/state");
        });
        assert_eq!(difference.lacking, ["spec.mtls", "spec.scopes[].description", "status.keys[].state"]);
        assert!(difference.more.is_empty() && !difference.is_enough());
        let none = compare(Kind::Client, &json!({"properties": {"spec": {}}}));
        assert!(none.lacking.contains(&"status".to_owned()), "{none:?}");
        assert!(none.lacking_in_short().ends_with(&format!(" and {} more", none.lacking.len() - 3)));
    }

    /// F-C06: an operator that was rolled back.
    #[test]
    fn a_newer_definition_is_enough() {
        let difference = changed(|schema| {
            schema["properties"]["spec"]["properties"]["fromTomorrow"] = json!({"type": "string"});
            let profiles = &mut schema["properties"]["spec"]["properties"]["profile"]["enum"];
            profiles.as_array_mut().unwrap().push("Tomorrow".into());
        });
        assert!(difference.is_enough(), "{difference:?}");
        assert_eq!(difference.more_in_short(), r#"spec.fromTomorrow, spec.profile: "Tomorrow""#);
    }

    #[test]
    fn values_that_a_field_may_not_have_yet_are_named() {
        let difference = changed(|schema| {
            let profiles = &mut schema["properties"]["spec"]["properties"]["profile"]["enum"];
            profiles.as_array_mut().unwrap().retain(|profile| profile != "Fintech");
        });
        assert_eq!(difference.lacking, [r#"spec.profile: "Fintech""#]);
    }
}
