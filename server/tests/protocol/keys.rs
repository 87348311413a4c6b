//! What the server says of itself, and with which key: documents, key sets, rotation (requirements sections 1 and 2).

use fapi_config::{KeyAlgorithm, KeyState, PrivateKey, PublicKey};
use fapi_jose::{Alg, JwkSet, SigningKey, Unverified};
use serde_json::{Value, json};

use crate::actors::App;
use crate::pki::Identity;
use crate::server::{ISSUER, Served, TestServer, code};

fn json_of(response: &http::Response<bytes::Bytes>) -> Value {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json", "DSC-01, KEY-01");
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test]
async fn both_well_known_documents_say_the_same_of_this_issuer() {
    let served = TestServer::fintech().start().await;
    let openid = json_of(&served.look("/.well-known/openid-configuration").await);
    let oauth = json_of(&served.look("/.well-known/oauth-authorization-server").await);
    assert_eq!(openid, oauth, "DSC-01, DSC-02");
    assert_eq!(openid["issuer"], ISSUER, "DSC-03");
    assert_eq!(openid["require_pushed_authorization_requests"], true, "DSC-18");
    assert_eq!(openid["request_uri_parameter_supported"], false, "DSC-16");
    assert_eq!(openid["code_challenge_methods_supported"], json!(["S256"]), "DSC-20");
    assert_eq!(openid["tls_client_certificate_bound_access_tokens"], true, "DSC-21");
    assert_eq!(openid["response_modes_supported"], json!(["jwt", "query.jwt"]), "DSC-08");
    for (name, value) in openid.as_object().unwrap() {
        assert!(!value.is_null() && value != &json!([]), "DSC-05 {name}");
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            assert!(value.as_str().unwrap().starts_with("https://"), "DSC-04 {name}");
        }
    }
    for (name, url) in openid["mtls_endpoint_aliases"].as_object().unwrap() {
        assert_eq!(openid[name], *url, "DSC-22: complete, and callable without knowing aliases");
    }
    // What is announced is there.
    for (name, status) in [("jwks_uri", 200), ("authorization_endpoint", 400)] {
        let path = openid[name].as_str().unwrap().strip_prefix(ISSUER).unwrap();
        assert_eq!(served.look(path).await.status(), status, "DSC-04 {name}");
    }
    for name in [
        "token_endpoint",
        "pushed_authorization_request_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
    ] {
        let path = openid[name].as_str().unwrap().strip_prefix("https://mtls.auth.example").unwrap();
        assert_eq!(
            served.app().call(path, &[]).await.error(),
            "400 invalid_request",
            "DSC-22, DSC-32 {name}"
        );
    }
}

#[tokio::test]
async fn the_key_set_has_names_and_no_secrets() {
    let served = TestServer::fintech().start().await;
    let response = served.look("/jwks").await;
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("max-age=900"), "KEY-09, H-07");
    let set = json_of(&response);
    let mut names = Vec::new();
    for key in set["keys"].as_array().unwrap() {
        for member in ["kty", "kid", "use", "alg"] {
            assert!(key[member].is_string(), "KEY-01 {member}");
        }
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(secret).is_none(), "KEY-01, J-20 {secret}");
        }
        assert!(!names.contains(&key["kid"]), "KEY-02");
        names.push(key["kid"].clone());
    }
    assert_eq!(names, [json!(served.key().kid())], "KEY-02, IDT-02");
}

/// The client application with the certificate that its tokens are bound to.
fn same<'a>(served: &'a Served, identity: &Identity) -> App<'a> {
    App { identity: identity.clone(), ..served.app() }
}

#[tokio::test]
async fn a_key_is_published_then_signs_then_still_verifies_then_is_gone() {
    let mut served = TestServer::fintech().start().await;
    let old = served.key();
    let new = SigningKey::generate(Alg::Ps256, 2048).unwrap();
    let identity = served.app().identity;
    let before = same(&served, &identity).redeem(&code(&served).await).await;
    let states = |state_old: Option<KeyState>, state_new: Option<KeyState>| {
        let new = new.clone();
        move |bundle: &mut fapi_config::Bundle| {
            bundle.document.keys.clear();
            bundle.secrets.keys.clear();
            for (key, state) in [(old, state_old), (&new, state_new)] {
                let Some(state) = state else { continue };
                let (kid, alg) = (key.kid().to_owned(), KeyAlgorithm::Signature(key.alg()));
                bundle.document.keys.push(PublicKey { kid, alg, state, jwk: key.public().clone() });
                bundle.secrets.keys.push(PrivateKey::new(key.kid(), state, &key.to_private_jwk()).unwrap());
            }
        }
    };
    let kid_of = |jwt: &str| Unverified::parse(jwt).unwrap().kid().unwrap().to_owned();

    served.publish(states(Some(KeyState::Active), Some(KeyState::Published))).await;
    let set = json_of(&served.look("/jwks").await);
    let kids: Vec<&str> =
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids, [old.kid(), new.kid()], "KEY-09: published before use");
    let signed = same(&served, &identity).refresh(before.text("refresh_token")).await;
    assert_eq!(kid_of(signed.text("access_token")), old.kid(), "KEY-09");

    served.publish(states(Some(KeyState::Retiring), Some(KeyState::Active))).await;
    assert_eq!(
        json_of(&served.look("/jwks").await)["keys"].as_array().unwrap().len(),
        2,
        "KEY-09: still published"
    );
    let app = same(&served, &identity);
    let signed = app.refresh(before.text("refresh_token")).await;
    for name in ["access_token", "id_token"] {
        assert_eq!(kid_of(signed.text(name)), new.kid(), "KEY-09 {name}");
        let keys = JwkSet::from_keys(vec![new.public().clone()]);
        assert!(Unverified::parse(signed.text(name)).unwrap().verify(&keys, &[Alg::Ps256]).is_ok());
    }
    for token in [before.text("access_token"), signed.text("access_token")] {
        assert_eq!(app.userinfo(token).await.status, 200, "KEY-09: what the old key signed is still good");
        assert_eq!(app.call("/introspect", &[("token", token)]).await.json["active"], true, "KEY-09");
    }

    served.publish(states(None, Some(KeyState::Active))).await;
    let app = same(&served, &identity);
    assert_eq!(
        app.userinfo(before.text("access_token")).await.status,
        401,
        "P-31: a withdrawn key is not trusted"
    );
    assert_eq!(app.userinfo(signed.text("access_token")).await.status, 200);
}

#[tokio::test]
async fn what_is_unguessable_is_long() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let answer = app.push(&app.request()).await;
    let handle = answer
        .text("request_uri")
        .strip_prefix("urn:ietf:params:oauth:request_uri:")
        .expect("PAR-02")
        .to_owned();
    assert_eq!(answer.json["expires_in"], 60, "PAR-03");
    let code = code(&served).await;
    let tokens = app.redeem(&code).await;
    for secret in [&handle, &code, tokens.text("refresh_token")] {
        assert_eq!(secret.len(), 43, "KEY-10, P-09, RSP-15");
        assert!(secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "KEY-10");
        let mut counts = [0_u32; 256];
        secret.bytes().for_each(|b| counts[usize::from(b)] += 1);
        let entropy: f64 =
            counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n)).map(|n| -n * (n / 43.0).log2()).sum();
        assert!(entropy > 96.0, "KEY-10 {entropy}");
    }
}
