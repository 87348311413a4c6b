//! Keys that are brought along.

use fapi_config::{KeyState, PublicKey};
use fapi_crds::Reason;
use fapi_crds::signing_key::KeyStatus;
use fapi_jose::Alg;
use serde_json::json;

use crate::fixture::{SIGNER, found, signing_key, value, workspace};
use crate::material;
use crate::validate::{Finding, Found, Missing, Resolved, validate};

/// A line named `name` that brings `resolved` along.
fn bringing(found: &mut Found, name: &str, algorithm: &str, resolved: Resolved) {
    let import = json!({"import": {"secretRef": {"name": "vault", "key": "key.pem"}}});
    found.signing_keys.push(signing_key(name, algorithm, &import));
    found.references.imports.insert(name.to_owned(), resolved);
}

fn judged(found: &Found, name: &str) -> Finding {
    let verdict = validate(found);
    let line = verdict.signing_keys.iter().find(|line| line.name == name).unwrap();
    assert!(line.accepted.is_true(), "{}", line.accepted.message);
    let finding = line.resolved_refs.clone().unwrap();
    assert_eq!(line.may_make_keys(), finding.is_true());
    finding
}

fn alone(algorithm: &str, resolved: Resolved) -> Finding {
    let mut found = found(workspace(), Vec::new());
    bringing(&mut found, "k", algorithm, resolved);
    judged(&found, "k")
}

fn private() -> Resolved {
    value(SIGNER.to_private_jwk().as_bytes())
}

fn algorithm() -> &'static str {
    SIGNER.alg().as_str()
}

#[test]
fn a_good_key_may_be_the_first_of_its_line() {
    let finding = alone(algorithm(), private());
    assert_eq!(finding.message, format!("key {} can be brought along", SIGNER.kid()));
}

/// J-17, K-10, K-11
#[test]
fn a_key_that_cannot_be_used_is_refused_by_what_is_wrong_and_never_shown() {
    let other = if SIGNER.alg() == Alg::Ps256 { "ES256" } else { "PS256" };
    for (algorithm, given, reason, said) in [
        (
            algorithm(),
            Resolved::Missing(Missing::SecretNotFound),
            Reason::SecretNotFound,
            "Secret auth/vault does not exist",
        ),
        (
            algorithm(),
            Resolved::Missing(Missing::KeyNotFound),
            Reason::KeyNotFound,
            "key key.pem does not exist",
        ),
        (algorithm(), value("canary"), Reason::InvalidData, "give exactly one unencrypted private key"),
        (algorithm(), value("{\"kty\": \"canary\"}"), Reason::InvalidData, "type of the key is none of"),
        (
            algorithm(),
            value(SIGNER.public().to_json().to_string()),
            Reason::InvalidData,
            "lacks the member \"d\"",
        ),
        (other, private(), Reason::InvalidData, "which needs"),
        (
            "PS256",
            value(r#"{"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "Y2FuYXJ5"}"#),
            Reason::WeakKey,
            "too weak",
        ),
    ] {
        let finding = alone(algorithm, given);
        assert_eq!(finding.reason, reason, "{}", finding.message);
        assert!(finding.message.contains(said), "{}", finding.message);
        assert!(
            !finding.message.contains("canary") && !finding.message.contains("Y2F"),
            "K-10: {}",
            finding.message
        );
    }
}

#[test]
fn nothing_is_read_once_the_line_has_a_key_and_that_is_said() {
    let mut found = found(workspace(), Vec::new());
    bringing(&mut found, "k", algorithm(), private());
    found.references.imports.clear();
    let line = validate(&found).signing_keys.remove(0);
    assert!(line.resolved_refs.is_none() && line.may_make_keys());
    assert!(line.accepted.message.ends_with("leave it out"), "{}", line.accepted.message);
}

#[test]
fn a_key_has_one_life() {
    let kid = SIGNER.kid();
    let mut twins = found(workspace(), Vec::new());
    bringing(&mut twins, "b", algorithm(), private());
    bringing(&mut twins, "a", algorithm(), private());
    assert!(judged(&twins, "a").is_true());
    assert!(judged(&twins, "b").message.contains("which SigningKey a brings along"));

    let mut known = found(workspace(), Vec::new());
    bringing(&mut known, "k", algorithm(), private());
    let mut other = signing_key("other", algorithm(), &json!({}));
    let key: KeyStatus = serde_json::from_value(json!({"kid": kid, "state": "Retired"})).unwrap();
    other.status.get_or_insert_default().keys.push(key);
    known.signing_keys.push(other);
    assert!(judged(&known, "k").message.contains("is or was a key of SigningKey other"));

    let mut revoked = found(workspace(), Vec::new());
    bringing(&mut revoked, "k", algorithm(), private());
    let withdrawn = serde_json::from_value(json!([{"kid": kid}])).unwrap();
    revoked.signing_keys[0].spec.revoke = withdrawn;
    assert!(judged(&revoked, "k").message.contains("which stands in revoke"));
}

/// After a restore without the key's Secrets: whoever has kept the key brings it along, and nobody notices.
#[test]
fn a_key_that_is_published_and_was_lost_may_come_back_for_the_same_and_for_nothing_else() {
    let mut found = found(workspace(), Vec::new());
    bringing(&mut found, "k", algorithm(), private());
    let mut found = found.published();
    let published = |alg| PublicKey {
        kid: SIGNER.kid().to_owned(),
        alg,
        state: KeyState::Active,
        jwk: SIGNER.public().clone(),
    };
    let document = |found: &mut Found, key| found.previous.as_mut().unwrap().document.keys = vec![key];
    document(&mut found, published(fapi_config::KeyAlgorithm::Signature(SIGNER.alg())));
    assert!(judged(&found, "k").is_true());
    document(&mut found, published(fapi_config::KeyAlgorithm::Encryption(fapi_jose::KeyManagement::EcdhEs)));
    assert!(judged(&found, "k").message.contains("uses otherwise"));
}

#[test]
fn what_is_brought_along_is_kept_as_a_jwk_with_its_thumbprint_as_kid() {
    let key = material::import(
        serde_json::from_value(json!(algorithm())).unwrap(),
        SIGNER.to_private_jwk().as_bytes(),
    );
    let key = key.unwrap();
    assert_eq!(key.public.kid(), Some(SIGNER.kid()));
    assert_eq!(*key.private, *SIGNER.to_private_jwk());
    assert_eq!(format!("{key:?}"), format!("NewKey({}, …)", SIGNER.kid()), "K-10");
}
