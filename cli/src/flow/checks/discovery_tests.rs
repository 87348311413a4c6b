use serde_json::json;

use super::*;
use crate::flow::checks::forge::{ISSUER, answer, assert_fails};

const INTENT: Intent<'static> = Intent {
    issuer: ISSUER,
    auth: AuthMethod::PrivateKeyJwt,
    response: ResponseKind::Jarm,
    binding: Binding::Mtls,
    alg: "PS256",
    scope: "openid accounts",
    pushed: None,
};

fn good() -> Value {
    let back = "https://mtls.op.example";
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize"),
        "token_endpoint": format!("{back}/token"),
        "jwks_uri": format!("{ISSUER}/jwks"),
        "pushed_authorization_request_endpoint": format!("{back}/par"),
        "userinfo_endpoint": format!("{back}/userinfo"),
        "mtls_endpoint_aliases": {
            "token_endpoint": format!("{back}/token"),
            "pushed_authorization_request_endpoint": format!("{back}/par"),
            "userinfo_endpoint": format!("{back}/userinfo"),
        },
        "response_types_supported": ["code", "code id_token"],
        "response_modes_supported": ["jwt", "query.jwt", "fragment"],
        "authorization_signing_alg_values_supported": ["PS256", "ES256"],
        "authorization_encryption_alg_values_supported": ["RSA-OAEP-256"],
        "authorization_encryption_enc_values_supported": ["A256GCM"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "scopes_supported": ["openid", "accounts"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["PS256"],
        "request_object_signing_alg_values_supported": ["PS256", "ES256"],
        "request_parameter_supported": true,
        "request_uri_parameter_supported": false,
        "require_signed_request_object": true,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth"],
        "token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256"],
        "tls_client_certificate_bound_access_tokens": true,
        "authorization_response_iss_parameter_supported": true,
    })
}

fn look(document: &Value, intent: Intent<'_>) -> (Option<Metadata>, Findings) {
    let mut findings = Findings::default();
    let answer = answer(200, &[("content-type", "application/json")], &document.to_string());
    (check(&answer, &answer, intent, &mut findings), findings)
}

/// DSC-01 to DSC-22
#[test]
fn good_metadata_says_where_everything_is() {
    for response in [ResponseKind::Jarm, ResponseKind::JarmEncrypted, ResponseKind::Hybrid] {
        for pushed in [None, Some(true), Some(false)] {
            let (metadata, findings) = look(&good(), Intent { response, pushed, ..INTENT });
            assert_eq!(findings.failed(), [""; 0]);
            let metadata = metadata.unwrap();
            assert_eq!(metadata.par.unwrap().as_str(), "https://mtls.op.example/par");
            assert!(metadata.issuer_is_promised && !metadata.par_required);
        }
    }
}

/// DSC-22: a client that shows a certificate calls the alias.
#[test]
fn the_alias_wins() {
    let mut document = good();
    document["token_endpoint"] = json!(format!("{ISSUER}/token"));
    assert_eq!(look(&document, INTENT).0.unwrap().token.as_str(), "https://mtls.op.example/token");
}

