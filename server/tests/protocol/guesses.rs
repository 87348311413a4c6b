//! Guessing passwords: slow for whoever guesses, and no way to lock somebody else out (`B-07` to `B-09`).

use http::Request;
use http_body_util::Full;

use crate::actors::form;
use crate::browser::{Browser, Page};
use crate::server::{FRONT, PASSWORD, Served, TestServer};

/// The sign-in page of a fresh request in this browser.
async fn asked(served: &Served, browser: &mut Browser<'_>) -> Page {
    let app = served.app();
    browser.open(&app.pushed(&app.request()).await).await
}

/// `B-08`: ten wrong passwords, and from then on none is looked at, until time has passed.
#[tokio::test]
async fn whoever_guesses_has_to_wait() {
    let served = TestServer::fintech().start().await;
    let mut thief = served.browser();
    let page = asked(&served, &mut thief).await;
    for n in 0..10 {
        let again = thief.sign_in(&page, "alice", &format!("guess {n}")).await;
        assert_eq!((again.status, again.asks_for_sign_in()), (200, true), "B-08 {n}");
    }
    let late = thief.sign_in(&page, "alice", PASSWORD).await;
    assert_eq!((late.status, late.asks_for_sign_in()), (429, true), "B-08: the right one comes too late");
    assert!(late.by_id("problem").unwrap().contains("Too many wrong attempts"), "B-08");
    assert_eq!(late.headers["retry-after"], "30", "B-08");

    // B-09: what a header says about the caller makes them nobody else.
    let fields = [("i", page.hidden("i")), ("csrf", page.hidden("csrf"))];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let attempt = form(&[fields.as_slice(), &[("username", "alice"), ("password", PASSWORD)]].concat());
    for header in ["x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip"] {
        let request = Request::post(format!("https://{FRONT}/login"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header(header, "198.51.100.7")
            .body(Full::new(attempt.clone().into()));
        assert_eq!(thief.send(request.unwrap()).await.status(), 429, "B-09 {header}");
    }

    // Another person at the same address is not concerned; and time helps.
    let mut bob = served.browser();
    let page_of_bob = asked(&served, &mut bob).await;
    assert!(bob.sign_in(&page_of_bob, "bob", PASSWORD).await.asks_for_consent());
    served.later(30);
    assert!(
        thief.sign_in(&page, "alice", PASSWORD).await.asks_for_consent(),
        "B-08: it was a slip of memory"
    );
}

/// `B-07`: a name that nobody has is treated as any other.
#[tokio::test]
async fn guessing_tells_nothing_about_who_exists() {
    let served = TestServer::fintech().start().await;
    let mut answers = Vec::new();
    for name in ["alice", "nobody"] {
        let mut browser = served.browser();
        let page = asked(&served, &mut browser).await;
        let mut statuses = Vec::new();
        for _ in 0..12 {
            let again = browser.sign_in(&page, name, "wrong").await;
            let problem = again.by_id("problem").map(ToOwned::to_owned);
            statuses.push((again.status, problem, again.headers.get("retry-after").cloned()));
        }
        answers.push(statuses);
    }
    assert_eq!(answers[0], answers[1], "B-07, B-08");
    assert_eq!(answers[0].iter().filter(|(status, ..)| *status == 429).count(), 2, "B-08");
}

/// `B-08`: the browser in which Alice has signed in before is hers, whatever others do in her name.
#[tokio::test]
async fn nobody_is_locked_out_by_others() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let mut hers = served.browser();
    hers.approve(&app.pushed(&app.request()).await).await;
    let known = hers.cookies()["__Host-fapi-known"].clone();

    let mut thief = served.browser();
    let page = asked(&served, &mut thief).await;
    for _ in 0..12 {
        thief.sign_in(&page, "alice", "wrong").await;
    }
    assert_eq!(thief.sign_in(&page, "alice", "wrong").await.status, 429);

    // Her session is over, her browser is the same.
    hers.forget("__Host-fapi-session");
    let page = asked(&served, &mut hers).await;
    assert!(page.asks_for_sign_in());
    assert!(hers.sign_in(&page, "alice", PASSWORD).await.asks_for_consent(), "B-08: she gets in");

    // The cookie is good for her name only, and it has no more guesses than anybody.
    for (name, tries) in [("alice", 10), ("bob", 10)] {
        let mut stolen = served.browser();
        let page = asked(&served, &mut stolen).await;
        stolen.keep("__Host-fapi-known", &known);
        for _ in 0..tries {
            stolen.sign_in(&page, name, "wrong").await;
        }
        assert_eq!(stolen.sign_in(&page, name, "wrong").await.status, 429, "B-08 {name}");
    }
}
