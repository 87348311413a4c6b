//! What does a change mean to clients and people? Said only where it follows from the change itself.

use std::collections::{BTreeMap, BTreeSet};

use fapi_crds::Kind;
use serde_json::Value;

/// What stands around a change.
#[derive(Default)]
pub(super) struct Around {
    /// Whether a Workspace, by namespace and name, has its Clients approved by somebody.
    pub(super) manual: BTreeMap<(String, String), bool>,
    /// By namespace: Secret and Client that reads it.
    pub(super) clients: BTreeMap<String, BTreeSet<(String, String)>>,
}

impl Around {
    /// A Workspace in the files counts as it will be.
    pub(super) fn file(&mut self, object: &Value, namespace: &str) {
        if object["kind"] != "Workspace" {
            return;
        }
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or(namespace);
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let manual = object.pointer("/spec/allowedClients/approval") == Some(&Value::from("Manual"));
        self.manual.insert((namespace.to_owned(), name.to_owned()), manual);
    }
}

/// What it means that an object becomes `new`.
pub(super) fn meaning(
    kind: &str,
    namespace: &str,
    name: &str,
    old: Option<&Value>,
    new: &Value,
    around: &Around,
) -> Vec<String> {
    match (kind, old) {
        ("Client", old) => client(namespace, old, new, around),
        ("Secret", _) => secret(namespace, name, around),
        ("SigningKey", Some(old)) => signing_key(old, new),
        ("Workspace", Some(old)) => workspace(old, new),
        _ => Vec::new(),
    }
}

/// What it means that an object goes.
pub(super) fn removal(kind: Kind, old: &Value) -> String {
    let keeps = old.pointer("/spec/onDelete") == Some(&Value::from("KeepGrants"));
    match kind {
        Kind::Client if keeps => "every pod refuses it; its grants are kept for a Client of the same id",
        Kind::Client => "every pod refuses it, and its grants are revoked",
        Kind::SigningKey => {
            "its keys are retired: they stay in the JWKS as long as something that they signed is valid"
        }
        Kind::Workspace => "its server goes, with its keys and everything else that was made for it",
    }
    .to_owned()
}

/// The part of the spec that is not the same any more.
fn differs(old: &Value, new: &Value, pointer: &str) -> bool {
    old.pointer(pointer) != new.pointer(pointer)
}

fn client(namespace: &str, old: Option<&Value>, new: &Value, around: &Around) -> Vec<String> {
    let mut said = Vec::new();
    let workspace = new.pointer("/spec/workspaceRef/name").and_then(Value::as_str).unwrap_or_default();
    let of = new.pointer("/spec/workspaceRef/namespace").and_then(Value::as_str).unwrap_or(namespace);
    let enabled = |object: &Value| object.pointer("/spec/enabled") != Some(&Value::Bool(false));
    match old {
        None => said.push(format!("it is registered with Workspace {of}/{workspace}")),
        Some(old) => {
            if enabled(old) && !enabled(new) {
                said.push("every pod refuses it at once, and its tokens and grants stop".to_owned());
            }
            if !enabled(old) && enabled(new) {
                said.push("it is served again, with the grants that it had".to_owned());
            }
            if differs(old, new, "/spec/auth") {
                said.push("it proves who it is in another way: what it uses now is refused".to_owned());
            }
            if differs(old, new, "/spec/redirectUris") {
                said.push("people are sent back to other addresses".to_owned());
            }
            let gone: Vec<&str> =
                words(old, "/spec/scopes").difference(&words(new, "/spec/scopes")).copied().collect();
            if !gone.is_empty() && !words(new, "/spec/scopes").is_empty() {
                said.push(format!("it may not ask for {} any more", gone.join(", ")));
            }
        }
    }
    let manual = around.manual.get(&(of.to_owned(), workspace.to_owned())).copied().unwrap_or(false);
    if manual && old.is_none_or(|old| differs(old, new, "/spec")) {
        said.push("somebody has to approve it before it takes effect: fapictl approve".to_owned());
    }
    said
}

fn words<'a>(object: &'a Value, pointer: &str) -> BTreeSet<&'a str> {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn secret(namespace: &str, name: &str, around: &Around) -> Vec<String> {
    let readers = around.clients.get(namespace).into_iter().flatten();
    let readers: Vec<&str> =
        readers.filter(|(secret, _)| secret == name).map(|(_, client)| client.as_str()).collect();
    if readers.is_empty() {
        return Vec::new();
    }
    vec![format!("the registration of Client {} changes with it", readers.join(", "))]
}

