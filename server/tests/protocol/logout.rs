//! Signing out (requirements section 27).

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::actors::{App, form};
use crate::browser::{Browser, Page};
use crate::server::{FRONT, ISSUER, Served, TestServer};

const AFTER: &str = "https://app.example/signed-out?from=bank";

async fn served() -> Served {
    TestServer::fintech()
        .client(|client| client.post_logout_redirect_uris = vec![AFTER.to_owned()])
        .start()
        .await
}

/// Alice signs in for `app`, in this browser. Her ID Token.
async fn id_token(app: &App<'_>, browser: &mut Browser<'_>) -> String {
    let url = browser.approve(&app.pushed(&app.request()).await).await;
    let code = app.jarm(&url)["code"].as_str().unwrap().to_owned();
    app.redeem(&code).await.text("id_token").to_owned()
}

async fn is_signed_in(app: &App<'_>, browser: &mut Browser<'_>) -> bool {
    let mut silent = app.request();
    silent["prompt"] = json!("none");
    let now = app.served.now();
    (silent["nbf"], silent["exp"]) = (json!(now), json!(now + 300));
    let page = browser.open(&app.pushed(&silent).await).await;
    let answer = app.jarm(page.left());
    assert!(answer.contains_key("code") || answer["error"] == "login_required", "OIC-03 {answer:?}");
    answer.contains_key("code")
}

fn logout(pairs: &[(&str, &str)]) -> String {
    format!("/logout?{}", form(pairs))
}

async fn answer(browser: &mut Browser<'_>, page: &Page, decision: &str, pairs: &[(&str, &str)]) -> Page {
    let csrf = page.hidden("csrf");
    browser
        .post("/logout/confirm", &[&[("csrf", csrf.as_str()), ("decision", decision)], pairs].concat())
        .await
}

#[tokio::test]
async fn a_client_signs_a_person_out_and_gets_them_back() {
    let served = served().await;
    let app = served.app();
    let state: Option<&str> = Some("the state & more");
    for state in [state, None] {
        let mut browser = served.browser();
        let hint = id_token(&app, &mut browser).await;
        assert!(is_signed_in(&app, &mut browser).await);
        let mut pairs = vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", AFTER)];
        pairs.extend(state.map(|state| ("state", state)));
        // LGO-05: what it does not need, it tolerates.
        pairs.extend([("client_id", "app"), ("logout_hint", "alice"), ("ui_locales", "tlh"), ("x", "y")]);
        let left = browser.open(&logout(&pairs)).await;
        let expected = state.map_or(AFTER.to_owned(), |_| format!("{AFTER}&state=the+state+%26+more"));
        assert_eq!(left.left(), expected, "LGO-01, LGO-05");
        assert_eq!(browser.cookies()["__Host-fapi-session"], "", "LGO-01");
        assert!(!is_signed_in(&app, &mut browser).await, "LGO-01");
        // Nobody is signed in any more: the same again leads to the same place.
        assert_eq!(browser.open(&logout(&pairs)).await.left(), expected, "LGO-01");
    }
}

/// AUT-17: whoever comes next at that browser cannot agree to what the person before left open.
#[tokio::test]
async fn a_sign_out_ends_what_had_begun() {
    let served = served().await;
    let app = served.app();
    for signs_out in [false, true] {
        let mut browser = served.browser();
        let hint = id_token(&app, &mut browser).await;
        let mut request = app.request();
        request["prompt"] = json!("consent");
        let page = browser.open(&app.pushed(&request).await).await;
        assert!(page.asks_for_consent());
        if signs_out {
            let pairs = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", AFTER)];
            assert_eq!(browser.open(&logout(&pairs)).await.left(), AFTER);
            assert_eq!(browser.decide(&page, "approve").await.error(), "invalid_request");
        } else {
            let answer = browser.decide(&page, "approve").await;
            assert!(app.jarm(answer.left()).contains_key("code"));
        }
    }
}

