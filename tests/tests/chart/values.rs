//! Which values are there? The schema, the defaults and the README answer alike.

use std::fmt::Write as _;

use serde_json::Value;

use crate::files::{chart, is_generated, root, text, yaml};

/// Calls `visit` with the path and the schema of every value that is no group.
fn leaves(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    for (name, value) in schema["properties"].as_object().unwrap() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if value["properties"].is_object() {
            leaves(value, &path, visit);
        } else {
            visit(&path, value);
        }
    }
}

fn at<'a>(values: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(values, |value, name| value.get(name))
}

#[test]
fn every_value_has_a_default_and_a_sentence() {
    let (schema, values) = (yaml(&chart("values.schema.json")), yaml(&chart("values.yaml")));
    leaves(&schema, "", &mut |path, leaf| {
        assert!(path == "global" || at(&values, path).is_some(), "{path} is not in values.yaml");
        let description = leaf["description"].as_str().unwrap_or_default();
        assert!(description.ends_with('.'), "{path}: {description:?} is not a sentence");
    });
}

/// Whatever is written elsewhere would have no effect, and nobody would be told.
#[test]
fn every_group_is_closed() {
    fn closed(schema: &Value, path: &str) {
        if let Some(properties) = schema["properties"].as_object() {
            assert_eq!(schema["additionalProperties"], false, "{path} takes what it does not know");
            properties.iter().for_each(|(name, value)| closed(value, &format!("{path}.{name}")));
        }
    }
    closed(&yaml(&chart("values.schema.json")), "");
}

#[test]
fn the_readme_has_a_row_for_every_value() {
    let (schema, values) = (yaml(&chart("values.schema.json")), yaml(&chart("values.yaml")));
    let mut table = String::from("| value | default | |\n|---|---|---|\n");
    leaves(&schema, "", &mut |path, leaf| {
        let Some(default) = at(&values, path) else { return };
        let default = match default {
            Value::Null => String::new(),
            Value::String(text) if text.is_empty() => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        writeln!(table, "| `{path}` | {default} | {} |", leaf["description"].as_str().unwrap()).unwrap();
    });
    let readme = chart("README.md");
    let present = text(&readme);
    let (begin, end) = ("<!-- values: generated -->\n", "<!-- end -->");
    let (before, rest) = present.split_once(begin).expect("the README has lost its marker");
    let (_, after) = rest.split_once(end).expect("the README has lost its second marker");
    let wanted = format!("{before}{begin}{table}{end}{after}");
    is_generated(&readme, &wanted, "cargo test -p fapi-tests --test chart values");
}

#[test]
fn the_chart_has_the_version_of_the_programs() {
    let manifest = text(&root().join("Cargo.toml"));
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
    let chart = yaml(&chart("Chart.yaml"));
    assert_eq!((&chart["version"], &chart["appVersion"]), (&version.into(), &version.into()));
}
