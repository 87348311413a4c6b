//! What may happen next.

use fapi_config::KeyState as Published;
use fapi_crds::{KeyAlgorithm, KeyState};
use stateright::{Model, Property};

use super::tests::properties;
use super::world::{Operator, Pod, Stored, View, World};
use super::{A_DAY_AGO, MINUTE, Rotation, Scene};
use crate::rotate::KeyFacts;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Minute,
    Read(usize),
    Ask(usize),
    Write(usize),
    Die(usize),
    TurnClock(usize),
    Load(usize),
    GoAway(usize),
    ComeBack(usize),
    Join,
}

impl Model for Rotation {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut world = World {
            keys: Vec::new(),
            revisions: Vec::new(),
            pods: vec![Pod { loaded: 0, away: false }; self.pods],
            operators: vec![Operator::default(); self.operators],
            cached: Vec::new(),
            tokens: Vec::new(),
        };
        if self.scene == Scene::Rotation {
            let long_ago = Some(A_DAY_AGO);
            let facts = KeyFacts {
                state: KeyState::Active,
                published_revision: Some(1),
                published_acked_at: long_ago,
                activated_revision: Some(1),
                activated_at: long_ago,
                activation_acked_at: long_ago,
                seen_max_age: MINUTE,
                max_token_lifetime: MINUTE,
                ..KeyFacts::generated("key 0", "k", KeyAlgorithm::Es256, A_DAY_AGO)
            };
            world.keys.push(Stored { facts, private: true });
            world.revisions.push(vec![("key 0".to_owned(), Published::Active)]);
            world.cached.push(false);
            world.tokens.push(false);
            world.pods.iter_mut().for_each(|pod| pod.loaded = 1);
            world.live();
        }
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.push(Action::Minute);
        for (index, operator) in world.operators.iter().enumerate() {
            match &operator.view {
                None => actions.push(Action::Read(index)),
                Some(View { pods: None, .. }) => actions.extend([Action::Ask(index), Action::Die(index)]),
                Some(_) => actions.extend([Action::Write(index), Action::Die(index)]),
            }
            actions.push(Action::TurnClock(index));
        }
        let latest = u8::try_from(world.revisions.len()).unwrap();
        for (index, pod) in world.pods.iter().enumerate() {
            if index > 0 && world.pods[index - 1] == *pod {
                continue;
            }
            if pod.away {
                actions.push(Action::ComeBack(index));
            } else {
                actions.push(Action::GoAway(index));
                if pod.loaded < latest {
                    actions.push(Action::Load(index));
                }
            }
        }
        if world.pods.len() < self.pods + 1 {
            actions.push(Action::Join);
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        let latest = u8::try_from(world.revisions.len()).unwrap();
        match action {
            Action::Minute => {
                world.pass(1);
                world.tokens.fill(false);
                world.cached.fill(false);
            }
            Action::Read(index) => {
                let keys = world.keys.iter();
                world.operators[index].view =
                    Some(View { keys: keys.cloned().collect(), revision: latest, pods: None });
            }
            Action::Ask(index) => {
                let mut pods = world.pods.clone();
                pods.dedup();
                world.operators[index].view.as_mut()?.pods = Some(pods);
            }
            Action::Write(index) => self.write(&mut world, index)?,
            Action::Die(index) => world.forget(index),
            Action::TurnClock(index) => world.operators[index].fast ^= 1,
            Action::Load(index) => world.pods[index].loaded = latest,
            Action::GoAway(index) => world.pods[index].away = true,
            // A pod that starts, and one that comes back, looks at its files before it is ready.
            Action::ComeBack(index) => world.pods[index] = Pod { loaded: latest, away: false },
            Action::Join => world.pods.push(Pod { loaded: latest, away: false }),
        }
        world.live();
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}
