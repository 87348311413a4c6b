//! What the operator publishes, and what people write.

use std::sync::LazyLock;

use fapi_config::{Bundle, Document, Files, Users, file, shard_file};
use fapi_core::profile::ProfileName;
use fapi_core::redirect::RedirectUri;
use fapi_crds::schema::{unknown_fields, violations};
use fapi_crds::{ClientSpec, Kind, SigningKeySpec, WorkspaceSpec};
use serde_json::{Value, json};

use crate::actors::{files, no_schema, sealed};

static FILES: LazyLock<Files> = LazyLock::new(|| files(ProfileName::Fintech, &json!({})));

fn content(name: &str) -> Value {
    serde_json::from_slice(FILES.get(name).expect("a file")).expect("JSON")
}

/// One file of a bundle: line 1 says which, the rest is its content. `"@keys"` stands for the list of keys in the file as it should be,
/// `"@clients"` for its clients, `"@jwks"` for a client's keys.
pub(super) fn bundle(input: &[u8]) -> bool {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return false };
    let (which, rest) = (&input[..end], &input[end + 1..]);
    let name = match which {
        b"clients" => shard_file(0),
        b"keys" => file::KEYS.to_owned(),
        b"manifest" => file::MANIFEST.to_owned(),
        b"users" => file::USERS.to_owned(),
        b"workspace" => file::WORKSPACE.to_owned(),
        b"client-ca" => file::CLIENT_CA.to_owned(),
        _ => return false,
    };
    let text = String::from_utf8_lossy(rest);
    let shard = content(&shard_file(0));
    let whole =
        if FILES.get(&name).is_some() && name != file::MANIFEST { content(&name) } else { Value::Null };
    let bytes = text
        .replace("\"@keys\"", &whole["keys"].to_string())
        .replace("\"@clients\"", &whole["clients"].to_string())
        .replace("\"@jwks\"", &shard["clients"][0]["auth"]["jwks"].to_string())
        .into_bytes();

    let mut changed = FILES.clone();
    changed.insert(name.as_str(), bytes.clone());
    // Without the manifest that names it, another content is refused (I5).
    if FILES.get(&name) != Some(&bytes) && FILES.get(&name).is_some() {
        let refused = Bundle::read(&changed).map(drop);
        assert!(refused.is_err() || name == file::MANIFEST, "I5");
    }
    if name != file::MANIFEST {
        changed = sealed(&changed);
    }
    match Bundle::read(&changed) {
        Err(error) => {
            holds_no_secret(&error.to_string());
            false
        }
        Ok(loaded) => {
            let document = &loaded.document;
            assert_eq!(&serde_json::from_slice::<Document>(&document.to_bytes()).expect("JSON"), document);
            match loaded.to_registry(no_schema) {
                Err(error) => holds_no_secret(&error.to_string()),
                Ok(registry) => {
                    assert_eq!(registry.clients().count(), loaded.clients.len(), "F-F02");
                    for client in registry.clients() {
                        let uris = &client.registration().redirect_uris;
                        assert!(uris.iter().all(|uri| RedirectUri::parse(uri).is_ok()), "TLS-08");
                    }
                    let published = registry.jwks().to_json().to_string();
                    assert!(!published.contains("\"d\":"), "J-20");
                }
            }
            if let Err(error) = loaded.signers() {
                holds_no_secret(&error.to_string());
            }
            true
        }
    }
}

/// K-10: nothing that is private stands in what is said about a mistake.
fn holds_no_secret(message: &str) {
    for key in content(file::KEYS)["keys"].as_array().expect("a list") {
        for name in ["d", "p", "q"] {
            let secret = key["jwk"][name].as_str();
            assert!(!secret.is_some_and(|secret| message.contains(secret)), "K-10: {name}");
        }
    }
    assert!(!message.contains("hunter2"), "K-10");
}

/// The people's Secret, as JSON or YAML.
pub(super) fn users(input: &[u8]) -> bool {
    match Users::parse(input) {
        Err(error) => {
            holds_no_secret(&error.to_string());
            false
        }
        Ok(users) => {
            let mut subjects: Vec<&str> = users.iter().map(|(_, user)| user.sub.as_str()).collect();
            assert!(subjects.iter().all(|sub| (1..=255).contains(&sub.len()) && sub.is_ascii()));
            subjects.sort_unstable();
            subjects.dedup();
            assert_eq!(subjects.len(), users.len(), "two people cannot be one");
            for (name, user) in users.iter() {
                assert!(user.password.expose().starts_with("$argon2id$v=19$m="));
                assert_eq!(users.find(name).map(|user| user.sub.as_str()), Some(user.sub.as_str()));
            }
            assert!(!format!("{users:?}").contains("$argon2id"), "K-10");
            true
        }
    }
}

/// A resource as people write it: what the API server lets in, we can read.
pub(super) fn manifest_yaml(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let Ok(object) = serde_saphyr::from_str::<Value>(text) else { return false };
    let Some(kind) = object.get("kind").and_then(Value::as_str).and_then(Kind::named) else { return false };
    for field in unknown_fields(kind, &object) {
        assert!(field.path.ends_with(&field.name));
        assert!(field.nearest.is_none_or(|nearest| field.known.contains(&nearest)));
    }
    if !violations(kind, &object).is_empty() {
        return false;
    }
    // What stands around it is the API server's own.
    let spec = object.get("spec").cloned().expect("the schema demands it");
    let read = match kind {
        Kind::Client => serde_json::from_value::<ClientSpec>(spec).map(drop),
        Kind::SigningKey => serde_json::from_value::<SigningKeySpec>(spec).map(drop),
        Kind::Workspace => serde_json::from_value::<WorkspaceSpec>(spec).map(drop),
    };
    read.expect("what the API server lets in can be read");
    true
}
