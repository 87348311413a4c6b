//! By what does somebody show that a token is theirs? By the certificate of the connection (RFC 8705), or by a `DPoP` proof with
//! every request (RFC 9449).

use fapi_jose::{SigningKey, b64, sha256};
use serde_json::{Map, Value, json};

use super::client;
use super::http::{Agent, Answer, HttpError, Request};
use super::journey::Halt;
use crate::clock;

/// What a client's tokens are bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Binding {
    /// Its certificate
    Mtls,
    /// A key that it proves with every request
    Dpop,
}

impl Binding {
    /// `token_type` of such tokens (RFC 8705 3, RFC 9449 5).
    pub const fn token_type(self) -> &'static str {
        match self {
            Binding::Mtls => "Bearer",
            Binding::Dpop => "DPoP",
        }
    }

    /// The text that says so.
    pub const fn source(self) -> &'static str {
        match self {
            Binding::Mtls => "RFC 8705 3",
            Binding::Dpop => "RFC 9449 7.1",
        }
    }
}

/// Somebody who makes requests, and the key they prove, if they do.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    /// Over these connections.
    pub agent: &'a Agent,
    /// With proofs by this key.
    pub key: Option<&'a SigningKey>,
}

/// A proof for one request (RFC 9449 4.2): for its method and address, beside this token, with the nonce the server wants.
pub fn proof(
    key: &SigningKey,
    (method, url): (&str, &str),
    token: Option<&str>,
    nonce: Option<&str>,
    now: i64,
) -> Result<String, String> {
    let mut claims: Map<String, Value> =
        [("jti", json!(client::random())), ("htm", json!(method)), ("htu", json!(url)), ("iat", json!(now))]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect();
    if let Some(token) = token {
        claims.insert("ath".to_owned(), json!(b64::encode(sha256(token))));
    }
    if let Some(nonce) = nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    key.sign_dpop(&claims).map_err(|error| error.to_string())
}

impl Hands<'_> {
    /// Sends what `make` makes. A server that wants its nonce in the proof gets it, once (RFC 9449 8).
    pub(super) async fn send(&self, make: impl Fn() -> Result<Request, Halt>) -> Result<Answer, Halt> {
        let Some(key) = self.key else { return Ok(self.agent.send(make()?).await?) };
        let send = async |nonce: Option<&str>| {
            let request = make()?;
            let (method, url) = request.place();
            let proof = proof(key, (&method, &url), None, nonce, clock::now()).map_err(|_| Halt::Findings)?;
            Ok::<_, Halt>(self.agent.send(request.header("dpop", &proof)).await?)
        };
        let answer = send(None).await?;
        match wanted_nonce(&answer) {
            Some(nonce) => send(Some(&nonce)).await,
            None => Ok(answer),
        }
    }

    /// Uses an access token: as `Bearer`, or as `DPoP` with a proof.
    pub(super) async fn use_token(
        &self,
        token: &str,
        make: impl Fn() -> Request,
    ) -> Result<Answer, HttpError> {
        let Some(key) = self.key else { return self.agent.send(make().bearer(token)).await };
        let send = async |nonce: Option<&str>| {
            let request = make();
            let (method, url) = request.place();
            let proof = proof(key, (&method, &url), Some(token), nonce, clock::now()).unwrap_or_default();
            self.agent.send(request.dpop(token).header("dpop", &proof)).await
        };
        let answer = send(None).await?;
        match wanted_nonce(&answer) {
            Some(nonce) => send(Some(&nonce)).await,
            None => Ok(answer),
        }
    }
}

fn wanted_nonce(answer: &Answer) -> Option<String> {
    let wanted = answer.oauth_error().as_deref() == Some("use_dpop_nonce");
    answer.header("dpop-nonce").filter(|_| wanted).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use fapi_jose::{Alg, Unverified};

    use super::*;

    /// DPO-02, DPO-03, DPO-07: what goes into a proof.
    #[test]
    fn a_proof_is_for_one_call_and_one_token() {
        let key = SigningKey::generate(Alg::Es256, 0).unwrap();
        let place = ("GET", "https://op.example/userinfo");
        let signed = proof(&key, place, Some("the token"), Some("n"), 1_000).unwrap();
        let (unverified, embedded) = Unverified::parse_dpop(&signed).unwrap();
        assert_eq!((unverified.typ(), embedded.thumbprint()), (Some("dpop+jwt"), key.public().thumbprint()));
        let claims = unverified.verify_with(&embedded, &[Alg::Es256]).unwrap().claims;
        for (name, value) in [("htm", "GET"), ("htu", place.1), ("nonce", "n")] {
            assert_eq!(claims.string(name), Ok(Some(value)), "{name}");
        }
        assert_eq!(claims.string("ath"), Ok(Some(b64::encode(sha256("the token")).as_str())));
        assert_eq!(claims.time("iat"), Ok(Some(1_000)));
        assert_ne!(proof(&key, place, None, None, 1_000), proof(&key, place, None, None, 1_000));
    }
}
