//! Everything a request may refer to: issuer, rules, clients, keys. One immutable snapshot; a reload makes a new one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use fapi_jose::{Alg, DecryptionKey, JwkSet, KeyManagement, PublicJwk};
use serde::{Deserialize, Serialize};

use crate::certificate::{CertificateError, Forwarded, PeerCertificate, RevocationLists, TrustAnchors};
use crate::client::Client;
use crate::details::DetailsType;
use crate::ids::{ClientId, Subject};
use crate::issuer::{Doors, Issuer};
use crate::lifetime::Timestamp;
use crate::link::Links;
use crate::profile::{Rules, SubjectType};
use crate::rejection::Rejection;
use crate::scope::{Scope, Scopes};

/// One authorization server, as it is right now.
#[derive(Debug)]
pub struct Registry {
    /// Who we are.
    pub issuer: Issuer,
    /// Where we are reached.
    pub doors: Doors,
    /// The rules in force.
    pub rules: Rules,
    /// Scopes that exist beside `openid` and `offline_access`.
    pub scope_definitions: Vec<ScopeDefinition>,
    /// Resource servers.
    pub resources: Vec<Resource>,
    /// Types of authorization details that may be asked for (RFC 9396).
    pub details_types: Vec<DetailsType>,
    /// Roots of client certificates.
    pub anchors: Option<TrustAnchors>,
    /// What their CAs have taken back. `None`: nobody asks.
    pub revocations: Option<RevocationLists>,
    /// The proxy whose word counts for certificates. `None`: nobody's does.
    pub forwarded: Option<Forwarded>,
    /// Public halves of our keys.
    pub keys: Vec<PublishedKey>,
    /// Private halves of what others encrypt to us with.
    pub decryption: Vec<HeldKey>,
    /// From which pairwise subjects are derived.
    pub subject_salt: SubjectSalt,
    /// Languages of the pages, the default first.
    pub languages: Vec<String>,
    /// What the pages lead to.
    pub links: Links,
    clients: HashMap<ClientId, Arc<Client>>,
}

/// The values of a [`Registry`], before clients are indexed.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is documented at Registry")]
pub struct RegistryParts {
    pub issuer: Issuer,
    pub doors: Doors,
    pub rules: Rules,
    pub scope_definitions: Vec<ScopeDefinition>,
    pub resources: Vec<Resource>,
    pub details_types: Vec<DetailsType>,
    pub anchors: Option<TrustAnchors>,
    pub revocations: Option<RevocationLists>,
    pub forwarded: Option<Forwarded>,
    pub keys: Vec<PublishedKey>,
    pub decryption: Vec<HeldKey>,
    pub subject_salt: SubjectSalt,
    pub languages: Vec<String>,
    pub links: Links,
    pub clients: Vec<Client>,
}

/// A scope of the Workspace's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopeDefinition {
    /// The scope token.
    pub name: Scope,
    /// What a person reads, by language tag; the empty tag is the default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub description: BTreeMap<String, String>,
    /// Claims it gives at UserInfo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
}

/// A resource server (RFC 8707).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// Its identifier: the audience of tokens for it.
    pub identifier: String,
    /// Scopes it understands; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// Clients that may introspect tokens for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspection_clients: Vec<ClientId>,
    /// The audience of tokens that name none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
}

/// The public half of one of our keys.
#[derive(Clone, Debug)]
pub struct PublishedKey {
    /// As in the JWKS, with its `kid`.
    pub jwk: PublicJwk,
    /// The one algorithm it signs with; `None` for an encryption key.
    pub alg: Option<Alg>,
    /// It signs now, or others are told to encrypt to it.
    pub active: bool,
}

/// A private key that opens what was encrypted to us.
#[derive(Clone, Debug)]
pub struct HeldKey {
    /// The key.
    pub key: DecryptionKey,
    /// Its public half stands in the JWKS. Another is on its way there, or has left and is kept for those who saw it there.
    pub active: bool,
}

/// The secret from which pairwise subjects are derived. Never rotated: subjects must not change.
#[derive(Clone)]
pub struct SubjectSalt(hmac::Key);

impl SubjectSalt {
    /// From at least 32 random bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl fmt::Debug for SubjectSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Registry {
    /// Indexes the clients.
    pub fn new(parts: RegistryParts) -> Self {
        let clients =
            parts.clients.into_iter().map(|client| (client.id().clone(), Arc::new(client))).collect();
        Self {
            issuer: parts.issuer,
            doors: parts.doors,
            rules: parts.rules,
            scope_definitions: parts.scope_definitions,
            resources: parts.resources,
            details_types: parts.details_types,
            anchors: parts.anchors,
            revocations: parts.revocations,
            forwarded: parts.forwarded,
            keys: parts.keys,
            decryption: parts.decryption,
            subject_salt: parts.subject_salt,
            languages: parts.languages,
            links: parts.links,
            clients,
        }
    }

    /// Gives each client the keys that `found` has for its `jwks_uri`. A client without keys cannot show who it is.
    pub fn use_fetched_keys(&mut self, found: impl Fn(&str) -> Option<JwkSet>) {
        for client in self.clients.values_mut() {
            if let Some(keys) = client.auth().jwks_uri.as_deref().and_then(&found) {
                Arc::make_mut(client).use_fetched_keys(keys);
            }
        }
    }

