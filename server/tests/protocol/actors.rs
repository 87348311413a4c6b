//! The client application: signs, calls the back door, and looks closely at what it gets.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use fapi_jose::{JwkSet, SigningKey, Unverified};
use http::Response;
use serde_json::{Map, Value, json};

use crate::client::{Client, post};
use crate::pki::Identity;
use crate::server::{BACK, CALLBACK, ISSUER, Served};

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

static JTI: AtomicU32 = AtomicU32::new(0);

/// A client application with a key and a certificate.
pub(crate) struct App<'a> {
    pub(crate) served: &'a Served,
    pub(crate) id: &'static str,
    pub(crate) key: &'static SigningKey,
    pub(crate) identity: Identity,
}

/// Status and JSON of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
    pub(crate) headers: http::HeaderMap,
}

impl Answer {
    pub(crate) fn of(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Self { status: parts.status.as_u16(), json, headers: parts.headers }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("{name} in {}", self.json))
    }

    /// `400 invalid_grant`.
    pub(crate) fn error(&self) -> String {
        format!("{} {}", self.status, self.json["error"].as_str().unwrap_or("-"))
    }

    /// The error, of an answer that is what RFC 6749 5.2 wants of an error.
    pub(crate) fn refusal(&self, id: &str) -> String {
        assert_eq!(self.headers["content-type"], "application/json", "TLS-11, TOK-11 {id}");
        assert!(self.headers["cache-control"].to_str().unwrap().contains("no-store"), "TLS-11 {id}");
        assert_eq!(self.headers["pragma"], "no-cache", "TLS-11 {id}");
        let members: Vec<&str> = self.json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["error", "error_description"], "TOK-11 {id}");
        assert!(is_plain(self.text("error_description")), "TLS-12 {id}: {}", self.json);
        self.error()
    }
}

/// Whether a text may stand in an `error_description` (RFC 6749 5.2).
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~'))
}

/// Pairs as a form or a query.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl<'a> App<'a> {
    pub(crate) fn new(served: &'a Served, id: &'static str, key: &'static SigningKey) -> Self {
        Self { served, id, key, identity: served.authority.program(&format!("urn:client:{id}")) }
    }

    pub(crate) fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        self.key.sign(typ, claims.as_object().unwrap()).unwrap()
    }

    /// The claims of a request object that is accepted.
    pub(crate) fn request(&self) -> Value {
        let now = self.served.now();
        json!({
            "iss": self.id, "client_id": self.id, "aud": ISSUER, "nbf": now, "exp": now + 300,
            "response_type": "code", "response_mode": "jwt", "redirect_uri": CALLBACK,
            "scope": "openid accounts", "state": "the state", "nonce": "the nonce",
            "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        })
    }

    pub(crate) fn assertion(&self) -> Value {
        let now = self.served.now();
        let jti = format!("{}-{}", self.id, JTI.fetch_add(1, Ordering::SeqCst));
        json!({"iss": self.id, "sub": self.id, "aud": ISSUER, "jti": jti, "iat": now, "nbf": now, "exp": now + 60})
    }

    /// Adds fresh credentials to a form.
    pub(crate) fn credentials(&self, pairs: &[(&str, &str)]) -> String {
        self.with_assertion(&self.sign(None, &self.assertion()), pairs)
    }

    /// Adds these credentials to a form.
    #[expect(clippy::unused_self, reason = "reads as its neighbours do")]
    pub(crate) fn with_assertion(&self, assertion: &str, pairs: &[(&str, &str)]) -> String {
        let credentials = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
        form(&[pairs, credentials.as_slice()].concat())
    }

    pub(crate) fn showing(&self) -> Client {
        self.served.anyone().showing(&self.identity)
    }

    /// A form post with credentials and certificate.
    pub(crate) async fn call(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.raw(&self.showing(), path, self.credentials(pairs)).await
    }

    /// A form post with credentials, without a certificate.
    pub(crate) async fn call_bare(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.raw(&self.served.anyone(), path, self.credentials(pairs)).await
    }

    /// A form post as it is.
    pub(crate) async fn raw(&self, client: &Client, path: &str, form: impl Into<Bytes>) -> Answer {
        let mut connection = client.connect(self.served.address, BACK).await.unwrap();
        Answer::of(connection.send(post(BACK, path, form)).await.unwrap())
    }

    pub(crate) async fn push(&self, claims: &Value) -> Answer {
        self.call_bare("/par", &[("request", &self.sign(Some("oauth-authz-req+jwt"), claims))]).await
    }

    /// The authorization URL's path of a pushed request.
    pub(crate) async fn pushed(&self, claims: &Value) -> String {
        let answer = self.push(claims).await;
        assert_eq!(answer.status, 201, "PAR-02 {}", answer.json);
        self.authorize(answer.text("request_uri"))
    }

    pub(crate) fn authorize(&self, request_uri: &str) -> String {
        format!("/authorize?{}", form(&[("client_id", self.id), ("request_uri", request_uri)]))
    }

    /// The authorization URL's path of a request by value.
    pub(crate) fn by_value(&self, claims: &Value) -> String {
        self.with_object(&self.sign(None, claims), &[])
    }

    /// The same, with this request object and with parameters around it.
    pub(crate) fn with_object(&self, object: &str, around: &[(&str, &str)]) -> String {
        let inside = [("client_id", self.id), ("request", object)];
        format!("/authorize?{}", form(&[inside.as_slice(), around].concat()))
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.call("/token", &form).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.call("/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// The claims of a JARM response, verified.
    pub(crate) fn jarm(&self, url: &str) -> Map<String, Value> {
        let url = url::Url::parse(url).unwrap();
        let mut found = url.query_pairs().filter(|(name, _)| !name.starts_with("dummy"));
        let (name, jwt) = found.next().expect("RSP-06: a response");
        assert_eq!((name.as_ref(), found.next()), ("response", None), "RSP-06");
        let claims = self.verified(&jwt);
        let left = claims["exp"].as_i64().unwrap() - self.served.now();
        assert!((11..=600).contains(&left), "RSP-07 {left}");
        assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(ISSUER), Some(self.id)), "RSP-07");
        claims
    }

    /// The claims of a JWT of the server's.
    pub(crate) fn verified(&self, jwt: &str) -> Map<String, Value> {
        let keys = JwkSet::from_keys(vec![self.served.key().public().clone()]);
        let unverified = Unverified::parse(jwt).unwrap();
        unverified.verify(&keys, &[self.served.key().alg()]).unwrap().claims.into_map()
    }

    /// A resource of the server's, asked with this token.
    pub(crate) async fn userinfo(&self, token: &str) -> Answer {
        self.userinfo_with(&self.showing(), token).await
    }

    pub(crate) async fn userinfo_with(&self, client: &Client, token: &str) -> Answer {
        let mut connection = client.connect(self.served.address, BACK).await.unwrap();
        let request = http::Request::get(format!("https://{BACK}/userinfo"))
            .header("authorization", format!("bEARER {token}"))
            .body(http_body_util::Full::default())
            .unwrap();
        Answer::of(connection.send(request).await.unwrap())
    }
}
