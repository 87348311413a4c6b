//! The generated files, and what must hold of every schema in them.

use std::fs;
use std::path::{Path, PathBuf};

use fapi_crds::{Kind, reference_tables, schema};
use regex::Regex;
use serde_json::Value;

/// The definition of a kind, for kubectl and for Helm.
fn files(kind: Kind) -> [PathBuf; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    [folder.to_owned(), folder.join(schema::CHART)]
        .map(|folder| folder.join(kind.plural()).with_extension("yaml"))
}

#[test]
fn the_files_are_what_the_types_say() {
    for (kind, file) in Kind::ALL.into_iter().flat_map(|kind| files(kind).map(|file| (kind, file))) {
        let present = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            present == schema::yaml(kind),
            "{} is not what the types say; run: cargo crdgen",
            file.display()
        );
    }
}

#[test]
fn the_tables_in_the_readme_are_what_the_lists_say() {
    let present = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert_eq!(reference_tables::inserted(&present), Some(present), "run: cargo crdgen");
}

/// The writer leaves words such as `no` without quotes, which YAML 1.1 (kubectl) reads as something else.
#[test]
fn the_files_mean_the_same_to_every_reader() {
    let trap =
        Regex::new(r"^(y|n|yes|no|on|off|~|null|[0-9][0-9_]*(:[0-5]?[0-9])+|[0-9][0-9_]*_[0-9_]*)$").unwrap();
    for kind in Kind::ALL {
        let text = schema::yaml(kind);
        for line in text.lines() {
            let line = line.trim_start().trim_start_matches("- ");
            let (key, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            for scalar in [key, value] {
                assert!(!trap.is_match(&scalar.to_lowercase()), "{kind}: {line}");
            }
        }
        let as_json: Value = serde_json::to_value(schema::definition(kind)).unwrap();
        let read_back: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read_back, as_json, "{kind}");
    }
}

/// Calls `visit` with the path and schema of every property, item and map value below `schema`.
fn properties(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    if let Some(Value::Object(properties_of)) = schema.get("properties") {
        for (name, property) in properties_of {
            let path = format!("{path}.{name}");
            visit(&path, property);
            properties(property, &path, visit);
        }
    }
    for (inner, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get(inner) {
            let path = format!("{path}{suffix}");
            visit(&path, inner);
            properties(inner, &path, visit);
        }
    }
}

fn each_schema(mut visit: impl FnMut(Kind, &str, &Value)) {
    for kind in Kind::ALL {
        properties(schema::openapi(kind), "", &mut |path, schema| visit(kind, path, schema));
    }
}

/// Types that Kubernetes brings: their inner bounds and texts are its own.
fn is_upstream(path: &str) -> bool {
    [
        ".spec.server.affinity.",
        ".spec.server.resources.",
        ".spec.server.tolerations[]",
        ".spec.server.topologySpreadConstraints[]",
        ".spec.server.imagePullSecrets[]",
        ".spec.server.networkPolicy.ingressFrom[]",
        ".spec.server.networkPolicy.egressTo[]",
        ".spec.allowedClients.selector.",
        ".status.conditions[]",
    ]
    .iter()
    .any(|prefix| path.starts_with(prefix))
}

#[test]
fn every_field_explains_itself() {
    each_schema(|kind, path, schema| {
        if path.ends_with("[]") || path.ends_with("{}") || path.contains(".status.conditions[]") {
            return;
        }
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        assert!(description.len() >= 8, "{kind}{path} has no description: write a doc comment");
        assert!(
            description.ends_with('.') || is_upstream(path),
            "{kind}{path}: {description:?} is not a sentence"
        );
    });
}

/// The API server estimates the cost of rules from the largest value a schema admits.
#[test]
fn every_list_map_and_string_is_bounded() {
    each_schema(|kind, path, schema| {
        if is_upstream(path) {
            return;
        }
        let bound = match schema.get("type").and_then(Value::as_str) {
            Some("array") => "maxItems",
            Some("object") if schema.get("additionalProperties").is_some() => "maxProperties",
            Some("string") if schema.get("enum").is_none() && schema.get("format").is_none() => "maxLength",
            Some("integer") if path.starts_with(".spec") && schema.get("enum").is_none() => "maximum",
            _ => return,
        };
        assert!(schema.get(bound).is_some(), "{kind}{path} has no {bound}");
    });
}

#[test]
fn every_list_says_how_it_is_merged() {
    each_schema(|kind, path, schema| {
        if schema["type"] == "array" && !is_upstream(path) {
            let merge = schema["x-kubernetes-list-type"].as_str();
            assert!(merge.is_some(), "{kind}{path} has no x-kubernetes-list-type");
            if path.ends_with(".conditions") {
                assert_eq!(
                    (merge, &schema["x-kubernetes-list-map-keys"]),
                    (Some("map"), &serde_json::json!(["type"]))
                );
            }
        }
    });
}

#[test]
fn every_pattern_is_anchored_and_compiles() {
    each_schema(|kind, path, schema| {
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{kind}{path}: {pattern}");
            Regex::new(pattern).unwrap();
        }
    });
}

/// The API server knows neither unsigned formats nor nulls among words, and a structural schema has no branches.
#[test]
fn every_schema_is_structural() {
    each_schema(|kind, path, schema| {
        let format = schema.get("format").and_then(Value::as_str);
        assert!(matches!(format, None | Some("int32" | "int64" | "date-time")), "{kind}{path}: {format:?}");
        for keyword in ["anyOf", "oneOf", "allOf", "not", "$ref", "nullable", "title"] {
            assert!(schema.get(keyword).is_none(), "{kind}{path} has {keyword}");
        }
        let words = schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
        assert!(!words.contains(&Value::Null), "{kind}{path} has null among its words");
        assert!(
            schema.get("type").is_some() || schema.get("x-kubernetes-int-or-string").is_some(),
            "{kind}{path} has no type"
        );
        assert!(
            schema.get("x-kubernetes-preserve-unknown-fields").is_none(),
            "{kind}{path} keeps unknown fields"
        );
    });
}

/// kubectl reads YAML 1.1: a word such as `Off`, written without quotes, would arrive as false.
#[test]
fn no_word_needs_quotes() {
    each_schema(|kind, path, schema| {
        for word in
            schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            let lower = word.to_lowercase();
            assert!(
                !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&lower.as_str()),
                "{kind}{path}: {word}"
            );
        }
    });
}

#[test]
fn every_rule_says_what_to_write() {
    each_schema(|kind, path, schema| {
        for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
            let message = rule["message"].as_str().unwrap_or_default();
            assert!(message.len() > 20 && !message.contains('\n'), "{kind}{path}: {rule}");
        }
    });
}

/// `api.md`: absent means the profile's default, so the API server must not fill anything in.
#[test]
fn profile_governed_fields_have_no_default() {
    each_schema(|kind, path, schema| {
        let governed = path.starts_with(".spec.protocol")
            || schema["description"].as_str().is_some_and(|text| text.contains("profile-governed"));
        assert!(!governed || schema.get("default").is_none(), "{kind}{path} has a default");
    });
}
