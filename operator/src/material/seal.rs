//! The sealing keys of a Workspace: which of them seals, and which only open? A pure function of what the Secret `<ws>-seal` holds,
//! of what the pods confirm, and of the time (`spec/operator.md` 3: the machine of signing keys, without the dwell).
//!
//! ```text
//!        every pod can open with it        no pod seals with it, and what it sealed is over
//!  Next ───────────────────────────► Seals ─────► Former ────────────────────────────────► erased
//! ```
//!
//! The keys are in `seal.json`, that which seals first; the facts beside it, in `rotation.json`. Facts that are missing or
//! unreadable are begun anew, which is safe: a key seals only where it stands first, and one that stands elsewhere opens until its
//! time is over once more.

use std::collections::BTreeMap;

use fapi_config::{LONGEST_SEALED, SealKey, SecretKey32};
use fapi_core::{Lifetime, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::rotation::{Outlook, Step, Surroundings};
use super::{MaterialError, random};

/// How long a key seals before the next is made.
const INTERVAL: Lifetime = Lifetime::days(30);

/// How long a key opens once no pod seals with it. A day more than anything lasts, for clocks that go wrong.
const RETENTION: Lifetime = Lifetime::days(1 + LONGEST_SEALED.as_seconds() / 86_400);

pub(super) const SEAL_KEY: &str = "seal.json";
pub(super) const FACTS_KEY: &str = "rotation.json";

/// The sealing keys, that which seals first.
#[derive(Clone, Debug)]
pub struct SealRing {
    keys: Vec<RingKey>,
    /// The wish that the last rotation answered.
    trigger: Option<String>,
}

#[derive(Clone, Debug)]
struct RingKey {
    key: SealKey,
    stage: Stage,
}

/// Where a sealing key is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "stage")]
enum Stage {
    /// Seals.
    Seals {
        /// Since when.
        since: Timestamp,
    },
    /// Opens, and will seal.
    Next {
        /// When it was made.
        made: Timestamp,
    },
    /// Opens what it has sealed.
    Former {
        /// When the last pod had stopped sealing with it.
        confirmed: Option<Timestamp>,
    },
}

/// What is to be done next.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Change {
    /// No pod seals with this one any more.
    Confirm(String),
    /// This one opens nothing that could still come.
    Erase(String),
    /// Make the next.
    Make,
    /// The next one seals.
    Switch,
}

impl SealRing {
    /// What a Workspace begins with.
    pub(super) fn first(now: Timestamp) -> Result<Self, MaterialError> {
        let key = RingKey { key: seal_key()?, stage: Stage::Seals { since: now } };
        Ok(Self { keys: vec![key], trigger: None })
    }

    /// For the pods: the first seals, all open.
    pub fn keys(&self) -> Vec<SealKey> {
        self.keys.iter().map(|one| one.key.clone()).collect()
    }

    /// Takes every step that can be taken now, and says which.
    pub(super) fn advance(&mut self, around: &Surroundings) -> Result<Vec<Step>, MaterialError> {
        let mut steps = Vec::new();
        while let Some(change) = self.next_change(around) {
            steps.extend(self.take(&change, around)?);
        }
        Ok(steps)
    }

    /// The rules, in the order in which they are asked.
    fn next_change(&self, around: &Surroundings) -> Option<Change> {
        // Noted whatever else is held: the time counts from here.
        let unsealed = self.keys.iter().find(|one| {
            one.stage == Stage::Former { confirmed: None }
                && around.all(|pod| pod.seal_keys.first().is_some_and(|first| *first != one.key.id))
        });
        if let Some(former) = unsealed {
            return Some(Change::Confirm(former.key.id.clone()));
        }
        if around.suspended {
            return None;
        }
        let over = |one: &&RingKey| matches!(one.stage, Stage::Former { confirmed: Some(at) } if around.now >= at + RETENTION);
        if let Some(former) = self.keys.iter().find(over) {
            return Some(Change::Erase(former.key.id.clone()));
        }
        if let Some(next) = self.next() {
            let held_by_all = around.all(|pod| pod.seal_keys.contains(&next.key.id));
            return held_by_all.then_some(Change::Switch);
        }
        let wished = around.wishes.seal.is_some() && around.wishes.seal != self.trigger;
        let due = self.sealing_since().is_none_or(|since| around.now >= since + INTERVAL);
        (wished || due).then_some(Change::Make)
    }