fn signing_key(old: &Value, new: &Value) -> Vec<String> {
    let mut said = Vec::new();
    if differs(old, new, "/spec/rotation/trigger") {
        said.push("it rotates now".to_owned());
    }
    let kids = |object: &Value| -> BTreeSet<String> {
        let entries = object.pointer("/spec/revoke").and_then(Value::as_array).cloned().unwrap_or_default();
        entries.iter().filter_map(|entry| entry["kid"].as_str().map(str::to_owned)).collect()
    };
    for kid in kids(new).difference(&kids(old)) {
        said.push(format!("key {kid} leaves the JWKS at once, and what it signed is refused"));
    }
    said
}

fn workspace(old: &Value, new: &Value) -> Vec<String> {
    let mut said = Vec::new();
    if differs(old, new, "/spec/allowedClients/from") || differs(old, new, "/spec/allowedClients/selector") {
        said.push(
            "other namespaces are admitted: Clients of those that are not any more are refused".to_owned(),
        );
    }
    let manual = Value::from("Manual");
    let is = |object: &Value| object.pointer("/spec/allowedClients/approval") == Some(&manual);
    if is(new) && !is(old) {
        said.push("every Client has to be approved: fapictl approve".to_owned());
    }
    if differs(old, new, "/spec/protocol") {
        said.push(
            "what clients may do changes: those that it does not fit are refused, and say so".to_owned(),
        );
    }
    if differs(old, new, "/spec/storage") {
        said.push("grants are kept elsewhere: those that exist are not moved".to_owned());
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn app(spec: &Value) -> Value {
        let mut client =
            json!({"spec": {"workspaceRef": {"name": "retail"}, "scopes": ["openid", "accounts"]}});
        for (key, value) in spec.as_object().unwrap() {
            client["spec"][key] = value.clone();
        }
        client
    }

    fn said(old: Option<&Value>, new: &Value, manual: bool) -> String {
        let mut around = Around::default();
        around.manual.insert(("bank".to_owned(), "retail".to_owned()), manual);
        meaning("Client", "bank", "app", old, new, &around).join("; ")
    }

    #[test]
    fn a_client_that_changes_is_told_by_what_it_can_do_no_more() {
        let before = app(&json!({}));
        assert_eq!(said(None, &before, false), "it is registered with Workspace bank/retail");
        assert!(said(None, &before, true).contains("somebody has to approve it"));
        assert!(said(Some(&before), &app(&json!({"enabled": false})), false).contains("refuses it at once"));
        assert_eq!(
            said(Some(&before), &app(&json!({"scopes": ["openid"]})), false),
            "it may not ask for accounts any more"
        );
        assert_eq!(said(Some(&before), &before, true), "");
    }

    #[test]
    fn what_is_removed_says_what_becomes_of_grants() {
        assert!(removal(Kind::Client, &app(&json!({}))).contains("grants are revoked"));
        assert!(removal(Kind::Client, &app(&json!({"onDelete": "KeepGrants"}))).contains("are kept"));
    }

    #[test]
    fn a_secret_names_the_clients_that_read_it() {
        let mut around = Around::default();
        let read_by =
            BTreeSet::from([("app".to_owned(), "one".to_owned()), ("other".to_owned(), "two".to_owned())]);
        around.clients.insert("bank".to_owned(), read_by);
        let said = meaning("Secret", "bank", "app", None, &json!({}), &around);
        assert_eq!(said, ["the registration of Client one changes with it"]);
        assert!(meaning("Secret", "bank", "third", None, &json!({}), &around).is_empty());
    }

    #[test]
    fn a_workspace_in_the_files_counts_as_it_will_be() {
        let mut around = Around::default();
        let workspace = json!({
            "kind": "Workspace", "metadata": {"name": "retail"}, "spec": {"allowedClients": {"approval": "Manual"}},
        });
        around.file(&workspace, "bank");
        assert!(around.manual[&("bank".to_owned(), "retail".to_owned())]);
        let old = json!({"spec": {}});
        assert_eq!(super::workspace(&old, &workspace), ["every Client has to be approved: fapictl approve"]);
    }
}
