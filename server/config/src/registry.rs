//! From a revision to what a server asks: the snapshot that requests refer to, and the keys it signs with.

use fapi_core::certificate::{RevocationLists, TrustAnchors};
use fapi_core::client::{Client, Offer};
use fapi_core::details::{Compile, DetailsType};
use fapi_core::issuer::Doors;
use fapi_core::link::Links;
use fapi_core::profile::{Refusal, Rules, narrow};
use fapi_core::registry::{HeldKey, PublishedKey, Registry, RegistryParts, SubjectSalt, offered_scopes};
use fapi_jose::{DecryptionKey, SigningKey};

use crate::document::Document;
use crate::error::ConfigError;
use crate::file;
use crate::keys::{KeyAlgorithm, KeyState};
use crate::loaded::Loaded;

/// The language that our pages always speak.
const DEFAULT_LANGUAGE: &str = "en";

/// A private key that is ready to sign.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Whether it signs now, or will.
    pub state: KeyState,
    /// The key.
    pub key: SigningKey,
}

impl Document {
    /// The rules in force.
    ///
    /// # Errors
    /// Everything that the profile forbids.
    pub fn rules(&self) -> Result<Rules, Vec<Refusal>> {
        narrow(self.profile.profile(), &self.protocol)
    }
}

impl Loaded {
    /// The snapshot that requests refer to. The same functions of `fapi-core` that wrote the conditions of the resources
    /// decide here, so what was accepted there loads here. `compile` makes the schemas of authorization details, once.
    ///
    /// # Errors
    /// The first thing that this version of the server does not accept.
    pub fn to_registry(&self, compile: Compile) -> Result<Registry, ConfigError> {
        let document = &self.document;
        let rules = document.rules().map_err(|refused| first(file::WORKSPACE, &refused))?;
        let anchors = match &self.client_ca {
            Some(pem) => Some(
                TrustAnchors::parse(pem)
                    .map_err(|error| ConfigError::new(file::CLIENT_CA, error.to_string()))?,
            ),
            None => None,
        };
        let revocations = match self.crl.as_deref() {
            // Asked for, and nothing usable was ever there: nobody of the CA gets in.
            Some([]) => Some(RevocationLists::default()),
            Some(pem) => Some(
                RevocationLists::parse(pem)
                    .map_err(|error| ConfigError::new(file::CRL, error.to_string()))?,
            ),
            None => None,
        };
        let scopes = offered_scopes(document.scopes.iter().map(|scope| scope.name.clone()));
        let resources: Vec<String> =
            document.resources.iter().map(|resource| resource.identifier.clone()).collect();
        let details_types: Vec<String> =
            document.authorization_details_types.iter().map(|entry| entry.name.clone()).collect();
        let offer = Offer {
            rules: &rules,
            scopes: &scopes,
            resources: &resources,
            details_types: &details_types,
            has_client_ca: anchors.is_some(),
        };
        let mut clients = Vec::with_capacity(self.clients.len());
        for registration in &self.clients {
            let client = Client::register(&offer, registration.clone()).map_err(|refused| {
                // Values of a registration may be confidential: which client and which rule is enough to find it.
                let rules: Vec<&str> = refused.iter().map(|refusal| refusal.rule).collect();
                let message = format!("is refused by {}", rules.join(", "));
                ConfigError::at("clients-*.json", registration.client_id.as_str(), message)
            })?;
            clients.push(client);
        }
        Ok(Registry::new(RegistryParts {
            issuer: document.issuer.clone(),
            doors: Doors::new(&document.issuer, &document.mtls),
            rules,
            scope_definitions: document.scopes.clone(),
            resources: document.resources.clone(),
            details_types: details_types_of(document, compile)?,
            anchors,
            revocations,
            forwarded: document.forwarded.clone(),
            keys: published(document),
            decryption: self.decryption()?,
            subject_salt: SubjectSalt::new(self.secrets.subject_salt.expose()),
            languages: languages(document),
            links: Links {
                policy: document.ui.policy_uri.clone(),
                support: document.ui.support_uri.clone(),
                terms: document.ui.tos_uri.clone(),
            },
            clients,
        }))
    }

