//! Whole journeys that succeed, and the same with one thing wrong.

use fapi_core::profile::{RequestDelivery, Response};
use fapi_jose::half_hash;
use serde_json::{Value, json};

use crate::server::{CALLBACK, ISSUER, PASSWORD, TestServer, code};

#[tokio::test]
async fn a_person_lets_an_app_see_their_accounts() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let url = served.browser().approve(&app.pushed(&app.request()).await).await;
    assert!(url.starts_with(&format!("{CALLBACK}&response=")), "AUT-05, RSP-06 {url}");
    let response = app.jarm(&url);
    assert_eq!(response["state"], "the state", "AUT-07");

    let tokens = app.redeem(response["code"].as_str().unwrap()).await;
    assert_eq!(tokens.status, 200, "{}", tokens.json);
    assert_eq!(tokens.headers["cache-control"], "no-cache, no-store", "TLS-11");
    assert_eq!(
        (tokens.text("token_type"), tokens.json["expires_in"].as_i64()),
        ("Bearer", Some(300)),
        "TOK-01"
    );
    assert_eq!(tokens.text("scope"), "openid accounts", "TOK-02");
    let access = app.verified(tokens.text("access_token"));
    let id_token = app.verified(tokens.text("id_token"));
    assert_eq!(id_token["nonce"], "the nonce", "AUT-08, IDT-01");
    assert_eq!(id_token["at_hash"], half_hash(tokens.text("access_token")), "IDT-05");
    assert_eq!(id_token["sub"], access["sub"]);
    assert_ne!(id_token["sub"], "a-1", "DSC-27: pairwise");

    let person = app.userinfo(tokens.text("access_token")).await;
    assert_eq!((person.status, person.json), (200, json!({"sub": id_token["sub"]})), "UIN-01, RS-01");

    let refreshed = app.refresh(tokens.text("refresh_token")).await;
    assert_eq!(refreshed.status, 200, "REF-10 {}", refreshed.json);
    assert!(refreshed.json.get("refresh_token").is_none(), "REF-07");
    assert_ne!(refreshed.text("access_token"), tokens.text("access_token"), "REF-10, TOK-14");

    let known = app.call("/introspect", &[("token", refreshed.text("access_token"))]).await;
    assert_eq!(known.json["active"], true, "INT-02");
    let ended = app.call("/revoke", &[("token", tokens.text("refresh_token"))]).await;
    assert_eq!(ended.status, 200, "REV-01");
    for token in [tokens.text("access_token"), refreshed.text("access_token")] {
        assert_eq!(
            app.call("/introspect", &[("token", token)]).await.json,
            json!({"active": false}),
            "REV-03, INT-03"
        );
        assert_eq!(app.userinfo(token).await.status, 401, "REV-03, RS-03");
    }
    assert_eq!(app.refresh(tokens.text("refresh_token")).await.error(), "400 invalid_grant", "REF-12, T-10");
}

#[tokio::test]
async fn a_code_works_once_and_its_replay_ends_everything() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let code = code(&served).await;
    assert_eq!(served.other().redeem(&code).await.error(), "400 invalid_grant", "TOK-05, P-02");
    let tokens = app.redeem(&code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.json);
    assert_eq!(served.other().redeem(&code).await.error(), "400 invalid_grant", "TOK-05");
    assert_eq!(
        app.userinfo(tokens.text("access_token")).await.status,
        200,
        "another client's attempt ends nothing"
    );
    assert_eq!(app.redeem(&code).await.error(), "400 invalid_grant", "TOK-03, P-01, OIC-08");
    assert_eq!(
        app.userinfo(tokens.text("access_token")).await.status,
        401,
        "TOK-03: what the first use produced has ended"
    );
    assert_eq!(
        app.refresh(tokens.text("refresh_token")).await.error(),
        "400 invalid_grant",
        "TOK-03, REF-12"
    );
}

