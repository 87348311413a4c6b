//! One key line and its next step: six states, four guards, in the order in which they are asked.

use std::collections::BTreeSet;

use fapi_config::state::PodState;
use fapi_config::{KeyState as Published, PublicKey};
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::signing_key::RotationMode;
use fapi_crds::{KeyAlgorithm, KeyState};

use super::acks::{Acknowledgements, Confirmation, Counting};
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
    /// Its timings.
    pub policy: Policy,
    /// Its keys, in any order.
    pub keys: Vec<KeyFacts>,
    /// Keys whose private half is needed and gone, from its own Secret and from the published one.
    pub lost: BTreeSet<String>,
}

/// What surrounds a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// What the pods say.
    pub acks: &'a Acknowledgements,
    /// Which of them count.
    pub counting: Counting,
    /// Whether a key of another line signs.
    pub another_signs: bool,
    /// Whether a key of any line has ever signed.
    pub ever_signed: bool,
    /// The keys of the document that is published.
    pub published: &'a [PublicKey],
    /// The time.
    pub now: Timestamp,
}

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
    trigger: Option<String>,
    dwell_max_age: Option<Lifetime>,
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

/// Whether a guard lets a key pass, and what it waits for if not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Guard {
    /// Now.
    Open,
    /// Pods that have not confirmed.
    Pods(Vec<String>),
    /// No pod serves, so nothing is confirmed.
    NoPods,
    /// Not before this time.
    Until(Timestamp),
}

impl KeyLine {
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

    /// At most one step.
    pub(super) fn step(&self, around: &Surroundings<'_>) -> Option<Transition> {
        let change = self
            .catch_up(around)
            .or_else(|| self.revoke(around))
            .or_else(|| self.demote())
            .or_else(|| self.lose(around))
            .or_else(|| self.raise())
            .or_else(|| self.confirm(around))
            .or_else(|| if self.is_held() { None } else { self.advance(around) })?;
        Some(Transition { signing_key: self.signing_key.clone(), change })
    }

    fn advance(&self, around: &Surroundings<'_>) -> Option<Change> {
        if !self.wanted {
            return self.wind_down(around).or_else(|| self.retire(around)).or_else(|| self.forget(around));
        }
        self.publish(around)
            .or_else(|| self.activate(around))
            .or_else(|| self.retire(around))
            .or_else(|| self.generate(around))
            .or_else(|| self.forget(around))
    }

    /// Suspended, and nothing is being revoked.
    fn is_held(&self) -> bool {
        self.policy.suspend && !self.active().is_some_and(|active| self.is_revoked(active))
    }

    /// A Secret that was restored from a backup may be behind what is published: it follows, towards more published and never
    /// towards less (`spec/operator.md` 3.4).
    fn catch_up(&self, around: &Surroundings<'_>) -> Option<Change> {
        let now = Some(around.now);
        let revision = Some(around.acks.revision);
        self.keys.iter().find_map(|key| {
            let published = around.published.iter().find(|published| published.kid == key.kid)?;
            let mut facts = key.clone();
            facts.published_revision = facts.published_revision.or(revision);
            let event = match (published.state, self.state_of(key)) {
                (Published::Published, KeyState::Generated) => {
                    facts.state = KeyState::Published;
                    facts.dwell_max_age = facts.dwell_max_age.or(Some(self.policy.jwks_max_age));
                    Event::Published
                }
                (Published::Active, KeyState::Generated | KeyState::Published) => {
                    facts.state = KeyState::Active;
                    (facts.activated_revision, facts.activated_at) = (revision, now);
                    Event::Activated
                }
                (Published::Retiring, KeyState::Generated | KeyState::Published | KeyState::Active) => {
                    facts.state = KeyState::Retiring;
                    facts.demoted_revision = revision;
                    Event::Demoted
                }
                _ => return None,
            };
            facts.max_token_lifetime = facts.max_token_lifetime.max(self.policy.max_token_lifetime);
            facts.seen_max_age = facts.seen_max_age.max(self.policy.jwks_max_age);
            Some(write(facts, event))
        })
    }

