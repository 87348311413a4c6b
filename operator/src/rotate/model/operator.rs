//! What an operator does with what it has read.

use fapi_core::{Lifetime, Timestamp};
use fapi_crds::KeyAlgorithm;
use zeroize::Zeroizing;

use super::world::{Pod, Revision, Stored, View, World};
use super::{Rotation, Without, rules};
use crate::fixture::SIGNER;
use crate::rotate::stage::{START, line};
use crate::rotate::{Acknowledgements, Change, FoundKey, KeyFacts, KeyLine, key_set, step};

/// More than one rotation makes when everything goes well.
const MOST_KEYS: usize = 4;

/// The line as an operator saw it.
fn seen_line(view: &View) -> KeyLine {
    let mut line = line("k", KeyAlgorithm::Es256);
    line.policy = rules();
    for key in &view.keys {
        if !key.private && key.facts.needs_private() {
            line.lost.insert(key.facts.kid.clone());
        }
        line.keys.push(key.facts.clone());
    }
    line
}

impl Rotation {
    /// One write of an operator, and what it knows then.
    pub(super) fn write(&self, world: &mut World, operator: usize) -> Option<()> {
        let view = world.operators[operator].view.clone()?;
        let pods = view.pods.as_ref()?;
        let now = START + Lifetime::minutes(i64::from(world.operators[operator].fast));
        let mut line = seen_line(&view);
        self.weaken(&mut line, now);
        let acks = Acknowledgements {
            revision: u64::from(view.revision),
            pods: pods.iter().enumerate().map(|(index, pod)| world.seen(pod, index)).collect(),
        };
        let acks = if self.without == Without::Acknowledgement { all_agree(world, &acks) } else { acks };
        let lines = [line];
        let due = step(&lines, &acks, &world.document(view.revision), now);
        match due.into_iter().next().map(|transition| transition.change) {
            None => Self::publish(world, operator, &view, &lines, now),
            Some(Change::Generate(birth)) => {
                if world.keys.len() == MOST_KEYS {
                    return None;
                }
                let kid = format!("key {}", world.keys.len());
                let key = Stored { facts: birth.facts(&kid, "k", now), private: true };
                world.keys.push(key.clone());
                world.tokens.push(false);
                world.operators[operator].view.as_mut()?.keys.push(key);
            }
            Some(Change::Write { facts, .. }) => {
                let of = |keys: &[Stored]| keys.iter().position(|key| key.facts.kid == facts.kid);
                let (seen, key) = (of(&view.keys)?, of(&world.keys)?);
                if world.keys[key].facts != view.keys[seen].facts {
                    world.forget(operator);
                    return Some(());
                }
                let facts = restored(*facts, &world.keys[key].facts);
                world.keys[key].facts = facts.clone();
                world.operators[operator].view.as_mut()?.keys[seen].facts = facts;
            }
            Some(Change::Forget { .. }) => world.forget(operator),
        }
        Some(())
    }

    /// When nothing is due: private halves that nobody needs go, and a revision is published if it differs.
    fn publish(world: &mut World, operator: usize, view: &View, lines: &[KeyLine], now: Timestamp) {
        world.forget(operator);
        let found: Vec<FoundKey> = lines[0]
            .keys
            .iter()
            .map(|facts| FoundKey {
                facts: facts.clone(),
                public: SIGNER.public().clone(),
                private: (!lines[0].lost.contains(&facts.kid)).then(|| Zeroizing::new("{}".to_owned())),
            })
            .collect();
        for facts in lines[0].keys.iter().filter(|facts| !facts.needs_private()) {
            for key in world.keys.iter_mut().filter(|key| key.facts.kid == facts.kid) {
                key.private = false;
            }
        }
        let set = key_set(lines, &found, now);
        let revision: Revision = set.public.into_iter().map(|key| (key.kid, key.state)).collect();
        let before = usize::from(view.revision).checked_sub(1).map(|at| &world.revisions[at]);
        if before != Some(&revision) && world.revisions.len() == usize::from(view.revision) {
            world.revisions.push(revision);
            world.cached.push(false);
        }
    }

    fn weaken(&self, line: &mut KeyLine, now: Timestamp) {
        let long_ago = Some(Timestamp::from_unix(now.as_unix() - 86_400));
        for key in &mut line.keys {
            match self.without {
                Without::Dwell if key.published_acked_at.is_some() => key.published_acked_at = long_ago,
                Without::Retention if key.demotion_acked_at.is_some() => key.demotion_acked_at = long_ago,
                _ => {}
            }
        }
    }
}

/// What [`Rotation::weaken`] changed was no fact.
fn restored(mut facts: KeyFacts, before: &KeyFacts) -> KeyFacts {
    facts.published_acked_at = before.published_acked_at.or(facts.published_acked_at);
    facts.demotion_acked_at = before.demotion_acked_at.or(facts.demotion_acked_at);
    facts
}

/// As if every pod had loaded at once what was published.
fn all_agree(world: &World, acks: &Acknowledgements) -> Acknowledgements {
    let pod = Pod { loaded: u8::try_from(acks.revision).unwrap(), away: false };
    let pods = (0..acks.pods.len()).map(|index| world.seen(&pod, index)).collect();
    Acknowledgements { revision: acks.revision, pods }
}
