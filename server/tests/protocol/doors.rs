//! What the doors say to what is no request of theirs: methods, paths, bodies, sizes (requirements section 3).

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::actors::{Answer, form};
use crate::client::{get, post};
use crate::server::{BACK, FRONT, TestServer, code};

fn request(method: &str, host: &str, path: &str, kind: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("https://{host}{path}"))
        .header("content-type", kind)
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

const FORM: &str = "application/x-www-form-urlencoded";

/// `TLS-13`, `PAR-14`.
#[tokio::test]
async fn another_method_is_never_processed() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let client = app.showing();
    for (path, body) in [
        ("/par", vec![("request", app.sign(None, &app.request()))]),
        ("/token", vec![("grant_type", "client_credentials".to_owned())]),
        ("/introspect", vec![("token", "x".to_owned())]),
        ("/revoke", vec![("token", "x".to_owned())]),
    ] {
        let pairs: Vec<(&str, &str)> = body.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let good = app.credentials(&pairs);
        for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = Answer::of(served.ask(&client, request(method, BACK, path, FORM, &good)).await);
            assert_eq!(answer.refusal("TLS-13"), "405 invalid_request", "TLS-13, INT-01 {method} {path}");
            assert_eq!(answer.headers["allow"], "POST");
            assert!(answer.headers.get("access-control-allow-origin").is_none(), "H-08");
        }
        let answer = app.raw(&client, path, good).await;
        assert!(matches!(answer.status, 200 | 201), "TLS-13: the assertion was not spent at {path}");
    }
    let answer = Answer::of(served.ask(&client, request("PUT", BACK, "/userinfo", FORM, "")).await);
    assert_eq!(
        (answer.error(), &answer.headers["content-type"]),
        ("405 invalid_request".into(), &"application/json".parse().unwrap())
    );
    for path in ["/.well-known/openid-configuration", "/jwks", "/authorize", "/login"] {
        let response = served.ask(&client, request("PUT", FRONT, path, FORM, "")).await;
        assert_eq!(response.status(), 405, "TLS-13 {path}");
        assert!(response.headers().get("access-control-allow-origin").is_none(), "TLS-07, H-08");
    }
}

#[tokio::test]
async fn a_path_that_is_none_is_json_for_programs_and_a_page_for_people() {
    let served = TestServer::fintech().start().await;
    for path in
        ["/", "/par/", "/Token", "/token%2f", "/x/../token", "//token", "/authorize", "/login", "/jwks"]
    {
        let answer = Answer::of(served.ask(&served.anyone(), get(BACK, path)).await);
        assert_eq!(answer.refusal("P-32"), "404 invalid_request", "P-32, P-30 {path}");
    }
    for path in
        ["/", "/token", "/par", "/authorize/", "/Authorize", "/register", "/x;/../authorize", "/authorize%2f"]
    {
        let response = served.look(path).await;
        assert_eq!(response.status(), 404, "P-32, P-30 {path}");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert!(crate::client::text(&response).contains("id=\"error-code\""), "AUT-18");
        assert!(
            response.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("frame-ancestors 'none'"),
            "B-04"
        );
    }
}

