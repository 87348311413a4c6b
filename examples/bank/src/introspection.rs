//! Is this token still in force, and whom does it speak for? (RFC 7662) Only the authorization server knows what was revoked
//! (`JAT-03`, `REV-03`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fapi_core::ids::ClientId;
use fapi_core::resource::AccessToken;
use fapi_core::{Lifetime, Timestamp};
use fapi_jose::{SigningKey, sha256};
use fapi_server::clock::Clock;
use fapi_server::random::Rng;
use serde_json::{Map, Value, json};

use crate::accounts::Holder;
use crate::interaction::uuid;
use crate::issuer::{Published, Unavailable};
use crate::outbound::{Client, Request};

/// `client_assertion_type` of RFC 7523 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// For how long an assertion is good: it is made for one request and used at once.
const ASSERTION_LIFETIME: Lifetime = Lifetime::seconds(60);

/// The most answers that are remembered.
const MOST_REMEMBERED: usize = 10_000;

/// What a token is worth now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// In force, for this person; for nobody, if the client acts for itself.
    Active(Option<Holder>),
    /// Revoked, ended, or none of our business.
    Inactive,
}

/// Asks the authorization server, as the client that this resource server is registered as.
pub(crate) struct Introspection {
    issuer: String,
    client_id: ClientId,
    /// `None`: the certificate of the connection says who we are (RFC 8705 2).
    key: Option<SigningKey>,
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    remembered: Remembered,
}

/// Answers that are believed again for a while; for no while, unless it was asked for.
struct Remembered {
    lifetime: Lifetime,
    answers: Mutex<HashMap<[u8; 32], (Timestamp, Standing)>>,
}

impl Introspection {
    pub(crate) fn new(
        issuer: &str,
        client_id: ClientId,
        key: Option<SigningKey>,
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        remember: Lifetime,
    ) -> Self {
        let remembered = Remembered { lifetime: remember, answers: Mutex::default() };
        Self { issuer: issuer.to_owned(), client_id, key, client, clock, rng, remembered }
    }

    /// What the authorization server says of a token that has been verified.
    ///
    /// # Errors
    /// There is no answer, or none that can be understood. Then nobody gets in.
    pub(crate) async fn ask(
        &self,
        token: &str,
        granted: &AccessToken,
        published: &Published,
    ) -> Result<Standing, Unavailable> {
        let digest = sha256(token);
        if let Some(standing) = self.remembered.recall(digest, self.clock.now()) {
            return Ok(standing);
        }
        let unusable = |why: String| Unavailable(format!("introspection: {why}"));
        let form = self.form(token)?;
        let request = Request::Form(published.introspection.clone(), form);
        let answer = self.client.send(request).await.map_err(|why| unusable(why.to_string()))?;
        // 401 is about us, not about the token: whoever runs this bank must see it in the log.
        if answer.status != 200 {
            return Err(unusable(format!("status {}, as {}", answer.status, self.client_id)));
        }
        let said = fapi_jose::json::parse(&answer.body).map_err(|why| unusable(why.to_string()))?;
        let standing =
            read(&said, granted).ok_or_else(|| unusable("not an answer to our question".into()))?;
        self.remembered.note(digest, &standing, self.clock.now());
        Ok(standing)
    }

    fn form(&self, token: &str) -> Result<Vec<(&'static str, String)>, Unavailable> {
        let mut form = vec![
            ("token", token.to_owned()),
            ("token_type_hint", "access_token".to_owned()),
            ("client_id", self.client_id.as_str().to_owned()),
        ];
        if let Some(key) = &self.key {
            let assertion =
                self.assertion(key).map_err(|why| Unavailable(format!("client assertion: {why}")))?;
            form.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
            form.push(("client_assertion", assertion));
        }
        Ok(form)
    }

    /// RFC 7523 3, with the issuer as its one audience, as every profile accepts it.
    fn assertion(&self, key: &SigningKey) -> Result<String, fapi_jose::JoseError> {
        let now = self.clock.now();
        let claims = Map::from_iter([
            ("iss".to_owned(), json!(self.client_id.as_str())),
            ("sub".to_owned(), json!(self.client_id.as_str())),
            ("aud".to_owned(), json!(self.issuer)),
            ("iat".to_owned(), json!(now.as_unix())),
            ("exp".to_owned(), json!((now + ASSERTION_LIFETIME).as_unix())),
            ("jti".to_owned(), json!(uuid(&*self.rng))),
        ]);
        key.sign(Some("JWT"), &claims)
    }
}

/// RFC 7662 2.2. `None` for anything that is not clearly an answer about this token.
fn read(said: &Value, granted: &AccessToken) -> Option<Standing> {
    if !said.get("active")?.as_bool()? {
        return Some(Standing::Inactive);
    }
    let client = said.get("client_id").and_then(Value::as_str);
    let local_sub = match said.get("local_sub") {
        None => None,
        Some(local_sub) => Some(Holder::from_introspection(local_sub.as_str()?.to_owned())),
    };
    (client == Some(granted.client_id.as_str())).then_some(Standing::Active(local_sub))
}

impl Remembered {
    fn recall(&self, token: [u8; 32], now: Timestamp) -> Option<Standing> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(&token).filter(|(until, _)| now < *until).map(|(_, standing)| standing.clone())
    }

    fn note(&self, token: [u8; 32], standing: &Standing, now: Timestamp) {
        if self.lifetime <= Lifetime::seconds(0) {
            return;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST_REMEMBERED {
            answers.retain(|_, (until, _)| now < *until);
        }
        if answers.len() < MOST_REMEMBERED {
            answers.insert(token, (now + self.lifetime, standing.clone()));
        }
    }
}
