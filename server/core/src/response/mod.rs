//! How the answer of the authorization endpoint travels to the client: in the query, in the fragment, or as a signed JWT.

#[cfg(test)]
mod tests;

use fapi_jose::Alg;
use serde_json::{Map, Value, json};
use url::form_urlencoded::Serializer;

use crate::client::{Client, EncryptionChoice};
use crate::ids::ClientId;
use crate::lifetime::Timestamp;
use crate::profile::Response;
use crate::redirect::RedirectUri;
use crate::registry::Registry;
use crate::rejection::Rejection;
use crate::secret::Secret;

/// Where an answer may be sent. Made only when client and redirect URI are proven, so whoever holds one may redirect.
#[derive(Clone, PartialEq, Debug)]
pub struct Destination {
    client_id: ClientId,
    redirect_uri: RedirectUri,
    response: Response,
    state: Option<String>,
    signing: Option<Alg>,
}

/// An answer, ready to go or to be signed first.
#[derive(Debug)]
pub enum Outgoing {
    /// The URL to redirect to.
    Plain(String),
    /// A response to sign (JARM).
    Jarm(Jarm),
}

/// A JARM response (JARM 2.1) before it is signed and, for clients that registered so, encrypted.
#[derive(Debug)]
pub struct Jarm {
    /// `iss`, `aud`, `exp` and the response parameters.
    pub claims: Map<String, Value>,
    /// With which algorithm to sign.
    pub alg: Alg,
    /// Whose key to encrypt to, and how.
    pub encryption: Option<EncryptionChoice>,
    redirect_uri: RedirectUri,
}

impl Jarm {
    /// The URL to redirect to: exactly one parameter, `response` (`RSP-06`).
    pub fn url(&self, jwt: &str) -> String {
        self.redirect_uri.with_query(&Serializer::new(String::new()).append_pair("response", jwt).finish())
    }
}

impl Destination {
    pub(crate) fn new(
        client: &Client,
        redirect_uri: RedirectUri,
        response: Response,
        state: Option<String>,
    ) -> Self {
        let signing = client.registration().response.signing_algorithm;
        Self { client_id: client.id().clone(), redirect_uri, response, state, signing }
    }

    /// The destination of an accepted request.
    pub fn of(request: &crate::authorize::AuthorizationRequest, client: &Client) -> Self {
        Self::new(client, request.redirect_uri.clone(), request.response, request.state.clone())
    }

    /// Whose it is.
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The redirect URI that was proven.
    pub fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// An error response: registered members only (`AUT-12`), in the mode of the request.
    ///
    /// # Errors
    /// `server_error` when no key can sign a JARM response.
    pub fn error(
        &self,
        rejection: &Rejection,
        registry: &Registry,
        now: Timestamp,
    ) -> Result<Outgoing, Rejection> {
        let members = vec![
            ("error", rejection.code.as_str().to_owned()),
            ("error_description", rejection.description.to_owned()),
        ];
        self.send(members, None, registry, now)
    }

    /// A success: the code, and in the hybrid flow the ID Token.
    ///
    /// # Errors
    /// `server_error` when no key can sign a JARM response.
    pub fn success(
        &self,
        code: &Secret,
        id_token: Option<String>,
        registry: &Registry,
        now: Timestamp,
    ) -> Result<Outgoing, Rejection> {
        self.send(vec![("code", code.expose().to_owned())], id_token, registry, now)
    }

    fn send(
        &self,
        mut members: Vec<(&'static str, String)>,
        id_token: Option<String>,
        registry: &Registry,
        now: Timestamp,
    ) -> Result<Outgoing, Rejection> {
        if let Some(state) = &self.state {
            members.push(("state", state.clone()));
        }
        let issuer = registry.issuer.as_str();
        match self.response {
            Response::CodeJarm => {
                let alg = registry.signing_algorithm(self.signing).ok_or_else(no_key)?;
                let client = registry.client(&self.client_id);
                let encryption = client.and_then(|client| client.jarm_encryption(&registry.rules));
                let mut claims = Map::new();
                claims.insert("iss".into(), json!(issuer));
                claims.insert("aud".into(), json!(self.client_id.as_str()));
                claims.insert("exp".into(), json!((now + registry.rules.lifetimes.jarm).as_unix()));
                for (name, value) in members {
                    claims.insert(name.into(), value.into());
                }
                Ok(Outgoing::Jarm(Jarm { claims, alg, encryption, redirect_uri: self.redirect_uri.clone() }))
            }
            // RSP-01, RSP-05, RSP-13: `iss` beside the rest, and equal to the ID Token's.
            Response::CodeIdToken | Response::Code => {
                members.push(("iss", issuer.to_owned()));
                members.extend(id_token.map(|token| ("id_token", token)));
                let encoded = Serializer::new(String::new()).extend_pairs(members).finish();
                Ok(Outgoing::Plain(if self.response == Response::CodeIdToken {
                    self.redirect_uri.with_fragment(&encoded)
                } else {
                    self.redirect_uri.with_query(&encoded)
                }))
            }
        }
    }
}

pub(crate) fn no_key() -> Rejection {
    Rejection::new(crate::ErrorCode::ServerError, "no signing key is active", crate::Clause("OIDC Core 10.1"))
}
