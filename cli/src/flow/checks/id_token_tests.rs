use fapi_jose::{KeyManagement, encrypt};
use serde_json::{Value, json};

use super::*;
use crate::flow::checks::forge::{CLIENT, Forge, ISSUER, NOW, assert_fails, with};

const HYBRID: Origin<'static> = Origin::Browser { code: "c", state: "s" };
const TOKEN: Origin<'static> = Origin::Token { access_token: "at" };
const REFRESH: Origin<'static> = Origin::Refresh { access_token: "at" };

fn good() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": CLIENT, "exp": NOW + 300, "iat": NOW, "nonce": "n",
        "at_hash": half_hash("at"), "c_hash": half_hash("c"), "s_hash": half_hash("s"),
    })
}

fn look(forge: &Forge, token: &str, origin: Origin<'_>, subject: Option<&str>) -> (Option<String>, Findings) {
    let mut findings = Findings::default();
    let expected = Expected { parties: forge.parties(), nonce: "n", origin, subject, decryption: &[] };
    (check(token, expected, &mut findings), findings)
}

/// IDT-01, IDT-05, RSP-02, RSP-03
#[test]
fn a_good_id_token_names_the_person() {
    let forge = Forge::new();
    let token = forge.sign(None, &good());
    for origin in [HYBRID, TOKEN, REFRESH] {
        let (subject, findings) = look(&forge, &token, origin, Some("alice"));
        assert_eq!(findings.failed(), [""; 0]);
        assert_eq!(subject.as_deref(), Some("alice"));
    }
}

/// IDT-01, IDT-12
#[test]
fn an_id_token_with_one_thing_wrong_is_a_finding() {
    let forge = Forge::new();
    for (name, value, why) in [
        ("iss", json!("https://evil.example"), "issued by"),
        ("aud", json!("other"), "meant for"),
        ("aud", json!([CLIENT, "other"]), "meant for"),
        ("azp", json!("other"), "meant for"),
        ("exp", json!(NOW - 1), "expired"),
        ("exp", json!("soon"), "expired"),
        ("iat", json!(NOW - 3600), "just now"),
        ("iat", json!(NOW + 3600), "just now"),
        ("iat", Value::Null, "just now"),
        ("nonce", json!("m"), "nonce"),
        ("nonce", Value::Null, "nonce"),
        ("sub", Value::Null, "names the person"),
        ("sub", json!(""), "names the person"),
        ("sub", json!("mallory"), "same person"),
        ("at_hash", json!(half_hash("other")), "at_hash"),
        ("at_hash", json!(7), "at_hash"),
    ] {
        let token = forge.sign(None, &with(&good(), name, value));
        assert_fails(&look(&forge, &token, TOKEN, Some("alice")).1, why);
    }
}

/// RSP-02: the code and the state of the browser are vouched for.
#[test]
fn a_swapped_code_or_state_is_a_finding() {
    let forge = Forge::new();
    for (name, value) in [
        ("c_hash", json!(half_hash("other"))),
        ("c_hash", Value::Null),
        ("s_hash", json!(half_hash("other"))),
        ("s_hash", Value::Null),
    ] {
        let token = forge.sign(None, &with(&good(), name, value));
        assert_fails(&look(&forge, &token, HYBRID, None).1, name);
    }
}

/// IDT-11
#[test]
fn only_after_a_refresh_the_nonce_may_be_missing() {
    let forge = Forge::new();
    let token = forge.sign(None, &with(&good(), "nonce", Value::Null));
    assert!(look(&forge, &token, REFRESH, None).1.all_hold());
    assert_fails(&look(&forge, &token, TOKEN, None).1, "nonce");
    let token = forge.sign(None, &with(&good(), "nonce", json!("m")));
    assert_fails(&look(&forge, &token, REFRESH, None).1, "nonce");
}

/// IDT-02
#[test]
fn an_id_token_signed_by_somebody_else_is_a_finding() {
    let (subject, findings) = look(&Forge::new(), &Forge::new().sign(None, &good()), TOKEN, None);
    assert_eq!(subject, None);
    assert_fails(&findings, "signature");
}

/// IDT-09
#[test]
fn an_encrypted_id_token_is_opened_with_our_key() {
    let forge = Forge::new();
    let ours = [DecryptionKey::generate(KeyManagement::EcdhEs, 0).unwrap()];
    let signed = forge.sign(None, &good());
    let sealed =
        encrypt(signed.as_bytes(), Some("JWT"), ours[0].public(), KeyManagement::EcdhEs, Content::A256Gcm)
            .unwrap();
    let open = |decryption: &[DecryptionKey]| {
        let mut findings = Findings::default();
        let parties = forge.parties();
        let expected = Expected { parties, nonce: "n", origin: TOKEN, subject: None, decryption };
        (check(&sealed, expected, &mut findings), findings)
    };
    assert_eq!(open(&ours).0.as_deref(), Some("alice"));
    assert_fails(&open(&[]).1, "encrypted to us");
}
