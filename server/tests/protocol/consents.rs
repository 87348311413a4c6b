//! A person sees what they allowed, and takes it back (`REV-05`, `REF-12`, F1B 5.2.2-18).

use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::actors::{App, form};
use crate::browser::{Browser, Page};
use crate::server::{FRONT, PASSWORD, Served, TestServer};

/// Signs in at the page itself, with no client around.
async fn sign_in(browser: &mut Browser<'_>, page: &Page, username: &str, password: &str) -> Page {
    let csrf = page.hidden("csrf");
    let pairs = [("csrf", csrf.as_str()), ("username", username), ("password", password)];
    browser.post("/consents/sign-in", &pairs).await
}

/// What somebody sees in a browser of their own.
async fn seen<'a>(served: &'a Served, username: &str) -> (Browser<'a>, Page) {
    let mut browser = served.browser();
    let page = browser.open("/consents").await;
    assert!(page.asks_for_sign_in(), "REV-05 {}", page.html);
    let page = sign_in(&mut browser, &page, username, PASSWORD).await;
    (browser, page)
}

async fn withdraw(browser: &mut Browser<'_>, page: &Page) -> Page {
    let (csrf, grant) = (page.hidden("csrf"), page.hidden("grant"));
    browser.post("/consents", &[("csrf", &csrf), ("grant", &grant)]).await
}

/// The tokens of a journey of Alice's, in a browser of its own.
async fn tokens(app: &App<'_>) -> (String, String) {
    let mut request = app.request();
    request["scope"] = json!("openid accounts");
    let url = app.served.browser().approve(&app.pushed(&request).await).await;
    let tokens = app.redeem(app.jarm(&url)["code"].as_str().unwrap()).await;
    (tokens.text("access_token").to_owned(), tokens.text("refresh_token").to_owned())
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Works {
    Still,
    NoMore,
}

async fn check(app: &App<'_>, (access, refresh): &(String, String), works: Works) {
    let still = works == Works::Still;
    for token in [access, refresh] {
        let said = app.call("/introspect", &[("token", token)]).await.json;
        assert_eq!(said["active"], still, "REV-05, REV-03, INT-03 {said}");
        assert!(still || said == json!({"active": false}), "INT-03 {said}");
    }
    let userinfo = app.userinfo(access).await;
    assert_eq!(userinfo.status, if still { 200 } else { 401 }, "REV-05, REF-12");
    let again = app.refresh(refresh).await;
    let expected = if still { "200 -" } else { "400 invalid_grant" };
    assert_eq!(again.error(), expected, "REV-05, REF-12");
}

#[tokio::test]
async fn a_person_takes_back_what_they_allowed() {
    let served = TestServer::fintech()
        .with(|bundle| {
            let words = "See your accounts".to_owned();
            bundle.document.scopes[0].description.insert(String::new(), words);
        })
        .start()
        .await;
    let (app, other) = (served.app(), served.other());
    let (kept, withdrawn) = (tokens(&other).await, tokens(&app).await);

    let (mut browser, page) = seen(&served, "alice").await;
    assert_eq!(page.status, 200);
    assert!(page.html.contains("Alice") && page.by_id("consents").is_some(), "REV-05 {}", page.html);
    assert!(page.html.contains("See your accounts") && page.html.contains("data-scope=\"openid\""), "AUT-13");
    assert!(page.html.contains("2027-01-15"), "REV-05: since when {}", page.html);
    assert_eq!(page.html.matches("<section").count(), 2, "REV-05: what each client has");

    // The newest stands first; both are of the same second, so whichever it is, it ends and the other goes on.
    let first = page.hidden("grant");
    let is_app = withdrawn.0.split('.').nth(1).is_some_and(|claims| {
        let claims = fapi_jose::b64::decode(claims).unwrap();
        String::from_utf8(claims).unwrap().contains(&format!("\"jti\":\"{first}."))
    });
    let (ended, goes_on) =
        if is_app { ((&app, &withdrawn), (&other, &kept)) } else { ((&other, &kept), (&app, &withdrawn)) };
    check(ended.0, ended.1, Works::Still).await;
    let after = withdraw(&mut browser, &page).await;
    assert_eq!(after.by_id("withdrawn"), Some("Access was withdrawn."), "REV-05 {}", after.html);
    assert_eq!(after.html.matches("<section").count(), 1, "REV-05");
    check(ended.0, ended.1, Works::NoMore).await;
    check(goes_on.0, goes_on.1, Works::Still).await;

    // The same form again, by a reload: nothing else ends.
    let again = withdraw(&mut browser, &page).await;
    assert_eq!((again.status, again.html.matches("<section").count()), (200, 1), "REV-05");
    let last = withdraw(&mut browser, &after).await;
    assert!(last.by_id("no-consents").is_some(), "REV-05 {}", last.html);
    check(goes_on.0, goes_on.1, Works::NoMore).await;
}

/// A code that nobody has redeemed yet is something that goes on, too.
#[tokio::test]
async fn a_code_is_worth_nothing_once_its_consent_is_withdrawn() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    for withdraws in [true, false] {
        let mut browser = served.browser();
        let url = browser.approve(&app.pushed(&app.request()).await).await;
        let page = browser.open("/consents").await;
        assert!(page.by_id("withdraw-1").is_some(), "REV-05: the session is there, nobody signs in twice");
        if withdraws {
            withdraw(&mut browser, &page).await;
        }
        let answer = app.redeem(app.jarm(&url)["code"].as_str().unwrap()).await;
        assert_eq!(answer.error(), if withdraws { "400 invalid_grant" } else { "200 -" }, "REV-05");
    }
}

