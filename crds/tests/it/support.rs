//! Objects to start from, one change at a time, and the verdicts on them.

use fapi_crds::Kind;
use fapi_crds::schema::{violations, violations_of_update};
use serde_json::{Value, json};

use crate::control_plane;

/// The least a Workspace can be.
pub(crate) fn workspace() -> Value {
    json!({
        "apiVersion": "fapi.rs/v1alpha1", "kind": "Workspace", "metadata": {"name": "retail", "namespace": "auth"},
        "spec": {
            "issuer": "https://auth.bank.example", "profile": "Fintech", "mtls": {"port": 8444}, "tls": {"secretName": "retail-tls"},
            "login": {"type": "Users", "users": {"secretRef": {"name": "people", "key": "users.yaml"}}}, "storage": {"type": "SQLite"},
        },
    })
}

/// The least a Client can be.
pub(crate) fn client() -> Value {
    json!({
        "apiVersion": "fapi.rs/v1alpha1", "kind": "Client", "metadata": {"name": "app", "namespace": "budget"},
        "spec": {
            "workspaceRef": {"name": "retail"},
            "auth": {"method": "private_key_jwt", "jwksRef": {"name": "app", "key": "jwks.json"}},
            "redirectUris": {"values": ["https://app.example/callback"]},
        },
    })
}

/// The least a SigningKey can be.
pub(crate) fn signing_key() -> Value {
    json!({
        "apiVersion": "fapi.rs/v1alpha1", "kind": "SigningKey", "metadata": {"name": "retail-ps256", "namespace": "auth"},
        "spec": {"workspaceRef": {"name": "retail"}, "algorithm": "PS256"},
    })
}

/// The object with other members, as a JSON merge patch (null removes).
pub(crate) fn with(mut object: Value, change: &Value) -> Value {
    merge(&mut object, change);
    object
}

/// The object with another spec member.
pub(crate) fn with_spec(object: Value, change: Value) -> Value {
    let patch = serde_json::Map::from_iter([("spec".to_owned(), change)]);
    with(object, &Value::Object(patch))
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let members = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

fn kind_of(object: &Value) -> Kind {
    Kind::named(object["kind"].as_str().unwrap()).unwrap()
}

/// It is accepted by the published schema and its rules.
#[track_caller]
pub(crate) fn accepts(object: &Value) {
    expect_accepted(object, None);
}

/// It is refused with a message that holds these words.
#[track_caller]
pub(crate) fn refuses(object: &Value, words: &str) {
    expect_refused(object, None, words);
}

/// The change is accepted.
#[track_caller]
pub(crate) fn accepts_update(old: &Value, new: &Value) {
    expect_accepted(new, Some(old));
}

/// The change is refused with a message that holds these words.
#[track_caller]
pub(crate) fn refuses_update(old: &Value, new: &Value, words: &str) {
    expect_refused(new, Some(old), words);
}

#[track_caller]
fn expect_accepted(object: &Value, old: Option<&Value>) {
    let found = found(object, old);
    assert!(found.is_empty(), "{found:#?}\n{object:#}");
    let server = control_plane::verdict(object, old);
    assert!(
        !matches!(server, Some(Err(_))),
        "accepted here, and refused by the API server: {server:?}\n{object:#}"
    );
}

#[track_caller]
fn expect_refused(object: &Value, old: Option<&Value>, words: &str) {
    let found = found(object, old);
    assert!(found.iter().any(|message| message.contains(words)), "{found:#?} lacks {words:?}\n{object:#}");
    let server = control_plane::verdict(object, old);
    assert!(
        !matches!(server, Some(Ok(()))),
        "refused here, and accepted by the API server: {found:#?}\n{object:#}"
    );
}

fn found(object: &Value, old: Option<&Value>) -> Vec<String> {
    let kind = kind_of(object);
    let found = old.map_or_else(|| violations(kind, object), |old| violations_of_update(kind, object, old));
    found.iter().map(ToString::to_string).collect()
}
