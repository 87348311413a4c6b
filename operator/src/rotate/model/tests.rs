//! What must hold whatever happens, and the search for what breaks it.

use fapi_crds::KeyState;
use stateright::{Checker, HasDiscoveries, Model as _, Property};

use super::world::{Revision, Stored, World};
use super::{Rotation, Scene, Without};

const END: &str = "a rotation comes to its end";

pub(super) fn properties() -> Vec<Property<Rotation>> {
    vec![
        Property::always("I3: whatever JWKS somebody holds has every key that a token needs", known),
        Property::always("I3: every pod shows every key that a token needs", shown),
        Property::always("I4: what signs, or is about to, has its private half", held),
        Property::always("I4: one rotation leads to one new key that signs", single),
        Property::sometimes(END, |_, world: &World| finished(world)),
    ]
}

fn needed(world: &World) -> impl Iterator<Item = &str> {
    let keys = world.keys.iter().zip(&world.tokens);
    keys.filter(|(_, valid)| **valid).map(|(key, _)| key.facts.kid.as_str())
}

fn has(revision: &Revision, kid: &str) -> bool {
    revision.iter().any(|(known, _)| known == kid)
}

fn known(_: &Rotation, world: &World) -> bool {
    let mut held = world.revisions.iter().zip(&world.cached).filter(|(_, cached)| **cached);
    held.all(|(revision, _)| needed(world).all(|kid| has(revision, kid)))
}

fn shown(_: &Rotation, world: &World) -> bool {
    let mut serving = world.pods.iter().filter(|pod| world.serves(pod));
    serving.all(|pod| needed(world).all(|kid| has(&world.revisions[usize::from(pod.loaded) - 1], kid)))
}

fn held(_: &Rotation, world: &World) -> bool {
    let signs = |key: &&Stored| matches!(key.facts.state, KeyState::Published | KeyState::Active);
    world.keys.iter().filter(signs).all(|key| key.private)
}

fn single(rotation: &Rotation, world: &World) -> bool {
    let signed = world.keys.iter().filter(|key| key.facts.activated_at.is_some()).count();
    signed <= usize::from(rotation.scene == Scene::Rotation) + 1
}

fn finished(world: &World) -> bool {
    world.keys.iter().any(|key| key.facts.state == KeyState::Retired && key.facts.removal_acked_at.is_some())
}

/// Looks at every state, or at the first so many, and says how many there were.
fn explore(model: Rotation, states: usize, way: Way) -> Result<Vec<&'static str>, String> {
    let name = format!("{:?}, {} pods, {} operators", model.scene, model.pods, model.operators);
    let ends = if model.without == Without::Nothing {
        HasDiscoveries::AllFailures
    } else {
        HasDiscoveries::AnyFailures
    };
    let checker = model.checker().threads(2).target_state_count(states).finish_when(ends);
    match way {
        Way::Wide => judge(&name, states, &checker.spawn_bfs().join()),
        Way::Deep => judge(&name, states, &checker.spawn_dfs().join()),
    }
}

/// In which order states are looked at, where not all of them can be.
#[derive(Clone, Copy)]
enum Way {
    /// Those first that few events lead to.
    Wide,
    /// To the end of one story, then of another.
    Deep,
}

/// The good that was seen, or the first evil.
fn judge(name: &str, states: usize, checker: &impl Checker<Rotation>) -> Result<Vec<&'static str>, String> {
    let all = if checker.state_count() < states { "all" } else { "the first" };
    println!("{name}: {all} {} states, after {} steps", checker.unique_state_count(), checker.state_count());
    let mut seen = Vec::new();
    for (property, path) in checker.discoveries() {
        if property != END {
            let last = path.last_state().clone();
            return Err(format!("{property}: {:#?} ends in {last:#?}", path.into_actions()));
        }
        seen.push(property);
    }
    Ok(seen)
}

/// Where to stop where there are too many, unless `FAPI_MODEL_STATES` says otherwise.
fn most() -> usize {
    std::env::var("FAPI_MODEL_STATES").map_or(100_000, |states| states.parse().unwrap())
}

const fn rotation(pods: usize, operators: usize) -> Rotation {
    Rotation { scene: Scene::Rotation, pods, operators, without: Without::Nothing }
}

/// I3, I4.
#[test]
fn one_operator_rotates_whatever_happens() {
    assert_eq!(explore(rotation(2, 1), usize::MAX, Way::Wide), Ok(vec![END]));
}

/// I3, I4: the lease saves work, and safety does not rest on it.
#[test]
fn two_operators_that_both_lead_rotate_as_one() {
    assert_eq!(explore(rotation(3, 2), most(), Way::Deep), Ok(vec![END]));
    explore(rotation(1, 2), most(), Way::Wide).unwrap();
}

/// I3, I4.
#[test]
fn the_first_key_is_made_once_whatever_happens() {
    let begin = |operators| Rotation { scene: Scene::Bootstrap, ..rotation(2, operators) };
    explore(begin(1), usize::MAX, Way::Wide).unwrap();
    explore(begin(2), most(), Way::Wide).unwrap();
}

/// The test of the tests above: what others leave out is missed here.
#[test]
fn without_one_of_its_waits_a_rotation_breaks() {
    for without in [Without::Acknowledgement, Without::Dwell, Without::Retention] {
        let broken = explore(Rotation { without, ..rotation(2, 1) }, usize::MAX, Way::Wide);
        assert!(broken.as_ref().is_err_and(|property| property.starts_with("I3")), "{without:?}: {broken:?}");
    }
}
