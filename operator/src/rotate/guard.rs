//! May a key take its next step, and if not, what does it wait for? G2 and G4, asked by the step itself and by the status.

use fapi_config::PublicKey;
use fapi_config::state::PodState;
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::signing_key::RotationMode;

use super::acks::{Acknowledgements, Confirmation, Counting};
use super::facts::KeyFacts;
use super::line::KeyLine;

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
    /// The longest max-age that any JWKS was published with while the keys that are in it now were: somebody may hold one still.
    pub held: Lifetime,
    /// The keys of the document that is published.
    pub published: &'a [PublicKey],
    /// The time.
    pub now: Timestamp,
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
    /// Not before this time: it is due, and no window is open.
    Window(Timestamp),
}

impl KeyLine {
    /// G2.
    pub(super) fn activation_guard(&self, key: &KeyFacts, around: &Surroundings<'_>) -> Guard {
        let confirmation = around.is_published(key);
        let Some(active) = self.active() else {
            // A client may use it as soon as it sees it, and nobody misses it before: only the pods are waited for.
            if self.encrypts() {
                return pods(confirmation);
            }
            let waited = match (key.dwell_max_age, key.published_acked_at) {
                // Bootstrap: nobody holds a JWKS without it. Acknowledgement is needed all the same.
                (None, _) => None,
                // Nobody can sign: a relying party that meets an unknown kid is the lesser evil.
                (Some(_), _) if !around.another_signs => None,
                // The first key of an algorithm beside others.
                (Some(max_age), Some(acked)) => Some(acked + self.policy.caches(max_age)),
                (Some(_), None) => return pods(confirmation),
            };
            let Some(earliest) = waited else { return pods(confirmation) };
            // What has signed before and is gone is missed; what is new is not.
            let missed = self.keys.iter().any(|key| key.activated_at.is_some());
            let opens = if missed { earliest } else { self.policy.windows.next(earliest.max(around.now)) };
            return from(earliest, opens, around.now).unwrap_or_else(|| pods(confirmation));
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
        let rested = acked + self.dwell(max_age);
        let due = if key.trigger == active.trigger && self.policy.mode == RotationMode::Automatic {
            active.activated_at.map_or(rested, |since| since + self.policy.interval)
        } else {
            key.generated_at
        };
        let earliest = rested.max(due);
        let opens = self.policy.windows.next(earliest.max(around.now));
        from(earliest, opens, around.now).unwrap_or_else(|| pods(confirmation))
    }

    /// G4: the clock starts when the last pod stopped signing with it or showing it, not when the operator decided.
    pub(super) fn retirement_guard(&self, key: &KeyFacts, around: &Surroundings<'_>) -> Guard {
        let Some(acked) = key.demotion_acked_at else {
            let revision = key.demoted_revision.unwrap_or(0);
            return pods(around.confirm(revision, |state| !state.active_kids.contains(&key.kid)));
        };
        let earliest = acked + self.retention(key);
        if around.now < earliest { Guard::Until(earliest) } else { Guard::Open }
    }

    /// When the interval is over and a window is open: the next key should take over then.
    pub(super) fn activation_due(&self) -> Option<Timestamp> {
        let active = self.active()?;
        let since = active.activated_at.unwrap_or(active.generated_at);
        Some(self.policy.windows.next(since + self.policy.interval))
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
        let policy = &self.policy;
        let lead = if self.encrypts() { policy.floors.convergence } else { policy.lead(active.seen_max_age) };
        Some(self.activation_due()? - lead)
    }

    /// How long a key waits before it takes over from another, once every pod holds it.
    fn dwell(&self, max_age: Lifetime) -> Lifetime {
        if self.encrypts() { Lifetime::seconds(0) } else { self.policy.dwell(max_age) }
    }

    /// How long a key is of use once no pod signs with it or shows it: what was encrypted to it comes from whoever kept the JWKS,
    /// and lives for a while itself.
    pub fn retention(&self, key: &KeyFacts) -> Lifetime {
        let retention = self.policy.retention(key.max_token_lifetime);
        if !self.encrypts() {
            return retention;
        }
        let zero = Timestamp::from_unix(0);
        (zero + self.policy.caches(key.seen_max_age) + retention) - zero
    }
}

impl Surroundings<'_> {
    /// Whether every pod that counts has a key in its JWKS and has signed and verified with it.
    pub(super) fn is_published(&self, key: &KeyFacts) -> Confirmation {
        self.confirm(key.published_revision.unwrap_or(0), |state| {
            state.published_kids.contains(&key.kid) && state.signable_kids.contains(&key.kid)
        })
    }

    pub(super) fn confirm(&self, revision: u64, test: impl Fn(&PodState) -> bool) -> Confirmation {
        self.acks.confirm(self.counting, revision, test)
    }
}

/// What there is to wait for until a time, and from then on until a window opens.
fn from(earliest: Timestamp, opens: Timestamp, now: Timestamp) -> Option<Guard> {
    match () {
        () if now >= opens => None,
        () if now >= earliest => Some(Guard::Window(opens)),
        () => Some(Guard::Until(opens)),
    }
}

fn pods(confirmation: Confirmation) -> Guard {
    match confirmation {
        Confirmation::All => Guard::Open,
        Confirmation::Waiting(names) => Guard::Pods(names),
        Confirmation::NoPods => Guard::NoPods,
    }
}
