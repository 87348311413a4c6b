//! Browsers: several tabs, several people, hostile links, and forms that are not ours (sections 4 and `B-`, `P-` rows).

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::actors::{App, form};
use crate::browser::Page;
use crate::client::{get, post, text};
use crate::server::{CALLBACK, FRONT, ISSUER, PASSWORD, Served, TestServer};

const SESSION: &str = "__Host-fapi-session";

fn with(app: &App<'_>, change: &Value) -> Value {
    let mut claims = app.request();
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

#[tokio::test]
async fn two_tabs_and_two_people_do_not_mix() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let first = browser.open(&app.pushed(&with(&app, &json!({"state": "one", "nonce": "n1"}))).await).await;
    let second = browser.open(&app.pushed(&with(&app, &json!({"state": "two", "nonce": "n2"}))).await).await;
    let first = browser.sign_in(&first, "alice", PASSWORD).await;
    let second = browser.sign_in(&second, "bob", PASSWORD).await;
    assert!(first.html.contains("Alice") && second.html.contains("Bob"), "AUT-13, AUT-17");

    // The token of one tab's form is none for the other's.
    let swapped =
        [("i", first.hidden("i")), ("csrf", second.hidden("csrf")), ("decision", "approve".to_owned())];
    let swapped: Vec<(&str, &str)> = swapped.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let refused = browser.post("/consent", &swapped).await;
    assert_eq!(
        (refused.status, refused.error(), &refused.left),
        (400, "invalid_request", &None),
        "AUT-17, B-01"
    );

    let second = app.jarm(browser.decide(&second, "approve").await.left());
    let first = app.jarm(browser.decide(&first, "approve").await.left());
    assert_eq!((&first["state"], &second["state"]), (&json!("one"), &json!("two")), "AUT-17");
    let mut people = Vec::new();
    for (response, nonce) in [(&first, "n1"), (&second, "n2")] {
        let tokens = app.redeem(response["code"].as_str().unwrap()).await;
        let claims = app.verified(tokens.text("id_token"));
        assert_eq!(claims["nonce"], nonce, "AUT-17");
        people.push((claims["sub"].clone(), claims["sid"].clone()));
    }
    assert!(people[0].0 != people[1].0 && people[0].1 != people[1].1, "AUT-17: {people:?}");
}

#[tokio::test]
async fn what_one_person_agreed_to_is_not_remembered_for_the_next() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let hers = browser.open(&app.pushed(&app.request()).await).await;
    let his = browser.open(&app.pushed(&app.request()).await).await;
    let hers = browser.sign_in(&hers, "alice", PASSWORD).await;
    let his = browser.sign_in(&his, "bob", PASSWORD).await;
    app.jarm(browser.decide(&hers, "approve").await.left());
    // The session is Bob's by now, and Bob has agreed to nothing.
    let silent = app.pushed(&with(&app, &json!({"prompt": "none"}))).await;
    assert_eq!(
        app.jarm(browser.open(&silent).await.left())["error"],
        "consent_required",
        "AUT-17, B-03, AUT-13"
    );
    app.jarm(browser.decide(&his, "approve").await.left());
    let silent = app.pushed(&with(&app, &json!({"prompt": "none"}))).await;
    assert!(app.jarm(browser.open(&silent).await.left()).contains_key("code"), "now he has");
}

#[tokio::test]
async fn each_sign_in_begins_a_session_of_its_own() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    assert!(!browser.cookies().contains_key(SESSION), "B-02: there is none before");
    browser.sign_in(&page, "alice", PASSWORD).await;
    let old = browser.cookies()[SESSION].clone();
    served.later(1);
    let page = browser.open(&app.pushed(&with(&app, &json!({"prompt": "login"}))).await).await;
    browser.sign_in(&page, "alice", PASSWORD).await;
    let new = browser.cookies()[SESSION].clone();
    assert_ne!(old, new, "B-02");
    for (cookie, signed_in) in [(&new, true), (&old, false)] {
        let path = app.pushed(&app.request()).await;
        let mut request = get(FRONT, &path);
        request.headers_mut().insert("cookie", format!("{SESSION}={cookie}").parse().unwrap());
        let response = served.ask(&served.anyone(), request).await;
        let location = response.headers()["location"].to_str().unwrap();
        assert_eq!(location.starts_with("/consent"), signed_in, "B-02, B-03: {location}");
        assert_eq!(location.starts_with("/login"), !signed_in, "B-02, B-03: {location}");
    }
}

