//! Do alerts and the dashboard ask for what is there? Metrics and labels are those of `docs/metrics.md`, which the programs'
//! own tests compare with what they say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::files::{chart, root, text, yaml};

/// What Prometheus knows of a target, or a ServiceMonitor of ours adds.
const OF_TARGETS: [&str; 4] = ["job", "namespace", "pod", "workspace"];

/// A metric, as documented.
struct Metric {
    labels: BTreeSet<String>,
    /// The words in the last column that stand as code: values of the labels, where the list is closed.
    words: BTreeSet<String>,
}

fn code(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn metrics() -> BTreeMap<String, Metric> {
    let page = text(&root().join("docs/metrics.md"));
    let rows = page.lines().filter(|line| line.starts_with("| `fapi_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let name = code(cells[1]).into_iter().next().unwrap();
        (name, Metric { labels: code(cells[2]), words: code(cells[3]) })
    })
    .collect()
}

/// The names that begin with `fapi_`, each with the matchers that follow it.
fn asked(expression: &str) -> Vec<(String, Vec<(String, String)>)> {
    let starts = expression.match_indices("fapi_").map(|(start, _)| start);
    starts
        .map(|start| {
            let rest = &expression[start..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let matchers = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).unwrap_or_default().0;
            let matchers = matchers.split(',').filter_map(|matcher| {
                let (label, value) = matcher.split_once('=')?;
                Some((label.trim().to_owned(), value.trim().to_owned()))
            });
            (name.to_owned(), matchers.collect())
        })
        .collect()
}

#[track_caller]
fn asks_for_what_is_there(expression: &str, metrics: &BTreeMap<String, Metric>) {
    let asked = asked(expression);
    assert!(!asked.is_empty(), "{expression}");
    for (name, matchers) in asked {
        let metric = metrics.get(&name).unwrap_or_else(|| panic!("there is no {name}: {expression}"));
        for (label, value) in matchers {
            if OF_TARGETS.contains(&label.as_str()) {
                continue;
            }
            assert!(metric.labels.contains(&label), "{name} has no label {label}: {expression}");
            // A pattern begins with `~`, and codes of HTTP are not listed.
            if let Some(value) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
                assert!(metric.words.contains(value), "{name} is never {label}={value}: {expression}");
            }
        }
    }
    // What is grouped by has to be a label too.
    for (_, rest) in expression.match_indices("by (").map(|(at, by)| expression.split_at(at + by.len())) {
        for label in rest.split(')').next().unwrap().split(',').map(str::trim) {
            let known = metrics.values().any(|metric| metric.labels.contains(label));
            assert!(known || OF_TARGETS.contains(&label), "by ({label}): {expression}");
        }
    }
}

fn rules() -> Vec<Value> {
    let alerts = yaml(&chart("files/alerts.yaml"));
    let groups = alerts["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn alerts_ask_for_metrics_that_exist() {
    let metrics = metrics();
    for rule in rules() {
        let expression = rule["expr"].as_str().unwrap();
        asks_for_what_is_there(expression, &metrics);
        let matchers =
            expression.matches("{%operator%").count() + expression.matches("{%workspaces%").count();
        assert_eq!(matchers, asked(expression).len(), "whose metrics? {expression}");
        for word in ["summary", "description"] {
            assert!(rule["annotations"][word].is_string(), "{rule}");
        }
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{rule}");
    }
}

#[test]
fn a_metric_that_does_not_exist_would_be_found() {
    let metrics = metrics();
    for wrong in [
        "rate(fapi_panics[5m])",
        r#"fapi_config_loads_total{outcome="broken"}"#,
        r#"fapi_config_loads_total{result="refused"}"#,
        "sum by (colour) (fapi_connections)",
    ] {
        let found = std::panic::catch_unwind(|| asks_for_what_is_there(wrong, &metrics));
        assert!(found.is_err(), "{wrong}");
    }
    asks_for_what_is_there(r#"sum by (pod) (fapi_config_loads_total{outcome="refused"})"#, &metrics);
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let page = text(&root().join("docs/runbooks.md"));
    let told: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let rules = rules();
    let alerts: Vec<&str> = rules.iter().map(|rule| rule["alert"].as_str().unwrap()).collect();
    assert_eq!(told, alerts, "left: docs/runbooks.md, right: files/alerts.yaml");
}

#[test]
fn the_dashboard_draws_metrics_that_exist() {
    let metrics = metrics();
    let dashboard: Value = serde_json::from_str(&text(&chart("files/dashboard.json"))).unwrap();
    let mut drawn = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            asks_for_what_is_there(expression, &metrics);
            drawn.extend(asked(expression).into_iter().map(|(name, _)| name));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            asks_for_what_is_there(query, &metrics);
        }
    }
    assert!(drawn.len() > 15, "{drawn:?}");
}
