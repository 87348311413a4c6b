//! How does the bank get on with the authorization server?

use fapi_core::Lifetime;
use fapi_jose::{Alg, SigningKey};
use serde_json::{Value, json};

use crate::house::{House, INTERACTION, Plan, sign};

fn another_key() -> SigningKey {
    SigningKey::generate(Alg::Es256, 2048).unwrap()
}

/// `JAT-02`: a rotated key is picked up with the first token it has signed.
#[tokio::test]
async fn a_new_key_is_picked_up_and_an_old_one_forgotten() {
    let house = House::open().await;
    let old = house.token(&json!({}));
    assert_eq!(house.get_with(&old, "/accounts", &[]).await.status, 200);
    house.clock.advance(Lifetime::seconds(60));
    house.issuer.books().keys.push(another_key());
    assert_eq!(house.get("/accounts", &[]).await.status, 200, "JAT-02: signed with the new key");
    assert_eq!(
        house.get_with(&old, "/accounts", &[]).await.status,
        200,
        "JAT-02: the old one is still published"
    );
    assert_eq!(house.issuer.books().keys_fetched, 2);

    let with_old = house.issuer.books().keys.remove(0);
    let long = sign(
        &with_old,
        Some("at+jwt"),
        house.claims(),
        &json!({ "exp": crate::house::NOON.as_unix() + 900 }),
    );
    house.clock.advance(Lifetime::seconds(300));
    assert_eq!(house.get_with(&long, "/accounts", &[]).await.status, 401, "JAT-02: no longer published");
}

#[tokio::test]
async fn keys_are_kept_for_as_long_as_the_issuer_says() {
    let house = House::open().await;
    let long = house.token(&json!({ "exp": crate::house::NOON.as_unix() + 900 }));
    for (second, fetched) in [(0, 1), (299, 1), (300, 2), (599, 2), (600, 3)] {
        house.clock.advance(
            crate::house::NOON + Lifetime::seconds(second) - fapi_server::clock::Clock::now(&*house.clock),
        );
        assert_eq!(house.get_with(&long, "/accounts", &[]).await.status, 200);
        assert_eq!(house.issuer.books().keys_fetched, fetched, "after {second} s");
    }
}

#[tokio::test]
async fn invented_key_names_make_the_bank_ask_once_in_ten_seconds() {
    let house = House::open().await;
    let forged = || sign(&another_key(), Some("at+jwt"), house.claims(), &json!({}));
    for _ in 0..5 {
        assert_eq!(house.get_with(&forged(), "/accounts", &[]).await.status, 401, "JAT-02");
    }
    assert_eq!(house.issuer.books().keys_fetched, 1);
    for _ in 0..5 {
        house.clock.advance(Lifetime::seconds(5));
        assert_eq!(house.get_with(&forged(), "/accounts", &[]).await.status, 401, "JAT-02");
    }
    assert_eq!(house.issuer.books().keys_fetched, 3, "after 10 s and after 20 s");
    assert_eq!(house.get("/accounts", &[]).await.status, 200);
}

/// `JAT-03`: fails closed, and recovers by itself.
#[tokio::test]
async fn nobody_gets_in_while_the_issuer_cannot_be_asked() {
    let house = House::open().await;
    assert_eq!(house.get("/accounts", &[]).await.status, 200);
    let active = |changes: Value| {
        let mut answer = json!({ "active": true, "client_id": "app", "local_sub": "s-alice" });
        answer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        answer.to_string()
    };
    for (what, status, body) in [
        ("unavailable", 503, String::new()),
        ("broken", 500, active(json!({}))),
        ("we are not known", 401, r#"{"error":"invalid_client"}"#.to_owned()),
        ("no JSON", 200, "<html>".to_owned()),
        ("nothing", 200, "{}".to_owned()),
        ("active, somehow", 200, active(json!({ "active": "true" }))),
        ("of another client", 200, active(json!({ "client_id": "mallory" }))),
        ("for somebody, somehow", 200, active(json!({ "local_sub": 7 }))),
        (
            "twice",
            200,
            r#"{"active":false,"active":true,"client_id":"app","local_sub":"s-alice"}"#.to_owned(),
        ),
    ] {
        house.issuer.books().instead = Some((status, body));
        let answer = house.get("/accounts", &[]).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (503, "temporarily_unavailable"),
            "JAT-03 {what}"
        );
        assert_eq!(
            (answer.header("retry-after"), answer.header("www-authenticate")),
            (Some("1"), None),
            "{what}"
        );
    }
    house.issuer.books().instead = Some((200, active(json!({}))));
    assert_eq!(house.get("/accounts", &[]).await.status, 200);
    house.issuer.books().instead = None;
    assert_eq!(house.get("/accounts", &[]).await.status, 200, "JAT-03");
}

