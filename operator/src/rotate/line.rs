//! One key line: its keys, and which of them signs.

use std::collections::BTreeSet;

use fapi_core::Timestamp;
use fapi_crds::{KeyAlgorithm, KeyState, KeyUse};

use super::facts::KeyFacts;
use super::policy::Policy;

/// One algorithm's keys, from birth to history.
#[derive(Clone, Debug)]
pub struct KeyLine {
    /// The `SigningKey`.
    pub signing_key: String,
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// Whether the `SigningKey` exists and is accepted. If not, nothing new is made, and its active key retires once another
    /// line signs.
    pub wanted: bool,
    /// Whether the `SigningKey` is gone: accepted or not, nobody has taken it back otherwise.
    pub orphaned: bool,
    /// Its timings.
    pub policy: Policy,
    /// Its keys, in any order.
    pub keys: Vec<KeyFacts>,
    /// Keys whose private half is needed and gone, from its own Secret and from the published one.
    pub lost: BTreeSet<String>,
}

impl KeyLine {
    /// Whether others encrypt to its keys. Such a key goes the other way round (`spec/operator.md` 3): held by every pod before
    /// anybody is told, and held on after it left the JWKS.
    pub fn encrypts(&self) -> bool {
        self.algorithm.key_use() == KeyUse::Enc
    }

    /// Where a key is for everybody but its own Secret: of two active keys the one activated later signs, so that the step
    /// from one to the next is a single write.
    pub fn state_of(&self, key: &KeyFacts) -> KeyState {
        let superseded = key.state == KeyState::Active
            && self.keys.iter().any(|other| other.state == KeyState::Active && rank(other) > rank(key));
        if superseded { KeyState::Retiring } else { key.state }
    }

    /// The key that signs. One whose private half is lost does not.
    pub fn active(&self) -> Option<&KeyFacts> {
        self.keys.iter().find(|key| self.state_of(key) == KeyState::Active && !self.lost.contains(&key.kid))
    }

    /// The key that will sign next.
    pub fn next(&self) -> Option<&KeyFacts> {
        let pending = |key: &&KeyFacts| matches!(key.state, KeyState::Generated | KeyState::Published);
        self.keys.iter().filter(pending).max_by_key(|key| (key.generated_at, key.kid.as_str()))
    }

    /// Whether a revoked key is on the pods' deny list: as long as something it signed could otherwise be accepted.
    pub fn is_denied(&self, key: &KeyFacts, now: Timestamp) -> bool {
        key.state == KeyState::Revoked
            && key.removal_acked_at.is_none_or(|acked| {
                now < acked
                    + self.policy.retention(key.max_token_lifetime.max(self.policy.max_token_lifetime))
            })
    }

    pub(super) fn is_revoked(&self, key: &KeyFacts) -> bool {
        self.policy.revoke.contains(&key.kid)
    }
}

/// Which of two active keys is the later one.
pub(super) fn rank(key: &KeyFacts) -> (Option<u64>, Option<Timestamp>, &str) {
    (key.activated_revision, key.activated_at, key.kid.as_str())
}
