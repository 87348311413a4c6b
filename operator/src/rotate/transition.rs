//! What is to be done for a line: one write, and what it means.

use fapi_core::{Lifetime, Timestamp};
use fapi_crds::KeyAlgorithm;

use super::facts::KeyFacts;

/// The next step of one line: write it, then ask again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transition {
    /// The line.
    pub signing_key: String,
    /// What to do.
    pub change: Change,
}

/// What to do for a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Make a key, and its two Secrets: [`Birth::facts`] says what stands on them.
    Generate(Birth),
    /// Write these facts to the key's Secret, with the `resourceVersion` that was read as precondition.
    Write {
        /// The facts as they are now.
        facts: Box<KeyFacts>,
        /// What happened.
        event: Event,
    },
    /// Delete the Secrets of a key that nobody needs to remember.
    Forget {
        /// The key.
        kid: String,
    },
}

/// A key to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Birth {
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// It is not made: it comes from where `import` says.
    pub import: bool,
    pub(super) trigger: Option<String>,
    pub(super) dwell_max_age: Option<Lifetime>,
}

impl Birth {
    /// The facts of the key that was made.
    pub fn facts(&self, kid: &str, signing_key: &str, now: Timestamp) -> KeyFacts {
        KeyFacts {
            trigger: self.trigger.clone(),
            dwell_max_age: self.dwell_max_age,
            ..KeyFacts::generated(kid, signing_key, self.algorithm, now)
        }
    }
}

/// What happened to a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// It signs from the next revision on (G2, G3).
    Activated,
    /// All pods have confirmed its last step.
    Confirmed,
    /// Its successor signs (G3).
    Demoted,
    /// It enters the JWKS (G1).
    Published,
    /// A longer lifetime or max-age is in force than any before.
    Raised,
    /// It leaves the JWKS (G4).
    Retired,
    /// It is withdrawn.
    Revoked,
}

pub(super) fn write(facts: KeyFacts, event: Event) -> Change {
    Change::Write { facts: Box::new(facts), event }
}