#[tokio::test]
async fn nobody_gets_in_when_the_issuer_has_gone() {
    let mut house = House::open().await;
    let token = house.token(&json!({}));
    assert_eq!(house.get_with(&token, "/accounts", &[]).await.status, 200);
    house.issuer.stop().await;
    let answer = house.get_with(&token, "/accounts", &[("x-fapi-interaction-id", INTERACTION)]).await;
    insta::assert_snapshot!(answer.text(), @r#"
    503
    cache-control: no-store
    content-type: application/json; charset=utf-8
    retry-after: 1
    x-content-type-options: nosniff
    x-fapi-interaction-id: c770aef3-6784-41f7-8e0e-ff5f97bddb3a

    {"error":"temporarily_unavailable","error_description":"the token cannot be checked right now: try again"}
    "#);
    house.clock.advance(Lifetime::seconds(299));
    assert_eq!(house.get_with(&token, "/accounts", &[]).await.status, 503, "JAT-03");
}

#[tokio::test]
async fn a_bank_without_keys_lets_nobody_in_and_asks_again() {
    let house = House::open().await;
    let right = house.issuer.books().discovery.clone();
    for (what, wrong) in [
        ("the document of another issuer", json!({ "issuer": "https://other.example" })),
        ("keys in the clear", json!({ "jwks_uri": "http://demo.localhost/jwks" })),
        ("no keys", json!({ "jwks_uri": null })),
        ("nowhere to ask", json!({ "introspection_endpoint": null })),
        ("asking in the clear", json!({ "introspection_endpoint": "http://demo.localhost/introspect" })),
    ] {
        let mut document = right.clone();
        document.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        house.issuer.books().discovery = document;
        house.clock.advance(Lifetime::seconds(1));
        assert_eq!(house.get("/accounts", &[]).await.status, 503, "{what}");
    }
    house.issuer.books().discovery = right;
    assert_eq!(house.get("/accounts", &[]).await.status, 503, "others who wait are told at once");
    house.clock.advance(Lifetime::seconds(1));
    assert_eq!(house.get("/accounts", &[]).await.status, 200);
}

/// `TLS-10`.
#[tokio::test]
async fn an_issuer_with_a_certificate_of_another_ca_is_not_believed() {
    let house = House::planned(Plan { stranger: true, ..Plan::default() }).await;
    assert_eq!(house.get("/accounts", &[]).await.status, 503, "TLS-10");
    assert_eq!(house.issuer.books().keys_fetched, 0, "TLS-10");
}

#[tokio::test]
async fn the_bank_may_authenticate_with_a_certificate() {
    let house = House::planned(Plan { by_certificate: true, ..Plan::default() }).await;
    // Only at the endpoint that asks for one (RFC 8705 5).
    house.issuer.books().discovery["introspection_endpoint"] =
        json!("https://nowhere.localhost:1/introspect");
    assert_eq!(house.get("/accounts", &[]).await.status, 200);
    assert_eq!(house.issuer.books().complaints, Vec::<&str>::new());
}

#[tokio::test]
async fn connections_to_the_issuer_can_be_sent_elsewhere() {
    let house = House::planned(Plan { issuer: Some("auth.bank.example"), ..Plan::default() }).await;
    assert_eq!(house.issuer.issuer, "https://auth.bank.example");
    assert_eq!(house.get("/accounts", &[]).await.status, 200);
}
