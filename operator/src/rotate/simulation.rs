//! The promise, in a world that does not cooperate: a relying party that honours `max-age` never meets an unknown kid (I3), while
//! pods lag, freeze, come and go and lose readiness, the operator is killed between any two writes, and people change timings.
//!
//! The policies that others use fail here (`spec/operator.md` 3.2): the test of the test is `without_the_dwell_somebody_is_surprised`.

use std::collections::{BTreeMap, BTreeSet};

use fapi_core::{Lifetime, Timestamp};
use fapi_crds::KeyAlgorithm;
use fapi_crds::signing_key::{Day, Window};
use proptest::prelude::*;

use super::Windows;
use super::stage::{Pod, Stage, line, pod};

const TICK: i64 = 20;

/// A source of choices from one seed, so that a failure can be run again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.roll(chances) == 0
    }
}

struct RelyingParty {
    jwks: BTreeSet<String>,
    stale_at: Timestamp,
}

struct World {
    stage: Stage,
    dice: Dice,
    /// Not before when each pod loads what is published.
    due: Vec<Timestamp>,
    parties: Vec<RelyingParty>,
    /// Until when something signed with a key is valid.
    tokens: BTreeMap<String, Timestamp>,
    rotations: BTreeSet<String>,
    verified: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let pods = 1 + usize::try_from(dice.roll(4)).unwrap();
        let mut stage = Stage::new(vec![line("k", KeyAlgorithm::Es256)], pods);
        if dice.one_in(2) {
            stage.lines[0].policy.windows = now_and_then();
        }
        let due = vec![stage.now; pods];
        let parties = (0..12).map(|_| RelyingParty { jwks: BTreeSet::new(), stale_at: stage.now }).collect();
        Self { stage, dice, due, parties, tokens: BTreeMap::new(), rotations: BTreeSet::new(), verified: 0 }
    }

    /// A successor takes over in a window, if there are any.
    fn in_time(&self) -> Result<(), String> {
        let line = &self.stage.lines[0];
        let mut keys: Vec<_> = line.keys.iter().filter_map(|key| key.activated_at).collect();
        keys.sort_unstable();
        let successors = keys.iter().skip(1).filter(|at| !line.policy.windows.are_open(**at));
        successors.map(|at| Err(format!("activated outside a window, at {at}"))).next().unwrap_or(Ok(()))
    }

    fn tick(&mut self) -> Result<(), String> {
        self.stage.pass(TICK);
        self.people();
        self.operator();
        self.pods();
        self.sign();
        self.in_time()?;
        self.verify()
    }

    /// Timings change now and then.
    fn people(&mut self) {
        let policy = &mut self.stage.lines[0].policy;
        if self.dice.one_in(400) {
            policy.jwks_max_age =
                Lifetime::seconds([60, 300, 900, 1800][usize::try_from(self.dice.roll(4)).unwrap()]);
        }
        if self.dice.one_in(400) {
            policy.max_token_lifetime =
                Lifetime::seconds([60, 300, 1200][usize::try_from(self.dice.roll(3)).unwrap()]);
        }
    }

    /// Killed before each write and before publishing, now and then.
    fn operator(&mut self) {
        if self.dice.one_in(8) {
            return;
        }
        for transition in self.stage.due() {
            if self.dice.one_in(10) {
                return;
            }
            self.stage.write(&transition);
        }
        if !self.dice.one_in(10) {
            let before = self.stage.revisions.len();
            self.stage.publish();
            if self.stage.revisions.len() > before {
                for due in &mut self.due {
                    // Seconds with a nudge, minutes without, most of an hour on a node that hangs.
                    let lag = match self.dice.roll(20) {
                        0 => 3000,
                        1..=4 => 90,
                        _ => 2,
                    };
                    *due = (*due)
                        .max(self.stage.now + Lifetime::seconds(i64::try_from(self.dice.roll(lag)).unwrap()));
                }
            }
        }
    }

    fn pods(&mut self) {
        let (now, latest) = (self.stage.now, self.stage.revisions.len());
        for (pod, due) in self.stage.pods.iter_mut().zip(&self.due) {
            if *due <= now {
                pod.loaded = latest;
            }
            if self.dice.one_in(60) {
                pod.ready = !pod.ready;
            }
        }
        if self.dice.one_in(80) && self.stage.pods.len() < 6 {
            let name = format!("pod at {now}");
            self.stage.pods.push(Pod { loaded: latest, ..pod(&name) });
            self.due.push(now);
        }
        if self.dice.one_in(80) && self.stage.pods.len() > 1 {
            let gone = usize::try_from(self.dice.roll(self.stage.pods.len() as u64)).unwrap();
            self.stage.pods.remove(gone);
            self.due.remove(gone);
        }
    }

    /// Every pod that gets requests signs with what it has loaded.
    fn sign(&mut self) {
        for pod in self.stage.pods.iter().filter(|pod| pod.ready) {
            let Some(revision) = pod.loaded.checked_sub(1).and_then(|index| self.stage.revisions.get(index))
            else {
                continue;
            };
            let Some(kid) = revision.signs_with() else { continue };
            self.rotations.insert(kid.to_owned());
            let expires = self.stage.now + revision.token_lifetime;
            let known = self.tokens.entry(kid.to_owned()).or_insert(expires);
            *known = (*known).max(expires);
        }
        let now = self.stage.now;
        self.tokens.retain(|_, expires| now < *expires);
    }

    /// Every relying party verifies every token that is valid, with a JWKS that it fetches from any pod, and no more often than it
    /// is told.
    fn verify(&mut self) -> Result<(), String> {
        let now = self.stage.now;
        for party in &mut self.parties {
            if party.stale_at <= now {
                let serving: Vec<&Pod> = self
                    .stage
                    .pods
                    .iter()
                    .filter(|pod| pod.ready && pod.loaded > 0)
                    .filter(|pod| self.stage.revisions[pod.loaded - 1].signs_with().is_some())
                    .collect();
                if serving.is_empty() {
                    continue;
                }
                let chosen = serving[usize::try_from(self.dice.roll(serving.len() as u64)).unwrap()];
                let revision = &self.stage.revisions[chosen.loaded - 1];
                party.jwks = revision.jwks();
                party.stale_at = now + revision.max_age;
            }
            for kid in self.tokens.keys() {
                self.verified += 1;
                if !party.jwks.contains(kid) {
                    return Err(format!("unknown kid {kid} at {now}"));
                }
            }
        }
        Ok(())
    }
}