    /// A revoked key goes at once. Only the one that signs waits for its successor to be everywhere: a revocation is no outage.
    fn revoke(&self, around: &Surroundings<'_>) -> Option<Change> {
        let due = self.keys.iter().find(|key| {
            self.is_revoked(key)
                && !matches!(key.state, KeyState::Retired | KeyState::Revoked)
                && self.active().is_none_or(|active| active.kid != key.kid)
        })?;
        let removed_revision = Some(around.acks.revision + 1);
        let facts = KeyFacts {
            state: KeyState::Revoked,
            revoked_at: Some(around.now),
            removed_revision,
            ..due.clone()
        };
        Some(write(facts, Event::Revoked))
    }

    /// The other half of an activation (G3): the predecessor's own Secret learns of it.
    fn demote(&self) -> Option<Change> {
        let old = self
            .keys
            .iter()
            .find(|key| key.state == KeyState::Active && self.state_of(key) == KeyState::Retiring)?;
        let successor =
            self.keys.iter().filter(|key| key.state == KeyState::Active).max_by_key(|key| rank(key))?;
        let demoted_revision = successor.activated_revision;
        Some(write(KeyFacts { state: KeyState::Retiring, demoted_revision, ..old.clone() }, Event::Demoted))
    }

    /// A key without its private half cannot sign again. If it did, its public half stays while its tokens live.
    fn lose(&self, around: &Surroundings<'_>) -> Option<Change> {
        let key = self.keys.iter().find(|key| self.lost.contains(&key.kid) && key.needs_private())?;
        let next = Some(around.acks.revision + 1);
        Some(match key.state {
            KeyState::Active => write(
                KeyFacts { state: KeyState::Retiring, demoted_revision: next, ..key.clone() },
                Event::Demoted,
            ),
            // It was about to lose it anyway; that all pods stopped signing is still to be confirmed.
            KeyState::Retiring => return None,
            _ => write(
                KeyFacts { state: KeyState::Retired, removed_revision: next, ..key.clone() },
                Event::Retired,
            ),
        })
    }

    /// High-water marks, before anything that could outlive them is published.
    fn raise(&self) -> Option<Change> {
        let policy = &self.policy;
        self.keys.iter().find_map(|key| {
            let mut facts = key.clone();
            if matches!(key.state, KeyState::Published | KeyState::Active) {
                facts.seen_max_age = facts.seen_max_age.max(policy.jwks_max_age);
                facts.max_token_lifetime = facts.max_token_lifetime.max(policy.max_token_lifetime);
            }
            if key.state == KeyState::Published {
                facts.dwell_max_age = facts.dwell_max_age.map(|age| age.max(policy.jwks_max_age));
            }
            // Until every pod has stopped signing with it, a longer lifetime may still reach it.
            if key.state == KeyState::Retiring && key.demotion_acked_at.is_none() {
                facts.max_token_lifetime = facts.max_token_lifetime.max(policy.max_token_lifetime);
            }
            (facts != *key).then(|| write(facts, Event::Raised))
        })
    }

    /// Writes down when the last pod confirmed a step.
    fn confirm(&self, around: &Surroundings<'_>) -> Option<Change> {
        self.keys.iter().find_map(|key| {
            let (confirmation, mark): (_, fn(&mut KeyFacts) -> &mut Option<Timestamp>) = match key.state {
                KeyState::Published if key.published_acked_at.is_none() => {
                    (around.is_published(key), |facts| &mut facts.published_acked_at)
                }
                KeyState::Active if key.activation_acked_at.is_none() => {
                    let revision = key.activated_revision.unwrap_or(0);
                    let signs = |state: &PodState| state.active_kids.contains(&key.kid);
                    (around.confirm(revision, signs), |facts| &mut facts.activation_acked_at)
                }
                KeyState::Retiring if key.demotion_acked_at.is_none() => {
                    let revision = key.demoted_revision.unwrap_or(0);
                    let rests = |state: &PodState| !state.active_kids.contains(&key.kid);
                    (around.confirm(revision, rests), |facts| &mut facts.demotion_acked_at)
                }
                KeyState::Retired | KeyState::Revoked if key.removal_acked_at.is_none() => {
                    let revision = key.removed_revision.unwrap_or(0);
                    let gone = |state: &PodState| !state.published_kids.contains(&key.kid);
                    (around.confirm(revision, gone), |facts| &mut facts.removal_acked_at)
                }
                _ => return None,
            };
            if confirmation != Confirmation::All {
                return None;
            }
            let mut facts = key.clone();
            *mark(&mut facts) = Some(around.now);
            Some(write(facts, Event::Confirmed))
        })
    }