/// A post from another site comes without the session's cookie.
#[tokio::test]
async fn a_sign_out_by_post_is_one_too() {
    let served = served().await;
    let app = served.app();
    let mut browser = served.browser();
    let hint = id_token(&app, &mut browser).await;
    let pairs = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", AFTER), ("state", "s")];
    let request = Request::post(format!("https://{FRONT}/logout"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "https://app.example")
        .header("sec-fetch-site", "cross-site")
        .body(Full::new(form(&pairs).into()))
        .unwrap();
    let response = served.browser().send(request).await;
    assert_eq!(response.status(), 303, "LGO-01");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(browser.open(&location).await.left(), format!("{AFTER}&state=s"), "LGO-01");
    assert!(!is_signed_in(&app, &mut browser).await, "LGO-01");
}

/// `LGO-02`, `KEY-04`: nobody is sent anywhere, and nobody is signed out, by a hint that is none.
#[tokio::test]
async fn a_hint_that_is_no_id_token_of_ours_leads_nowhere() {
    let served = served().await;
    let app = served.app();
    let mut browser = served.browser();
    let hint = id_token(&app, &mut browser).await;
    let [header, claims, signature] = hint.split('.').collect::<Vec<_>>()[..] else { panic!("{hint}") };
    let none = fapi_jose::b64::encode(r#"{"alg":"none","typ":"JWT"}"#);
    let mut others: Value = serde_json::from_slice(&fapi_jose::b64::decode(claims).unwrap()).unwrap();
    let foreign = app.sign(Some("JWT"), &others);
    others["aud"] = json!("other");
    let modified = fapi_jose::b64::encode(others.to_string());
    let code = app.jarm(browser.open(&app.pushed(&app.request()).await).await.left())["code"].clone();
    let tokens = app.redeem(code.as_str().unwrap()).await;
    for (id, wrong) in [
        ("LGO-02, KEY-04: alg none", format!("{none}.{claims}.")),
        ("LGO-02: signed by the client", foreign),
        ("LGO-02: modified", format!("{header}.{modified}.{signature}")),
        ("LGO-02: an access token", tokens.text("access_token").to_owned()),
        ("LGO-02: nothing of the kind", "a.b.c".to_owned()),
    ] {
        let page = browser
            .open(&logout(&[("id_token_hint", wrong.as_str()), ("post_logout_redirect_uri", AFTER)]))
            .await;
        assert_eq!((page.status, page.error()), (400, "invalid_request"), "{id}");
        assert!(page.left.is_none(), "{id}");
        assert!(is_signed_in(&app, &mut browser).await, "{id}");
    }
    // An expired one is as good as new.
    served.later(14 * 60);
    assert!(is_signed_in(&app, &mut browser).await);
    served.later(14 * 60);
    let claims = app.verified(&hint);
    assert!(claims["exp"].as_i64().unwrap() < served.now(), "it has expired");
    let pairs = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", AFTER)];
    assert_eq!(browser.open(&logout(&pairs)).await.left(), AFTER, "LGO-02");
    assert!(!is_signed_in(&app, &mut browser).await, "LGO-02");
}

/// `LGO-03`, `P-15`, `AUT-15`.
#[tokio::test]
async fn an_address_that_is_not_registered_is_not_gone_to() {
    let served = served().await;
    let app = served.app();
    let mut browser = served.browser();
    let hint = id_token(&app, &mut browser).await;
    for uri in [
        "https://evil.example/",
        "https://app.example/signed-out",
        "https://app.example/signed-out?from=bank&more=1",
        "https://app.example/signed-out?from=bank#x",
        crate::server::CALLBACK,
    ] {
        for pairs in [
            vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", uri)],
            vec![("client_id", "app"), ("post_logout_redirect_uri", uri)],
            vec![("post_logout_redirect_uri", uri)],
        ] {
            let page = browser.open(&logout(&pairs)).await;
            assert_eq!((page.status, page.left), (400, None), "LGO-03, P-15, AUT-15 {uri}");
        }
    }
    // Registered for another client, or for nobody that is known.
    for (id, pairs) in [
        ("LGO-03", vec![("client_id", "other"), ("post_logout_redirect_uri", AFTER)]),
        ("LGO-03", vec![("post_logout_redirect_uri", AFTER)]),
        ("LGO-05", vec![("client_id", "other"), ("id_token_hint", hint.as_str())]),
        ("LGO-05", vec![("client_id", "nobody")]),
    ] {
        let page = browser.open(&logout(&pairs)).await;
        assert_eq!((page.status, page.left), (400, None), "{id} {pairs:?}");
    }
    assert!(is_signed_in(&app, &mut browser).await, "LGO-03");
}

/// `LGO-02`, `LGO-04`: without a hint of this session the person is asked; a `client_id` is anybody's to write.
#[tokio::test]
async fn whoever_is_signed_in_is_asked_unless_the_client_shows_their_id_token() {
    let served = served().await;
    let app = served.app();
    let mut first = served.browser();
    let of_another_session = id_token(&app, &mut first).await;
    let another_session =
        [("id_token_hint", of_another_session.as_str()), ("post_logout_redirect_uri", AFTER)];
    let by_name = [("client_id", "app"), ("post_logout_redirect_uri", AFTER)];
    for (pairs, onward) in
        [([].as_slice(), None), (&[("state", "s")], None), (&by_name, None), (&another_session, Some(AFTER))]
    {
        let mut browser = served.browser();
        browser.approve(&app.pushed(&app.request()).await).await;
        let page = browser.open(&logout(pairs)).await;
        assert!(page.left.is_none() && page.html.contains("Alice"), "LGO-04 {}", page.html);
        assert!(is_signed_in(&app, &mut browser).await, "LGO-04: not before they say so");
        let stays = answer(&mut browser, &page, "stay", pairs).await;
        assert!(stays.by_id("still-signed-in").is_some() && stays.left.is_none(), "{}", stays.html);
        assert!(is_signed_in(&app, &mut browser).await, "LGO-04");
        let out = answer(&mut browser, &page, "sign-out", pairs).await;
        assert_eq!(out.left.as_deref(), onward, "LGO-02, LGO-04 {}", out.html);
        assert!(onward.is_some() || out.by_id("signed-out").is_some(), "LGO-04 {}", out.html);
        assert!(!is_signed_in(&app, &mut browser).await, "LGO-04");
    }
    assert!(is_signed_in(&app, &mut first).await, "another browser's session goes on");
    let nobody = served.browser().open(&logout(&[])).await;
    assert!(nobody.status == 200 && nobody.by_id("signed-out").is_some(), "LGO-04");
}

/// `LGO-07`, `AUT-16`, `B-01`.
#[tokio::test]
async fn a_sign_out_cannot_be_framed_or_forged() {
    let served = served().await;
    let app = served.app();
    let mut browser = served.browser();
    browser.approve(&app.pushed(&app.request()).await).await;
    let page = browser.open("/logout").await;
    assert_eq!(page.headers["x-frame-options"], "DENY", "LGO-07, AUT-16");
    assert!(
        page.headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"),
        "LGO-07"
    );
    let mut mallory = served.browser();
    mallory.approve(&app.pushed(&app.request()).await).await;
    let theirs = mallory.open("/logout").await.hidden("csrf");
    for csrf in ["", "AAAA", theirs.as_str()] {
        let forged = browser.post("/logout/confirm", &[("csrf", csrf), ("decision", "sign-out")]).await;
        assert_eq!(forged.status, 400, "LGO-07, B-01 {csrf}");
    }
    let own = page.hidden("csrf");
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let request = Request::post(format!("https://{FRONT}/logout/confirm"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header(name, value)
            .body(Full::new(form(&[("csrf", own.as_str()), ("decision", "sign-out")]).into()))
            .unwrap();
        assert_eq!(browser.send(request).await.status(), 400, "LGO-07, B-01 {name}");
    }
    assert!(is_signed_in(&app, &mut browser).await, "LGO-07, B-01");
    assert!(answer(&mut browser, &page, "sign-out", &[]).await.by_id("signed-out").is_some(), "LGO-07");
}

/// `DSC-32`, `DSC-35`.
#[tokio::test]
async fn where_to_sign_out_is_said() {
    let served = served().await;
    let said: Value =
        serde_json::from_slice(served.look("/.well-known/openid-configuration").await.body()).unwrap();
    assert_eq!(said["end_session_endpoint"], format!("{ISSUER}/logout"), "DSC-32, DSC-35");
}
