//! Which keys stand in the document, and which private halves travel to the pods?

use fapi_config::{KeyAlgorithm as Published, KeyState as State, PrivateKey, PublicKey, RevokedKey};
use fapi_core::Timestamp;
use fapi_crds::{KeyAlgorithm, KeyState};
use fapi_jose::{Alg, KeyManagement, PublicJwk};
use zeroize::Zeroizing;

use super::facts::KeyFacts;
use super::line::KeyLine;

/// A key as its Secrets hold it.
#[derive(Clone)]
pub struct FoundKey {
    /// Its life so far.
    pub facts: KeyFacts,
    /// Its public half.
    pub public: PublicJwk,
    /// Its private half as a JWK, from its own Secret, or else from the published key file.
    pub private: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for FoundKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoundKey").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// The keys of a revision.
#[derive(Clone, Default, Debug)]
pub struct KeySet {
    /// For the document, the preferred first.
    pub public: Vec<PublicKey>,
    /// For the key file.
    pub private: Vec<PrivateKey>,
    /// For the deny list.
    pub revoked: Vec<RevokedKey>,
}

/// The keys of the revision that the facts ask for.
pub fn key_set(lines: &[KeyLine], found: &[FoundKey], now: Timestamp) -> KeySet {
    let mut lines: Vec<&KeyLine> = lines.iter().collect();
    lines.sort_by_key(|line| (std::cmp::Reverse(line.policy.priority), line.signing_key.as_str()));
    let mut set = KeySet::default();
    for line in lines {
        let mut keys: Vec<(&KeyFacts, Option<State>)> =
            line.keys.iter().map(|key| (key, published_state(line.state_of(key)))).collect();
        keys.sort_by_key(|(key, state)| {
            (order(*state), std::cmp::Reverse(key.generated_at), key.kid.as_str())
        });
        for (facts, state) in keys {
            if line.is_denied(facts, now) {
                set.revoked.push(RevokedKey { kid: facts.kid.clone() });
            }
            let (Some(state), Some(key)) = (state, found.iter().find(|key| key.facts.kid == facts.kid))
            else {
                continue;
            };
            publish(&mut set, key, facts, state);
        }
    }
    set.revoked.sort();
    set
}

fn publish(set: &mut KeySet, key: &FoundKey, facts: &KeyFacts, state: State) {
    let private = key.private.as_ref().filter(|_| facts.needs_private());
    let private = private.and_then(|jwk| PrivateKey::new(&facts.kid, state, jwk).ok());
    // A key without its private half signs nothing: it stays for what it has signed, and one that never signed is left out.
    let state = match (&private, state) {
        (None, State::Active) => State::Retiring,
        (None, State::Published) => return,
        (_, state) => state,
    };
    set.private.extend(private);
    set.public.push(PublicKey {
        kid: facts.kid.clone(),
        alg: published_algorithm(facts.algorithm),
        state,
        jwk: key.public.clone(),
    });
}

fn published_state(state: KeyState) -> Option<State> {
    match state {
        KeyState::Published => Some(State::Published),
        KeyState::Active => Some(State::Active),
        KeyState::Retiring => Some(State::Retiring),
        KeyState::Generated | KeyState::Retired | KeyState::Revoked => None,
    }
}

fn order(state: Option<State>) -> u8 {
    match state {
        Some(State::Active) => 0,
        Some(State::Published) => 1,
        Some(State::Retiring) => 2,
        None => 3,
    }
}

/// As the document says it.
pub fn published_algorithm(algorithm: KeyAlgorithm) -> Published {
    match algorithm {
        KeyAlgorithm::Ps256 => Published::Signature(Alg::Ps256),
        KeyAlgorithm::Es256 => Published::Signature(Alg::Es256),
        KeyAlgorithm::EdDsa => Published::Signature(Alg::EdDsa),
        KeyAlgorithm::RsaOaep => Published::Encryption(KeyManagement::RsaOaep),
        KeyAlgorithm::RsaOaep256 => Published::Encryption(KeyManagement::RsaOaep256),
        KeyAlgorithm::EcdhEs => Published::Encryption(KeyManagement::EcdhEs),
        KeyAlgorithm::EcdhEsA256Kw => Published::Encryption(KeyManagement::EcdhEsA256kw),
    }
}
