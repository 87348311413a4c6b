//! `lint` and the API server: the same verdict on the same manifests, whole ones and mutated ones.

use std::collections::BTreeSet;

use http::Request;
use serde_json::{Value, json};

use crate::bench::Bench;

const FULL: [(&str, &str); 3] = [
    ("workspaces", include_str!("../../../crds/tests/it/full/workspace.yaml")),
    ("clients", include_str!("../../../crds/tests/it/full/client.yaml")),
    ("signingkeys", include_str!("../../../crds/tests/it/full/signingkey.yaml")),
];

/// At least so many manifests are compared.
const MANY: usize = 500;

/// Every place in the spec, as a JSON pointer.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                places(value, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// What may go wrong at a place.
fn mutations(value: &Value) -> Vec<Option<Value>> {
    let mut made = vec![None, Some(Value::Null)];
    made.extend(
        match value {
            Value::String(text) => vec![
                json!(7),
                json!(""),
                json!(format!("{text} ")),
                json!(format!("http://{text}")),
                json!("x".repeat(3000)),
                json!(text.to_lowercase()),
            ],
            Value::Number(_) => vec![json!(-1), json!(1_000_000_000), json!("7"), json!(0.5)],
            Value::Bool(so) => vec![json!(!so), json!("true")],
            Value::Array(items) => {
                let mut twice = items.clone();
                twice.extend(items.iter().take(1).cloned());
                vec![json!([]), json!("x"), json!(twice), json!({})]
            }
            Value::Object(members) => {
                let mut more = members.clone();
                more.insert("nobodyKnowsThis".to_owned(), json!(1));
                vec![json!({}), json!([]), json!(more)]
            }
            Value::Null => Vec::new(),
        }
        .into_iter()
        .map(Some),
    );
    made
}

/// The object with one place changed; `None` takes the place away.
fn mutated(object: &Value, place: &str, change: Option<Value>) -> Option<Value> {
    let mut object = object.clone();
    if let Some(value) = change {
        *object.pointer_mut(place)? = value;
        return Some(object);
    }
    let (above, last) = place.rsplit_once('/')?;
    match object.pointer_mut(above)? {
        Value::Object(members) => drop(members.remove(&last.replace("~1", "/").replace("~0", "~"))?),
        Value::Array(items) => drop(items.remove(last.parse().ok()?)),
        _ => return None,
    }
    Some(object)
}

/// Whole objects, the same without one thing, and with another value in one place: every so many of them, so that all places of
/// all three kinds have a turn.
fn manifests() -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    for (plural, text) in FULL {
        let whole: Value = serde_saphyr::from_str(text).unwrap();
        let mut found = Vec::new();
        places(&whole["spec"], "/spec", &mut found);
        all.push((plural, whole.clone()));
        for place in found {
            for change in mutations(whole.pointer(&place).unwrap()) {
                all.extend(mutated(&whole, &place, change).map(|object| (plural, object)));
            }
        }
    }
    let step = (all.len() / (MANY + 100)).max(1);
    // Whole ones stay in; of the others, every so many.
    all.into_iter().enumerate().filter(|(index, _)| index % step == 0).map(|(_, it)| it).collect()
}

/// What `fapictl lint` reads: whether the file is as the API server wants it.
fn lint(folder: &std::path::Path, object: &Value) -> Vec<String> {
    let file = folder.join("object.yaml");
    std::fs::write(&file, object.to_string()).unwrap();
    let source = fapictl::source::load(&file, fapictl::source::DEFAULT_NAMESPACE).unwrap();
    source.problems.iter().map(|problem| problem.message.clone()).collect()
}

/// On every kind of mistake that a manifest can have.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn lint_and_the_api_server_give_the_same_verdict() {
    let bench = Bench::start("lint").await;
    let folder = tempfile::tempdir().unwrap();
    let manifests = manifests();
    assert!(manifests.len() >= MANY, "{}", manifests.len());
    let (mut differ, mut accepted) = (Vec::new(), BTreeSet::new());
    for (index, (plural, object)) in manifests.iter().enumerate() {
        let mut object = object.clone();
        object["metadata"] = json!({"name": format!("m{index}"), "namespace": bench.namespace});
        let path = format!(
            "/apis/fapi.rs/v1alpha1/namespaces/{}/{plural}?dryRun=All&fieldValidation=Strict",
            bench.namespace
        );
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .unwrap();
        let server =
            bench.client.request::<Value>(request).await.map(drop).map_err(|error| error.to_string());
        let here = lint(folder.path(), &object);
        if server.is_ok() {
            accepted.insert(index);
        }
        if here.is_empty() != server.is_ok() {
            differ.push(format!("lint: {here:?}\nserver: {server:?}\n{object}"));
        }
    }
    let (good, bad) = (accepted.len(), manifests.len() - accepted.len());
    assert!(differ.is_empty(), "{} of {}:\n{}", differ.len(), manifests.len(), differ.join("\n\n"));
    // Both kinds of verdict are there.
    assert!(good >= 100 && bad >= 100, "{good} accepted, {bad} refused");
    bench.end().await;
}
