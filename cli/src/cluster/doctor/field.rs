//! Which field is a sentence about? Findings of the operator begin with a field, or with the Secret or ConfigMap that a field
//! refers to.

use fapi_crds::Reason;
use serde_json::Value;

/// The field of `spec` that a message is about.
pub(super) fn of(message: &str, reason: Reason, spec: &Value) -> String {
    let named = message.split_once(": ").map_or("", |(before, _)| before);
    let named = named.split([' ', ',']).next().unwrap_or_default();
    let named = named.strip_prefix("spec.").unwrap_or(named);
    let first = named.split(['.', '[']).next().unwrap_or_default();
    if is_path(named) && is_field(first, spec) {
        return format!("spec.{named}");
    }
    if let Some((name, key)) = object(message)
        && let Some(path) = refers(spec, "", &name, key.as_deref())
    {
        return format!("spec{path}");
    }
    match reason {
        Reason::ClientIdConflict | Reason::InvalidClientId => "spec.clientId",
        Reason::InvalidIssuer => "spec.issuer",
        Reason::NotAllowedByWorkspace | Reason::WorkspaceNotFound => "spec.workspaceRef",
        Reason::InvalidJwks | Reason::WeakKey => "spec.auth.jwksRef",
        Reason::InvalidRedirectUri => "spec.redirectUris",
        _ => "spec",
    }
    .to_owned()
}

fn is_path(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '[' | ']' | '_');
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(fits)
}

/// A word that the spec has, or that every spec of the three kinds may have.
fn is_field(word: &str, spec: &Value) -> bool {
    let kinds = fapi_crds::Kind::ALL.into_iter();
    spec.get(word).is_some()
        || kinds
            .map(fapi_crds::schema::openapi)
            .any(|schema| schema.pointer(&format!("/properties/spec/properties/{word}")).is_some())
}

/// Name and key of the Secret or ConfigMap that a message names: `Secret auth/people key users.yaml …`.
pub(super) fn object(message: &str) -> Option<(String, Option<String>)> {
    let mut words = message.split_whitespace();
    while let Some(word) = words.next() {
        if !matches!(word, "Secret" | "ConfigMap") {
            continue;
        }
        let (_, name) = words.next()?.split_once('/')?;
        let key = if words.next() == Some("key") { words.next() } else { None };
        let bare = |word: &str| word.trim_end_matches([':', ',', ';']).to_owned();
        return Some((bare(name), key.map(bare)));
    }
    None
}

/// Where the spec refers to it. With a key, to that key of it.
fn refers(value: &Value, path: &str, name: &str, key: Option<&str>) -> Option<String> {
    match value {
        Value::Object(members) => {
            let is = |member: &str, text: &str| members.get(member).and_then(Value::as_str) == Some(text);
            if is("name", name) && members.contains_key("key") && key.is_none_or(|key| is("key", key)) {
                return Some(path.to_owned());
            }
            if is("secretName", name) {
                return Some(format!("{path}.secretName"));
            }
            members.iter().find_map(|(member, value)| refers(value, &format!("{path}.{member}"), name, key))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, value)| refers(value, &format!("{path}[{index}]"), name, key)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_field_is_the_one_that_is_named_or_that_refers_to_what_is_named() {
        let spec = json!({
            "workspaceRef": {"name": "retail"},
            "auth": {"jwksRef": {"name": "app", "key": "jwks.json"}, "certificateRefs": [{"name": "app", "key": "tls.crt"}]},
            "tls": {"secretName": "retail-tls"},
            "redirectUris": {"from": [{"name": "other", "key": "uris"}]},
        });
        for (message, reason, field) in [
            (
                "redirectUris.values[1]: must be https",
                Reason::InvalidRedirectUri,
                "spec.redirectUris.values[1]",
            ),
            ("logo, output: not supported by this version", Reason::NotYetSupported, "spec.logo"),
            ("registration: not supported by this version", Reason::NotYetSupported, "spec.registration"),
            ("Secret a/app key tls.crt expired on Monday", Reason::Expired, "spec.auth.certificateRefs[0]"),
            ("Secret a/other does not exist", Reason::SecretNotFound, "spec.redirectUris.from[0]"),
            (
                "Secret a/retail-tls key tls.crt is not for x",
                Reason::InvalidCertificate,
                "spec.tls.secretName",
            ),
            ("Secret a/other key uris line 2: no", Reason::InvalidRedirectUri, "spec.redirectUris.from[0]"),
            ("the Workspace admits others", Reason::NotAllowedByWorkspace, "spec.workspaceRef"),
            ("no idea: what", Reason::InvalidSpec, "spec"),
        ] {
            assert_eq!(of(message, reason, &spec), field, "{message}");
        }
    }
}
