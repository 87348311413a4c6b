//! Rich authorization requests (RFC 9396): from the request over the page to the tokens, and what must not get through.

use fapi_config::DetailsTypeEntry;
use fapi_core::profile::ProfileName;
use serde_json::{Value, json};

use crate::actors::{Answer, App, CHALLENGE, VERIFIER};
use crate::server::{CALLBACK, PASSWORD, Served, TestServer};

const SCHEMA: &str = r#"{
    "type": "object", "title": "A payment", "description": "Money leaves your account once.",
    "required": ["instructedAmount"],
    "properties": {
        "type": {"const": "payment"},
        "instructedAmount": {
            "title": "Amount", "required": ["amount", "currency"],
            "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}},
            "additionalProperties": false
        },
        "creditorName": {"type": "string"},
        "urgent": {"type": "boolean"}
    },
    "additionalProperties": false
}"#;

fn entry(name: &str) -> DetailsTypeEntry {
    DetailsTypeEntry { name: name.to_owned(), schema: Some(SCHEMA.to_owned()) }
}

fn bank(profile: ProfileName) -> TestServer {
    let types = || vec![entry("payment"), entry("loan")];
    TestServer::of(profile)
        .with(|bundle| bundle.document.authorization_details_types = types())
        .client(|app| app.authorization_details_types = vec!["payment".to_owned()])
}

fn payment(amount: &str) -> Value {
    json!({"type": "payment", "instructedAmount": {"amount": amount, "currency": "EUR"}, "creditorName": "Merchant"})
}

fn asking(app: &App<'_>, details: &Value) -> Value {
    let mut claims = app.request();
    claims["authorization_details"] = details.clone();
    claims
}

async fn redeemed(served: &Served, details: &Value) -> Answer {
    let app = served.app();
    let url = served.browser().approve(&app.pushed(&asking(&app, details)).await).await;
    let tokens = app.redeem(app.jarm(&url)["code"].as_str().unwrap()).await;
    assert_eq!(tokens.status, 200, "{}", tokens.json);
    tokens
}

async fn refreshed(app: &App<'_>, token: &str, details: &Value) -> Answer {
    let text = details.to_string();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("authorization_details", &text)];
    app.call("/token", &form).await
}

/// RAR-03, RAR-04, JAT-01, INT-02, DSC-34.
#[tokio::test]
async fn a_payment_is_shown_granted_and_carried_to_every_token() {
    let served = bank(ProfileName::Fintech).start().await;
    let app = served.app();
    let metadata = Answer::of(served.look("/.well-known/openid-configuration").await).json;
    assert_eq!(metadata["authorization_details_types_supported"], json!(["payment", "loan"]), "DSC-34");

    let asked = json!([payment("123.50"), payment("7.00")]);
    let tokens = redeemed(&served, &asked).await;
    assert_eq!(tokens.json["authorization_details"], asked, "RAR-03, RAR-04: beside scope");
    assert_eq!(tokens.text("scope"), "openid accounts", "RAR-04");
    let access = app.verified(tokens.text("access_token"));
    assert_eq!(access["authorization_details"], asked, "RAR-03, JAT-01");
    let known = app.call("/introspect", &[("token", tokens.text("access_token"))]).await;
    assert_eq!(known.json["authorization_details"], asked, "RAR-03, INT-02");

    let refresh = tokens.text("refresh_token");
    assert_eq!(app.refresh(refresh).await.json["authorization_details"], asked, "RAR-03");
    let narrower = refreshed(&app, refresh, &json!([payment("7.00")])).await;
    assert_eq!(narrower.json["authorization_details"], json!([payment("7.00")]), "RAR-04");
    let access = app.verified(narrower.text("access_token"));
    assert_eq!(access["authorization_details"], json!([payment("7.00")]), "RAR-04");
    for wider in [json!([payment("7.01")]), json!([payment("7.00"), payment("1.00")]), json!("x")] {
        let refused = refreshed(&app, refresh, &wider).await.refusal("RAR-04");
        assert_eq!(refused, "400 invalid_authorization_details", "RAR-04, P-24 {wider}");
    }
    assert_eq!(app.refresh(refresh).await.json["authorization_details"], asked, "and nothing was lost by it");
}

