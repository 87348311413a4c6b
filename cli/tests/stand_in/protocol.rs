//! What it says, honestly or not.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use fapi_jose::{Alg, Content, KeyManagement, PublicJwk, SigningKey, b64, half_hash};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};

use super::Lie;

type Form = BTreeMap<String, String>;

pub(crate) struct Protocol {
    lie: Lie,
    issuer: String,
    back: String,
    key: SigningKey,
    recipient: Option<PublicJwk>,
    state: Mutex<State>,
    touched: Arc<Mutex<Vec<String>>>,
}

#[derive(Default)]
struct State {
    /// Pushed or opened requests, by their name.
    requests: BTreeMap<String, Value>,
    answered: BTreeSet<String>,
    /// The request that a code answers.
    codes: BTreeMap<String, Value>,
    redeemed: BTreeSet<String>,
    /// Tokens that work.
    alive: BTreeSet<String>,
}

struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Protocol {
    pub(crate) fn new(
        lie: Lie,
        issuer: &str,
        back: &str,
        recipient: Option<PublicJwk>,
        touched: Arc<Mutex<Vec<String>>>,
    ) -> Protocol {
        let key = SigningKey::generate(Alg::Es256, 0).unwrap();
        let (issuer, back) = (issuer.to_owned(), back.to_owned());
        Protocol { lie, issuer, back, key, recipient, state: Mutex::default(), touched }
    }

    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        caller: Option<String>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let query = form(parts.uri.query().unwrap_or_default().as_bytes());
        let sent = form(&body);
        let header =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let reply = match (&parts.method, parts.uri.path()) {
            (
                &Method::GET,
                "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server",
            ) => json(200, &self.metadata()),
            (&Method::GET, "/jwks") => {
                let mut reply = json(200, &json!({ "keys": [self.key.public().to_json()] }));
                reply.headers.retain(|(name, _)| *name != "cache-control");
                reply.headers.push(("cache-control", "max-age=900".to_owned()));
                reply
            }
            (&Method::POST, "/par") => self.push(&sent),
            (&Method::GET, "/authorize") => self.authorize(&query),
            (&Method::POST, "/login") => self.sign_in(&sent, header("cookie")),
            (&Method::POST, "/consent") => self.decide(&sent, header("cookie")),
            (&Method::POST, "/token") => self.token(&sent, caller.as_deref()),
            (&Method::GET, "/userinfo") => {
                self.open(header("authorization"), caller.as_deref(), &json!({ "sub": "alice" }))
            }
            (&Method::GET, "/accounts") => {
                self.open(header("authorization"), caller.as_deref(), &json!({ "data": [{ "id": 1 }] }))
            }
            (_, path) => {
                self.touched.lock().unwrap().push(path.to_owned());
                page(404, "<p>nothing here</p>")
            }
        };
        let mut response = Response::builder().status(reply.status).header("date", date());
        if !header("x-fapi-interaction-id").is_empty() {
            response = response.header("x-fapi-interaction-id", header("x-fapi-interaction-id"));
        }
        for (name, value) in reply.headers {
            if !(self.lie == Lie::Framed && name == "x-frame-options") {
                response = response.header(name, value);
            }
        }
        Ok(response.body(Full::new(reply.body.into())).unwrap())
    }

    fn metadata(&self) -> Value {
        let issuer = if self.lie == Lie::Issuer { format!("{}/", self.issuer) } else { self.issuer.clone() };
        let (token, par, userinfo) =
            (format!("{}/token", self.back), format!("{}/par", self.back), format!("{}/userinfo", self.back));
        json!({
            "issuer": issuer, "authorization_endpoint": format!("{}/authorize", self.issuer),
            "jwks_uri": format!("{}/jwks", self.issuer), "token_endpoint": token, "userinfo_endpoint": userinfo,
            "pushed_authorization_request_endpoint": par,
            "mtls_endpoint_aliases": {
                "token_endpoint": token, "userinfo_endpoint": userinfo, "pushed_authorization_request_endpoint": par },
            "response_types_supported": ["code", "code id_token"], "response_modes_supported": ["jwt"],
            "authorization_signing_alg_values_supported": ["ES256"],
            "authorization_encryption_alg_values_supported": ["ECDH-ES"],
            "authorization_encryption_enc_values_supported": ["A256GCM"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "scopes_supported": ["openid", "accounts"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "request_object_signing_alg_values_supported": ["ES256"], "request_parameter_supported": true,
            "request_uri_parameter_supported": false, "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "tls_client_certificate_bound_access_tokens": true, "authorization_response_iss_parameter_supported": true,
        })
    }

    fn push(&self, sent: &Form) -> Reply {
        let name = format!("urn:ietf:params:oauth:request_uri:{}", random());
        self.state.lock().unwrap().requests.insert(name.clone(), claims(&sent["request"]));
        json(201, &json!({ "request_uri": name, "expires_in": 60 }))
    }

    fn authorize(&self, query: &Form) -> Reply {
        let mut state = self.state.lock().unwrap();
        let name = query.get("request_uri").or(query.get("request")).unwrap().clone();
        if let Some(object) = query.get("request") {
            state.requests.insert(name.clone(), claims(object));
        }
        if state.answered.contains(&name) && self.lie != Lie::AnswersTwice {
            return page(400, "<p id=error-code>invalid_request_uri</p><p id=request-id>r1</p>");
        }
        let mut reply = page(
            200,
            &format!(
                "<form method=post action=/login><input type=hidden name=i value=\"{name}\"><input id=username \
                 name=username><input id=password name=password type=password><button id=login>Go</button></form>"
            ),
        );
        let cookie = format!("__Host-i={}; Path=/; Secure; HttpOnly; SameSite=Lax", half_hash(&name));
        reply.headers.push(("set-cookie", cookie));
        reply
    }

    fn sign_in(&self, sent: &Form, cookie: &str) -> Reply {
        let name = &sent["i"];
        assert_eq!(cookie, format!("__Host-i={}", half_hash(name)), "the browser brings its cookie");
        if sent["password"] != "correct horse" {
            return self.authorize(&Form::from([("request_uri".to_owned(), name.clone())]));
        }
        page(
            200,
            &format!(
                "<form method=post action=/consent><input type=hidden name=i value=\"{name}\"><button id=approve \
                 name=decision value=approve>Yes</button><button id=deny name=decision value=deny>No</button></form>"
            ),
        )
    }

    fn decide(&self, sent: &Form, cookie: &str) -> Reply {
        assert!(cookie.contains("__Host-i="));
        let name = &sent["i"];
        let mut state = self.state.lock().unwrap();
        let request = state.requests[name].clone();
        state.answered.insert(name.clone());
        let mut response = json!({ "state": request["state"], "iss": self.issuer });
        if sent["decision"] == "approve" || self.lie == Lie::DeafToNo {
            let code = random();
            state.codes.insert(code.clone(), request.clone());
            response["code"] = if self.lie == Lie::SwappedCode { json!(random()) } else { json!(code) };
            if request["response_type"] == "code id_token" {
                let (c_hash, s_hash) = (half_hash(&code), half_hash(text(&request["state"])));
                response["id_token"] =
                    json!(self.id_token(&request, &json!({ "c_hash": c_hash, "s_hash": s_hash })));
            }
        } else {
            response["error"] = json!("access_denied");
        }

        let place = if self.lie == Lie::OtherPlace {
            "https://op.localhost/cb?own=1x"
        } else {
            text(&request["redirect_uri"])
        };
        if request["response_type"] == "code id_token" {
            return redirect(&format!("{place}#{}", encoded(&response)));
        }
        response["aud"] = json!("app");
        response["exp"] = json!(now() + 300);
        let mut jwt = self.sign(None, &response);
        if let Some(recipient) = &self.recipient {
            let alg = KeyManagement::EcdhEs;
            jwt = fapi_jose::encrypt(jwt.as_bytes(), Some("JWT"), recipient, alg, Content::A256Gcm).unwrap();
        }
        page(200, &format!("<meta http-equiv=refresh content=\"0;url={place}&amp;response={jwt}\">"))
    }

    fn token(&self, sent: &Form, caller: Option<&str>) -> Reply {
        let mut state = self.state.lock().unwrap();
        let refused = || json(400, &json!({ "error": "invalid_grant" }));
        let (request, fresh) = if sent["grant_type"] == "refresh_token" {
            let token = &sent["refresh_token"];
            if !state.alive.contains(token) || caller.is_none() && self.lie != Lie::RefreshForAll {
                return refused();
            }
            (claims(token), false)
        } else {
            let code = &sent["code"];
            let Some(request) = state.codes.get(code).cloned() else { return refused() };
            let challenge = b64::encode(fapi_jose::sha256(&sent["code_verifier"]));
            assert_eq!(request["code_challenge"], json!(challenge));
            if !state.redeemed.insert(code.clone()) && self.lie != Lie::RedeemsTwice {
                if self.lie != Lie::Forgiving {
                    state.alive.clear();
                }
                return refused();
            }
            (request, true)
        };
        let mut access = json!({
            "iss": self.issuer, "aud": "https://bank", "sub": "alice", "client_id": "app", "jti": random(),
            "iat": now(), "exp": now() + 300, "scope": request["scope"], "cnf": { "x5t#S256": caller },
        });
        if self.lie == Lie::Unbound {
            access.as_object_mut().unwrap().remove("cnf");
        }
        let access = self.sign(Some("at+jwt"), &access);
        let refresh = if fresh { self.sign(None, &request) } else { sent["refresh_token"].clone() };
        state.alive.extend([access.clone(), refresh.clone()]);
        let id_token = self.id_token(&request, &json!({ "at_hash": half_hash(&access) }));
        json(
            200,
            &json!({ "access_token": access, "token_type": "Bearer", "expires_in": 300, "scope": request["scope"],
                     "refresh_token": refresh, "id_token": id_token }),
        )
    }

    fn open(&self, authorization: &str, caller: Option<&str>, content: &Value) -> Reply {
        let token = authorization.strip_prefix("Bearer ").unwrap();
        let alive = self.state.lock().unwrap().alive.contains(token);
        let ours = caller.is_some() && claims(token)["cnf"]["x5t#S256"] == json!(caller);
        if alive && (ours || self.lie == Lie::TakesStolenTokens) {
            return json(200, content);
        }
        let mut reply = json(401, &json!({}));
        reply.headers.push(("www-authenticate", "Bearer error=\"invalid_token\"".to_owned()));
        reply
    }

    fn id_token(&self, request: &Value, more: &Value) -> String {
        let second = more.get("at_hash").is_some();
        let sub = if self.lie == Lie::OtherPerson && second { "mallory" } else { "alice" };
        let mut claims = json!({
            "iss": self.issuer, "aud": "app", "sub": sub, "nonce": request["nonce"], "iat": now(), "exp": now() + 300,
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.sign(None, &claims)
    }

    fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        self.key.sign(typ, claims.as_object().unwrap()).unwrap()
    }
}

fn json(status: u16, body: &Value) -> Reply {
    let headers =
        vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
    Reply { status, headers, body: body.to_string() }
}

fn page(status: u16, body: &str) -> Reply {
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ];
    let headers = headers.map(|(name, value)| (name, value.to_owned())).to_vec();
    Reply { status, headers, body: format!("<!doctype html><title>Bank</title>{body}") }
}

fn redirect(place: &str) -> Reply {
    let headers = vec![("location", place.to_owned()), ("cache-control", "no-store".to_owned())];
    Reply { status: 303, headers, body: String::new() }
}

fn form(encoded: &[u8]) -> Form {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

fn encoded(members: &Value) -> String {
    let pairs = members.as_object().unwrap().iter().map(|(name, value)| (name, text(value)));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The payload of a JWT, believed.
fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).and_then(b64::decode).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn random() -> String {
    fapictl::flow::client::random()
}

fn now() -> i64 {
    fapictl::clock::now()
}

fn date() -> String {
    let now = jiff::Timestamp::from_second(now()).unwrap();
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
