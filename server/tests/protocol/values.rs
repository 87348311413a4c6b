//! Values whose form counts: what is opaque cannot be guessed, what is signed names its key, and who a token speaks for can be told.

use std::collections::BTreeSet;

use fapi_core::ids::ClientId;
use fapi_core::profile::SubjectType;
use fapi_core::registry::Resource;
use fapi_jose::{Alg, Unverified, b64};
use serde_json::{Map, Value, json};

use crate::actors::App;
use crate::client::get;
use crate::server::{BACK, PASSWORD, TestServer};

/// `INV-10`, `KEY-10`: at least 128 random bits each, and none of them comes twice.
#[tokio::test]
async fn no_opaque_value_can_be_guessed() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let pushed = app.push(&app.request()).await;
        let uri = pushed.text("request_uri").to_owned();
        let mut browser = served.browser();
        let url = browser.approve(&app.authorize(&uri)).await;
        let code = app.jarm(&url)["code"].as_str().unwrap().to_owned();
        let tokens = app.redeem(&code).await;
        let claims = app.verified(tokens.text("access_token"));
        let (grant, jti) = claims["jti"].as_str().unwrap().split_once('.').unwrap();
        let id_token = app.verified(tokens.text("id_token"));
        let cookies = browser.cookies();
        for (name, value) in [
            ("request_uri", uri.rsplit(':').next().unwrap()),
            ("code", &code),
            ("refresh token", tokens.text("refresh_token")),
            ("grant", grant),
            ("jti", jti),
            ("sid", id_token["sid"].as_str().unwrap()),
            ("browser", &cookies["__Host-fapi-browser"]),
            ("session", &cookies["__Host-fapi-session"]),
        ] {
            let bytes = b64::decode(value).unwrap_or_else(|| panic!("INV-10 {name}: {value}"));
            assert!(bytes.len() >= 16, "INV-10 {name}");
            assert!(seen.insert(bytes), "INV-10: {name} came twice");
        }
    }
    assert_eq!(seen.len(), 5 * 8, "INV-10");
}

/// `INV-11`: whoever verifies never has to try keys.
#[tokio::test]
async fn every_signed_token_names_its_key() {
    let signed = Some(Alg::Ps256);
    let served = TestServer::fintech()
        .client(|client| {
            client.userinfo.signing_algorithm = signed;
            client.introspection.signing_algorithm = signed;
        })
        .start()
        .await;
    let app = served.app();
    let url = served.browser().approve(&app.pushed(&app.request()).await).await;
    let response = url.rsplit("response=").next().unwrap().to_owned();
    let tokens = app.redeem(app.jarm(&url)["code"].as_str().unwrap()).await;
    let access = tokens.text("access_token").to_owned();

    let mut userinfo = get(BACK, "/userinfo");
    userinfo.headers_mut().insert("authorization", format!("Bearer {access}").parse().unwrap());
    let userinfo = served.ask(&app.showing(), userinfo).await;
    let form = app.credentials(&[("token", &access)]);
    let introspection = served.ask(&app.showing(), crate::client::post(BACK, "/introspect", form)).await;
    for (name, jwt) in [
        ("JARM", response.as_str()),
        ("ID token", tokens.text("id_token")),
        ("access token", &access),
        ("UserInfo", crate::client::text(&userinfo)),
        ("introspection", crate::client::text(&introspection)),
    ] {
        let jws = Unverified::parse(jwt).unwrap_or_else(|why| panic!("INV-11 {name}: {why}"));
        assert_eq!(jws.kid(), Some(served.key().kid()), "INV-11 {name}");
    }
    let keys: Value = serde_json::from_slice(served.look("/jwks").await.body()).unwrap();
    let kids: Vec<&Value> = keys["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    let once: BTreeSet<String> = kids.iter().map(ToString::to_string).collect();
    assert_eq!(once.len(), kids.len(), "INV-11: no two keys have one name");
}

const API: &str = "https://api.example";

/// The tokens of Alice, or of nobody, that a client gets for the API.
async fn token(app: &App<'_>, of_alice: bool) -> String {
    if !of_alice {
        let form = [("grant_type", "client_credentials"), ("scope", "accounts"), ("resource", API)];
        return app.call("/token", &form).await.text("access_token").to_owned();
    }
    let mut request = app.request();
    request["resource"] = json!(API);
    let mut browser = app.served.browser();
    let page = browser.open(&app.pushed(&request).await).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let url = browser.decide(&page, "approve").await.left().to_owned();
    let tokens = app.redeem(app.jarm(&url)["code"].as_str().unwrap()).await;
    tokens.text("access_token").to_owned()
}

/// `P-26`: a client is called `a-1`, as Alice is, and every client sees people by that name. What it gets for itself speaks for
/// nobody, and says so: only a person's token has `auth_time`, only a person's introspection `local_sub` (RFC 9700 4.15.1).
#[tokio::test]
async fn a_client_that_is_named_like_a_person_is_not_that_person() {
    let served = TestServer::fintech()
        .with(|bundle| {
            bundle.document.protocol.subject_types = Some(vec![SubjectType::Public]);
            bundle.document.resources = vec![Resource {
                identifier: API.into(),
                scopes: Vec::new(),
                introspection_clients: vec![ClientId::parse("other").unwrap()],
                default: false,
            }];
            // It has the key of the other client, which is a resource server here.
            let mut namesake = bundle.clients[1].clone();
            namesake.client_id = ClientId::parse("a-1").unwrap();
            bundle.clients.push(namesake);
            let other = &mut bundle.clients[1];
            (other.grant_types, other.redirect_uris) = (Vec::new(), Vec::new());
        })
        .start()
        .await;
    let (app, api) = (served.app(), served.other());
    let namesake = App::new(&served, "a-1", api.key);

    let told = async |caller: &App<'_>, of_alice| {
        let token = token(caller, of_alice).await;
        let said = api.call("/introspect", &[("token", &token)]).await.json;
        assert_eq!(said["active"], true, "P-26 {said}");
        let claims: Map<String, Value> = caller.verified(&token);
        assert_eq!((&claims["sub"], &said["sub"]), (&json!("a-1"), &json!("a-1")), "P-26: the same name");
        let userinfo = caller.userinfo(&token).await;
        (
            claims.contains_key("auth_time"),
            said.get("auth_time").is_some(),
            said.get("local_sub").cloned(),
            userinfo,
        )
    };

    let (in_token, in_answer, local_sub, userinfo) = told(&namesake, false).await;
    assert_eq!((in_token, in_answer, local_sub), (false, false, None), "P-26");
    assert_eq!(userinfo.status, 403, "P-26, RS-08 {}", userinfo.json);
    assert!(userinfo.json.get("sub").is_none(), "P-26");
    let personal =
        namesake.call("/token", &[("grant_type", "client_credentials"), ("scope", "openid")]).await;
    assert_eq!(personal.error(), "400 invalid_scope", "P-26: nor can it ask for what opens UserInfo");

    // Alice herself, also at her namesake.
    for caller in [&app, &namesake] {
        let (in_token, in_answer, local_sub, userinfo) = told(caller, true).await;
        assert_eq!((in_token, in_answer, local_sub), (true, true, Some(json!("a-1"))), "P-26");
        assert_eq!((userinfo.status, &userinfo.json["sub"]), (200, &json!("a-1")), "P-26");
    }
}
