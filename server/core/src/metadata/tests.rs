//! Discovery says what is enforced (requirements section 1).

use serde_json::{Value, json};

use super::document;
use crate::fixture::{ISSUER, Workspace, fintech};
use crate::profile::ProfileName;

fn of(workspace: Workspace) -> Value {
    Value::Object(document(&workspace.build()))
}

fn list(document: &Value, name: &str) -> Vec<String> {
    serde_json::from_value(document[name].clone()).unwrap_or_else(|_| panic!("{name}"))
}

#[test]
fn fintech_metadata_is_what_fapi_clients_look_for() {
    let doc = of(fintech());
    assert_eq!(doc["issuer"], ISSUER, "DSC-03");
    assert_eq!(list(&doc, "response_types_supported"), ["code"], "DSC-07");
    assert!(list(&doc, "response_modes_supported").contains(&"jwt".to_owned()), "DSC-08");
    assert_eq!(list(&doc, "authorization_signing_alg_values_supported"), ["PS256"], "DSC-09");
    let methods = list(&doc, "token_endpoint_auth_methods_supported");
    assert!(
        methods.contains(&"private_key_jwt".to_owned()) && methods.contains(&"tls_client_auth".to_owned()),
        "DSC-10"
    );
    assert!(
        !methods.iter().any(|method| method.starts_with("client_secret") || method == "none"),
        "DSC-10, INV-01"
    );
    for name in [
        "token_endpoint_auth_signing_alg_values_supported",
        "id_token_signing_alg_values_supported",
        "request_object_signing_alg_values_supported",
        "userinfo_signing_alg_values_supported",
    ] {
        let algs = list(&doc, name);
        assert!(
            algs.contains(&"PS256".to_owned()) && algs.iter().all(|alg| alg == "PS256" || alg == "ES256"),
            "DSC-11 DSC-12 DSC-13 DSC-14 {name}"
        );
    }
    assert_eq!(doc["request_uri_parameter_supported"], false, "DSC-16");
    assert_eq!(doc["require_signed_request_object"], true, "DSC-19");
    assert_eq!(list(&doc, "code_challenge_methods_supported"), ["S256"], "DSC-20");
    assert_eq!(doc["tls_client_certificate_bound_access_tokens"], true, "DSC-21, INV-21");
    assert_eq!(doc["authorization_response_iss_parameter_supported"], true, "DSC-24");
    assert_eq!(
        list(&doc, "grant_types_supported"),
        ["authorization_code", "refresh_token", "client_credentials"],
        "DSC-25"
    );
    assert!(list(&doc, "scopes_supported").contains(&"openid".to_owned()), "DSC-26");
    assert_eq!(list(&doc, "subject_types_supported"), ["pairwise"], "DSC-27");
    assert_eq!(list(&doc, "ui_locales_supported"), ["en"], "DSC-31");
    assert_eq!(doc["end_session_endpoint"], "https://auth.bank.example/logout", "DSC-32, DSC-35");
    for absent in
        ["registration_endpoint", "backchannel_authentication_endpoint", "dpop_signing_alg_values_supported"]
    {
        assert!(doc.get(absent).is_none(), "DSC-32 {absent}");
    }
}

#[test]
fn every_endpoint_is_absolute_https_and_aliased_at_the_back_door() {
    let doc = of(fintech());
    for (name, value) in doc.as_object().unwrap() {
        assert!(!value.is_null(), "DSC-05 {name}");
        assert!(!value.as_array().is_some_and(Vec::is_empty), "DSC-05 {name}");
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            assert!(value.as_str().unwrap().starts_with("https://"), "DSC-04 {name}");
        }
    }
    let aliases = doc["mtls_endpoint_aliases"].as_object().unwrap();
    for name in [
        "token_endpoint",
        "pushed_authorization_request_endpoint",
        "userinfo_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
    ] {
        assert_eq!(aliases[name], doc[name], "DSC-22, INV-22: plain and alias are one {name}");
        assert!(
            aliases[name].as_str().unwrap().starts_with("https://mtls.auth.bank.example/"),
            "DSC-22 {name}"
        );
    }
    assert_eq!(
        doc["authorization_endpoint"],
        format!("{ISSUER}/authorize"),
        "MTL-09: browsers stay at the front"
    );
}