/// `AUT-13`: what was withdrawn is asked for again, also in the session in which it was allowed.
#[tokio::test]
async fn what_was_withdrawn_is_not_remembered() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    browser.approve(&app.pushed(&app.request()).await).await;
    let silent = browser.open(&app.pushed(&app.request()).await).await;
    assert!(silent.left.is_some(), "remembered consent: nobody is asked twice {}", silent.html);
    let page = browser.open("/consents").await;
    withdraw(&mut browser, &page).await;
    let asked = browser.open(&app.pushed(&app.request()).await).await;
    assert!(asked.asks_for_consent(), "REV-05 {}", asked.html);
}

/// `REV-05`, `B-01`: Bob neither sees nor ends what Alice allowed.
#[tokio::test]
async fn what_another_person_allowed_is_neither_seen_nor_ended() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let hers = tokens(&app).await;
    let (_, page_of_alice) = seen(&served, "alice").await;
    let (grant, csrf) = (page_of_alice.hidden("grant"), page_of_alice.hidden("csrf"));

    let (mut bob, page) = seen(&served, "bob").await;
    assert!(page.by_id("no-consents").is_some() && !page.html.contains(&grant), "REV-05 {}", page.html);
    let refused = bob.post("/consents", &[("csrf", &csrf), ("grant", &grant)]).await;
    assert_eq!((refused.status, refused.error()), (400, "invalid_request"), "REV-05, B-01");

    // Nor with a form of his own.
    let mut his = served.browser();
    let page = his.open(&app.pushed(&app.request()).await).await;
    let page = his.sign_in(&page, "bob", PASSWORD).await;
    his.decide(&page, "approve").await;
    let own = his.open("/consents").await.hidden("csrf");
    let refused = his.post("/consents", &[("csrf", &own), ("grant", &grant)]).await;
    assert_eq!(refused.status, 400, "REV-05: a token is good for one grant");
    check(&app, &hers, Works::Still).await;

    let (mut alice, page) = seen(&served, "alice").await;
    assert!(withdraw(&mut alice, &page).await.by_id("withdrawn").is_some(), "REV-05: she can");
    check(&app, &hers, Works::NoMore).await;
}