    /// G1: a new key is published at once.
    fn publish(&self, around: &Surroundings<'_>) -> Option<Change> {
        let key = self.keys.iter().find(|key| key.state == KeyState::Generated)?;
        let facts = KeyFacts {
            state: KeyState::Published,
            published_revision: Some(around.acks.revision + 1),
            dwell_max_age: if around.ever_signed {
                Some(key.dwell_max_age.unwrap_or(self.policy.jwks_max_age).max(self.policy.jwks_max_age))
            } else {
                key.dwell_max_age
            },
            seen_max_age: self.policy.jwks_max_age,
            max_token_lifetime: self.policy.max_token_lifetime,
            ..key.clone()
        };
        Some(write(facts, Event::Published))
    }

    /// G2, and with it G3: the successor signs and the predecessor stops, in one revision.
    fn activate(&self, around: &Surroundings<'_>) -> Option<Change> {
        let key = self.next().filter(|key| key.state == KeyState::Published)?;
        if self.activation_guard(key, around) != Guard::Open {
            return None;
        }
        let facts = KeyFacts {
            state: KeyState::Active,
            activated_revision: Some(around.acks.revision + 1),
            activated_at: Some(around.now),
            ..key.clone()
        };
        Some(write(facts, Event::Activated))
    }

    /// G2.
    pub(super) fn activation_guard(&self, key: &KeyFacts, around: &Surroundings<'_>) -> Guard {
        let confirmation = around.is_published(key);
        let Some(active) = self.active() else {
            let waited = match (key.dwell_max_age, key.published_acked_at) {
                // Bootstrap: nobody holds a JWKS without it. Acknowledgement is needed all the same.
                (None, _) => None,
                // Nobody can sign: a relying party that meets an unknown kid is the lesser evil.
                (Some(_), _) if !around.another_signs => None,
                // The first key of an algorithm beside others.
                (Some(max_age), Some(acked)) => Some(acked + self.policy.caches(max_age)),
                (Some(_), None) => return pods(confirmation),
            };
            return match waited {
                Some(earliest) if around.now < earliest => Guard::Until(earliest),
                _ => pods(confirmation),
            };
        };
        if self.is_revoked(active) {
            // Relying parties will meet an unknown kid and fetch again: better than trusting a stolen key. Nor may a pod that
            // hangs keep it in use.
            let patience = key.generated_at + self.policy.floors.convergence;
            let nobody = confirmation == Confirmation::NoPods;
            return if nobody || around.now >= patience { Guard::Open } else { pods(confirmation) };
        }
        let Some(acked) = key.published_acked_at else { return pods(confirmation) };
        let max_age = key.dwell_max_age.unwrap_or(self.policy.jwks_max_age);
        let rested = acked + self.policy.dwell(max_age);
        let due = if key.trigger == active.trigger && self.policy.mode == RotationMode::Automatic {
            active.activated_at.map_or(rested, |since| since + self.policy.interval)
        } else {
            key.generated_at
        };
        let earliest = rested.max(due);
        if around.now < earliest { Guard::Until(earliest) } else { pods(confirmation) }
    }

    /// G4.
    fn retire(&self, around: &Surroundings<'_>) -> Option<Change> {
        let key = self.keys.iter().find(|key| {
            key.state == KeyState::Retiring && self.retirement_guard(key, around) == Guard::Open
        })?;
        let removed_revision = Some(around.acks.revision + 1);
        Some(write(KeyFacts { state: KeyState::Retired, removed_revision, ..key.clone() }, Event::Retired))
    }

    /// G4: the clock starts when the last pod stopped signing with it, not when the operator decided.
    pub(super) fn retirement_guard(&self, key: &KeyFacts, around: &Surroundings<'_>) -> Guard {
        let Some(acked) = key.demotion_acked_at else {
            let revision = key.demoted_revision.unwrap_or(0);
            return pods(around.confirm(revision, |state| !state.active_kids.contains(&key.kid)));
        };
        let earliest = acked + self.policy.retention(key.max_token_lifetime);
        if around.now < earliest { Guard::Until(earliest) } else { Guard::Open }
    }