/// DSC-03 to DSC-27, KEY-04: each wrong in turn.
#[test]
fn metadata_with_one_thing_wrong_is_a_finding() {
    let by_value = Intent { pushed: Some(false), ..INTENT };
    let encrypted = Intent { response: ResponseKind::JarmEncrypted, ..INTENT };
    for (name, value, intent, why) in [
        ("issuer", json!("https://op.example/"), INTENT, "byte for byte"),
        ("issuer", Value::Null, INTENT, "byte for byte"),
        ("token_endpoint", json!("http://op.example/token"), INTENT, "https address"),
        ("jwks_uri", json!("/jwks"), INTENT, "https address"),
        ("jwks_uri", Value::Null, INTENT, "key addresses"),
        (
            "mtls_endpoint_aliases",
            json!({ "token_endpoint": "https://m.example/token" }),
            INTENT,
            "address of its own",
        ),
        ("mtls_endpoint_aliases", Value::Null, INTENT, "address of its own"),
        ("claims_supported", json!([]), INTENT, "its type"),
        ("request_parameter_supported", json!("true"), INTENT, "its type"),
        ("acr_values_supported", json!("loa2"), INTENT, "its type"),
        ("op_policy_uri", json!(7), INTENT, "its type"),
        ("response_types_supported", json!(["code id_token"]), INTENT, "response type"),
        ("response_modes_supported", json!(["query"]), INTENT, "response mode"),
        ("authorization_signing_alg_values_supported", json!(["RS256"]), INTENT, "responses are signed"),
        ("authorization_encryption_enc_values_supported", Value::Null, encrypted, "encrypted responses"),
        (
            "authorization_encryption_alg_values_supported",
            json!(["RSA1_5"]),
            encrypted,
            "encrypted responses",
        ),
        ("grant_types_supported", json!(["implicit"]), INTENT, "codes can be redeemed"),
        ("grant_types_supported", json!(["authorization_code", "password"]), INTENT, "passwords cannot"),
        ("scopes_supported", json!(["openid"]), INTENT, "scope"),
        ("subject_types_supported", Value::Null, INTENT, "names people"),
        ("id_token_signing_alg_values_supported", json!(["RS256"]), INTENT, "none, HS* or RS*"),
        ("userinfo_signing_alg_values_supported", json!(["PS256", "none"]), INTENT, "none, HS* or RS*"),
        ("id_token_signing_alg_values_supported", json!(["ES384"]), INTENT, "ID Tokens are signed"),
        ("request_object_signing_alg_values_supported", json!(["ES256"]), INTENT, "request objects may"),
        ("request_parameter_supported", Value::Null, by_value, "through the browser"),
        ("require_pushed_authorization_requests", json!(true), by_value, "through the browser"),
        ("request_uri_parameter_supported", Value::Null, INTENT, "from elsewhere"),
        ("code_challenge_methods_supported", json!(["S256", "plain"]), INTENT, "S256"),
        ("token_endpoint_auth_methods_supported", json!(["tls_client_auth"]), INTENT, "private_key_jwt"),
        (
            "token_endpoint_auth_methods_supported",
            json!(["private_key_jwt", "client_secret_basic"]),
            INTENT,
            "nothing weaker",
        ),
        ("token_endpoint_auth_signing_alg_values_supported", json!(["ES256"]), INTENT, "assertions"),
        ("tls_client_certificate_bound_access_tokens", json!(false), INTENT, "bound to certificates"),
    ] {
        let mut document = good();
        if value.is_null() {
            document.as_object_mut().unwrap().remove(name);
        } else {
            document[name] = value;
        }
        assert_fails(&look(&document, intent).1, why);
    }
    let pushed = Intent { pushed: Some(true), ..INTENT };
    let mut document = good();
    document.as_object_mut().unwrap().remove("pushed_authorization_request_endpoint");
    assert_fails(&look(&document, pushed).1, "can be pushed");
}

/// DSC-01, DSC-02
#[test]
fn both_documents_are_json_and_say_the_same() {
    let json = [("content-type", "application/json")];
    let (one, other) = (answer(200, &json, &good().to_string()), answer(200, &json, "{}"));
    let mut findings = Findings::default();
    check(&one, &other, INTENT, &mut findings);
    assert_fails(&findings, "RFC 8414 says the same");

    let page = answer(200, &[("content-type", "text/html")], &good().to_string());
    let mut findings = Findings::default();
    check(&page, &page, INTENT, &mut findings);
    assert_fails(&findings, "JSON with status 200");
}

/// DSC-07, DSC-23, DSC-24: what a client of FAPI 2.0 looks for.
#[test]
fn fapi_2_offers_plain_codes_with_their_issuer_and_proofs() {
    let intent = Intent { response: ResponseKind::Code, binding: Binding::Dpop, ..INTENT };
    let document = |changes: &[(&str, Value)]| {
        let mut document = good();
        document["dpop_signing_alg_values_supported"] = json!(["ES256", "PS256"]);
        document["authorization_response_iss_parameter_supported"] = json!(true);
        for (name, value) in changes {
            document[*name] = value.clone();
        }
        let answer = || answer(200, &[("content-type", "application/json")], &document.to_string());
        let mut findings = Findings::default();
        check(&answer(), &answer(), intent, &mut findings);
        findings
    };
    assert_eq!(document(&[]).failed(), [""; 0]);
    assert_eq!(document(&[("tls_client_certificate_bound_access_tokens", json!(false))]).failed(), [""; 0]);
    assert_fails(&document(&[("dpop_signing_alg_values_supported", json!(["PS256"]))]), "DPoP proofs");
    let silent = document(&[("authorization_response_iss_parameter_supported", json!(false))]);
    assert_fails(&silent, "responses name their issuer");
}