    /// The encryption keys whose private halves are there, in whatever state, each proven to be the key it is called.
    fn decryption(&self) -> Result<Vec<HeldKey>, ConfigError> {
        let mut held = Vec::new();
        for public in self.document.keys.iter().filter(|key| matches!(key.alg, KeyAlgorithm::Encryption(_))) {
            let Some(private) = self.secrets.keys.iter().find(|key| key.kid == public.kid) else { continue };
            let key = DecryptionKey::from_jwk(private.expose_jwk()).map_err(|error| {
                ConfigError::at(file::KEYS, format!("key {}", public.kid), error.to_string())
            })?;
            if key.kid() != public.kid || key.alg().as_str() != public.alg.as_str() {
                return Err(not_its_private_half(&public.kid));
            }
            held.push(HeldKey { key, active: public.state == KeyState::Active });
        }
        Ok(held)
    }

    /// The signature keys whose private halves are there, in the document's order, each proven to be the key it is called.
    ///
    /// # Errors
    /// The first that is no such key.
    pub fn signers(&self) -> Result<Vec<Signer>, ConfigError> {
        let mut signers = Vec::new();
        for public in self.document.keys.iter().filter(|key| matches!(key.alg, KeyAlgorithm::Signature(_))) {
            let Some(private) = self.secrets.keys.iter().find(|key| key.kid == public.kid) else { continue };
            let key = SigningKey::from_jwk(private.expose_jwk()).map_err(|error| {
                ConfigError::at(file::KEYS, format!("key {}", public.kid), error.to_string())
            })?;
            if key.kid() != public.kid || key.alg().as_str() != public.alg.as_str() {
                return Err(not_its_private_half(&public.kid));
            }
            signers.push(Signer { state: public.state, key });
        }
        Ok(signers)
    }
}

fn not_its_private_half(kid: &str) -> ConfigError {
    ConfigError::at(file::KEYS, format!("key {kid}"), "is not the private half of the key of this kid")
}

fn published(document: &Document) -> Vec<PublishedKey> {
    let key = |key: &crate::keys::PublicKey| PublishedKey {
        jwk: key.jwk.clone(),
        alg: match key.alg {
            KeyAlgorithm::Signature(alg) => Some(alg),
            KeyAlgorithm::Encryption(_) => None,
        },
        active: key.state == KeyState::Active,
    };
    document.keys.iter().map(key).collect()
}

/// The types whose schema is there.
fn details_types_of(document: &Document, compile: Compile) -> Result<Vec<DetailsType>, ConfigError> {
    let mut types = Vec::with_capacity(document.authorization_details_types.len());
    for entry in &document.authorization_details_types {
        let Some(text) = &entry.schema else { continue };
        let refuse = |message: String| {
            let place = format!("authorizationDetailsTypes {}", entry.name);
            ConfigError::at(file::WORKSPACE, place, message)
        };
        let schema = compile(text).map_err(refuse)?;
        let words = serde_json::from_str(text).map_err(|why| refuse(why.to_string()))?;
        types.push(DetailsType { name: entry.name.clone(), words, schema });
    }
    Ok(types)
}

fn languages(document: &Document) -> Vec<String> {
    let mut languages: Vec<String> = document.ui.default_language.iter().cloned().collect();
    if !languages.iter().any(|language| language == DEFAULT_LANGUAGE) {
        languages.push(DEFAULT_LANGUAGE.to_owned());
    }
    languages
}

fn first(name: &str, refused: &[Refusal]) -> ConfigError {
    match refused.first() {
        Some(refusal) => {
            ConfigError::at(name, refusal.field.clone(), format!("{} ({})", refusal.message, refusal.rule))
        }
        None => ConfigError::new(name, "is refused"),
    }
}
