//! Of whom does an ID Token speak that a client hands back to us (`id_token_hint`), and whose is it?

use std::sync::Arc;

use fapi_jose::Unverified;

use crate::client::Client;
use crate::grant::Person;
use crate::ids::ClientId;
use crate::registry::Registry;
use crate::rejection::Rejection;

/// The person, as this client knows them. An ID Token that has expired still says so (OpenID Connect Core 3.1.2.1), one whose
/// key is no longer published does not.
///
/// # Errors
/// `invalid_request`: not ours, not for this client, or not an ID Token (`KEY-04`, `KEY-11`).
pub fn subject(hint: &str, client: &Client, registry: &Registry) -> Result<String, Rejection> {
    let hint = Hint::parse(hint, registry)?;
    if hint.client.id() != client.id() {
        return Err(unusable("aud is another client".to_owned()));
    }
    Ok(hint.subject)
}

/// An ID Token that we made, however long ago: it shows which client asks, and whom and which session it is about.
#[derive(Clone, Debug)]
pub struct Hint {
    client: Arc<Client>,
    subject: String,
    sid: Option<String>,
}

impl Hint {
    /// Reads an ID Token for whichever client it is. An expired one is good (`LGO-02`).
    ///
    /// # Errors
    /// `invalid_request`: not ours, for no client that is served, or not an ID Token (`KEY-04`, `KEY-11`).
    pub fn parse(token: &str, registry: &Registry) -> Result<Self, Rejection> {
        let unverified = Unverified::parse(token).map_err(|why| unusable(why.to_string()))?;
        // KEY-11: an access token names a person too, and so does a logout token.
        if unverified.typ().is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(unusable("typ is not JWT".to_owned()));
        }
        let verified = unverified.verify(&registry.jwks(), &registry.rules.signing);
        let claims = verified.map_err(|why| unusable(why.to_string()))?.claims;
        let text = |name: &'static str| claims.string(name).ok().flatten();
        if text("iss") != Some(registry.issuer.as_str()) {
            return Err(unusable("iss is another issuer".to_owned()));
        }
        // Signed answers of UserInfo have no end, JARM responses nobody who signed in.
        for time in ["exp", "auth_time"] {
            if claims.time(time).ok().flatten().is_none() {
                return Err(unusable(format!("{time} is missing")));
            }
        }
        let audience = claims.audience().unwrap_or_default();
        let [client] = audience.as_slice() else {
            return Err(unusable("aud is not one client".to_owned()));
        };
        let client = ClientId::parse(client).ok().and_then(|id| registry.client(&id));
        let client = client.filter(|client| client.enabled());
        let client = client.ok_or_else(|| unusable("aud is no client that is served".to_owned()))?;
        let subject = text("sub").ok_or_else(|| unusable("sub is missing".to_owned()))?;
        Ok(Self {
            client: Arc::clone(client),
            subject: subject.to_owned(),
            sid: text("sid").map(ToOwned::to_owned),
        })
    }

    /// Whose ID Token it is.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Whether it was made in the session that is still open.
    pub fn is_of(&self, person: &Person, registry: &Registry) -> bool {
        self.subject == registry.subject_for(&self.client, &person.subject) && self.sid == person.sid
    }
}

fn unusable(why: String) -> Rejection {
    let description = "id_token_hint is not an ID Token of this server for this client";
    Rejection::invalid_request(description, "OIDC Core 3.1.2.1").detail(why)
}