/// Every three hours, for one, by the clocks of Lisbon.
fn now_and_then() -> Windows {
    let days = vec![Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
    let at = |hour: u8| Window {
        days: days.clone(),
        start: format!("{hour:02}:30"),
        duration: "1h".parse().unwrap(),
        time_zone: "Europe/Lisbon".to_owned(),
    };
    Windows::parse(&(0..8).map(|third| at(third * 3)).collect::<Vec<_>>()).unwrap()
}

fn run(seed: u64, ticks: usize, mut spoil: impl FnMut(&mut World)) -> Result<World, String> {
    let mut world = World::new(seed);
    for _ in 0..ticks {
        spoil(&mut world);
        world.tick()?;
    }
    Ok(world)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// I3, KEY-09.
    #[test]
    fn nobody_who_honours_max_age_meets_an_unknown_kid(seed in any::<u64>()) {
        match run(seed, 2400, |_| {}) {
            Ok(world) => prop_assert!(world.verified > 1000, "nothing was shown"),
            Err(error) => prop_assert!(false, "I3: {}", error),
        }
    }
}

#[test]
fn keys_do_rotate_meanwhile() {
    let rotations: usize =
        (0..8).map(|seed| run(seed, 2400, |_| {}).map_or(0, |world| world.rotations.len())).sum();
    assert!(rotations > 8 * 3, "{rotations} keys in 8 times 13 hours");
}

/// The same world with the waits taken away: if nobody were surprised here, the test above would show nothing.
#[test]
fn without_the_dwell_somebody_is_surprised() {
    let impatient = |world: &mut World| {
        let now = world.stage.now;
        for key in &mut world.stage.lines[0].keys {
            if key.published_acked_at.is_some() {
                key.published_acked_at = Some(now - Lifetime::days(1));
            }
        }
    };
    assert!((0..20).any(|seed| run(seed, 2400, impatient).is_err()));
}

#[test]
fn without_the_retention_somebody_is_surprised() {
    let forgetful = |world: &mut World| {
        let now = world.stage.now;
        for key in &mut world.stage.lines[0].keys {
            if key.demotion_acked_at.is_some() {
                key.demotion_acked_at = Some(now - Lifetime::days(1));
            }
        }
    };
    assert!((0..20).any(|seed| run(seed, 2400, forgetful).is_err()));
}
