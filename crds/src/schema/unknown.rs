//! Which fields are misspelt? The API server drops them with a warning; here they come with the nearest name there is.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::{JsonSchema as _, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::openapi;
use crate::Kind;

/// A field that the kind does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// Where it stands, for example `spec.mtls.hots` or `spec.scopes[2].nmae`.
    pub path: String,
    /// Its name.
    pub name: String,
    /// The known name that was probably meant.
    pub nearest: Option<String>,
    /// All names that are known there, in alphabetical order.
    pub known: Vec<String>,
}

/// The fields of an object that its kind does not have, in the order in which they stand.
pub fn unknown_fields(kind: Kind, object: &Value) -> Vec<UnknownField> {
    let mut found = Vec::new();
    walk(&whole(kind), object, "", &mut found);
    found
}

/// The published schema, with what every object has and no definition repeats.
fn whole(kind: Kind) -> Value {
    let mut schema = openapi(kind).clone();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let metadata: Map<String, Value> = metadata_names().map(|name| (name, json!({}))).collect();
        properties.insert("apiVersion".to_owned(), json!({}));
        properties.insert("kind".to_owned(), json!({}));
        properties.insert("metadata".to_owned(), json!({"properties": metadata}));
    }
    schema
}

fn metadata_names() -> impl Iterator<Item = String> {
    let schema = ObjectMeta::json_schema(&mut SchemaGenerator::default()).to_value();
    let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    properties.into_iter().map(|(name, _)| name)
}

fn walk(schema: &Value, value: &Value, path: &str, found: &mut Vec<UnknownField>) {
    match value {
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else { return };
            for (index, item) in items.iter().enumerate() {
                walk(schema, item, &format!("{path}[{index}]"), found);
            }
        }
        Value::Object(members) => walk_members(schema, members, path, found),
        _ => {}
    }
}

fn walk_members(schema: &Value, members: &Map<String, Value>, path: &str, found: &mut Vec<UnknownField>) {
    // A map with free keys.
    let Some(Value::Object(known)) = schema.get("properties") else {
        if let Some(schema) = schema.get("additionalProperties") {
            for (key, value) in members {
                walk(schema, value, &join(path, key), found);
            }
        }
        return;
    };
    for (name, value) in members {
        let path = join(path, name);
        if let Some(schema) = known.get(name) {
            walk(schema, value, &path, found);
        } else {
            let mut names: Vec<String> = known.keys().cloned().collect();
            names.sort();
            found.push(UnknownField {
                path,
                name: name.clone(),
                nearest: nearest(name, &names),
                known: names,
            });
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The name that was probably meant: few keystrokes away, or begun the same way.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    let written = name.to_lowercase();
    let within = 1 + written.chars().count() / 4;
    known
        .iter()
        .map(|known| {
            let candidate = known.to_lowercase();
            let begun =
                written.len() >= 3 && (candidate.starts_with(&written) || written.starts_with(&candidate));
            (strsim::damerau_levenshtein(&written, &candidate), begun, known)
        })
        .filter(|(distance, begun, _)| *begun || *distance <= within)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., known)| known.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_client(spec: &Value) -> Vec<(String, Option<String>)> {
        let object = json!({"apiVersion": "fapi.rs/v1alpha1", "kind": "Client", "metadata": {"name": "app"}, "spec": spec});
        unknown_fields(Kind::Client, &object).into_iter().map(|field| (field.path, field.nearest)).collect()
    }

    #[test]
    fn a_misspelt_field_comes_with_the_name_that_was_meant() {
        for (wrong, right) in [
            ("redirectUri", "redirectUris"),
            ("redirect_uris", "redirectUris"),
            ("granttypes", "grantTypes"),
            ("workspace", "workspaceRef"),
            ("idtoken", "idToken"),
            ("tosURI", "tosUri"),
            ("ondelete", "onDelete"),
        ] {
            assert_eq!(of_client(&json!({wrong: {}})), [(format!("spec.{wrong}"), Some(right.to_owned()))]);
        }
    }

    #[test]
    fn fields_are_found_in_lists_and_in_blocks() {
        let object = json!({"spec": {"scopes": [{"name": "a"}, {"nmae": "b"}], "mtls": {"prot": 1}, "login": {"users": {"secretRef": {"nam": "x"}}}}});
        let paths: Vec<String> =
            unknown_fields(Kind::Workspace, &object).into_iter().map(|field| field.path).collect();
        assert_eq!(paths, ["spec.scopes[1].nmae", "spec.mtls.prot", "spec.login.users.secretRef.nam"]);
    }

    #[test]
    fn fields_of_metadata_and_of_the_object_are_known() {
        let object = json!({"apiVersion": "", "kind": "", "metdata": {}, "metadata": {"lables": {"any": "thing"}, "annotations": {"any": ""}}});
        let fields: Vec<_> = unknown_fields(Kind::Client, &object)
            .into_iter()
            .map(|field| (field.path, field.nearest))
            .collect();
        let meant = |name: &str| Some(name.to_owned());
        assert_eq!(
            fields,
            [("metdata".to_owned(), meant("metadata")), ("metadata.lables".to_owned(), meant("labels"))]
        );
    }

    #[test]
    fn what_is_nothing_like_a_field_gets_no_guess_and_the_list() {
        let object = json!({"spec": {"zebra": true}});
        let [field] = &unknown_fields(Kind::SigningKey, &object)[..] else { panic!("one field") };
        assert_eq!(field.nearest, None);
        assert!(field.known.contains(&"algorithm".to_owned()) && field.known.is_sorted());
    }

    #[test]
    fn free_keys_are_not_fields() {
        assert_eq!(of_client(&json!({"metadata": {"anything": "goes"}, "displayName": {"pt-BR": "x"}})), []);
    }
}