/// RAR-03, B-05: everything that is granted is on the page, by the Workspace's words, and nothing becomes markup.
#[tokio::test]
async fn the_consent_page_shows_every_value_under_its_name() {
    let served = bank(ProfileName::Fintech).start().await;
    let app = served.app();
    let mut hostile = payment("123.50");
    hostile["creditorName"] = json!("<script>alert(1)</script> \u{202e}tnahcreM");
    hostile["urgent"] = json!(true);
    let path = app.pushed(&asking(&app, &json!([hostile]))).await;
    let mut browser = served.browser().speaking("en");
    let page = browser.open(&path).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    assert!(page.asks_for_consent(), "{}", page.html);
    for shown in [
        "<section class=\"detail\" id=\"detail-1\" data-type=\"payment\">",
        "<h2><bdi>A payment</bdi></h2>",
        "Money leaves your account once.",
        "<dt><bdi>Amount</bdi></dt>",
        "<bdi>123.50</bdi>",
        "<bdi>EUR</bdi>",
        "<dt><bdi>Creditor name</bdi></dt>",
        "&lt;script&gt;",
        "(U+202E)",
        "<dt><bdi>Urgent</bdi></dt>",
        "<bdi>Yes</bdi>",
    ] {
        assert!(page.html.contains(shown), "RAR-03 {shown}: {}", page.html);
    }
    assert!(!page.html.contains("<script") && !page.html.contains('\u{202e}'), "B-05");
}

/// RAR-03, REV-05: the person finds it again among what they allowed.
#[tokio::test]
async fn what_was_granted_can_be_seen_afterwards() {
    let served = bank(ProfileName::Fintech).start().await;
    let app = served.app();
    let mut browser = served.browser().speaking("en");
    let url = browser.approve(&app.pushed(&asking(&app, &json!([payment("123.50")]))).await).await;
    assert_eq!(app.redeem(app.jarm(&url)["code"].as_str().unwrap()).await.status, 200);
    let page = browser.open("/consents").await;
    for shown in ["data-type=\"payment\"", "<h2><bdi>A payment</bdi></h2>", "<bdi>123.50</bdi>"] {
        assert!(page.html.contains(shown), "REV-05 {shown}: {}", page.html);
    }
}

/// RAR-03: agreeing to one payment is agreeing to that one.
#[tokio::test]
async fn a_second_payment_is_asked_for_again_in_the_same_session() {
    let served = bank(ProfileName::Fintech).start().await;
    let app = served.app();
    let mut browser = served.browser();
    let first = app.pushed(&asking(&app, &json!([payment("1.00")]))).await;
    browser.approve(&first).await;
    for details in [json!([payment("1.00")]), json!([payment("2.00")])] {
        let page = browser.open(&app.pushed(&asking(&app, &details)).await).await;
        assert!(page.asks_for_consent(), "RAR-03 {}", page.html);
    }
    // Nor does it say yes to the scope beside it, which is remembered once it was asked for alone.
    assert!(browser.open(&app.pushed(&app.request()).await).await.asks_for_consent(), "RAR-03");
}

/// RAR-01, RAR-02, E-27.
#[tokio::test]
async fn details_that_do_not_fit_are_refused_where_they_are_pushed() {
    let served = bank(ProfileName::Fintech).start().await;
    let app = served.app();
    let mut more = payment("1.00");
    more["more"] = json!(1);
    for (id, details) in [
        ("RAR-01", json!("no JSON")),
        ("RAR-01", json!({"type": "payment"})),
        ("RAR-01", json!([{"instructedAmount": {}}])),
        ("RAR-01", json!([{"type": "unheard-of"}])),
        ("RAR-01", json!([{"type": "payment"}])),
        ("RAR-01", json!([{"type": "payment", "instructedAmount": {"amount": 1, "currency": "EUR"}}])),
        ("RAR-01", json!([more])),
        ("RAR-02", json!([{"type": "loan", "instructedAmount": {"amount": "1", "currency": "EUR"}}])),
        ("H-06", json!(vec![payment("1.00"); 17])),
    ] {
        let refused = app.push(&asking(&app, &details)).await.refusal(id);
        assert_eq!(refused, "400 invalid_authorization_details", "E-27, {id} {details}");
    }
    assert_eq!(app.push(&asking(&app, &json!([payment("1.00")]))).await.status, 201, "RAR-02");
}

