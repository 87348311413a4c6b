//! What is a person asked to agree to? Only what stands in the verified request (`P-25`, `B-15`).

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::details::{Detail, describe};
use crate::grant::{Authorization, Grant, Stage};
use crate::ids::{ClientId, GrantId};
use crate::lifetime::Timestamp;
use crate::logo::LogoId;
use crate::registry::Registry;
use crate::scope::{Scope, Scopes};

/// The content of the consent page (`AUT-13`).
#[derive(Clone, PartialEq, Debug)]
pub struct Question {
    /// Who asks, in the person's language.
    pub client_name: String,
    /// Its registered id.
    pub client_id: String,
    /// The picture beside its name.
    pub logo: Option<LogoId>,
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
    /// What is asked for exactly: all of it, and what a yes grants (`RAR-03`).
    pub details: Vec<Detail>,
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
    let items = items(&grant.request.scope, registry, languages);
    let registration = client.registration();
    Some(Question {
        client_name: client.name(languages.iter().copied()).to_owned(),
        client_id: client.id().to_string(),
        logo: client.logo().cloned(),
        redirect_host: grant.request.redirect_uri.host().to_owned(),
        client_uri: registration.client_uri.clone(),
        policy_uri: registration.policy_uri.clone(),
        tos_uri: registration.tos_uri.clone(),
        subject: person.subject.to_string(),
        items,
        details: describe(&grant.request.details, registry, languages),
        ends: now + registry.rules.lifetimes.grant,
    })
}

fn items(scopes: &Scopes, registry: &Registry, languages: &[&str]) -> Vec<Item> {
    let item = |scope: &Scope| {
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
    };
    scopes.iter().map(item).collect()
}

/// Something that a person agreed to and that goes on, as they are shown it (`REV-05`).
#[derive(Clone, PartialEq, Debug)]
pub struct Standing {
    /// What to withdraw.
    pub grant: GrantId,
    /// Who has it, in the person's language; the id of a client that is not there any more.
    pub client_name: String,
    /// Its registered id.
    pub client_id: String,
    /// The picture beside its name; none of a client that is refused, or not there any more.
    pub logo: Option<LogoId>,
    /// What was agreed to.
    pub items: Vec<Item>,
    /// What was agreed to exactly.
    pub details: Vec<Detail>,
    /// For which API, where that is not this server itself.
    pub resource: Option<String>,
    /// When they agreed.
    pub since: Timestamp,
    /// When it ends at the latest.
    pub ends: Timestamp,
}

/// What to show of a grant whose last refresh token works until `refreshable`; none when nothing of it works any more.
pub fn standing(
    grant: &Grant,
    refreshable: Option<Timestamp>,
    registry: &Registry,
    languages: &[&str],
    now: Timestamp,
) -> Option<Standing> {
    let (authorization, ends): (&Authorization, _) = match &grant.stage {
        Stage::CodeIssued { expires, authorization, .. } if now <= *expires => {
            (authorization, authorization.ends)
        }
        Stage::Redeemed { authorization, .. } if refreshable.is_some_and(|until| now <= until) => {
            (authorization, authorization.ends)
        }
        // The access token of the code is all there was.
        Stage::Redeemed { at, authorization, .. } => {
            let longest = registry.rules.profile().lifetimes.access_token.max;
            (authorization, (*at + longest).min(authorization.ends))
        }
        _ => return None,
    };
    let client = registry.client(&grant.client_id);
    let resource = match client {
        Some(client) => Some(registry.audience(grant.request.resource.as_deref(), client)),
        None => grant.request.resource.as_deref(),
    };
    let name = client.map(|client| client.name(languages.iter().copied()).to_owned());
    (now <= ends).then(|| Standing {
        grant: grant.id.clone(),
        client_name: name.unwrap_or_else(|| grant.client_id.to_string()),
        client_id: grant.client_id.to_string(),
        logo: client.filter(|client| client.enabled()).and_then(|client| client.logo().cloned()),
        items: items(&authorization.scope, registry, languages),
        details: describe(&authorization.details, registry, languages),
        resource: resource.filter(|resource| *resource != registry.issuer.as_str()).map(ToOwned::to_owned),
        since: authorization.at,
        ends,
    })
}

