//! While sealing keys are replaced, pods are at different revisions: a page that one of them has made is answered at another.

use std::collections::BTreeMap;
use std::io::Write as _;

use fapi_config::{Bundle, SealKey, SecretKey32};
use fapi_core::secret::Secret;

use crate::browser::{Browser, Page};
use crate::server::{PASSWORD, Served, TestServer};

/// Sealing keys by number, that which seals first.
fn sealed_with(numbers: &[u8]) -> impl FnOnce(&mut Bundle) {
    let key = |number: &u8| SealKey { id: number.to_string(), key: SecretKey32::from_bytes([*number; 32]) };
    let keys = numbers.iter().map(key).collect();
    move |bundle| bundle.secrets.seal = keys
}

async fn asked(served: &Served, browser: &mut Browser<'_>) -> Page {
    let app = served.app();
    browser.open(&app.pushed(&app.request()).await).await
}

/// The same browser at another time, or at another server.
fn with<'a>(served: &'a Served, cookies: &BTreeMap<String, String>) -> Browser<'a> {
    let mut browser = served.browser();
    for (name, value) in cookies {
        browser.keep(name, value);
    }
    browser
}

/// Every step of a rotation falls between a page and its form, as it does for one of two pods, and back again, as for the other.
#[tokio::test]
async fn a_step_of_a_rotation_disturbs_nobody_who_signs_in() {
    let mut served = TestServer::fintech().start().await;
    let (old, announced, switched): (&[u8], &[u8], &[u8]) = (&[1], &[1, 2], &[2, 1]);
    for (here, there) in [(old, announced), (announced, old), (announced, switched), (switched, announced)] {
        served.publish(sealed_with(here)).await;
        let (cookies, page) = {
            let mut browser = served.browser();
            let page = asked(&served, &mut browser).await;
            (browser.cookies().clone(), page)
        };
        served.publish(sealed_with(there)).await;
        let (cookies, page) = {
            let mut browser = with(&served, &cookies);
            let page = browser.sign_in(&page, "alice", PASSWORD).await;
            assert!(page.asks_for_consent(), "{here:?} {there:?}: {}", page.html);
            (browser.cookies().clone(), page)
        };
        served.publish(sealed_with(here)).await;
        let mut browser = with(&served, &cookies);
        let left = browser.decide(&page, "approve").await;
        assert!(left.left().contains("response="), "{here:?} {there:?}: {}", left.html);
    }
}

/// The same with two servers on one database, where there is one.
#[tokio::test]
async fn two_servers_at_different_revisions_serve_one_sign_in() {
    let Ok(url) = std::env::var("FAPI_TEST_POSTGRES_URL") else {
        writeln!(std::io::stderr(), "fapi-server: 1 not run: FAPI_TEST_POSTGRES_URL is not set").unwrap();
        return;
    };
    let database = || fapi_store::Config::postgres(Secret::presented(&url));
    let pair: [(&[u8], &[u8]); 2] = [(&[1], &[1, 2]), (&[1, 2], &[2, 1])];
    for (seed, (here, there)) in (100..).step_by(2).zip(pair) {
        let started = |keys, seed| {
            // The database outlives the run, and so must what was drawn for it.
            let seed = seed + u64::from(std::process::id()) * 1000;
            TestServer::fintech().with(sealed_with(keys)).beside_others(database(), seed).start()
        };
        let (one, other) = (started(here, seed).await, started(there, seed + 1).await);
        for (first, second) in [(&one, &other), (&other, &one)] {
            let mut browser = first.browser();
            let page = asked(first, &mut browser).await;
            let mut elsewhere = with(second, browser.cookies());
            let page = elsewhere.sign_in(&page, "alice", PASSWORD).await;
            assert!(page.asks_for_consent(), "{}", page.html);
            let mut browser = with(first, elsewhere.cookies());
            let left = browser.decide(&page, "approve").await;
            assert!(left.left().contains("response="), "{}", left.html);
        }
        one.running.shutdown().await;
        other.running.shutdown().await;
    }
}

/// `B-08`: a browser that comes back when the key is erased that sealed what it kept is one that nobody has signed in with: nothing
/// else.
#[tokio::test]
async fn what_an_erased_key_has_sealed_is_forgotten_and_no_error() {
    let mut served = TestServer::fintech().start().await;
    let known = {
        let app = served.app();
        let mut hers = served.browser();
        hers.approve(&app.pushed(&app.request()).await).await;
        hers.cookies()["__Host-fapi-known"].clone()
    };
    served.publish(sealed_with(&[2])).await;

    let mut hers = served.browser();
    let page = asked(&served, &mut hers).await;
    hers.keep("__Host-fapi-known", &known);
    assert!(hers.sign_in(&page, "alice", PASSWORD).await.asks_for_consent());
    let again = hers.cookies()["__Host-fapi-known"].clone();
    assert_ne!(again, known, "from now on her browser is known again");

    // What the cookie was for: with it she gets in whatever others do in her name. The old one is no better than none.
    let mut thief = served.browser();
    let page = asked(&served, &mut thief).await;
    for _ in 0..12 {
        thief.sign_in(&page, "alice", "wrong").await;
    }
    for (cookie, status) in [(&known, 429), (&again, 200)] {
        let mut browser = served.browser();
        let page = asked(&served, &mut browser).await;
        browser.keep("__Host-fapi-known", cookie);
        assert_eq!(browser.sign_in(&page, "alice", PASSWORD).await.status, status, "B-08");
    }
}