    /// A client by its id.
    pub fn client(&self, id: &ClientId) -> Option<&Arc<Client>> {
        self.clients.get(id)
    }

    /// All clients.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values()
    }

    /// The keys to verify what a client signs.
    pub fn client_keys(&self, client: &Client) -> Option<JwkSet> {
        client.jwks().cloned()
    }

    /// Whether a certificate chains to this server's client CA, and none of the CAs on the way has taken it back.
    ///
    /// # Errors
    /// Why not; without a CA nothing does.
    pub fn anchored(&self, certificate: &PeerCertificate, now: Timestamp) -> Result<(), CertificateError> {
        let anchors = self.anchors.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        match &self.revocations {
            Some(lists) => anchors.check_unrevoked(certificate, lists, now),
            None => anchors.check(certificate, now),
        }
    }

    /// Whether a certificate that needs no CA of ours may be used now: it is valid, and no list names it (`TL-10`, `TL-13`).
    ///
    /// # Errors
    /// Why not.
    pub fn usable(&self, certificate: &PeerCertificate, now: Timestamp) -> Result<(), CertificateError> {
        certificate.valid_at(now)?;
        self.revocations.as_ref().map_or(Ok(()), |lists| lists.check_unnamed(certificate))
    }

    /// Every scope that may be asked for.
    pub fn scopes(&self) -> Scopes {
        let own = self.scope_definitions.iter().map(|definition| definition.name.clone());
        offered_scopes(own)
    }

    /// A resource server by its identifier.
    pub fn resource(&self, identifier: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.identifier == identifier)
    }

    /// A type of authorization details by its name.
    pub fn details_type(&self, name: &str) -> Option<&DetailsType> {
        self.details_types.iter().find(|offered| offered.name == name)
    }

    /// Whether a client may have tokens for the resource that it asks for now, if it asks for one (RFC 8707 2).
    ///
    /// # Errors
    /// `invalid_target` for one that the Workspace does not have, or this client has not registered.
    pub fn may_target(&self, asked: Option<&str>, client: &Client) -> Result<(), Rejection> {
        if asked.is_none_or(|asked| self.resource(asked).is_some() && client.may_use_resource(asked)) {
            return Ok(());
        }
        Err(Rejection::invalid_target("resource is unknown or not registered for this client", "RFC 8707 2"))
    }

    /// The audience of an access token: the resource that was asked for, else the default one where this client may use it, else
    /// ourselves.
    pub fn audience<'a>(&'a self, asked: Option<&'a str>, client: &Client) -> &'a str {
        asked
            .or_else(|| {
                self.resources
                    .iter()
                    .find(|resource| resource.default && client.may_use_resource(&resource.identifier))
                    .map(|resource| resource.identifier.as_str())
            })
            .unwrap_or_else(|| self.issuer.as_str())
    }

    /// The key that signs with `alg` now.
    pub fn active_key(&self, alg: Alg) -> Option<&PublishedKey> {
        self.keys.iter().find(|key| key.active && key.alg == Some(alg))
    }

    /// The algorithm to sign with: what the client registered, else the first that has a key.
    pub fn signing_algorithm(&self, registered: Option<Alg>) -> Option<Alg> {
        match registered {
            Some(alg) => self.active_key(alg).map(|_| alg),
            None => self.rules.signing.iter().copied().find(|alg| self.active_key(*alg).is_some()),
        }
    }

    /// What stands at `jwks_uri`: public halves only (`KEY-01`). Of the keys that others encrypt to, those that every pod can open
    /// with and that are meant to be used.
    pub fn jwks(&self) -> JwkSet {
        let shown = self.keys.iter().filter(|key| key.alg.is_some() || key.active);
        JwkSet::from_keys(shown.map(|key| key.jwk.clone()).collect())
    }

    /// In which ways request objects may be encrypted to us: those that are in force and have a key (`KEY-05`).
    pub fn request_object_encryption(&self) -> Vec<KeyManagement> {
        let mut offered = self.rules.key_management.clone();
        offered.retain(|alg| self.decryption.iter().any(|held| held.active && held.key.alg() == *alg));
        offered
    }

    /// How a client sees a person (OpenID Connect Core 8).
    pub fn subject_for(&self, client: &Client, subject: &Subject) -> String {
        match client.subject_type() {
            SubjectType::Public => subject.as_str().to_owned(),
            SubjectType::Pairwise => {
                let mut context = hmac::Context::with_key(&self.subject_salt.0);
                for part in [client.sector(), subject.as_str()] {
                    context.update(&(part.len() as u64).to_be_bytes());
                    context.update(part.as_bytes());
                }
                fapi_jose::b64::encode(context.sign())
            }
        }
    }
}

/// The scopes of a Workspace: its own, and those that OpenID Connect defines.
pub fn offered_scopes(own: impl IntoIterator<Item = Scope>) -> Scopes {
    let standard = ["openid", "offline_access"].into_iter().filter_map(|name| Scope::parse(name).ok());
    standard.chain(own).collect()
}