/// `B-01`, `B-04`, `AUT-16`.
#[tokio::test]
async fn a_withdrawal_cannot_be_framed_or_forged() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let hers = tokens(&app).await;
    let (mut alice, page) = seen(&served, "alice").await;
    assert_eq!(page.headers["x-frame-options"], "DENY", "AUT-16, B-04");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "AUT-16 {policy}"
    );
    assert!(page.headers["cache-control"].to_str().unwrap().contains("no-store"), "TLS-11");

    let (grant, csrf) = (page.hidden("grant"), page.hidden("csrf"));
    let session = alice.cookies()["__Host-fapi-session"].clone();
    for wrong in ["", "AAAA"] {
        let forged = alice.post("/consents", &[("csrf", wrong), ("grant", &grant)]).await;
        assert_eq!(forged.status, 400, "B-01 {wrong}");
    }
    assert_eq!(alice.post("/consents", &[("grant", &grant)]).await.status, 400, "B-01: no token");
    assert_eq!(alice.post("/consents", &[("csrf", &csrf)]).await.status, 400);
    // Another session of hers has forms of its own.
    let (mut elsewhere, _) = seen(&served, "alice").await;
    let forged = elsewhere.post("/consents", &[("csrf", &csrf), ("grant", &grant)]).await;
    assert_eq!(forged.status, 400, "B-01: a token of another session");
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let request = Request::post(format!("https://{FRONT}/consents"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header(name, value)
            .body(Full::new(form(&[("csrf", csrf.as_str()), ("grant", grant.as_str())]).into()))
            .unwrap();
        assert_eq!(alice.send(request).await.status(), 400, "B-01 {name}");
    }
    // Who is not signed in any more is asked to; nothing happens meanwhile.
    alice.forget("__Host-fapi-session");
    let page = alice.post("/consents", &[("csrf", &csrf), ("grant", &grant)]).await;
    assert!(page.asks_for_sign_in(), "REV-05");
    check(&app, &hers, Works::Still).await;
    alice.keep("__Host-fapi-session", &session);
    let done = alice.post("/consents", &[("csrf", &csrf), ("grant", &grant)]).await;
    assert!(done.by_id("withdrawn").is_some(), "B-01: the form itself was good {}", done.html);
    check(&app, &hers, Works::NoMore).await;
}

/// `B-02`, `B-08`: the door beside the clients' is no wider.
#[tokio::test]
async fn the_sign_in_of_this_page_is_as_narrow_as_the_other() {
    let served = TestServer::fintech().start().await;
    let mut thief = served.browser();
    let page = thief.open("/consents").await;
    assert!(!page.html.contains("name=\"i\"") && !page.html.contains("id=\"cancel\""), "{}", page.html);
    for wrong in ["", "AAAA"] {
        let pairs = [("csrf", wrong), ("username", "alice"), ("password", PASSWORD)];
        assert_eq!(thief.post("/consents/sign-in", &pairs).await.status, 400, "B-01");
    }
    // The form of an interaction is no form of this page.
    let app = served.app();
    let other = thief.open(&app.pushed(&app.request()).await).await.hidden("csrf");
    let pairs = [("csrf", other.as_str()), ("username", "alice"), ("password", PASSWORD)];
    assert_eq!(thief.post("/consents/sign-in", &pairs).await.status, 400, "B-01");
    for n in 0..10 {
        let again = sign_in(&mut thief, &page, "alice", &format!("guess {n}")).await;
        assert_eq!((again.status, again.asks_for_sign_in()), (200, true), "B-08 {n}");
    }
    let late = sign_in(&mut thief, &page, "alice", PASSWORD).await;
    assert_eq!((late.status, late.headers["retry-after"].to_str().unwrap()), (429, "30"), "B-08");
    served.later(30);
    let page = sign_in(&mut thief, &page, "alice", PASSWORD).await;
    assert!(page.by_id("no-consents").is_some(), "B-08: it was a slip of memory {}", page.html);
    let before = thief.cookies()["__Host-fapi-session"].clone();
    thief.forget("__Host-fapi-session");
    let page = thief.open("/consents").await;
    sign_in(&mut thief, &page, "alice", PASSWORD).await;
    assert_ne!(thief.cookies()["__Host-fapi-session"], before, "B-02: a new session at every sign-in");
}

/// A person finds it from where they are asked, and from where they signed out, in their language.
#[tokio::test]
async fn the_page_is_linked_and_speaks_the_persons_language() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser().speaking("pt-BR");
    let page = browser.open(&app.pushed(&app.request()).await).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    assert!(
        page.html.contains("id=\"what-i-allowed\" href=\"&#x2f;consents\"")
            || page.html.contains("href=\"/consents\""),
        "{}",
        page.html
    );
    browser.decide(&page, "approve").await;
    let page = browser.open("/consents").await;
    assert_eq!(page.by_id("consents"), Some("O que você autorizou"));
    let page = served.browser().open("/logout").await;
    assert!(page.html.contains("href=\"/consents\""), "{}", page.html);
}