#[tokio::test]
async fn a_session_that_is_used_is_not_idle() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    browser.approve(&app.pushed(&app.request()).await).await;
    for _ in 0..3 {
        served.later(10 * 60);
        let page = browser.open(&app.pushed(&app.request()).await).await;
        assert!(app.jarm(page.left()).contains_key("code"), "OIC-04: 10 minutes since the last use");
    }
    served.later(16 * 60);
    assert!(browser.open(&app.pushed(&app.request()).await).await.asks_for_sign_in(), "OIC-04: 16 minutes");
}

#[tokio::test]
async fn a_cookie_that_comes_twice_is_refused() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    browser.sign_in(&page, "alice", PASSWORD).await;
    for (name, value) in browser.cookies() {
        let twice = format!("{name}={value}; {name}=tossed");
        for path in ["/authorize?client_id=app&request_uri=x", "/login?i=x", "/consent?i=x", "/continue?i=x"]
        {
            let mut request = get(FRONT, path);
            request.headers_mut().insert("cookie", twice.parse().unwrap());
            let response = served.ask(&served.anyone(), request).await;
            assert_eq!(response.status(), 400, "B-12 {path}");
            assert!(text(&response).contains("error-code"), "B-12 {path}");
        }
        let path = app.pushed(&app.request()).await;
        let mut request = get(FRONT, &path);
        request.headers_mut().insert("cookie", twice.parse().unwrap());
        assert_eq!(served.ask(&served.anyone(), request).await.status(), 400, "B-12 {name}");
    }
}

