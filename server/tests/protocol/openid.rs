//! What OpenID Connect adds: who is wanted, how they signed in, and what is said of them (sections 11, 16, 28).

use fapi_core::profile::{ProfileName, Response};
use fapi_jose::{Alg, SigningKey};
use serde_json::{Value, json};

use crate::actors::App;
use crate::browser::Browser;
use crate::requests::carried;
use crate::server::{CALLBACK, PASSWORD, Served, TestServer, registration};

fn with(app: &App<'_>, change: &Value) -> Value {
    let mut claims = app.request();
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// The ID Token of somebody who signs in anew in this browser.
async fn id_token(app: &App<'_>, browser: &mut Browser<'_>, username: &str, change: &Value) -> String {
    let page = browser.open(&app.pushed(&with(app, change)).await).await;
    let page = browser.sign_in(&page, username, PASSWORD).await;
    let response = app.jarm(browser.decide(&page, "approve").await.left());
    app.redeem(response["code"].as_str().unwrap()).await.text("id_token").to_owned()
}

/// `OIC-05`: the hint says whose silent answer is wanted, and an expired ID Token is a good hint.
#[tokio::test]
async fn a_hint_says_who_is_wanted() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let alices = id_token(&app, &mut browser, "alice", &json!({})).await;
    let bobs = id_token(&app, &mut served.browser(), "bob", &json!({})).await;
    served.later(11 * 60);
    assert!(app.verified(&alices)["exp"].as_i64().unwrap() < served.now(), "the hints have expired");

    let silent = async |browser: &mut Browser<'_>, hint: &str| {
        let request = with(&app, &json!({"prompt": "none", "id_token_hint": hint}));
        browser.open(&app.pushed(&request).await).await
    };
    let page = silent(&mut browser, &alices).await;
    assert!(app.jarm(page.left()).contains_key("code"), "OIC-05, OIC-03: it is Alice's session");
    let page = silent(&mut browser, &bobs).await;
    assert_eq!(carried(&app, &page, false)["error"], "login_required", "OIC-05, E-29");

    // Without prompt=none somebody else may sign in: only Bob will do.
    let for_bob = with(&app, &json!({"id_token_hint": bobs}));
    let page = browser.open(&app.pushed(&for_bob).await).await;
    assert!(page.asks_for_sign_in(), "OIC-05: Alice's session is not his");
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    assert_eq!(carried(&app, &page, false)["error"], "access_denied", "OIC-05, E-24");
    let page = browser.open(&app.pushed(&for_bob).await).await;
    assert!(browser.sign_in(&page, "bob", PASSWORD).await.asks_for_consent(), "OIC-05");
}

