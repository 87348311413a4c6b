//! The next step of a line: six states, four guards, in the order in which they are asked.

use fapi_config::KeyState as Published;
use fapi_config::state::PodState;
use fapi_core::Timestamp;
use fapi_crds::KeyState;

use super::acks::Confirmation;
use super::facts::KeyFacts;
use super::guard::{Guard, Surroundings};
use super::line::{KeyLine, rank};
use super::transition::{Birth, Change, Event, Transition, write};

impl KeyLine {
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
            // What was published since it was made counts too, even if no pod confirmed it: one may have served it.
            dwell_max_age: if around.ever_signed {
                Some(key.dwell_max_age.unwrap_or(around.held).max(around.held).max(self.policy.jwks_max_age))
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

    /// G4.
    fn retire(&self, around: &Surroundings<'_>) -> Option<Change> {
        let key = self.keys.iter().find(|key| {
            key.state == KeyState::Retiring && self.retirement_guard(key, around) == Guard::Open
        })?;
        let removed_revision = Some(around.acks.revision + 1);
        Some(write(KeyFacts { state: KeyState::Retired, removed_revision, ..key.clone() }, Event::Retired))
    }

    fn generate(&self, around: &Surroundings<'_>) -> Option<Change> {
        if self.next().is_some() || self.generation_due()? > around.now {
            return None;
        }
        Some(Change::Generate(Birth {
            algorithm: self.algorithm,
            import: self.policy.import && self.keys.is_empty(),
            trigger: self.policy.trigger.clone(),
            dwell_max_age: around.ever_signed.then(|| around.held.max(self.policy.jwks_max_age)),
        }))
    }

    /// A line that nobody wants: what never signed goes, what signs retires once another line does.
    fn wind_down(&self, around: &Surroundings<'_>) -> Option<Change> {
        let next = Some(around.acks.revision + 1);
        if let Some(key) = self.next() {
            let facts = KeyFacts { state: KeyState::Retired, removed_revision: next, ..key.clone() };
            return Some(write(facts, Event::Retired));
        }
        // A line that others encrypt to is taken back by deleting it, not by a mistake in its spec.
        let gives_way = if self.encrypts() { self.orphaned } else { around.another_signs };
        let active = self.active().filter(|_| gives_way)?;
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
}