#[tokio::test]
async fn nothing_leads_to_a_place_that_nobody_registered() {
    let served = TestServer::of_every_kind().start().await;
    let app = served.app();
    let evil = "https://evil.example/cb";
    let object = app.sign(None, &app.request());
    let hostile = [
        "redirect_uri",
        "next",
        "target",
        "return_to",
        "RelayState",
        "post_logout_redirect_uri",
        "target_link_uri",
        "url",
        "continue",
        "state",
        "login_hint",
        "iss",
        "i",
    ];
    for path in
        ["/authorize", "/login", "/consent", "/continue", "/error", "/jwks", "/style.css", "/logout", "/"]
    {
        for name in hostile {
            for value in
                [evil, "//evil.example/cb", "/\\evil.example", "javascript:alert(1)", "https:evil.example"]
            {
                for more in [
                    vec![],
                    vec![("client_id", "app")],
                    vec![("client_id", "app"), ("request", object.as_str())],
                ] {
                    if path != "/authorize" && !more.is_empty() {
                        continue;
                    }
                    let query = form(&[more.as_slice(), &[(name, value)]].concat());
                    let response = served.look(&format!("{path}?{query}")).await;
                    let location = response.headers().get("location").map(|to| to.to_str().unwrap());
                    assert!(
                        location.is_none_or(|to| to.starts_with('/')
                            && !to.starts_with("//")
                            && !to.contains("evil")),
                        "AUT-15, P-15, P-13: {path}?{query} {location:?}"
                    );
                    assert!(
                        !text(&response).contains("evil") && !text(&response).contains("javascript:"),
                        "P-15, B-05: {path}?{query}"
                    );
                }
            }
        }
    }
    let mut elsewhere = get(FRONT, "/.well-known/openid-configuration");
    elsewhere.headers_mut().insert("x-forwarded-host", "evil.example".parse().unwrap());
    assert!(!text(&served.ask(&served.anyone(), elsewhere).await).contains("evil"), "P-29");
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    let (i, csrf) = (page.hidden("i"), page.hidden("csrf"));
    let body = form(&[("i", &i), ("csrf", &csrf), ("username", "alice"), ("password", PASSWORD)]);
    let evil: [(&'static str, &'static str); 4] = [
        ("origin", "https://evil.example"),
        ("origin", "https://auth.example.evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for (name, value) in evil {
        let mut request = post(FRONT, "/login", body.clone());
        request.headers_mut().insert(name, value.parse().unwrap());
        let response = browser.send(request).await;
        assert_eq!(response.status(), 400, "B-01, B-14 {name}: {value}");
        assert!(
            !response.headers().contains_key("location") && !response.headers().contains_key("set-cookie"),
            "B-01"
        );
    }
    let mut request = post(FRONT, "/login", body);
    request.headers_mut().insert("origin", ISSUER.parse().unwrap());
    request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(browser.send(request).await.status(), 303, "B-01: the positive twin");
    // A decision is a decision only when it is one.
    let consent = browser.open(&format!("/consent?i={i}")).await;
    for decision in ["", "yes", "approve\0"] {
        let page = browser.decide(&consent, decision).await;
        assert_eq!((page.status, page.left), (400, None), "AUT-13 {decision}");
    }
    // And never by a link.
    let link = format!("/consent?i={i}&csrf={}&decision=approve", consent.hidden("csrf"));
    assert!(browser.open(&link).await.asks_for_consent(), "B-01: a GET changes nothing");
    let link = format!("/login?i={i}&username=alice&password={}", form(&[("", PASSWORD)]));
    assert!(browser.open(&link).await.asks_for_consent(), "B-11");
}

fn headers_of_a_page(page: &Page, id: &str) {
    let header = |name: &str| page.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(part), "AUT-16, B-04, B-05 {id}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "B-05 {id}");
    assert_eq!(header("x-frame-options"), "DENY", "AUT-16 {id}");
    assert_eq!(header("referrer-policy"), "no-referrer", "AUT-16, P-17 {id}");
    assert!(header("cache-control").contains("no-store"), "AUT-16, B-11 {id}");
    assert!(header("strict-transport-security").starts_with("max-age="), "TLS-07 {id}");
    assert!(page.headers.get("access-control-allow-origin").is_none(), "TLS-07, H-08 {id}");
    assert!(
        !page.html.contains("<script") && !page.html.contains("http://") && !page.html.contains("src="),
        "P-17, AUT-18 {id}"
    );
}

#[tokio::test]
async fn every_page_is_protected_and_says_who_asks_for_what() {
    let served = TestServer::fintech()
        .with(|bundle| {
            bundle.document.ui.brand = Some("Bank of Examples".into());
            bundle.document.scopes[0].description.insert(String::new(), "See <your> accounts".into());
        })
        .client(|client| {
            client.display_name.insert(String::new(), "<b>Budget</b> & \"Co\"".into());
        })
        .start()
        .await;
    let app = served.app();
    let mut browser = served.browser();
    let hint = "\"><script>alert(1)</script>";
    let login = browser
        .open(&app.pushed(&with(&app, &json!({"login_hint": hint, "ui_locales": "en\"><script>"}))).await)
        .await;
    assert!(login.html.contains("Bank of Examples"), "AUT-13: the brand");
    assert!(
        login.html.contains("&lt;b&gt;Budget&lt;&#x2f;b&gt; &amp; &quot;Co&quot;"),
        "B-05 {}",
        login.html
    );
    headers_of_a_page(&login, "login");
    let consent = browser.sign_in(&login, "alice", PASSWORD).await;
    headers_of_a_page(&consent, "consent");
    for shown in ["See &lt;your&gt; accounts", "Alice", "app.example", "&lt;b&gt;Budget"] {
        assert!(consent.html.contains(shown), "AUT-13 {shown} in {}", consent.html);
    }
    let going = browser.decide(&consent, "approve").await;
    headers_of_a_page(&going, "continue");
    assert!(going.by_id("continue").is_some(), "AUT-18");
    assert_eq!(going.status, 200, "the way back from a form is a page, for Chromium's form-action");
    assert!(going.left().starts_with(CALLBACK));
    headers_of_a_page(&browser.open("/nowhere").await, "not found");
    headers_of_a_page(&browser.open("/authorize").await, "error");
    // Back and reload: over, and said so on a page.
    let again = browser.open(&format!("/consent?i={}", consent.hidden("i"))).await;
    assert_eq!((again.status, again.left.is_none()), (400, true), "RSP-15");
}

/// Whoever has the link of an interaction has nothing: it belongs to a cookie.
#[tokio::test]
async fn the_address_of_a_page_is_worth_nothing_elsewhere() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut alice = served.browser();
    let page = alice.open(&app.pushed(&app.request()).await).await;
    let i = page.hidden("i");
    let consent = alice.sign_in(&page, "alice", PASSWORD).await;
    let mut mallory = served.browser();
    for path in ["/consent", "/continue"] {
        let page = mallory.open(&format!("{path}?i={i}")).await;
        assert!(
            page.status == 400 && page.left.is_none() && !page.html.contains("Alice"),
            "B-02, P-25 {path}"
        );
    }
    let forged = [("i", i.as_str()), ("csrf", &consent.hidden("csrf")), ("decision", "approve")];
    assert_eq!(mallory.post("/consent", &forged).await.status, 400, "B-01");
    alice.decide(&consent, "deny").await;
}

/// An interaction lasts ten minutes.
#[tokio::test]
async fn an_interaction_ends() {
    let served: Served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    served.later(601);
    let late = browser.sign_in(&page, "alice", PASSWORD).await;
    assert_eq!((late.status, late.left.is_none()), (400, true), "AUT-17");
    let path = app.pushed(&with(&app, &json!({"nbf": served.now(), "exp": served.now() + 300}))).await;
    let page = browser.open(&path).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    served.later(601);
    let late = browser.decide(&page, "approve").await;
    assert_eq!((late.status, late.left.is_none()), (400, true), "AUT-17");
    let options = Request::options(format!("https://{FRONT}/authorize")).body(Full::default()).unwrap();
    assert!(
        !served.ask(&served.anyone(), options).await.headers().contains_key("access-control-allow-origin"),
        "TLS-07"
    );
}