#[tokio::test]
async fn of_twenty_that_redeem_one_code_one_wins() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let code = code(&served).await;
    let all = futures::future::join_all((0..20).map(|_| app.redeem(&code))).await;
    let won = all.iter().filter(|answer| answer.status == 200).count();
    let refused = all.iter().filter(|answer| answer.error() == "400 invalid_grant").count();
    assert_eq!((won, refused), (1, 19), "TOK-04, P-01");
}

#[tokio::test]
async fn a_code_lasts_sixty_seconds() {
    let served = TestServer::fintech().start().await;
    let late = code(&served).await;
    served.later(62);
    assert_eq!(served.app().redeem(&late).await.error(), "400 invalid_grant", "TOK-06, T-06");
    let soon = code(&served).await;
    served.later(59);
    assert_eq!(served.app().redeem(&soon).await.status, 200);
}

#[tokio::test]
async fn tokens_are_bound_to_the_certificate() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let spent = code(&served).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", spent.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", crate::actors::VERIFIER),
    ];
    assert_eq!(app.call_bare("/token", &form).await.error(), "400 invalid_request", "MTL-04, T-05");
    let tokens = app.redeem(&spent).await;
    let access = app.verified(tokens.text("access_token"));
    let leaf = app.identity.certificates()[0].to_vec();
    assert_eq!(access["cnf"]["x5t#S256"], fapi_jose::b64::encode(fapi_jose::sha256(&leaf)), "MTL-05");
    let token = tokens.text("access_token");
    let stolen = served.anyone().showing(&served.other().identity);
    assert_eq!(app.userinfo_with(&stolen, token).await.status, 401, "MTL-06, P-19");
    assert_eq!(app.userinfo_with(&served.anyone(), token).await.status, 401, "MTL-06, RS-09");
    assert_eq!(app.userinfo(token).await.status, 200);
    // MTL-12: a new certificate of the same client binds the new token.
    let renewed = served.app();
    let refreshed = renewed.refresh(tokens.text("refresh_token")).await;
    assert_eq!(renewed.userinfo(refreshed.text("access_token")).await.status, 200, "MTL-12");
    assert_eq!(app.userinfo(refreshed.text("access_token")).await.status, 401, "MTL-12");
}

#[tokio::test]
async fn the_hybrid_flow_answers_with_a_detached_signature() {
    let served = TestServer::fintech()
        .with(|bundle| bundle.document.protocol.responses = Some(vec![Response::CodeIdToken]))
        .start()
        .await;
    let app = served.app();
    let mut request = app.request();
    request["response_type"] = json!("code id_token");
    request.as_object_mut().unwrap().remove("response_mode");
    let url = url::Url::parse(&served.browser().approve(&app.pushed(&request).await).await).unwrap();
    assert_eq!(url.query(), Some("dummy1=lorem&dummy2=ipsum"), "RSP-01");
    let members: Value = url::form_urlencoded::parse(url.fragment().unwrap().as_bytes())
        .into_owned()
        .map(|(k, v)| (k, json!(v)))
        .collect();
    let front = app.verified(members["id_token"].as_str().unwrap());
    let code = members["code"].as_str().unwrap();
    assert_eq!(
        (front["c_hash"].as_str().unwrap(), front["s_hash"].as_str().unwrap()),
        (half_hash(code).as_str(), half_hash("the state").as_str()),
        "RSP-02, RSP-03"
    );
    assert_eq!(
        (members["iss"].as_str(), members["state"].as_str()),
        (Some(ISSUER), Some("the state")),
        "RSP-13"
    );
    let tokens = app.redeem(code).await;
    assert_eq!(app.verified(tokens.text("id_token"))["sub"], front["sub"], "IDT-04");
}

#[tokio::test]
async fn a_request_by_value_leads_to_one_answer() {
    let served = TestServer::fintech()
        .with(|bundle| bundle.document.protocol.request_delivery = Some(RequestDelivery::PushedOrByValue))
        .start()
        .await;
    let app = served.app();
    let path = app.by_value(&app.request());
    let mut browser = served.browser();
    assert!(browser.open(&path).await.asks_for_sign_in());
    let url = browser.approve(&path).await;
    let code = app.jarm(&url)["code"].as_str().unwrap().to_owned();
    assert_eq!(app.redeem(&code).await.status, 200, "RO-01, RO-13");
    let again = served.browser().open(&path).await;
    assert_eq!(
        app.jarm(again.left())["error"],
        "invalid_request_object",
        "P-10: the object was spent when the answer left"
    );
}