    fn generate(&self, around: &Surroundings<'_>) -> Option<Change> {
        if self.next().is_some() || self.generation_due()? > around.now {
            return None;
        }
        let seen = self.active().map_or(self.policy.jwks_max_age, |active| active.seen_max_age);
        Some(Change::Generate(Birth {
            algorithm: self.algorithm,
            trigger: self.policy.trigger.clone(),
            dwell_max_age: around.ever_signed.then(|| seen.max(self.policy.jwks_max_age)),
        }))
    }

    /// When the next key is due to be made; never, in manual mode without a new trigger.
    pub(super) fn generation_due(&self) -> Option<Timestamp> {
        let past = Timestamp::from_unix(i64::MIN);
        let Some(active) = self.active() else { return Some(past) };
        let triggered = self.policy.trigger.is_some() && self.policy.trigger != active.trigger;
        if triggered || self.is_revoked(active) {
            return Some(past);
        }
        if self.policy.mode != RotationMode::Automatic {
            return None;
        }
        let since = active.activated_at.unwrap_or(active.generated_at);
        Some(since + self.policy.interval - self.policy.lead(active.seen_max_age))
    }

    /// A line that nobody wants: what never signed goes, what signs retires once another line does.
    fn wind_down(&self, around: &Surroundings<'_>) -> Option<Change> {
        let next = Some(around.acks.revision + 1);
        if let Some(key) = self.next() {
            let facts = KeyFacts { state: KeyState::Retired, removed_revision: next, ..key.clone() };
            return Some(write(facts, Event::Retired));
        }
        let active = self.active().filter(|_| around.another_signs)?;
        let facts = KeyFacts { state: KeyState::Retiring, demoted_revision: next, ..active.clone() };
        Some(write(facts, Event::Demoted))
    }

    /// Retired keys beyond the history, oldest first, once every pod has dropped them.
    fn forget(&self, around: &Surroundings<'_>) -> Option<Change> {
        let mut past: Vec<&KeyFacts> = self
            .keys
            .iter()
            .filter(|key| matches!(key.state, KeyState::Retired | KeyState::Revoked))
            .collect();
        past.sort_by_key(|key| std::cmp::Reverse((key.generated_at, key.kid.as_str())));
        let key = past
            .into_iter()
            .skip(self.policy.history_limit)
            .rfind(|key| key.removal_acked_at.is_some() && !self.is_denied(key, around.now))?;
        Some(Change::Forget { kid: key.kid.clone() })
    }

    /// Whether a revoked key is on the pods' deny list: as long as something it signed could otherwise be accepted.
    pub fn is_denied(&self, key: &KeyFacts, now: Timestamp) -> bool {
        key.state == KeyState::Revoked
            && key.removal_acked_at.is_none_or(|acked| {
                now < acked
                    + self.policy.retention(key.max_token_lifetime.max(self.policy.max_token_lifetime))
            })
    }

    fn is_revoked(&self, key: &KeyFacts) -> bool {
        self.policy.revoke.contains(&key.kid)
    }
}

impl Surroundings<'_> {
    /// Whether every pod that counts has a key in its JWKS and has signed and verified with it.
    fn is_published(&self, key: &KeyFacts) -> Confirmation {
        self.confirm(key.published_revision.unwrap_or(0), |state| {
            state.published_kids.contains(&key.kid) && state.signable_kids.contains(&key.kid)
        })
    }

    fn confirm(&self, revision: u64, test: impl Fn(&PodState) -> bool) -> Confirmation {
        self.acks.confirm(self.counting, revision, test)
    }
}

fn pods(confirmation: Confirmation) -> Guard {
    match confirmation {
        Confirmation::All => Guard::Open,
        Confirmation::Waiting(names) => Guard::Pods(names),
        Confirmation::NoPods => Guard::NoPods,
    }
}

fn write(facts: KeyFacts, event: Event) -> Change {
    Change::Write { facts: Box::new(facts), event }
}

/// Which of two active keys is the later one.
fn rank(key: &KeyFacts) -> (Option<u64>, Option<Timestamp>, &str) {
    (key.activated_revision, key.activated_at, key.kid.as_str())
}