/// RAR-02, RAR-04: what the Workspace takes away is gone from what was granted, at its next use.
#[tokio::test]
async fn a_type_that_the_workspace_takes_away_is_gone_from_the_next_token() {
    let mut served = bank(ProfileName::Fintech).start().await;
    let refresh = redeemed(&served, &json!([payment("1.00")])).await.text("refresh_token").to_owned();
    let waiting = {
        let app = served.app();
        app.pushed(&asking(&app, &json!([payment("2.00")]))).await
    };
    served
        .publish(|bundle| {
            bundle.document.authorization_details_types = vec![entry("loan")];
            bundle.clients[0].authorization_details_types = Vec::new();
        })
        .await;
    let app = served.app();
    // Nor is the scope beside them to be had alone: it may well be more.
    assert_eq!(app.refresh(&refresh).await.refusal("RAR-02"), "400 invalid_grant", "RAR-02");
    let refused = refreshed(&app, &refresh, &json!([payment("1.00")])).await.refusal("RAR-04");
    assert_eq!(refused, "400 invalid_authorization_details", "RAR-04");
    // A person who was about to be asked is not.
    let mut browser = served.browser();
    let page = browser.open(&waiting).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let response = app.jarm(page.left());
    assert_eq!(response["error"], "invalid_authorization_details", "RAR-02, E-27");
}

/// RAR-01, RAR-02: what a client may ask for, it may have by itself (RFC 9396 3).
#[tokio::test]
async fn a_client_asks_for_details_by_itself() {
    let served = bank(ProfileName::Fintech).start().await;
    let app = served.app();
    let by_itself = async |details: &Value| {
        let text = details.to_string();
        app.call("/token", &[("grant_type", "client_credentials"), ("authorization_details", &text)]).await
    };
    let tokens = by_itself(&json!([payment("1.00")])).await;
    assert_eq!(tokens.json["authorization_details"], json!([payment("1.00")]), "RAR-03 {}", tokens.json);
    assert!(tokens.json.get("scope").is_none(), "who says exactly what it wants gets that alone");
    let access = tokens.text("access_token");
    assert_eq!(app.verified(access)["authorization_details"], json!([payment("1.00")]), "JAT-01");
    let known = app.call("/introspect", &[("token", access)]).await;
    assert_eq!((&known.json["active"], known.json.get("scope")), (&json!(true), None), "INT-02");
    for wrong in [json!([{"type": "loan"}]), json!([{"type": "payment"}])] {
        let refused = by_itself(&wrong).await.refusal("RAR-01");
        assert_eq!(refused, "400 invalid_authorization_details", "RAR-01, RAR-02 {wrong}");
    }
}

/// RAR-05: the text of an array in a form, without a request object and without scope.
#[tokio::test]
async fn a_form_carries_details_as_text() {
    let served = bank(ProfileName::FAPI2Security)
        .client(|app| app.sender_constraint = Some(fapi_core::profile::SenderConstraint::Certificate))
        .start()
        .await;
    let app = served.app();
    let details = json!([payment("1.00")]);
    let push = async |text: &str| {
        let form = [
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("state", "s"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("authorization_details", text),
        ];
        app.call("/par", &form).await
    };
    assert_eq!(push("[{]").await.refusal("RAR-01"), "400 invalid_authorization_details", "RAR-01, RAR-05");
    let pushed = push(&details.to_string()).await;
    assert_eq!(pushed.status, 201, "RAR-04, RAR-05 {}", pushed.json);
    let url = served.browser().approve(&app.authorize(pushed.text("request_uri"))).await;
    let url = url::Url::parse(&url).unwrap();
    let code = url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("authorization_details", &json!([payment("9.00")]).to_string()),
    ];
    let wider = app.call("/token", &form).await.refusal("RAR-04");
    assert_eq!(wider, "400 invalid_authorization_details", "RAR-04: and the code is not spent");
    let tokens = app.redeem(&code).await;
    assert_eq!(tokens.json["authorization_details"], details, "RAR-03, RAR-05 {}", tokens.json);
    assert!(tokens.json.get("scope").is_none() && tokens.json.get("id_token").is_none(), "RAR-04");
}