/// `PAR-13`: the flag of one client, on the wire.
#[tokio::test]
async fn a_client_that_must_push_is_told_so_and_pushes() {
    let served = TestServer::of_every_kind()
        .client(|app| app.require_pushed_authorization_requests = true)
        .start()
        .await;
    let app = served.app();
    let object = app.sign(None, &app.request());
    let refused = served.browser().open(&app.with_object(&object, &[])).await;
    assert_eq!((refused.status, refused.error()), (400, "invalid_request"), "PAR-13");
    let told = app.with_object(&object, &[("redirect_uri", CALLBACK), ("state", "the state")]);
    let told = app.jarm(served.browser().open(&told).await.left());
    assert_eq!(
        (told["error"].as_str(), told["error_description"].as_str()),
        (Some("invalid_request"), Some("requests must be pushed (RFC 9126)")),
        "PAR-13"
    );
    let code = app.jarm(&served.browser().approve(&app.pushed(&app.request()).await).await);
    assert_eq!(app.redeem(code["code"].as_str().unwrap()).await.status, 200, "PAR-13");
    let other = served.other();
    let page = served.browser().open(&other.by_value(&other.request())).await;
    assert!(page.asks_for_sign_in(), "PAR-13: another client did not ask for it");
}

#[tokio::test]
async fn refresh_tokens_rotate_where_the_workspace_says_so() {
    use fapi_core::profile::RefreshOverrides;
    let served = TestServer::fintech()
        .with(|bundle| {
            let refresh = RefreshOverrides { rotation: Some(true), ..RefreshOverrides::default() };
            bundle.document.protocol.refresh_tokens = Some(refresh);
        })
        .start()
        .await;
    let app = served.app();
    let tokens = app.redeem(&code(&served).await).await;
    let first = tokens.text("refresh_token");
    let next = app.refresh(first).await.text("refresh_token").to_owned();
    assert_ne!(next, first, "REF-07");
    assert_eq!(app.refresh(first).await.status, 200, "REF-07: a lost answer can be asked for again");
    served.later(61);
    let theft = app.refresh(first).await;
    assert_eq!(theft.error(), "400 invalid_grant", "REF-08");
    assert_eq!(app.refresh(&next).await.error(), "400 invalid_grant", "REF-08: the whole line ends");
}

/// `REF-07`, `REF-08`: the window and the end that a Workspace says, under FAPI 2.0 too (FAPI2-SP 5.3.2.1-9).
#[tokio::test]
async fn a_migration_of_refresh_tokens_has_a_window_and_an_end() {
    use fapi_core::Lifetime;
    use fapi_core::profile::{ProfileName, RefreshOverrides, SenderConstraint};
    for profile in [ProfileName::Fintech, ProfileName::FAPI2Security] {
        let served = TestServer::of(profile)
            .with(|bundle| {
                bundle.document.protocol.refresh_tokens = Some(RefreshOverrides {
                    rotation: Some(true),
                    rotation_until: Some(crate::server::NOON + Lifetime::seconds(1000)),
                    retry_window: Some(Lifetime::seconds(300)),
                    ..RefreshOverrides::default()
                });
            })
            .client(|app| app.sender_constraint = Some(SenderConstraint::Certificate))
            .start()
            .await;
        let app = served.app();
        let mut request = app.request();
        if profile == ProfileName::FAPI2Security {
            request.as_object_mut().unwrap().remove("response_mode");
        }
        let code = async || {
            let url = served.browser().approve(&app.pushed(&request).await).await;
            if profile == ProfileName::Fintech {
                return app.jarm(&url)["code"].as_str().unwrap().to_owned();
            }
            let url = url::Url::parse(&url).unwrap();
            url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
        };
        let first = app.redeem(&code().await).await.text("refresh_token").to_owned();
        let second = app.redeem(&code().await).await.text("refresh_token").to_owned();
        let next = app.refresh(&first).await.text("refresh_token").to_owned();
        served.later(300);
        assert_eq!(app.refresh(&first).await.status, 200, "REF-07: the whole window {profile:?}");
        served.later(1);
        assert_eq!(app.refresh(&first).await.error(), "400 invalid_grant", "REF-08 {profile:?}");
        assert_eq!(app.refresh(&next).await.error(), "400 invalid_grant", "REF-08 {profile:?}");

        // Afterwards nothing is replaced: what a client has stays.
        let kept = app.refresh(&second).await.text("refresh_token").to_owned();
        served.later(699);
        for _ in 0..3 {
            let answer = app.refresh(&kept).await;
            assert_eq!((answer.status, answer.json.get("refresh_token")), (200, None), "REF-07 {profile:?}");
            served.later(400);
        }
    }
}

