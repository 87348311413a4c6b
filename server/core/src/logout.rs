//! Who is to be signed out, and where do they go afterwards? OpenID Connect RP-Initiated Logout 1.0.
//!
//! A hint is an ID Token of ours: it proves which client asks, and about which session. Without a good one nobody is sent anywhere
//! (`LGO-02`), and whoever is signed in is asked first.

use std::sync::Arc;

use crate::client::Client;
use crate::grant::Person;
use crate::id_token_hint::Hint;
use crate::ids::ClientId;
use crate::params::Params;
use crate::redirect::RedirectUri;
use crate::registry::Registry;
use crate::rejection::Rejection;

/// What somebody brings to the `end_session_endpoint`. Parameters it does not name are ignored (`LGO-05`).
#[derive(Clone, Debug)]
pub struct LogoutRequest {
    hint: Option<Hint>,
    client: Option<Arc<Client>>,
    after: Option<After>,
    /// Languages, preferred first.
    pub ui_locales: Vec<String>,
}

/// Where a browser goes afterwards. Made only when the address is registered for the client.
#[derive(Clone, PartialEq, Eq, Debug)]
struct After {
    uri: RedirectUri,
    state: Option<String>,
}

/// What happens to the session of this browser.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It ends: a client that was part of it asks, and shows so.
    End,
    /// The person is asked: anybody could have sent the browser here.
    Ask,
    /// Nobody is signed in.
    Nobody,
}

impl LogoutRequest {
    /// Reads the parameters.
    ///
    /// # Errors
    /// A page, never a redirect: a hint that is none (`LGO-02`), a client that is not the hint's (`LGO-05`), an address that is not
    /// registered (`LGO-03`).
    pub fn parse(params: &Params, registry: &Registry) -> Result<Self, Rejection> {
        let hint = params.get("id_token_hint").map(|token| Hint::parse(token, registry)).transpose()?;
        let named = params.get("client_id").map(|id| named(id, registry)).transpose()?;
        let client = match (&hint, named) {
            (Some(hint), Some(named)) if hint.client().id() != named.id() => {
                let description = "client_id is not the client of id_token_hint";
                return Err(Rejection::invalid_request(description, "RP-Initiated Logout 2"));
            }
            (Some(hint), _) => Some(Arc::clone(hint.client())),
            (None, named) => named,
        };
        let after = params.get("post_logout_redirect_uri").map(|uri| {
            let registered = client.as_ref().and_then(|client| client.post_logout_redirect_uri(uri));
            let state = params.get("state").filter(|state| state.len() <= 4096).map(ToOwned::to_owned);
            registered.map(|uri| After { uri: uri.clone(), state }).ok_or_else(|| {
                let description =
                    "post_logout_redirect_uri is not registered for a client that is known from the request";
                Rejection::invalid_request(description, "RP-Initiated Logout 3")
            })
        });
        let locales = params.get("ui_locales").unwrap_or_default().split(' ');
        let ui_locales = locales.filter(|tag| !tag.is_empty()).take(16).map(ToOwned::to_owned).collect();
        Ok(Self { hint, client, after: after.transpose()?, ui_locales })
    }

    /// What happens to the session of the browser that brought this.
    pub fn decide(&self, session: Option<&Person>, registry: &Registry) -> Decision {
        match (session, &self.hint) {
            (None, _) => Decision::Nobody,
            // RP-Initiated Logout 2: a hint of another session, or of another person, is a reason to ask.
            (Some(person), Some(hint)) if hint.is_of(person, registry) => Decision::End,
            (Some(_), _) => Decision::Ask,
        }
    }

    /// Who asks, if that is known: shown to the person.
    pub fn client(&self) -> Option<&Client> {
        self.client.as_deref()
    }

    /// The URL to go to, with `state` if it was sent (`LGO-01`). Only for a client that showed a hint: a `client_id` alone is
    /// anybody's to write (`LGO-02`).
    pub fn onward(&self) -> Option<String> {
        self.hint.as_ref()?;
        let after = self.after.as_ref()?;
        Some(match &after.state {
            None => after.uri.as_str().to_owned(),
            Some(state) => {
                let query =
                    url::form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
                after.uri.with_query(&query)
            }
        })
    }
}

fn named(id: &str, registry: &Registry) -> Result<Arc<Client>, Rejection> {
    let known = ClientId::parse(id).ok().and_then(|id| registry.client(&id).cloned());
    known.filter(|client| client.enabled()).ok_or_else(|| {
        Rejection::invalid_request("this client is unknown or disabled", "RP-Initiated Logout 2")
    })
}
