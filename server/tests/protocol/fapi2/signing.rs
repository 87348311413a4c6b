//! FAPI 2.0 Message Signing: requests, responses and introspection are signed (requirements section 20).

use fapi_core::client::GrantType;
use fapi_core::ids::ClientId;
use fapi_core::profile::Response;
use fapi_core::registry::Resource;
use serde_json::json;

use super::*;
use crate::client::post;
use crate::forge;
use crate::server::NOON;

const JWT: &str = "application/token-introspection+jwt";

/// A resource server beside `app` and `other`, which signs as `other` does.
fn message_signing() -> TestServer {
    TestServer::of(ProfileName::FAPI2MessageSigning).with(|bundle| {
        let bank = &mut bundle.clients[1];
        bank.grant_types = Vec::<GrantType>::new();
        bank.redirect_uris = Vec::new();
        bundle.document.resources = vec![Resource {
            identifier: "https://api.example".into(),
            scopes: Vec::new(),
            introspection_clients: vec![ClientId::parse("other").unwrap()],
            default: true,
        }];
    })
}

async fn introspect(served: &Served, token: &str, accept: &str) -> http::Response<bytes::Bytes> {
    let bank = served.other();
    let mut request = post(BACK, "/introspect", bank.credentials(&[("token", token)]));
    request.headers_mut().insert("accept", accept.parse().unwrap());
    served.ask(&served.anyone(), request).await
}

/// `INT-05`, `MS-R01`, `MS-R02`, `MS-R04`
#[tokio::test]
async fn message_signing_signs_requests_responses_and_introspection() {
    let served = message_signing().start().await;
    let wallet = Wallet::of(&served);
    let object = wallet.0.sign(Some("oauth-authz-req+jwt"), &wallet.0.request());
    let pushed = wallet.call("/par", &[("request", &object)], &[]).await;
    assert_eq!(pushed.status, 201, "RO-01, MS-R01 {}", pushed.json);
    let url = served.browser().approve(&wallet.0.authorize(pushed.text("request_uri"))).await;
    let answer = wallet.0.jarm(&url);
    assert_eq!(
        (&answer["iss"], &answer["state"]),
        (&json!(ISSUER), &json!("the state")),
        "RSP-07, MS-R02, MS-R04"
    );
    let tokens = wallet.redeem_with(answer["code"].as_str().unwrap(), &ONE).await;
    assert_eq!(tokens.text("token_type"), "DPoP", "{}", tokens.json);
    let token = tokens.text("access_token");

    for accept in [JWT, "application/json;q=0.5, Application/Token-Introspection+JWT"] {
        let signed = introspect(&served, token, accept).await;
        assert_eq!(
            (signed.status().as_u16(), &signed.headers()["content-type"]),
            (200, &JWT.parse().unwrap()),
            "RFC 9701 5"
        );
        let jwt = std::str::from_utf8(signed.body()).unwrap();
        assert_eq!(Unverified::parse(jwt).unwrap().typ(), Some("token-introspection+jwt"), "RFC 9701 5");
        let claims = wallet.0.verified(jwt);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!("other")), "RFC 9701 5");
        assert_eq!(claims["iat"], NOON.as_unix(), "RFC 9701 5");
        assert_eq!(claims["token_introspection"]["cnf"], wallet.0.verified(token)["cnf"], "INT-02");
        // RFC 9701 8.1: it is no access token.
        assert_eq!(wallet.userinfo_by(jwt, &ONE, &json!({})).await.status, 401, "JAT-02, P-20");
    }
    for accept in ["application/json", "*/*", "application/token-introspection+jwt;q=0"] {
        let plain = introspect(&served, token, accept).await;
        assert_eq!(plain.headers()["content-type"], "application/json", "INT-02 {accept}");
    }
    let unknown = introspect(&served, "x", JWT).await;
    let claims = wallet.0.verified(std::str::from_utf8(unknown.body()).unwrap());
    assert_eq!(claims["token_introspection"], json!({"active": false}), "INT-03");
}

#[tokio::test]
async fn message_signing_takes_nothing_unsigned() {
    let served = message_signing().start().await;
    let wallet = Wallet::of(&served);
    let unsigned = wallet.push(&[("response_mode", "jwt")], &[]).await;
    assert_eq!(unsigned.refusal("E-18"), "400 invalid_request", "E-18, RO-01, MS-R01");
    let now = served.now();
    let push = async |object: String| wallet.call("/par", &[("request", &object)], &[]).await;
    let changed = |changes: Value| wallet.0.sign(None, &with(wallet.0.request(), &changes));
    for (id, object, error) in [
        ("E-05, J-01", forge::unsigned("none", &wallet.0.request()), "400 invalid_request_object"),
        ("E-05, J-03", forge::rs256(wallet.0.key, &wallet.0.request()), "400 invalid_request_object"),
        ("E-06", served.other().sign(None, &wallet.0.request()), "400 invalid_request_object"),
        ("E-03, MS-R03", changed(json!({"exp": now + 4200})), "400 invalid_request_object"),
        ("E-03, RO-04", changed(json!({"nbf": now - 4200})), "400 invalid_request_object"),
        ("E-04, RO-05", changed(json!({"aud": format!("https://{BACK}/par")})), "400 invalid_request_object"),
        ("MS-R02, E-12", changed(json!({"response_mode": null})), "400 unsupported_response_type"),
        ("MS-R02", changed(json!({"response_mode": "query"})), "400 invalid_request"),
    ] {
        assert_eq!(push(object).await.refusal(id), error, "{id}");
    }
    // DPO-12, RO-02: only what is inside counts, the key that binds the code as well.
    let object = changed(json!({"dpop_jkt": ONE.public().thumbprint()}));
    let outside = OTHER.public().thumbprint();
    let pushed = wallet.call("/par", &[("request", &object), ("dpop_jkt", outside)], &[]).await;
    let url = served.browser().approve(&wallet.0.authorize(pushed.text("request_uri"))).await;
    let code = wallet.0.jarm(&url)["code"].as_str().unwrap().to_owned();
    assert_eq!(wallet.redeem_with(&code, &OTHER).await.refusal("T-09"), "400 invalid_grant", "T-09, RO-02");
    assert_eq!(wallet.redeem_with(&code, &ONE).await.status, 200, "DPO-12");
    // RSP-08, MS-R02: errors are signed, too.
    let mut browser = served.browser();
    let pushed = push(changed(json!({}))).await;
    let page = browser.open(&wallet.0.authorize(pushed.text("request_uri"))).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let refused = wallet.0.jarm(browser.decide(&page, "deny").await.left());
    assert_eq!(refused["error"], "access_denied", "RSP-08, E-24");
}

#[tokio::test]
async fn signed_responses_may_be_chosen_in_the_security_profile() {
    let both = vec![Response::Code, Response::CodeJarm];
    let served = security().with(|bundle| bundle.document.protocol.responses = Some(both)).start().await;
    let wallet = Wallet::of(&served);
    let url = served.browser().approve(&wallet.pushed(&[("response_mode", "jwt")], &[]).await).await;
    assert!(wallet.0.jarm(&url).contains_key("code"), "RSP-06, RSP-10");
    let url = served.browser().approve(&wallet.pushed(&[], &[]).await).await;
    assert!(response(&url).contains_key("code"), "RSP-05");
}