    fn take(&mut self, change: &Change, around: &Surroundings) -> Result<Option<Step>, MaterialError> {
        let now = around.now;
        Ok(match change {
            Change::Confirm(id) => {
                let former = self.keys.iter_mut().find(|one| one.key.id == *id);
                if let Some(former) = former {
                    former.stage = Stage::Former { confirmed: Some(now) };
                }
                None
            }
            Change::Erase(id) => {
                self.keys.retain(|one| one.key.id != *id);
                Some(Step::SealingKeyErased)
            }
            Change::Make => {
                // Beside the one that seals: pods of every version seal with the first.
                let next = RingKey { key: seal_key()?, stage: Stage::Next { made: now } };
                self.keys.insert(1.min(self.keys.len()), next);
                self.trigger.clone_from(&around.wishes.seal);
                Some(Step::SealingKeyMade)
            }
            Change::Switch => {
                for one in &mut self.keys {
                    one.stage = match one.stage {
                        Stage::Next { .. } => Stage::Seals { since: now },
                        Stage::Seals { .. } => Stage::Former { confirmed: None },
                        former @ Stage::Former { .. } => former,
                    };
                }
                self.keys.sort_by_key(|one| !matches!(one.stage, Stage::Seals { .. }));
                Some(Step::SealingKeySwitched)
            }
        })
    }

    fn next(&self) -> Option<&RingKey> {
        self.keys.iter().find(|one| matches!(one.stage, Stage::Next { .. }))
    }

    fn sealing_since(&self) -> Option<Timestamp> {
        self.keys.iter().find_map(|one| match one.stage {
            Stage::Seals { since } => Some(since),
            _ => None,
        })
    }

    /// When there is something to do next.
    pub(super) fn outlook(&self, suspended: bool) -> Outlook {
        let unconfirmed = self.keys.iter().any(|one| one.stage == Stage::Former { confirmed: None });
        let made =
            self.next().is_none().then(|| self.sealing_since().map(|since| since + INTERVAL)).flatten();
        let erased = self.keys.iter().filter_map(|one| match one.stage {
            Stage::Former { confirmed: Some(at) } => Some(at + RETENTION),
            _ => None,
        });
        Outlook {
            wake: made.into_iter().chain(erased).min().filter(|_| !suspended),
            waits_for_pods: unconfirmed || (self.next().is_some() && !suspended),
        }
    }

    /// Data of the Secret `<ws>-seal`.
    pub(super) fn data(&self) -> BTreeMap<String, Vec<u8>> {
        let keys = self
            .keys
            .iter()
            .map(|one| StoredKey { id: one.key.id.clone(), key: one.key.key.to_base64url().to_string() });
        let keys = Stored { keys: keys.collect() };
        let facts = Facts {
            keys: self.keys.iter().map(|one| (one.key.id.clone(), one.stage)).collect(),
            trigger: self.trigger.clone(),
        };
        BTreeMap::from([
            (SEAL_KEY.to_owned(), fapi_config::canonical::to_vec(&keys).unwrap_or_default()),
            (FACTS_KEY.to_owned(), fapi_config::canonical::to_vec(&facts).unwrap_or_default()),
        ])
    }

    /// Reads them back.
    pub(super) fn read(
        secret: &str,
        data: &BTreeMap<String, Vec<u8>>,
        now: Timestamp,
    ) -> Result<Self, MaterialError> {
        let damaged = || MaterialError::Damaged { secret: secret.to_owned(), key: SEAL_KEY };
        let stored: Stored =
            serde_json::from_slice(data.get(SEAL_KEY).ok_or_else(damaged)?).map_err(|_| damaged())?;
        let facts = data.get(FACTS_KEY).and_then(|bytes| serde_json::from_slice(bytes).ok());
        let Facts { keys: stages, trigger } = facts.unwrap_or_default();
        let mut keys = Vec::with_capacity(stored.keys.len());
        for StoredKey { id, key } in stored.keys {
            let key = SecretKey32::from_base64url(&Zeroizing::new(key)).ok_or_else(damaged)?;
            // Where a key stands is what the pods go by.
            let stage = match (keys.is_empty(), stages.get(&id)) {
                (true, Some(stage @ Stage::Seals { .. }))
                | (false, Some(stage @ (Stage::Next { .. } | Stage::Former { .. }))) => *stage,
                (true, _) => Stage::Seals { since: now },
                (false, _) => Stage::Former { confirmed: None },
            };
            keys.push(RingKey { key: SealKey { id, key }, stage });
        }
        if keys.is_empty() { Err(damaged()) } else { Ok(Self { keys, trigger }) }
    }
}

fn seal_key() -> Result<SealKey, MaterialError> {
    let [a, b, c, d, ..] = random()?;
    Ok(SealKey { id: format!("{a:02x}{b:02x}{c:02x}{d:02x}"), key: SecretKey32::from_bytes(random()?) })
}

/// `seal.json` of the Secret `<ws>-seal`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    id: String,
    key: String,
}

/// `rotation.json` beside it: no secret, and nothing that an earlier version would have to understand.
#[derive(Default, Serialize, Deserialize)]
struct Facts {
    keys: BTreeMap<String, Stage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trigger: Option<String>,
}

#[cfg(test)]
mod tests;
