//! Are the server's keys fit to rely on?

use std::collections::BTreeSet;
use std::time::Duration;

use fapi_jose::{Alg, JwkSet};
use serde_json::Value;

use crate::flow::findings::Findings;
use crate::flow::http::Answer;

/// KEY-01, KEY-02, KEY-03: the document at `jwks_uri`.
pub fn check(answer: &Answer, findings: &mut Findings) -> Option<JwkSet> {
    findings.hold_or(
        answer.status == 200 && (answer.is("application/json") || answer.is("application/jwk-set+json")),
        "the keys are JSON with status 200",
        "RFC 7517 5",
        answer.status,
    );
    let keys = findings.have(
        JwkSet::parse(&answer.body),
        "every key is public, strong enough and on its curve: RSA of 2048 bits, P-256, or better",
        "FAPI 1.0 Part 1 5.2.2",
    )?;

    let document = answer.json().unwrap_or_default();
    let members = document.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |key: &Value, name: &str| key.get(name).is_some_and(|value| !value.is_null());
    findings.hold(
        members.iter().all(|key| {
            named(key, "kid") && named(key, "alg") && (named(key, "use") || named(key, "key_ops"))
        }),
        "every key says its name, its algorithm and its use",
        "OpenID Connect Core 10.1",
    );
    let kids: BTreeSet<&str> = members.iter().filter_map(|key| key.get("kid")?.as_str()).collect();
    findings.hold(kids.len() == members.len(), "no two keys have one name", "FAPI 1.0 Part 2 8.9");
    let signing = keys.keys().iter().filter(|key| Alg::ALL.iter().any(|alg| key.fits(*alg))).count();
    findings.hold(signing > 0, "there is a key for PS256, ES256 or EdDSA", "FAPI 2.0 Security Profile 5.4.1");
    findings.fact("keys", members.len());
    findings.fact("cacheControl", answer.header("cache-control"));
    Some(keys)
}

/// For how long the server lets others rely on it without asking again.
pub fn max_age(answer: &Answer) -> Duration {
    let mut directives = answer.header("cache-control").unwrap_or_default().split(',');
    let seconds = directives.find_map(|one| one.trim().strip_prefix("max-age=")?.parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use fapi_jose::{KeyManagement, SigningKey};
    use serde_json::json;

    use super::*;
    use crate::flow::checks::forge::answer;

    fn failed(document: &Value) -> Vec<String> {
        let mut findings = Findings::default();
        check(&answer(200, &[("content-type", "application/json")], &document.to_string()), &mut findings);
        findings.failed().to_vec()
    }

    #[test]
    fn a_good_key_set_is_accepted() {
        let key = SigningKey::generate(Alg::Es256, 0).unwrap();
        assert_eq!(failed(&json!({ "keys": [key.public().to_json()] })), [""; 0]);
    }

    #[test]
    fn keys_are_relied_on_for_as_long_as_the_server_says() {
        let said = |value| max_age(&answer(200, &[("cache-control", value)], "{}"));
        assert_eq!(said("public, max-age=900, must-revalidate"), Duration::from_mins(15));
        assert_eq!(said("no-store"), Duration::ZERO);
        assert_eq!(said("max-age=soon"), Duration::ZERO);
    }

    #[test]
    fn a_bad_key_set_is_a_finding() {
        let key = SigningKey::generate(Alg::Es256, 0).unwrap();
        let private: Value = serde_json::from_str(&key.to_private_jwk()).unwrap();
        let encryption = fapi_jose::DecryptionKey::generate(KeyManagement::EcdhEs, 0).unwrap();
        let mut nameless = key.public().to_json();
        nameless.as_object_mut().unwrap().remove("kid");
        let mut same_name = encryption.public().to_json();
        same_name["kid"] = json!(key.kid());
        for (keys, why) in [
            (json!([private]), "private member"),
            (json!([nameless]), "says its name"),
            (json!([key.public().to_json(), same_name]), "one name"),
            (json!([encryption.public().to_json()]), "for PS256, ES256"),
            (json!([]), "for PS256, ES256"),
            (json!({}), "array"),
        ] {
            let failed = failed(&json!({ "keys": keys }));
            assert!(failed.iter().any(|text| text.contains(why)), "{why}: {failed:?}");
        }
    }
}
