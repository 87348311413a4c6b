//! Who gets in and who does not (requirements sections 5 and 6).

use serde_json::{Value, json};

use super::{Credentials, Endpoint, authenticate};
use crate::fixture::{
    ISSUER, NOON, Workspace, app_key, assertion_claims, certificate, fintech, mallory_key, params,
    registration, request_claims, sign, with,
};
use crate::lifetime::Lifetime;
use crate::profile::{ClientAuth, ProfileName};
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn present(
    registry: &Registry,
    pairs: &[(&str, &str)],
    endpoint: Endpoint,
) -> Result<super::Presented, Rejection> {
    authenticate(&Credentials::new(&params(pairs), false, None), registry, endpoint, NOON)
}

fn asserted(registry: &Registry, changes: &Value) -> Result<super::Presented, Rejection> {
    let jwt = sign(app_key(), Some("JWT"), &with(assertion_claims(), changes));
    present(registry, &[("client_assertion_type", TYPE), ("client_assertion", &jwt)], Endpoint::Par)
}

#[test]
fn an_assertion_signed_by_a_registered_key_is_accepted_once() {
    let registry = fintech().build();
    let presented = asserted(&registry, &json!({})).unwrap();
    let key = presented.replay().unwrap().clone();
    assert_eq!(key.until, NOON + Lifetime::seconds(60 + 30 + 30), "J-24");
    assert_eq!(presented.admit(true).unwrap().id().as_str(), "app");
    let again = asserted(&registry, &json!({})).unwrap();
    assert_eq!(again.replay(), Some(&key), "the same jti is the same key");
    assert_eq!(again.admit(false).unwrap_err().code, ErrorCode::InvalidClient, "CA-05, P-07, T-02");
    let other = asserted(&registry, &json!({"jti": "j2"})).unwrap();
    assert_ne!(other.replay(), Some(&key));
    let _ = other.admit(true);
}

#[test]
fn every_claim_of_an_assertion_is_checked() {
    let registry = fintech().build();
    let now = NOON.as_unix();
    for (id, changes) in [
        ("CA-03, T-02", json!({"sub": null})),
        ("CA-03, T-02", json!({"sub": "mallory"})),
        ("CA-03, T-02", json!({"iss": null})),
        ("CA-03, T-02", json!({"iss": "mallory"})),
        ("CA-04, T-02", json!({"exp": null})),
        ("CA-04, T-02", json!({"exp": now - 300})),
        ("CA-04, T-02", json!({"exp": now - 31})),
        ("CA-04", json!({"exp": now + 3600})),
        ("CA-04", json!({"exp": now + 631})),
        ("CA-05", json!({"jti": null})),
        ("CA-05", json!({"jti": ""})),
        ("CA-05", json!({"jti": "x".repeat(256)})),
        ("CA-06, J-23", json!({"nbf": now + 61, "iat": now + 61, "exp": now + 120})),
        ("CA-06", json!({"iat": now + 61})),
        ("CA-06", json!({"iat": now + 31})),
        ("CA-06, J-23", json!({"nbf": now + 31})),
        ("CA-07a, T-02", json!({"aud": null})),
        ("CA-07a, T-02", json!({"aud": "https://other.example"})),
        ("P-06", json!({"aud": format!("{ISSUER}/")})),
        ("P-06", json!({"aud": ISSUER.to_uppercase()})),
        ("CA-07a", json!({"aud": "https://mtls.auth.bank.example/revoke"})),
        ("J-08", json!({"exp": "never"})),
        ("J-08", json!({"sub": ["app"]})),
        ("J-08", json!({"jti": 7})),
    ] {
        assert_eq!(
            asserted(&registry, &changes).expect_err(id).code,
            ErrorCode::InvalidClient,
            "{id} {changes}"
        );
    }
    for (id, changes) in [
        ("CA-06, J-23", json!({"nbf": now + 8, "iat": now + 8})),
        ("CA-07a", json!({"aud": "https://mtls.auth.bank.example/token"})),
        ("CA-07a", json!({"aud": "https://mtls.auth.bank.example/par"})),
        ("CA-07a", json!({"aud": ["https://other.example", ISSUER]})),
        ("CA-04", json!({"exp": now + 600})),
        ("CA-04", json!({"exp": now + 630})),
        ("CA-04", json!({"exp": now - 30, "iat": now - 60})),
        ("CA-06, J-23", json!({"nbf": now + 30, "iat": now + 30})),
    ] {
        let _ = asserted(&registry, &changes).unwrap_or_else(|why| panic!("{id} {changes}: {why}"));
    }
}

#[test]
fn the_audience_of_fapi_2_is_the_issuer_as_a_string() {
    let registry = Workspace::new(ProfileName::FAPI2Security).build();
    let _ = asserted(&registry, &json!({})).expect("CA-07b, CA-07c");
    for aud in [
        json!([ISSUER]),
        json!("https://mtls.auth.bank.example/token"),
        json!("https://mtls.auth.bank.example/par"),
    ] {
        assert!(asserted(&registry, &json!({ "aud": aud })).is_err(), "CA-07b, F2-R04, P-06");
    }
}