/// AUT-13: whoever is asked can find out about whoever asks, without the client's pages learning where they were opened.
#[tokio::test]
async fn a_person_can_look_up_who_asks() {
    let about = |page: &str| Some(format!("https://app.example/{page}?a=1&b=2"));
    let served = TestServer::fintech()
        .client(move |client| {
            client.client_uri = about("home");
            client.policy_uri = about("policy");
            client.tos_uri = about("terms");
        })
        .start()
        .await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    for (name, text) in
        [("home", "Website of the application"), ("policy", "Privacy policy"), ("terms", "Terms of service")]
    {
        let link = format!(
            "<a href=\"https:&#x2f;&#x2f;app.example&#x2f;{name}?a=1&amp;b=2\" rel=\"noopener noreferrer\" target=\"_blank\">{text}</a>"
        );
        assert!(page.html.contains(&link), "B-05: {link} in {}", page.html);
    }
    assert_eq!(page.headers["referrer-policy"], "no-referrer", "P-17");

    // Nothing is offered where the client has nothing to say.
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&app.request()).await).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    assert!(page.asks_for_consent() && !page.html.contains("href=\"https:"), "{}", page.html);
    assert_eq!(page.html.matches("<a ").count(), 1, "the page of what was allowed before: {}", page.html);
}

/// The bank's own links stand on every page, and in the metadata.
#[tokio::test]
async fn people_find_the_bank_from_every_page() {
    use fapi_core::link::Link;
    let served = TestServer::fintech()
        .with(|bundle| {
            let ui = &mut bundle.document.ui;
            ui.support_uri = Link::parse("https://bank.example/help?a=1&b=2").ok();
            ui.policy_uri = Link::parse("https://bank.example/privacy").ok();
            ui.tos_uri = Link::parse("https://bank.example/terms").ok();
        })
        .start()
        .await;
    let app = served.app();
    let mut browser = served.browser();
    let login = browser.open(&app.pushed(&app.request()).await).await;
    let consent = browser.sign_in(&login, "alice", PASSWORD).await;
    let error = browser.open("/authorize?client_id=nobody").await;
    for page in [login, consent, error] {
        for (id, path) in [("support", "help?a=1&amp;b=2"), ("policy", "privacy"), ("terms", "terms")] {
            let link = format!(
                "<a id=\"bank-{id}\" href=\"https:&#x2f;&#x2f;bank.example&#x2f;{path}\" rel=\"noopener noreferrer\" target=\"_blank\">"
            );
            assert!(page.html.contains(&link), "B-05: {link} in {}", page.html);
        }
    }
    let said = served.look("/.well-known/openid-configuration").await;
    let said: Value = serde_json::from_slice(said.body()).unwrap();
    assert_eq!(said["op_policy_uri"], "https://bank.example/privacy", "DSC-06");
    assert_eq!(said["op_tos_uri"], "https://bank.example/terms", "DSC-06");
}

/// `TLS-09`, `P-16`: after a form the browser goes on with GET, so that what was typed is sent to nobody else.
#[tokio::test]
async fn what_was_typed_into_a_form_is_not_sent_on() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    for decision in ["approve", "deny"] {
        let mut browser = served.browser();
        let page = browser.open(&app.pushed(&app.request()).await).await;
        let post = |path: &str, pairs: &[(&str, &str)]| {
            Request::post(format!("https://{FRONT}{path}"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Full::new(form(pairs).into()))
                .unwrap()
        };
        let (i, csrf) = (page.hidden("i"), page.hidden("csrf"));
        let fields = [("i", i.as_str()), ("csrf", &csrf), ("username", "alice"), ("password", PASSWORD)];
        let signed_in = browser.send(post("/login", &fields)).await;
        assert_eq!(signed_in.status(), 303, "TLS-09, P-16, INV-20");
        let location = signed_in.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.starts_with("/consent?i="), "B-16: {location}");
        let page = browser.open(&location).await;
        let fields =
            [("i", page.hidden("i")), ("csrf", page.hidden("csrf")), ("decision", decision.to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let decided = browser.send(post("/consent", &fields)).await;
        assert!(matches!(decided.status().as_u16(), 200 | 303), "TLS-09, P-16 {}", decided.status());
    }
}
