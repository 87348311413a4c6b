use serde_json::{Value, json};

use super::*;
use crate::flow::checks::forge::{CLIENT, Forge, ISSUER, NOW, assert_fails, with};

fn good() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": "https://bank.example", "exp": NOW + 300, "iat": NOW, "jti": "g.1",
        "client_id": CLIENT, "scope": "openid accounts", "cnf": { "x5t#S256": "ours" },
    })
}

fn look(forge: &Forge, typ: Option<&str>, claims: &Value) -> Findings {
    look_for(forge, Bound::Certificate("ours"), typ, claims)
}

fn look_for(forge: &Forge, bound: Bound<'_>, typ: Option<&str>, claims: &Value) -> Findings {
    let mut findings = Findings::default();
    let expected = Expected {
        details: None,
        parties: forge.parties(),
        bound,
        audience: Some("https://bank.example"),
        expires_in: 300,
        scope: "accounts openid",
    };
    check(&forge.sign(typ, claims), expected, &mut findings);
    findings
}

/// JAT-01, MTL-05
#[test]
fn a_good_access_token_is_bound_to_us() {
    let forge = Forge::new();
    assert_eq!(look(&forge, Some("at+jwt"), &good()).failed(), [""; 0]);
    assert_eq!(look(&forge, Some("application/at+jwt"), &good()).failed(), [""; 0]);
}

/// DPO-07
#[test]
fn a_token_of_a_client_with_a_key_is_bound_to_that_key() {
    let forge = Forge::new();
    let found = |cnf: Value| look_for(&forge, Bound::Key("ours"), Some("at+jwt"), &with(&good(), "cnf", cnf));
    assert_eq!(found(json!({ "jkt": "ours" })).failed(), [""; 0]);
    for cnf in [json!({ "jkt": "theirs" }), json!({ "x5t#S256": "ours" }), Value::Null] {
        assert_fails(&found(cnf), "bound to our key");
    }
}

/// JAT-01, JAT-02, MTL-05, TOK-12
#[test]
fn an_access_token_with_one_thing_wrong_is_a_finding() {
    let forge = Forge::new();
    for (name, value, why) in [
        ("iss", json!("https://evil.example"), "issued by"),
        ("aud", json!("https://other.example"), "aud"),
        ("aud", Value::Null, "aud"),
        ("exp", json!(NOW), "expired"),
        ("exp", json!(NOW + 3600), "expires_in"),
        ("iat", json!(NOW - 3600), "just now"),
        ("jti", Value::Null, "jti"),
        ("sub", Value::Null, "sub"),
        ("client_id", json!("other"), "client_id"),
        ("client_id", Value::Null, "client_id"),
        ("scope", json!("openid accounts payments"), "scope"),
        ("scope", Value::Null, "scope"),
        ("cnf", json!({ "x5t#S256": "theirs" }), "bound"),
        ("cnf", json!({ "jkt": "ours" }), "bound"),
        ("cnf", Value::Null, "bound"),
    ] {
        assert_fails(&look(&forge, Some("at+jwt"), &with(&good(), name, value)), why);
    }
    for typ in [None, Some("JWT"), Some("id+jwt")] {
        assert_fails(&look(&forge, typ, &good()), "at+jwt");
    }
}
