//! What does every answer look like, and which requests are answered at all?

use fapi_server::clock::{Clock as _, SystemClock};
use serde_json::json;

use crate::house::{Answer, House, INTERACTION};

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

/// `RS-05`, `INV-23`.
#[tokio::test]
async fn every_answer_carries_an_interaction_id() {
    let house = House::open().await;
    let other_scope = house.token(&json!({ "scope": "openid" }));
    let mine = [("x-fapi-interaction-id", INTERACTION)];
    let app = Some(&house.app);
    for (what, status, answer) in [
        ("an answer", 200, house.get("/accounts", &mine).await),
        ("400", 400, house.get("/accounts?access_token=x", &mine).await),
        ("401", 401, house.send(app, "GET /accounts", &mine).await),
        ("403", 403, house.get_with(&other_scope, "/accounts", &mine).await),
        ("404", 404, house.get("/accounts/9999", &mine).await),
        ("no such path", 404, house.send(app, "GET /nowhere", &mine).await),
        ("405", 405, house.send(app, "DELETE /accounts", &mine).await),
        ("406", 406, house.get("/accounts", &[mine[0], ("Accept", "text/plain")]).await),
    ] {
        assert_eq!(
            (answer.status, answer.header("x-fapi-interaction-id")),
            (status, Some(INTERACTION)),
            "RS-05 {what}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "RS-06 {what}");
        assert_dated(&answer);
    }
    let upper = INTERACTION.to_uppercase();
    let answer = house.get("/accounts", &[("X-FAPI-Interaction-ID", &upper)]).await;
    assert_eq!(answer.header("x-fapi-interaction-id"), Some(upper.as_str()), "RS-05: as it was sent");

    for sent in [&[][..], &[("x-fapi-interaction-id", "<script>")], &[mine[0], mine[0]]] {
        for answer in [house.get("/accounts", sent).await, house.send(app, "GET /accounts", sent).await] {
            let fresh = answer.header("x-fapi-interaction-id").unwrap();
            assert!(is_uuid(fresh) && fresh != INTERACTION, "RS-05, INV-23 {sent:?} {fresh}");
        }
    }
}

/// `RS-04`: within five minutes of now.
fn assert_dated(answer: &Answer) {
    let date = answer.header("date").expect("RS-04");
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = date.split([' ', ':']).collect();
    let month = month.iter().position(|name| *name == parts[2]).unwrap() + 1;
    assert_eq!((parts[0].len(), parts[7]), (4, "GMT"), "RS-04, INV-23 {date}");
    let said = format!("{}-{month:02}-{}T{}:{}:{}Z", parts[3], parts[1], parts[4], parts[5], parts[6]);
    let now = SystemClock.now();
    let near = (-300..=300).any(|seconds| (now + fapi_core::Lifetime::seconds(seconds)).to_string() == said);
    assert!(near, "RS-04 {date}, now {now}");
}

/// `RS-06`.
#[tokio::test]
async fn whoever_may_mean_json_gets_it() {
    let house = House::open().await;
    for accept in [
        "application/json",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
        "rubbish",
    ] {
        let answer = house.get("/accounts", &[("Accept", accept)]).await;
        assert_eq!(answer.status, 200, "RS-06 {accept}");
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "RS-06 {accept}");
    }
    for accept in ["text/plain", "application/xml, text/html", "application/json;q=0"] {
        assert_eq!(house.get("/accounts", &[("Accept", accept)]).await.status, 406, "RS-06 {accept}");
    }
    let answer = house.send(Some(&house.app), "GET /accounts", &[("Accept", "text/plain")]).await;
    assert_eq!(answer.status, 401, "who has no token learns nothing else");
}

/// `RS-07`, `INV-23`.
#[tokio::test]
async fn what_callers_say_of_their_customers_never_hurts() {
    let house = House::open().await;
    let long = "x".repeat(16 * 1024);
    for (name, value) in [
        ("x-fapi-customer-ip-address", "198.51.100.119"),
        ("x-fapi-customer-ip-address", "2001:db8::1893:25c8:1946"),
        ("x-fapi-customer-ip-address", "not an address"),
        ("x-fapi-auth-date", "Tue, 11 Sep 2012 19:43:31 GMT"),
        ("x-fapi-auth-date", "yesterday"),
        ("x-cds-client-headers", "TW96aWxsYS81LjA="),
        ("x-cds-client-headers", &long),
        ("x-fapi-customer-ip-address", "\u{e4}"),
    ] {
        assert_eq!(
            house.get("/accounts", &[(name, value)]).await.status,
            200,
            "RS-07, INV-23 {name}: {value:.40}"
        );
    }
}

/// `RS-10`.
#[tokio::test]
async fn accounts_are_read_with_get_and_nothing_else() {
    let house = House::open().await;
    for header in [("Content-Length", "0"), ("Content-Type", "application/json")] {
        assert_eq!(house.get("/accounts", &[header]).await.status, 200, "RS-10 {header:?}");
    }
    let token = house.token(&json!({}));
    let bearer = format!("Bearer {token}");
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let headers = [("Authorization", bearer.as_str()), ("Content-Length", "0")];
        let answer = house.send(Some(&house.app), &format!("{method} /accounts"), &headers).await;
        assert_eq!((answer.status, answer.error().as_str()), (405, "invalid_request"), "RS-10 {method}");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"), "RFC 9110 15.5.6");
    }
    assert_eq!(house.issuer.books().introspected, 2, "nothing but GET is looked at");
}

#[tokio::test]
async fn a_kubelet_sees_that_the_bank_lives_without_a_token() {
    let house = House::open().await;
    let answer = house.send(None, "GET /livez", &[]).await;
    assert_eq!((answer.status, &*answer.body), (200, &b"ok\n"[..]));
}