/// A request that arrived before this has no tokens left, unless they can be refreshed: it was opened, answered and redeemed as
/// late as it could be, and its access token lived as long as one may.
pub fn oldest_without_refresh(registry: &Registry, now: Timestamp) -> Timestamp {
    let lifetimes = &registry.rules.lifetimes;
    now - lifetimes.pushed_request
        - lifetimes.interaction
        - lifetimes.authorization_code
        - registry.rules.profile().lifetimes.access_token.max
}

/// Whether a yes is remembered. Not beside details: yes to a scope and one payment is no yes to the scope alone, which may well be
/// more.
pub fn is_remembered(grant: &Grant) -> bool {
    grant.request.details.is_empty()
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
    /// Whether it covers everything that is asked for now. Details are asked for every time: a yes to one payment is none to the
    /// next.
    pub fn covers(&self, grant: &Grant) -> bool {
        self.client_id == grant.client_id
            && grant.request.details.is_empty()
            && grant.request.scope.is_subset(&self.scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOON, fintech, grant_with_code};
    use crate::lifetime::Lifetime;
    use crate::secret::{Digest, Purpose};

    fn shown(grant: &Grant, refreshable: Option<Timestamp>, now: Timestamp) -> Option<Standing> {
        standing(grant, refreshable, &fintech().build(), &["en"], now)
    }

    /// `REV-05`: what goes on is shown, and nothing that is over.
    #[test]
    fn a_consent_stands_while_something_comes_of_it() {
        let registry = fintech().build();
        let issued = grant_with_code(&registry, "c");
        let later = |seconds| NOON + Lifetime::seconds(seconds);
        let code = Digest::of(Purpose::Code, "c");
        let (redeemed, authorization) = issued.clone().redeem(&code, NOON).unwrap();

        let standing = shown(&issued, None, later(60)).expect("a code that is still good");
        assert_eq!((standing.client_name.as_str(), standing.client_id.as_str()), ("Budget App", "app"));
        let scopes: Vec<_> = standing.items.iter().map(|item| item.scope.as_str()).collect();
        assert_eq!(scopes, ["openid", "accounts"], "REV-05");
        assert_eq!((standing.since, standing.ends), (NOON, authorization.ends), "REV-05");
        assert_eq!(shown(&issued, None, later(61)), None, "REV-05: nobody redeemed it");

        let refreshed = shown(&redeemed, Some(later(1000)), later(1000)).expect("it can be refreshed");
        assert_eq!(refreshed.ends, authorization.ends);
        let longest = registry.rules.profile().lifetimes.access_token.max;
        let bare = shown(&redeemed, None, NOON + longest).expect("an access token may be left");
        assert_eq!(bare.ends, NOON + longest);
        assert_eq!(shown(&redeemed, None, NOON + longest + Lifetime::seconds(1)), None, "REV-05");

        let revoked = Grant { stage: Stage::Revoked { at: NOON }, ..redeemed.clone() };
        assert_eq!(shown(&revoked, Some(later(1000)), NOON), None, "REV-05");
        assert!(
            oldest_without_refresh(&registry, NOON + longest) < redeemed.created,
            "it is looked for so long"
        );
    }

    #[test]
    fn a_consent_of_a_client_that_is_gone_can_still_be_seen() {
        let registry = fintech().build();
        let issued = grant_with_code(&registry, "c");
        let without = fintech().only("mallory").build();
        let seen = standing(&issued, None, &without, &["en"], NOON).unwrap();
        assert_eq!((seen.client_name.as_str(), seen.resource), ("app", None));
    }
}