#[test]
fn an_assertion_signed_otherwise_is_refused() {
    let registry = fintech().build();
    let try_jwt = |jwt: &str| {
        present(&registry, &[("client_assertion_type", TYPE), ("client_assertion", jwt)], Endpoint::Token)
    };
    let good = sign(app_key(), None, &assertion_claims());
    let payload = good.split('.').nth(1).unwrap();
    for alg in ["none", "RS256", "HS256"] {
        let header = fapi_jose::b64::encode(format!(r#"{{"alg":"{alg}"}}"#));
        let signature = if alg == "none" { "" } else { good.rsplit('.').next().unwrap() };
        assert!(try_jwt(&format!("{header}.{payload}.{signature}")).is_err(), "CA-02, T-01, KEY-04 {alg}");
    }
    assert!(try_jwt(&sign(mallory_key(), None, &assertion_claims())).is_err(), "T-01, KEY-06");
    assert!(
        try_jwt(&sign(app_key(), Some("oauth-authz-req+jwt"), &assertion_claims())).is_err(),
        "CA-08, KEY-11"
    );
    assert!(
        try_jwt(&sign(app_key(), None, &request_claims())).is_err(),
        "CA-08: a request object has no sub"
    );
    let _ = try_jwt(&good).unwrap();
}

#[test]
fn only_the_registered_method_counts_and_only_one() {
    let registry = fintech().build();
    let jwt = sign(app_key(), None, &assertion_claims());
    for (id, pairs) in [
        ("CA-09", &[("client_id", "app")][..]),
        ("CA-09", &[]),
        ("CA-02", &[("client_assertion", jwt.as_str())]),
        ("CA-02", &[("client_assertion", &jwt), ("client_assertion_type", "urn:x")]),
        ("CA-11, INV-01", &[("client_id", "app"), ("client_secret", "s")]),
        (
            "CA-01, CA-11",
            &[("client_assertion", &jwt), ("client_assertion_type", TYPE), ("client_secret", "s")],
        ),
        (
            "CA-10, T-03",
            &[("client_assertion", &jwt), ("client_assertion_type", TYPE), ("client_id", "mallory")],
        ),
        ("T-01, E-25", &[("client_id", "nobody")]),
    ] {
        assert_eq!(
            present(&registry, pairs, Endpoint::Token).expect_err(id).code,
            ErrorCode::InvalidClient,
            "{id}"
        );
    }
    let basic =
        Credentials::new(&params(&[("client_assertion", &jwt), ("client_assertion_type", TYPE)]), true, None);
    assert!(
        authenticate(&basic, &registry, Endpoint::Token, NOON).is_err(),
        "CA-11, CA-12: an Authorization header"
    );
    let same = [("client_assertion", jwt.as_str()), ("client_assertion_type", TYPE), ("client_id", "app")];
    for endpoint in [Endpoint::Token, Endpoint::Par, Endpoint::Introspection, Endpoint::Revocation] {
        let _ = present(&registry, &same, endpoint).expect("CA-14, CA-10");
    }
}

#[test]
fn a_disabled_client_is_refused_at_once() {
    let registry = fintech().client(|client| client.enabled = false).build();
    assert_eq!(asserted(&registry, &json!({})).unwrap_err().code, ErrorCode::InvalidClient, "CA-15");
}

#[test]
fn a_self_signed_certificate_must_be_the_registered_one() {
    let (own, other) = (certificate(), certificate());
    let registry =
        fintech().overrides(|said| said.client_authentication = Some(vec![ClientAuth::SelfSignedTls])).add({
            let mut it = registration("tls", app_key());
            it.auth.method = ClientAuth::SelfSignedTls;
            it.auth.certificates = vec![own.thumbprint().to_owned()];
            it
        });
    // The other two authenticate by assertion, which this Workspace does not offer.
    let registry = registry.only("tls").build();
    let with_certificate = |pairs: &[(&str, &str)], certificate| {
        authenticate(&Credentials::new(&params(pairs), false, certificate), &registry, Endpoint::Token, NOON)
    };
    let id = [("client_id", "tls")];
    assert!(with_certificate(&id, Some(own.clone())).unwrap().replay().is_none());
    assert!(with_certificate(&id, Some(other)).is_err(), "MTL-02, TL-06");
    assert!(with_certificate(&id, None).is_err(), "T-04, MTL-04");
    assert!(with_certificate(&[], Some(own.clone())).is_err(), "MTL-03");
    let jwt = sign(app_key(), None, &with(assertion_claims(), &json!({"iss": "tls", "sub": "tls"})));
    let assertion =
        [("client_id", "tls"), ("client_assertion", jwt.as_str()), ("client_assertion_type", TYPE)];
    assert!(with_certificate(&assertion, Some(own)).is_err(), "CA-01");
    assert!(with_certificate(&assertion, None).is_err(), "CA-01");
}

#[test]
fn ecosystems_ask_everybody_for_a_certificate_of_theirs() {
    let registry = Workspace::new(ProfileName::CDRAustralia).client(|_| ()).only("app").build();
    let jwt = sign(app_key(), None, &assertion_claims());
    let pairs = [("client_assertion", jwt.as_str()), ("client_assertion_type", TYPE)];
    for presented in [None, Some(certificate())] {
        let credentials = Credentials::new(&params(&pairs), false, presented);
        assert!(authenticate(&credentials, &registry, Endpoint::Par, NOON).is_err(), "MTL-08, AU-R10");
    }
    // Who introspects for an API is exempt there, and only there.
    let api = Workspace::new(ProfileName::CDRAustralia)
        .client(|client| {
            client.grant_types.clear();
            client.redirect_uris.clear();
        })
        .only("app")
        .build();
    let without = |registry: &Registry, endpoint| present(registry, &pairs, endpoint);
    let _ = without(&api, Endpoint::Introspection).expect("AU-R10: a resource server at introspection");
    assert!(without(&api, Endpoint::Token).is_err(), "MTL-08");
    assert!(without(&registry, Endpoint::Introspection).is_err(), "MTL-08: a client at introspection");
    // Plain FAPI does not (MTL-07).
    let _ = present(&fintech().build(), &pairs, Endpoint::Par).expect("MTL-07");
}
