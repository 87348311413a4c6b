//! How long somebody stays signed in, and what a client may wish for when it sends them (OpenID Connect Core 3.1.2.1).

use fapi_core::Lifetime;
use serde_json::{Value, json};

use crate::actors::App;
use crate::browser::{Browser, Page};
use crate::server::{PASSWORD, TestServer};

/// What the browser is shown for a request with these wishes.
async fn opened(app: &App<'_>, browser: &mut Browser<'_>, wishes: &Value) -> Page {
    let mut request = app.request();
    for (name, value) in wishes.as_object().unwrap() {
        request[name] = value.clone();
    }
    browser.open(&app.pushed(&request).await).await
}

fn went_through(app: &App<'_>, page: &Page) -> bool {
    page.left.as_ref().is_some_and(|url| app.jarm(url).contains_key("code"))
}

/// `OIC-04`: use keeps a session alive, but not for ever.
#[tokio::test]
async fn a_session_ends_at_its_absolute_limit_however_much_it_is_used() {
    let served = TestServer::fintech()
        .with(|bundle| {
            let lifetimes = bundle.document.protocol.lifetimes.get_or_insert_default();
            lifetimes.session_idle = Some(Lifetime::minutes(15));
            lifetimes.session_absolute = Some(Lifetime::minutes(30));
        })
        .start()
        .await;
    let app = served.app();
    let mut browser = served.browser();
    browser.approve(&app.pushed(&app.request()).await).await;
    for minutes in [10, 20, 30] {
        served.later(10 * 60);
        let page = opened(&app, &mut browser, &json!({})).await;
        assert!(went_through(&app, &page), "OIC-04: {minutes} minutes, never idle");
    }
    served.later(1);
    let page = opened(&app, &mut browser, &json!({})).await;
    assert!(page.asks_for_sign_in(), "OIC-04: half an hour and a second");
    let silent = opened(&app, &mut browser, &json!({"prompt": "none"})).await;
    assert_eq!(app.jarm(silent.left())["error"], "login_required", "OIC-03, OIC-04");

    // A new sign-in has its own half hour.
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    browser.decide(&page, "approve").await;
    served.later(10 * 60);
    let page = opened(&app, &mut browser, &json!({})).await;
    assert!(went_through(&app, &page), "OIC-04");
}

/// `OIC-02`: a browser has one session, so choosing an account is signing in with it.
#[tokio::test]
async fn whoever_is_asked_for_an_account_may_sign_in_with_another_one() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    browser.approve(&app.pushed(&app.request()).await).await;
    served.later(1);
    let page = opened(&app, &mut browser, &json!({"prompt": "select_account"})).await;
    assert!(page.left.is_none() && page.asks_for_sign_in(), "OIC-02: although Alice is signed in");
    let page = browser.sign_in(&page, "bob", PASSWORD).await;
    assert!(
        page.asks_for_consent() && page.html.contains("Bob"),
        "OIC-02, AUT-17: Bob has agreed to nothing"
    );
    let page = browser.decide(&page, "approve").await;
    assert!(went_through(&app, &page), "OIC-02");
    // From now on the session is Bob's.
    let page = opened(&app, &mut browser, &json!({"prompt": "consent"})).await;
    assert!(page.asks_for_consent() && page.html.contains("Bob"), "OIC-02");
    // It can be Alice again, and never happens silently.
    served.later(1);
    let page = opened(&app, &mut browser, &json!({"prompt": "select_account consent"})).await;
    assert!(page.asks_for_sign_in(), "OIC-02");
}

/// `OIC-04`, `IDT-07`
#[tokio::test]
async fn a_sign_in_that_is_older_than_max_age_is_not_enough() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut browser = served.browser();
    browser.approve(&app.pushed(&app.request()).await).await;
    served.later(100);
    let page = opened(&app, &mut browser, &json!({"max_age": 100})).await;
    assert!(went_through(&app, &page), "OIC-04");
    let page = opened(&app, &mut browser, &json!({"max_age": 99})).await;
    assert!(page.asks_for_sign_in(), "OIC-04");
    let silent = opened(&app, &mut browser, &json!({"max_age": 99, "prompt": "none"})).await;
    assert_eq!(app.jarm(silent.left())["error"], "login_required", "OIC-04, OIC-03");
}

/// `OIC-06`: both are wishes about the page, and are granted.
#[tokio::test]
async fn the_page_knows_the_name_and_the_language_that_the_client_hints_at() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let wishes = json!({"login_hint": "alice", "ui_locales": "tlh pt-BR en"});
    let page = opened(&app, &mut served.browser().speaking("en"), &wishes).await;
    assert!(page.html.contains(r#"name="username" value="alice""#), "OIC-06 {}", page.html);
    assert!(page.html.contains(r#"lang="pt-BR""#), "OIC-06: the first that there is, before the browser's");
    let page = opened(&app, &mut served.browser().speaking("en"), &json!({})).await;
    assert!(page.html.contains(r#"name="username" value="""#) && page.html.contains(r#"lang="en""#));
}
