//! The error matrix of requirements section 30, authorization requests: each bad input pushed, and by value.

use fapi_core::profile::Pkce;
use serde_json::{Map, Value, json};

use crate::actors::{App, VERIFIER, form};
use crate::browser::Page;
use crate::forge;
use crate::server::{CALLBACK, ISSUER, PASSWORD, TestServer};

/// What is said at the authorization endpoint.
#[derive(Clone, Copy, Debug)]
enum At {
    /// The request object cannot be used: a page, or a redirect when the parameters around it say where to.
    Object(&'static str),
    /// A page, whatever stands around the request object.
    Page(&'static str),
    /// A redirect in the mode of the request.
    Redirect(&'static str),
    /// A redirect with the error in the fragment.
    Fragment(&'static str),
}

struct Cell {
    id: &'static str,
    /// Members of the request object that are different; `null` takes one away.
    wrong: Value,
    par: &'static str,
    at: At,
}

fn cell(id: &'static str, wrong: Value, par: &'static str, at: At) -> Cell {
    Cell { id, wrong, par, at }
}

fn cells(now: i64) -> Vec<Cell> {
    const OBJECT: &str = "invalid_request_object";
    const REQUEST: &str = "invalid_request";
    let object = |id, wrong| cell(id, wrong, OBJECT, At::Object(OBJECT));
    let request = |id, wrong| cell(id, wrong, REQUEST, At::Redirect(REQUEST));
    let response = |id, wrong, code| cell(id, wrong, code, At::Redirect(code));
    let fragment = |id, wrong, code| cell(id, wrong, code, At::Fragment(code));
    let unsupported = "unsupported_response_type";
    vec![
        object("E-01, RO-03", json!({"exp": null})),
        object("E-01, RO-04", json!({"nbf": null})),
        object("E-02, RO-03", json!({"nbf": now - 3500, "exp": now - 3200})),
        object("E-03, RO-03", json!({"exp": now + 4200})),
        object("E-03, RO-04", json!({"nbf": now - 4200, "exp": now - 601 + 300})),
        object("E-03, RO-04", json!({"nbf": now - 3601, "exp": now - 1})),
        object("E-03, RO-04", json!({"nbf": now + 61, "exp": now + 300})),
        object("E-04, RO-05", json!({"aud": "https://other.example"})),
        object("E-04, RO-05", json!({"aud": "https://mtls.auth.example/par"})),
        object("E-04, RO-05", json!({"aud": "https://auth.example/authorize"})),
        object("E-04, RO-05", json!({"aud": "https://auth.example/"})),
        object("E-04, RO-05", json!({"aud": null})),
        object("RO-07", json!({"iss": "other"})),
        object("AUT-21, RO-07", json!({"client_id": "other"})),
        object("RO-07, CA-08", json!({"sub": "app"})),
        object("E-10, RO-09", json!({"request_uri": "https://app.example/request.jwt"})),
        object("E-10, RO-09", json!({"request": "a.b.c"})),
        request("E-07, RO-02", json!({"scope": null})),
        request("E-07, RO-02", json!({"nonce": null})),
        request("E-07, FT-01", json!({"scope": "accounts", "nonce": null, "state": null})),
        cell("E-08, AUT-06", json!({"redirect_uri": null}), REQUEST, At::Page(REQUEST)),
        cell("E-09, AUT-04", json!({"redirect_uri": "https://app.example/cb"}), REQUEST, At::Page(REQUEST)),
        cell("E-09, AUT-04", json!({"redirect_uri": format!("{CALLBACK}&x=y")}), REQUEST, At::Page(REQUEST)),
        cell(
            "E-09, AUT-04, P-14",
            json!({"redirect_uri": "https://app.example.evil.example/cb"}),
            REQUEST,
            At::Page(REQUEST),
        ),
        cell(
            "E-09, AUT-04, P-13",
            json!({"redirect_uri": "https://evil.example/cb", "response_mode": "form_post.jwt"}),
            REQUEST,
            At::Page(REQUEST),
        ),
        response("E-12, RSP-11", json!({"response_mode": null}), unsupported),
        fragment("E-12, AUT-09", json!({"response_type": "token", "response_mode": null}), unsupported),
        fragment("E-12, AUT-09", json!({"response_type": "code token", "response_mode": null}), unsupported),
        fragment("E-12, AUT-09", json!({"response_type": "id_token", "response_mode": null}), unsupported),
        request("AUT-10", json!({"response_type": null})),
        request("E-13, RSP-11", json!({"response_mode": "query"})),
        request("E-13, P-13", json!({"response_mode": "form_post.jwt"})),
        fragment(
            "E-13, AUT-11",
            json!({"response_type": "code id_token", "response_mode": "query"}),
            REQUEST,
        ),
        request("E-14, PKC-01", json!({"code_challenge": null})),
        request("E-14, PKC-02, P-04", json!({"code_challenge_method": "plain"})),
        request("E-14, PKC-02, P-04", json!({"code_challenge_method": null})),
        request("E-14, PKC-03", json!({"code_challenge": "a".repeat(42)})),
        request("E-15, AUT-07", json!({"state": "s".repeat(5000)})),
        request("E-15, AUT-08", json!({"nonce": "n".repeat(1100)})),
        response("E-26", json!({"scope": "openid unheard-of"}), "invalid_scope"),
        response(
            "E-27, RAR-01",
            json!({"authorization_details": [{"type": "x"}]}),
            "invalid_authorization_details",
        ),
        response("JAT-05", json!({"resource": "https://nobody.example"}), "invalid_target"),
        request("OIC-03", json!({"prompt": "none login"})),
    ]
}

/// The claims of a request that is good but for what a cell says.
fn changed(app: &App<'_>, wrong: &Value) -> Value {
    let mut claims = app.request();
    for (name, value) in wrong.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// The error that a browser carries to the client. Registered members only, and nothing that could be redeemed.
pub(crate) fn carried(app: &App<'_>, page: &Page, at_fragment: bool) -> Map<String, Value> {
    let url = page.left();
    assert!(url.starts_with(CALLBACK), "AUT-15, P-15 {url}");
    let members = if at_fragment {
        let url = url::Url::parse(url).unwrap();
        assert_eq!(url.query(), Some("dummy1=lorem&dummy2=ipsum"), "RSP-01, AUT-05");
        let pairs = url::form_urlencoded::parse(url.fragment().expect("RSP-01: a fragment").as_bytes());
        pairs.map(|(name, value)| (name.into_owned(), json!(value))).collect()
    } else {
        app.jarm(url)
    };
    let known = ["aud", "error", "error_description", "exp", "iat", "iss", "state"];
    assert!(members.keys().all(|name| known.contains(&name.as_str())), "AUT-12, E-12 {members:?}");
    assert_eq!(members["iss"], ISSUER, "AUT-22");
    assert!(crate::actors::is_plain(members["error_description"].as_str().unwrap()), "TLS-12");
    members
}

/// `INV-17`.
#[tokio::test]
async fn every_bad_request_is_refused_when_it_is_pushed() {
    let served = TestServer::of_every_kind().with_unfinished(1).start().await;
    let app = served.app();
    for cell in cells(served.now()) {
        let answer = app.push(&changed(&app, &cell.wrong)).await;
        assert_eq!(answer.refusal(cell.id), format!("400 {}", cell.par), "PAR-04 {} {}", cell.id, cell.wrong);
    }
    let (good, key) = (app.request(), app.key);
    for (id, object) in [
        ("E-05, RO-06, J-01", forge::unsigned("none", &good)),
        ("E-05, KEY-04, J-01", forge::unsigned("nOnE", &good)),
        ("E-05, RO-06, J-03", forge::rs256(key, &good)),
        ("E-05, RO-06", forge::broken(&app.sign(None, &good))),
        ("E-05, KEY-11", app.sign(Some("at+jwt"), &good)),
        ("E-06, RO-06", served.other().sign(None, &good)),
        ("RO-15", "not a jwt".to_owned()),
    ] {
        let answer = app.call_bare("/par", &[("request", &object)]).await;
        assert_eq!(answer.refusal(id), "400 invalid_request_object", "{id}");
    }
    let object = app.sign(None, &good);
    let uri = ("request_uri", "urn:ietf:params:oauth:request_uri:x");
    for (id, body) in
        [("E-11, PAR-05, P-12", vec![uri, ("request", object.as_str())]), ("E-11, PAR-05", vec![uri])]
    {
        assert_eq!(app.call_bare("/par", &body).await.refusal(id), "400 invalid_request", "{id}");
    }
    let plain = [
        ("client_id", app.id),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("nonce", "n"),
        ("code_challenge", crate::actors::CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    assert_eq!(app.call_bare("/par", &plain).await.refusal("E-18"), "400 invalid_request", "E-18, RO-01");
    // None of them was stored: there is room for exactly one.
    assert_eq!(app.push(&good).await.status, 201, "PAR-02, PAR-04");
    let full = app.push(&app.request()).await;
    assert_eq!(
        (full.refusal("H-11"), full.headers["retry-after"].as_bytes()),
        ("503 temporarily_unavailable".into(), b"1".as_slice()),
        "H-11, E-30"
    );
}

#[tokio::test]
async fn every_bad_request_by_value_is_answered_where_it_may_be() {
    let served = TestServer::of_every_kind().start().await;
    let app = served.app();
    let around = [("redirect_uri", CALLBACK), ("state", "outside"), ("response_type", "code")];
    for cell in cells(served.now()) {
        let id = cell.id;
        let claims = changed(&app, &cell.wrong);
        let object = app.sign(None, &claims);
        let bare = served.browser().open(&app.with_object(&object, &[])).await;
        let dressed = served.browser().open(&app.with_object(&object, &around)).await;
        match cell.at {
            At::Page(code) => {
                for page in [bare, dressed] {
                    assert_eq!(
                        (page.status, page.error(), &page.left),
                        (400, code, &None),
                        "{id} {}",
                        cell.wrong
                    );
                }
            }
            At::Object(code) => {
                assert_eq!(
                    (bare.status, bare.error(), &bare.left),
                    (400, code, &None),
                    "AUT-19 {id} {}",
                    cell.wrong
                );
                let members = carried(&app, &dressed, false);
                assert_eq!(
                    (&members["error"], &members["state"]),
                    (&json!(code), &json!("outside")),
                    "AUT-19 {id}"
                );
            }
            At::Redirect(code) | At::Fragment(code) => {
                // What stands outside of an object that can be used counts for nothing.
                for page in [bare, dressed] {
                    let members = carried(&app, &page, matches!(cell.at, At::Fragment(_)));
                    assert_eq!(members["error"], code, "{id} {}", cell.wrong);
                    assert_eq!(members.get("state"), claims.get("state"), "AUT-07, AUT-20, RO-02 {id}");
                }
            }
        }
    }
    let (good, key) = (app.request(), app.key);
    for (id, object) in [
        ("E-05, RO-06", forge::unsigned("none", &good)),
        ("E-05, RO-06", forge::rs256(key, &good)),
        ("E-05, RO-06", forge::broken(&app.sign(None, &good))),
        ("E-06, RO-06", served.other().sign(None, &good)),
    ] {
        let page = served.browser().open(&app.with_object(&object, &[])).await;
        assert_eq!((page.status, page.error()), (400, "invalid_request_object"), "{id}");
        let page = served.browser().open(&app.with_object(&object, &around)).await;
        assert_eq!(carried(&app, &page, false)["error"], "invalid_request_object", "{id}");
        let hybrid = [("redirect_uri", CALLBACK), ("response_type", "code id_token")];
        let page = served.browser().open(&app.with_object(&object, &hybrid)).await;
        assert_eq!(carried(&app, &page, true)["error"], "invalid_request_object", "{id}, RSP-01");
    }
}

#[tokio::test]
async fn what_stands_around_a_request_object_changes_nothing() {
    let served = TestServer::of_every_kind().start().await;
    let app = served.app();
    let mut claims = app.request();
    let around = [
        ("state", "outside"),
        ("nonce", "outside"),
        ("scope", "openid payments"),
        ("redirect_uri", "https://evil.example/cb"),
        ("response_type", "code id_token"),
        ("extra", "foobar"),
    ];
    let path = app.with_object(&app.sign(None, &claims), &around);
    let members = app.jarm(&served.browser().approve(&path).await);
    assert_eq!(members["state"], "the state", "AUT-20, E-16, P-11");
    let tokens = app.redeem(members["code"].as_str().unwrap()).await;
    assert_eq!(tokens.text("scope"), "openid accounts", "RO-02, AUT-20");
    assert_eq!(app.verified(tokens.text("id_token"))["nonce"], "the nonce", "AUT-20, E-16");

    claims.as_object_mut().unwrap().remove("state");
    let members =
        app.jarm(&served.browser().approve(&app.with_object(&app.sign(None, &claims), &around)).await);
    assert!(members.get("state").is_none(), "AUT-20, RSP-04: state only outside");
    assert!(members.contains_key("code"));

    let object = app.sign(None, &app.request());
    let foreign = format!("/authorize?{}", form(&[("client_id", "other"), ("request", &object)]));
    let page = served.browser().open(&foreign).await;
    assert_eq!((page.status, page.error()), (400, "invalid_request_object"), "AUT-21, RO-07");
}

/// The ids of requirements, the error of the page, the query.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>);

#[tokio::test]
async fn a_request_that_names_no_place_it_may_go_to_becomes_a_page() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let object = app.sign(None, &app.request());
    let urn = "urn:ietf:params:oauth:request_uri:unknown";
    let hosted = "https://app.example/request.jwt";
    let cases: [Case<'_>; 9] = [
        ("E-25, AUT-03", "invalid_request", vec![("client_id", "nobody"), ("request_uri", urn)]),
        ("E-25, AUT-03", "invalid_request", vec![("client_id", "nobody"), ("redirect_uri", CALLBACK)]),
        ("AUT-03, AUT-21", "invalid_request", vec![("request_uri", urn)]),
        ("E-20, PAR-08", "invalid_request_uri", vec![("client_id", "app"), ("request_uri", urn)]),
        ("RO-16, H-13", "request_uri_not_supported", vec![("client_id", "app"), ("request_uri", hosted)]),
        ("E-17, RO-01", "invalid_request", vec![("client_id", "app"), ("scope", "openid")]),
        ("E-19, PAR-12", "invalid_request", vec![("client_id", "app"), ("request", &object)]),
        ("RO-10", "invalid_request", vec![("client_id", "app"), ("request", &object), ("request_uri", urn)]),
        (
            "TLS-14, P-12",
            "invalid_request",
            vec![("client_id", "app"), ("client_id", "app"), ("request_uri", urn)],
        ),
    ];
    for (id, code, pairs) in cases {
        let page = served.browser().open(&format!("/authorize?{}", form(&pairs))).await;
        assert_eq!((page.status, page.error(), &page.left), (400, code, &None), "{id}");
        let evil = [pairs.as_slice(), &[("redirect_uri", "https://evil.example/cb")]].concat();
        if !pairs.iter().any(|(name, _)| *name == "redirect_uri") {
            let page = served.browser().open(&format!("/authorize?{}", form(&evil))).await;
            assert_eq!((page.status, &page.left), (400, &None), "AUT-15, P-15 {id}");
        }
    }
    for (id, code, pairs) in [
        ("E-17, RO-01", "invalid_request", vec![("scope", "openid")]),
        ("E-19, PAR-12", "invalid_request", vec![("request", object.as_str())]),
        ("RO-16", "request_uri_not_supported", vec![("request_uri", hosted)]),
    ] {
        let pairs =
            [pairs.as_slice(), &[("client_id", "app"), ("redirect_uri", CALLBACK), ("state", "s")]].concat();
        let page = served.browser().open(&format!("/authorize?{}", form(&pairs))).await;
        let members = carried(&app, &page, false);
        assert_eq!((&members["error"], &members["state"]), (&json!(code), &json!("s")), "{id}");
    }
}

/// `INV-15`.
#[tokio::test]
async fn requests_of_every_good_shape_are_accepted() {
    let served = TestServer::of_every_kind().start().await;
    let app = served.app();
    let now = served.now();
    for (id, change) in [
        ("RO-04, CA-06", json!({"nbf": now + 8, "exp": now + 300})),
        ("RO-05", json!({"aud": [ISSUER, "https://other.example"]})),
        ("RO-11", json!({"iat": now, "jti": "one", "unknown": {"deep": [1]}})),
        ("RO-11", serde_json::from_str(&format!(r#"{{"nbf": {now}.5, "exp": {}.25}}"#, now + 299)).unwrap()),
        ("RO-14", json!({"max_age": 600, "claims": {"userinfo": {"name": null}}})),
        ("RO-14", json!({"max_age": "600", "claims": "{\"userinfo\":{\"name\":null}}"})),
        (
            "UIN-04",
            json!({"claims": {"elsewhere": {"x": null}, "id_token": {"unheard_of": {"essential": true}}}}),
        ),
        ("UIN-06", json!({"acr_values": "urn:unheard:of"})),
        (
            "OIC-06",
            json!({"display": "popup", "ui_locales": "xx de", "claims_locales": "de", "login_hint": "alice"}),
        ),
        ("AUT-02", json!({"scope": "accounts openid", "extra": "foobar"})),
        ("AUT-07", json!({"state": "aB0-._~".repeat(150)})),
        ("AUT-07", json!({"state": null})),
        ("AUT-08", json!({"nonce": "aB0-._~".repeat(55)})),
        ("FT-01", json!({"scope": "accounts", "nonce": null})),
        ("RSP-10", json!({"response_mode": "query.jwt"})),
        ("RO-07", json!({"iss": null})),
        ("RO-03", json!({"exp": now + 3600})),
        ("RO-04", json!({"nbf": now - 3590, "exp": now + 5})),
    ] {
        let claims = changed(&app, &change);
        let mut browser = served.browser();
        let members = app.jarm(&browser.approve(&app.pushed(&claims).await).await);
        assert_eq!(members.get("state"), claims.get("state"), "{id}, AUT-07, RSP-04");
        let tokens = app.redeem(members["code"].as_str().unwrap()).await;
        assert_eq!(tokens.status, 200, "{id} {}", tokens.json);
        let id_token = tokens.json.get("id_token").map(|jwt| app.verified(jwt.as_str().unwrap()));
        let nonce = id_token.as_ref().map(|claims| claims["nonce"].clone());
        assert_eq!(nonce.as_ref(), claims.get("nonce"), "AUT-08, IDT-03 {id}");
    }
    for typ in [None, Some("JWT"), Some("oauth-authz-req+jwt"), Some("application/oauth-authz-req+jwt")] {
        let object = app.sign(typ, &app.request());
        assert_eq!(app.call_bare("/par", &[("request", &object)]).await.status, 201, "RO-08, MTL-07 {typ:?}");
    }
}

/// The person is there, and the answer is no.
#[tokio::test]
async fn who_cannot_be_served_is_denied() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let answers = async |change: &Value| {
        let mut browser = served.browser();
        let page = browser.open(&app.pushed(&changed(&app, change)).await).await;
        let page = browser.sign_in(&page, "alice", PASSWORD).await;
        carried(&app, &page, false)["error"].clone()
    };
    let acr = json!({"claims": {"id_token": {"acr": {"essential": true, "values": ["gold"]}}}});
    assert_eq!(answers(&acr).await, "access_denied", "E-24, IDT-08");
    let sub = json!({"claims": {"id_token": {"sub": {"value": "somebody else"}}}});
    assert_eq!(answers(&sub).await, "access_denied", "E-24, UIN-08");

    let mut browser = served.browser();
    let none = app.pushed(&changed(&app, &json!({"prompt": "none"}))).await;
    assert_eq!(carried(&app, &browser.open(&none).await, false)["error"], "login_required", "E-29, OIC-03");
    browser.approve(&app.pushed(&app.request()).await).await;
    let more =
        app.pushed(&changed(&app, &json!({"prompt": "none", "scope": "openid accounts payments"}))).await;
    assert_eq!(carried(&app, &browser.open(&more).await, false)["error"], "consent_required", "E-29, OIC-03");
    let same = app.pushed(&changed(&app, &json!({"prompt": "none"}))).await;
    assert!(app.jarm(browser.open(&same).await.left()).contains_key("code"), "OIC-03");
}

/// A pushed request, opened by whoever may open it.
#[tokio::test]
async fn an_authorization_request_may_be_posted() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let uri = app.push(&app.request()).await.text("request_uri").to_owned();
    let mut browser = served.browser();
    let page = browser.post("/authorize", &[("client_id", app.id), ("request_uri", &uri)]).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let members = app.jarm(browser.decide(&page, "approve").await.left());
    assert_eq!(app.redeem(members["code"].as_str().unwrap()).await.status, 200, "AUT-01");
    let page = served.browser().post("/authorize", &[("client_id", "nobody"), ("request_uri", &uri)]).await;
    assert_eq!((page.status, page.error()), (400, "invalid_request"), "AUT-01, AUT-03");
}

/// `PAR-06`, `PAR-15`, `RO-02`: pushed or not, what stands beside a request object changes nothing, and neither does order.
#[tokio::test]
async fn what_stands_beside_a_pushed_request_object_changes_nothing() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let object = app.sign(None, &app.request());
    let beside =
        [("state", "outside"), ("scope", "openid payments"), ("request", object.as_str()), ("extra", "x")];
    let pushed = app.call_bare("/par", &beside).await;
    assert_eq!(pushed.status, 201, "PAR-06 {}", pushed.json);
    let query = [
        ("state", "outside"),
        ("request_uri", pushed.text("request_uri")),
        ("client_id", app.id),
        ("x", "y"),
    ];
    let path = format!("/authorize?{}", form(&query));
    let response = app.jarm(&served.browser().approve(&path).await);
    assert_eq!(response["state"], "the state", "PAR-06, PAR-15, AUT-20, P-11");
    let tokens = app.redeem(response["code"].as_str().unwrap()).await;
    assert_eq!(tokens.text("scope"), "openid accounts", "PAR-06, RO-02");

    // Somebody else's object, pushed under one's own name.
    let other = served.other();
    assert_eq!(
        other.call_bare("/par", &[("request", &object)]).await.error(),
        "400 invalid_request_object",
        "PAR-06, E-06"
    );
}

/// `PKC-05`: where PKCE is not required, a challenge that was sent is enforced all the same, and none can be made up later.
#[tokio::test]
async fn a_challenge_that_nobody_required_is_enforced() {
    let served = TestServer::of_every_kind()
        .with(|bundle| bundle.document.protocol.pkce = Some(Pkce::PushedOnly))
        .start()
        .await;
    let app = served.app();
    let code = async |change: &Value| {
        let url = served.browser().approve(&app.by_value(&changed(&app, change))).await;
        app.jarm(&url)["code"].as_str().unwrap().to_owned()
    };
    let redeem = async |code: &str, verifier: Option<&str>| {
        let mut pairs =
            vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        pairs.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        app.call("/token", &pairs).await
    };
    let wrong = "wrong-but-of-a-good-length-0123456789-0123456789";
    let speculative = code(&json!({})).await;
    assert_eq!(redeem(&speculative, None).await.error(), "400 invalid_grant", "PKC-05, PKC-04, P-04");
    assert_eq!(redeem(&speculative, Some(wrong)).await.error(), "400 invalid_grant", "PKC-05, PKC-04");
    assert_eq!(redeem(&speculative, Some(VERIFIER)).await.status, 200, "PKC-05");

    let without = json!({"code_challenge": null, "code_challenge_method": null});
    let plain = code(&without).await;
    assert_eq!(redeem(&plain, Some(VERIFIER)).await.error(), "400 invalid_grant", "PKC-06, P-04");
    assert_eq!(redeem(&plain, None).await.status, 200, "PKC-05: not required");
    assert_eq!(app.push(&changed(&app, &without)).await.error(), "400 invalid_request", "PKC-01");
}