#[tokio::test]
async fn a_person_may_say_no() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let response = app.jarm(browser.decide(&page, "deny").await.left());
    assert_eq!(
        (response["error"].as_str(), response["state"].as_str()),
        (Some("access_denied"), Some("the state")),
        "AUT-12, INV-19, E-24"
    );
    assert!(response.get("code").is_none());
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    let (i, csrf) = (page.hidden("i"), page.hidden("csrf"));
    let page = browser.post("/login", &[("i", &i), ("csrf", &csrf), ("cancel", "1")]).await;
    assert_eq!(app.jarm(page.left())["error"], "access_denied", "AUT-12: on login too");
}

#[tokio::test]
async fn a_wrong_password_is_asked_for_again() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    for (username, password) in [("alice", "wrong"), ("nobody", PASSWORD), ("alice", "")] {
        let again = browser.sign_in(&page, username, password).await;
        assert!(again.asks_for_sign_in() && again.by_id("problem").is_some(), "B-07 {username}");
    }
    assert!(browser.sign_in(&page, "alice", PASSWORD).await.asks_for_consent());
}

#[tokio::test]
async fn a_session_spares_sign_in_and_consent_the_second_time() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    browser.approve(&app.pushed(&app.request()).await).await;
    let page = browser.open(&app.pushed(&app.request()).await).await;
    assert!(app.jarm(page.left()).contains_key("code"), "OIC-03: same session, same scopes");
    let mut ask = app.request();
    ask["prompt"] = json!("consent");
    assert!(browser.open(&app.pushed(&ask).await).await.asks_for_consent(), "REF-02");
    ask["prompt"] = json!("login");
    served.later(2);
    assert!(browser.open(&app.pushed(&ask).await).await.asks_for_sign_in(), "OIC-02");
    served.later(16 * 60);
    assert!(
        browser.open(&app.pushed(&app.request()).await).await.asks_for_sign_in(),
        "the session was idle for too long"
    );
    ask["prompt"] = json!("none");
    ask["nbf"] = json!(served.now());
    ask["exp"] = json!(served.now() + 300);
    let page = served.browser().open(&app.pushed(&ask).await).await;
    assert_eq!(app.jarm(page.left())["error"], "login_required", "OIC-03, E-29");
}

#[tokio::test]
async fn a_pushed_request_is_spent_when_it_is_answered_and_not_before() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let path = app.pushed(&app.request()).await;
    let mut browser = served.browser();
    assert!(browser.open(&path).await.asks_for_sign_in());
    let code = app.jarm(&browser.approve(&path).await)["code"].clone();
    assert!(code.is_string(), "PAR-10, P-08: loading twice is fine");
    let again = served.browser().open(&path).await;
    assert_eq!(app.jarm(again.left())["error"], "invalid_request_uri", "PAR-09, E-20, P-08");
    let expired = app.pushed(&app.request()).await;
    served.later(61);
    assert_eq!(
        app.jarm(served.browser().open(&expired).await.left())["error"],
        "invalid_request_uri",
        "PAR-08, E-20"
    );
}

