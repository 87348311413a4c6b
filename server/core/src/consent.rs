//! What is a person asked to agree to? Only what stands in the verified request (`P-25`, `B-15`).

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::grant::{Grant, Stage};
use crate::ids::ClientId;
use crate::lifetime::Timestamp;
use crate::registry::Registry;
use crate::scope::Scopes;

/// The content of the consent page (`AUT-13`).
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Question {
    /// Who asks, in the person's language.
    pub client_name: String,
    /// Its registered id.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_host: String,
    /// Its home page.
    pub client_uri: Option<String>,
    /// Its policy.
    pub policy_uri: Option<String>,
    /// Its terms.
    pub tos_uri: Option<String>,
    /// Who is signed in.
    pub subject: String,
    /// What is asked for.
    pub items: Vec<Item>,
    /// When the permission ends at the latest.
    pub ends: Timestamp,
}

/// One thing that is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Item {
    /// The scope token.
    pub scope: String,
    /// In words, where the Workspace or OpenID Connect gives some.
    pub description: Option<String>,
}

/// What to ask, in the first of `languages` that has words for it.
pub fn question(
    grant: &Grant,
    client: &Client,
    registry: &Registry,
    languages: &[&str],
    now: Timestamp,
) -> Option<Question> {
    let Stage::Authenticated { person, .. } = &grant.stage else { return None };
    let items = grant
        .request
        .scope
        .iter()
        .map(|scope| {
            let definition = registry.scope_definitions.iter().find(|definition| definition.name == *scope);
            let description = definition.and_then(|definition| {
                let words = &definition.description;
                languages
                    .iter()
                    .find_map(|language| words.get(*language))
                    .or_else(|| words.get(""))
                    .or_else(|| words.values().next())
            });
            Item { scope: scope.to_string(), description: description.cloned() }
        })
        .collect();
    let registration = client.registration();
    Some(Question {
        client_name: client.name(languages.iter().copied()).to_owned(),
        client_id: client.id().to_string(),
        redirect_host: grant.request.redirect_uri.host().to_owned(),
        client_uri: registration.client_uri.clone(),
        policy_uri: registration.policy_uri.clone(),
        tos_uri: registration.tos_uri.clone(),
        subject: person.subject.to_string(),
        items,
        ends: now + registry.rules.lifetimes.grant,
    })
}

/// What a person agreed to earlier in this sign-in session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Remembered {
    /// For this client.
    pub client_id: ClientId,
    /// These scopes.
    pub scope: Scopes,
}

impl Remembered {
    /// Whether it covers everything that is asked for now.
    pub fn covers(&self, grant: &Grant) -> bool {
        self.client_id == grant.client_id && grant.request.scope.is_subset(&self.scope)
    }
}