#[test]
fn how_requests_may_arrive_is_mirrored_exactly() {
    let pushed = of(fintech());
    assert_eq!(
        (&pushed["require_pushed_authorization_requests"], &pushed["request_parameter_supported"]),
        (&json!(true), &json!(false)),
        "DSC-18, F1-R09"
    );
    let both = of(fintech().by_value_too());
    assert_eq!(
        (&both["require_pushed_authorization_requests"], &both["request_parameter_supported"]),
        (&json!(false), &json!(true)),
        "DSC-15, DSC-18, F1-R09"
    );
    assert!(both["pushed_authorization_request_endpoint"].is_string(), "DSC-17");
    let uk = of(Workspace::new(ProfileName::OpenBankingUK).only("app"));
    assert!(uk.get("pushed_authorization_request_endpoint").is_none(), "DSC-17, UK-R01");
    assert_eq!(list(&uk, "response_types_supported"), ["code id_token"], "DSC-07, UK-R02");
    assert!(uk.get("authorization_signing_alg_values_supported").is_none(), "UK-R01");
    assert!(list(&uk, "claims_supported").contains(&"openbanking_intent_id".to_owned()), "DSC-29, UK-R04");
}

#[test]
fn both_hybrid_and_jarm_are_listed_where_both_are_offered() {
    let doc = of(fintech().hybrid_too());
    assert_eq!(list(&doc, "response_types_supported"), ["code", "code id_token"], "DSC-07");
    assert_eq!(list(&doc, "response_modes_supported"), ["jwt", "query.jwt", "fragment"], "DSC-08");
}

/// FAPI 2.0: pushed requests only, plain codes with `iss`, both sender constraints.
#[test]
fn fapi_2_metadata_is_what_its_clients_look_for() {
    let doc = of(Workspace::new(ProfileName::FAPI2Security));
    assert_eq!(list(&doc, "response_types_supported"), ["code"], "DSC-07, F2-R02");
    assert_eq!(list(&doc, "response_modes_supported"), ["query"], "RSP-05");
    assert_eq!(doc["require_pushed_authorization_requests"], true, "DSC-18, F2-R01");
    assert_eq!(doc["require_signed_request_object"], false, "DSC-19");
    assert_eq!(doc["authorization_response_iss_parameter_supported"], true, "DSC-24, F2-R08");
    assert_eq!(doc["tls_client_certificate_bound_access_tokens"], true, "DSC-21");
    assert_eq!(list(&doc, "dpop_signing_alg_values_supported"), ["ES256", "PS256", "EdDSA"], "DSC-23");
    assert_eq!(
        list(&doc, "token_endpoint_auth_signing_alg_values_supported"),
        ["ES256", "PS256", "EdDSA"],
        "DSC-11"
    );
    assert!(doc.get("introspection_signing_alg_values_supported").is_none());
    let only = |constraint| {
        of(Workspace::new(ProfileName::FAPI2Security)
            .overrides(|say| say.sender_constraints = Some(vec![constraint])))
    };
    let keys = only(crate::profile::SenderConstraint::DPoP);
    assert_eq!(keys["tls_client_certificate_bound_access_tokens"], false, "DSC-21");
    let certificates = only(crate::profile::SenderConstraint::Certificate);
    assert!(certificates.get("dpop_signing_alg_values_supported").is_none(), "DSC-23");
}

#[test]
fn message_signing_adds_signed_requests_responses_and_introspection() {
    let doc = of(Workspace::new(ProfileName::FAPI2MessageSigning));
    assert_eq!(list(&doc, "response_modes_supported"), ["jwt", "query.jwt"], "DSC-08, MS-R02");
    assert_eq!(doc["require_signed_request_object"], true, "DSC-19, MS-R01");
    assert_eq!(list(&doc, "authorization_signing_alg_values_supported"), ["PS256"], "DSC-09");
    assert_eq!(list(&doc, "introspection_signing_alg_values_supported"), ["PS256"], "RFC 9701 7");
    assert!(doc.get("authorization_encryption_alg_values_supported").is_none(), "RSP-09: not recommended");
}

/// OpenID Connect Discovery 3: what the bank says of itself, where it says so.
#[test]
fn the_banks_policy_and_terms_are_told() {
    use crate::link::{Link, Links};
    let link = |text: &str| Link::parse(text).ok();
    let links = Links {
        policy: link("https://bank.example/privacy"),
        support: link("https://bank.example/help"),
        terms: link("https://bank.example/terms"),
    };
    let doc = of(fintech().links(links));
    assert_eq!(doc["op_policy_uri"], "https://bank.example/privacy");
    assert_eq!(doc["op_tos_uri"], "https://bank.example/terms");
    assert!(!doc.to_string().contains("https://bank.example/help"), "there is no member for it: DSC-06");
    let doc = of(fintech());
    assert!(doc.get("op_policy_uri").is_none() && doc.get("op_tos_uri").is_none(), "DSC-05");
}