/// `INV-09`: a request.
#[tokio::test]
async fn a_request_uri_belongs_to_its_client() {
    let served = TestServer::fintech().start().await;
    let (app, other) = (served.app(), served.other());
    let uri = app.push(&app.request()).await.text("request_uri").to_owned();
    let page = served.browser().open(&other.authorize(&uri)).await;
    assert_eq!((page.status, page.error()), (400, "invalid_request_uri"), "PAR-07, E-21");
    assert!(page.by_id("request-id").is_some_and(|id| id.len() == 20), "AUT-18");
    assert!(served.browser().open(&app.authorize(&uri)).await.asks_for_sign_in());
}

#[tokio::test]
async fn another_browser_cannot_take_over() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let path = app.pushed(&app.request()).await;
    let (mut alice, mut mallory) = (served.browser(), served.browser());
    let theirs = mallory.open(&path).await;
    let hers = alice.open(&path).await;
    let consent = alice.sign_in(&hers, "alice", PASSWORD).await;
    assert!(consent.asks_for_consent());
    let stolen = mallory.sign_in(&theirs, "bob", PASSWORD).await;
    assert_eq!((stolen.status, stolen.error()), (400, "access_denied"), "B-02, P-21");
    let forged = mallory.decide(&consent, "approve").await;
    assert_eq!(forged.status, 400, "B-01, P-25: a token of another browser");
    assert!(alice.decide(&consent, "approve").await.left.is_some());
}

#[tokio::test]
async fn forms_without_their_token_are_refused_with_a_page() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    let i = page.hidden("i");
    let forged = browser
        .post("/login", &[("i", &i), ("csrf", "x"), ("username", "alice"), ("password", PASSWORD)])
        .await;
    assert_eq!(
        (forged.status, forged.error(), forged.left.is_none()),
        (400, "invalid_request", true),
        "AUT-16, B-01"
    );
    let csrf = page.hidden("csrf");
    browser.forget("__Host-fapi-browser");
    let cookieless = browser
        .post("/login", &[("i", &i), ("csrf", &csrf), ("username", "alice"), ("password", PASSWORD)])
        .await;
    assert_eq!((cookieless.status, cookieless.left), (400, None), "AUT-16, AUT-17");
}

#[tokio::test]
async fn pages_speak_the_language_of_the_person_and_leak_nothing() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let path = app.pushed(&app.request()).await;
    let page = served.browser().speaking("pt-BR,en;q=0.5").open(&path).await;
    assert!(page.html.contains("lang=\"pt-BR\""), "{}", page.html);
    let page = served.browser().open(&path).await;
    assert!(
        page.headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"),
        "AUT-16, B-04"
    );
    assert_eq!(page.headers["referrer-policy"], "no-referrer", "AUT-16, P-17");
    assert_eq!(page.headers["cache-control"], "no-cache, no-store", "AUT-16, B-11");
    assert!(page.headers.get("access-control-allow-origin").is_none(), "TLS-07, H-08");
}

#[tokio::test]
async fn a_disabled_client_is_refused_from_the_next_request_on() {
    let mut served = TestServer::fintech().start().await;
    let code = code(&served).await;
    let tokens = served.app().redeem(&code).await;
    let (access, refresh) = (tokens.text("access_token").to_owned(), tokens.text("refresh_token").to_owned());
    served.publish(|bundle| bundle.clients[0].enabled = false).await;
    let app = served.app();
    assert_eq!(app.push(&app.request()).await.error(), "401 invalid_client", "CA-15");
    assert_eq!(app.refresh(&refresh).await.error(), "401 invalid_client", "CA-15");
    assert_eq!(app.userinfo(&access).await.status, 401, "CA-15");
    served.publish(|bundle| bundle.clients[0].enabled = true).await;
    assert_eq!(served.app().refresh(&refresh).await.status, 200, "enabled again, it has lost nothing");
}