/// `KEY-04`, `KEY-06`, `KEY-11`: only an ID Token of ours, for this client, is a hint.
#[tokio::test]
async fn a_hint_is_an_id_token_of_ours_for_this_client() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let response = browser.decide(&page, "approve").await.left().to_owned();
    let jarm = url::Url::parse(&response).unwrap().query_pairs().last().unwrap().1.into_owned();
    let tokens = app.redeem(app.jarm(&response)["code"].as_str().unwrap()).await;
    let hers = tokens.text("id_token");
    let own = app.sign(Some("JWT"), &Value::Object(app.verified(hers)));
    let (head, rest) = hers.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let unsigned =
        format!("{}.{}.", fapi_jose::b64::encode(br#"{"alg":"none"}"#), rest.split('.').next().unwrap());
    let changed = format!("{head}.{}.{signature}", fapi_jose::b64::encode(br#"{"sub":"somebody"}"#));
    for (what, hint) in [
        ("alg none", unsigned.as_str()),
        ("changed", &changed),
        ("signed by the client", &own),
        ("an access token", tokens.text("access_token")),
        ("a response", &jarm),
        ("nonsense", "a.b.c"),
    ] {
        let refused = app.push(&with(&app, &json!({"id_token_hint": hint}))).await;
        assert_eq!(refused.error(), "400 invalid_request", "OIC-05, KEY-04, KEY-11 {what}");
    }
    let other = served.other();
    let refused = other.push(&with(&other, &json!({"id_token_hint": hers}))).await;
    assert_eq!(refused.error(), "400 invalid_request", "OIC-05: a hint for another client");
    let two = json!({"id_token_hint": hers, "claims": {"id_token": {"sub": {"value": "somebody else"}}}});
    assert_eq!(app.push(&with(&app, &two)).await.error(), "400 invalid_request", "OIC-05: two people");
    assert_eq!(app.push(&with(&app, &json!({"id_token_hint": hers}))).await.status, 201);
}

/// `UIN-08`: a client asks for a person by the identifier it knows, and for nobody by ours.
#[tokio::test]
async fn a_person_is_asked_for_as_the_client_knows_them() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let alice = app.verified(&id_token(&app, &mut browser, "alice", &json!({})).await)["sub"].clone();
    let ask = |sub: &Value| json!({"prompt": "none", "claims": {"id_token": {"sub": {"value": sub}}}});
    let page = browser.open(&app.pushed(&with(&app, &ask(&alice))).await).await;
    assert!(app.jarm(page.left()).contains_key("code"), "UIN-08, DSC-27");
    let page = browser.open(&app.pushed(&with(&app, &ask(&json!("a-1")))).await).await;
    assert_eq!(
        carried(&app, &page, false)["error"],
        "login_required",
        "UIN-08: a client cannot try our names"
    );
}

/// `OIC-07`: with an ID Token in the response a nonce is needed; FAPI 1.0 wants one always, FAPI 2.0 takes requests without.
#[tokio::test]
async fn a_nonce_is_needed_where_an_id_token_could_be_replayed() {
    let served = TestServer::fintech()
        .with(|bundle| bundle.document.protocol.responses = Some(vec![Response::CodeIdToken]))
        .start()
        .await;
    let app = served.app();
    let mut hybrid = with(&app, &json!({"response_type": "code id_token"}));
    hybrid.as_object_mut().unwrap().remove("response_mode");
    assert_eq!(app.push(&hybrid).await.status, 201, "OIC-07");
    hybrid.as_object_mut().unwrap().remove("nonce");
    assert_eq!(app.push(&hybrid).await.error(), "400 invalid_request", "OIC-07, E-07");

    let served = TestServer::of(ProfileName::FAPI2MessageSigning).start().await;
    let app = served.app();
    let mut code = app.request();
    code.as_object_mut().unwrap().remove("nonce");
    let url = served.browser().approve(&app.pushed(&code).await).await;
    assert!(app.jarm(&url).contains_key("code"), "OIC-07: optional in the code flow");
}

/// `OIC-09`: a request without redirect URI goes nowhere, however many the client has.
#[tokio::test]
async fn without_redirect_uri_there_is_a_page() {
    for registered in [vec![CALLBACK], vec![CALLBACK, "https://app.example/second"]] {
        let served = TestServer::of_every_kind()
            .client(|client| client.redirect_uris = registered.iter().map(ToString::to_string).collect())
            .start()
            .await;
        let app = served.app();
        let mut claims = app.request();
        claims.as_object_mut().unwrap().remove("redirect_uri");
        let page = served.browser().open(&app.by_value(&claims)).await;
        assert_eq!(
            (page.status, page.error(), &page.left),
            (400, "invalid_request", &None),
            "OIC-09, AUT-06"
        );
        assert_eq!(app.push(&claims).await.error(), "400 invalid_request", "OIC-09, E-08");
    }
}

fn people(served: TestServer, alice: &Value) -> TestServer {
    let alice = alice.clone();
    served.with(move |bundle| {
        let users = bundle.users.take().unwrap();
        let mut users: Value = serde_json::from_slice(&users).unwrap();
        for (name, value) in alice.as_object().unwrap() {
            users["alice"][name] = value.clone();
        }
        bundle.users = Some(serde_json::to_vec(&users).unwrap().into());
    })
}

/// `IDT-10`: what UserInfo says has the types of OpenID Connect.
#[tokio::test]
async fn standard_claims_have_their_types() {
    let claims = json!({
        "name": "Alice", "email": "alice@bank.example", "email_verified": true, "updated_at": 1_700_000_000,
        "address": {"country": "BR", "locality": "Recife"},
    });
    let scopes = ["profile", "email", "address"].map(|name| fapi_core::registry::ScopeDefinition {
        name: fapi_core::scope::Scope::parse(name).unwrap(),
        description: std::collections::BTreeMap::new(),
        claims: Vec::new(),
    });
    let served = people(TestServer::fintech(), &json!({"claims": claims}))
        .with(move |bundle| bundle.document.scopes.extend(scopes))
        .start()
        .await;
    let app = served.app();
    let mut browser = served.browser();
    let request = with(&app, &json!({"scope": "openid profile email address"}));
    let page = browser.open(&app.pushed(&request).await).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let response = app.jarm(browser.decide(&page, "approve").await.left());
    let tokens = app.redeem(response["code"].as_str().unwrap()).await;
    let mut said = app.userinfo(tokens.text("access_token")).await.json;
    said.as_object_mut().unwrap().remove("sub");
    assert_eq!(said, claims, "IDT-10");
}

/// `AUT-14`, `UIN-07`, `IDT-08`: the level that was reached is told to who needs it, in every ID Token.
#[tokio::test]
async fn the_level_of_a_sign_in_is_what_was_reached() {
    let served = people(TestServer::fintech(), &json!({"acr": "urn:bank:two-factors"})).start().await;
    let app = served.app();
    for wish in [
        json!({"essential": true}),
        json!({"essential": true, "value": "urn:bank:two-factors"}),
        json!({"essential": true, "values": ["urn:other", "urn:bank:two-factors"]}),
        json!(null),
    ] {
        let change = json!({"claims": {"id_token": {"acr": wish}}});
        let claims = app.verified(&id_token(&app, &mut served.browser(), "alice", &change).await);
        assert_eq!(claims["acr"], "urn:bank:two-factors", "UIN-07, IDT-08, AUT-14 {wish}");
    }
    // Bob has a password only.
    let mut browser = served.browser();
    let stronger =
        json!({"claims": {"id_token": {"acr": {"essential": true, "value": "urn:bank:two-factors"}}}});
    let page = browser.open(&app.pushed(&with(&app, &stronger)).await).await;
    let page = browser.sign_in(&page, "bob", PASSWORD).await;
    assert_eq!(carried(&app, &page, false)["error"], "access_denied", "AUT-14, IDT-08");
}

/// `IDT-07`, `OIC-02`, `OIC-04`: when the sign-in was is told to who asks.
#[tokio::test]
async fn the_time_of_a_sign_in_is_told_and_true() {
    let served: Served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let signed_in = served.now();
    id_token(&app, &mut browser, "alice", &json!({})).await;
    served.later(100);
    for change in
        [json!({"max_age": 1000}), json!({"claims": {"id_token": {"auth_time": {"essential": true}}}})]
    {
        let page = browser.open(&app.pushed(&with(&app, &change)).await).await;
        let response = app.jarm(page.left());
        let tokens = app.redeem(response["code"].as_str().unwrap()).await;
        let claims = app.verified(tokens.text("id_token"));
        assert_eq!(claims["auth_time"], signed_in, "IDT-07, OIC-04 {change}");
        let again = app.refresh(tokens.text("refresh_token")).await;
        if let Some(id_token) = again.json.get("id_token") {
            assert_eq!(app.verified(id_token.as_str().unwrap())["auth_time"], signed_in, "IDT-11");
        }
    }
    let anew = id_token(&app, &mut browser, "alice", &json!({"prompt": "login", "max_age": 1000})).await;
    assert_eq!(app.verified(&anew)["auth_time"], signed_in + 100, "OIC-02, IDT-07");
}

/// `REF-13`: new keys of a client end nothing; the old ones open nothing any more.
#[tokio::test]
async fn a_refresh_token_survives_the_new_keys_of_its_client() {
    let mut served = TestServer::fintech().start().await;
    let code = crate::server::code(&served).await;
    let tokens = served.app().redeem(&code).await;
    let refresh = tokens.text("refresh_token");
    let new: &SigningKey = Box::leak(Box::new(SigningKey::generate(Alg::Es256, 2048).unwrap()));
    served.publish(|bundle| bundle.clients[0].auth = registration("app", new).auth).await;
    assert_eq!(served.app().refresh(refresh).await.error(), "401 invalid_client", "REF-13, KEY-06");
    let renewed = App::new(&served, "app", new);
    let refreshed = renewed.refresh(refresh).await;
    assert_eq!(refreshed.status, 200, "REF-13 {}", refreshed.json);
    assert_eq!(renewed.userinfo(refreshed.text("access_token")).await.status, 200, "REF-13");
}