#[tokio::test]
async fn only_forms_are_read() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let client = app.showing();
    let good = app.credentials(&[("grant_type", "client_credentials")]);
    let as_json = json!({"grant_type": "client_credentials", "client_id": "app"}).to_string();
    for (kind, body) in [
        ("application/json", as_json.as_str()),
        ("text/plain", good.as_str()),
        ("multipart/form-data; boundary=x", good.as_str()),
        ("application/x-www-form-urlencoded-not", good.as_str()),
    ] {
        for path in ["/token", "/par", "/introspect", "/revoke"] {
            let answer = Answer::of(served.ask(&client, request("POST", BACK, path, kind, body)).await);
            assert_eq!(answer.refusal("TLS-14"), "400 invalid_request", "TLS-14, T-13 {kind} {path}");
        }
    }
    let fine = request("POST", BACK, "/token", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", &good);
    assert_eq!(served.ask(&client, fine).await.status(), 200, "TLS-14: and the assertion was not spent");
    let mut packed = post(BACK, "/token", app.credentials(&[]));
    packed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    let answer = Answer::of(served.ask(&client, packed).await);
    assert_eq!(answer.error(), "415 invalid_request", "H-05");
    assert_eq!(answer.headers["content-type"], "application/json", "TLS-11");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_as_json() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    for size in [65 * 1024, 1024 * 1024] {
        for path in ["/token", "/par", "/introspect", "/revoke"] {
            let answer = app.raw(&app.showing(), path, app.credentials(&[("x", &"x".repeat(size))])).await;
            assert_eq!(answer.error(), "413 invalid_request", "H-04, PAR-14 {path}");
            assert_eq!(answer.headers["content-type"], "application/json", "H-04, TLS-11");
        }
    }
    let many: Vec<(String, String)> = (0..65).map(|n| (format!("p{n}"), "x".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(app.call("/token", &many).await.refusal("H-06"), "400 invalid_request", "H-06");
    assert_eq!(
        app.call("/token", &[("scope", &"x".repeat(5000))]).await.refusal("H-06"),
        "400 invalid_request",
        "H-06"
    );
}

#[tokio::test]
async fn credentials_and_tokens_in_the_url_are_ignored_or_refused() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let credentials = app.credentials(&[("grant_type", "client_credentials")]);
    let (in_url, in_body) = (format!("/token?{credentials}"), form(&[("grant_type", "client_credentials")]));
    assert_eq!(
        app.raw(&app.showing(), &in_url, in_body).await.refusal("TLS-15"),
        "401 invalid_client",
        "TLS-15"
    );
    let ignored = app.raw(&app.showing(), "/token?grant_type=password&client_id=other", credentials).await;
    assert_eq!(ignored.status, 200, "TLS-15: it was not spent, and the URL says nothing");

    let tokens = app.redeem(&code(&served).await).await;
    let token = tokens.text("access_token");
    for (id, method, path, header, body) in [
        ("RS-02", "GET", format!("/userinfo?access_token={token}"), None, String::new()),
        (
            "RS-02",
            "GET",
            format!("/userinfo?access_token={token}"),
            Some(format!("Bearer {token}")),
            String::new(),
        ),
        ("RS-02", "POST", format!("/userinfo?access_token={token}"), None, String::new()),
        ("UIN-01", "POST", "/userinfo".to_owned(), None, form(&[("access_token", token)])),
        ("RS-03", "GET", "/userinfo".to_owned(), None, String::new()),
    ] {
        let mut request = request(method, BACK, &path, FORM, &body);
        if let Some(header) = header {
            request.headers_mut().insert("authorization", header.parse().unwrap());
        }
        let response = served.ask(&app.showing(), request).await;
        assert!(matches!(response.status().as_u16(), 400 | 401), "{id} {}", response.status());
        assert!(
            response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer "),
            "{id}, RS-03"
        );
        assert!(response.body().is_empty(), "{id}");
    }
    assert_eq!(app.userinfo(token).await.status, 200, "RS-01");
}

/// A request object in a URL of more than 32 KiB.
#[tokio::test]
async fn an_authorization_url_may_be_long() {
    let served = TestServer::of_every_kind().start().await;
    let app = served.app();
    let mut claims = app.request();
    claims["padding"] = json!("p".repeat(9_000));
    let object = app.sign(None, &claims);
    let path = app.with_object(
        &object,
        &[
            ("login_hint", &"h".repeat(4000)),
            ("a", &"a".repeat(4000)),
            ("b", &"b".repeat(4000)),
            ("c", &"c".repeat(4000)),
            ("d", &"d".repeat(4000)),
        ],
    );
    assert!(path.len() > 32 * 1024, "{}", path.len());
    assert!(app.jarm(&served.browser().approve(&path).await).contains_key("code"), "TLS-16");
}

#[tokio::test]
async fn resources_behave_as_fapi_wants() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let tokens = app.redeem(&code(&served).await).await;
    let ask = async |token: &str, headers: &[(&'static str, &str)]| {
        let mut request = get(BACK, "/userinfo");
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        served.ask(&app.showing(), request).await
    };
    let token = tokens.text("access_token");
    let uuid = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a";
    for token in [token, "unknown"] {
        let told = ask(token, &[("x-fapi-interaction-id", uuid)]).await;
        assert_eq!(told.headers()["x-fapi-interaction-id"], uuid, "RS-05");
        assert!(told.headers().contains_key("date"), "RS-04");
        let mut seen = Vec::new();
        for headers in [&[][..], &[("x-fapi-interaction-id", "<script>")][..]] {
            let made =
                ask(token, headers).await.headers()["x-fapi-interaction-id"].to_str().unwrap().to_owned();
            let groups: Vec<usize> = made.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "RS-05 {made}");
            assert!(
                made[14..].starts_with('4') && matches!(made.as_bytes()[19], b'8' | b'9' | b'a' | b'b'),
                "RS-05 {made}"
            );
            seen.push(made);
        }
        assert_ne!(seen[0], seen[1], "RS-05");
    }
    for accept in [
        "application/json",
        "application/json;charset=utf-8",
        "*/*",
        "text/html,application/xhtml+xml,*/*;q=0.8",
    ] {
        let response = ask(token, &[("accept", accept)]).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"application/json".parse().unwrap()),
            "RS-06"
        );
        assert!(serde_json::from_slice::<Value>(response.body()).unwrap()["sub"].is_string(), "UIN-01");
    }
    for (name, value) in [
        ("x-fapi-customer-ip-address", "2001:db8::1893:25c8:1946"),
        ("x-fapi-customer-ip-address", "198.51.100.119"),
        ("x-fapi-auth-date", "Tue, 11 Sep 2012 19:43:31 GMT"),
    ] {
        assert_eq!(ask(token, &[(name, value)]).await.status(), 200, "RS-07");
    }
    let mut posted = post(BACK, "/userinfo", "");
    posted.headers_mut().insert("authorization", format!("bEARER {token}").parse().unwrap());
    assert_eq!(served.ask(&app.showing(), posted).await.status(), 200, "UIN-01, RS-01");
    served.later(301);
    let late = ask(token, &[]).await;
    assert_eq!(late.status(), 401, "RS-03");
    assert!(
        late.headers()["www-authenticate"].to_str().unwrap().contains("error=\"invalid_token\""),
        "RS-03"
    );
}
