//! Every order of events, and not only those that dice find: three pods, two operators that both believe to lead, the keys of one
//! rotation. The operators take the same steps as in a cluster, by [`step`](super::step); between reading, asking the pods and each
//! write anything else may happen, and a write counts only if what it was decided by is still there.
//!
//! A minute is the unit of time, and every wait of the policy is a few of them. It is always [`START`]: what lies behind moves on
//! into the past instead, and is forgotten where nothing depends on it any more. So there are finitely many states, and all that
//! can ever happen is among them.

mod events;
mod operator;
mod tests;
mod world;

use fapi_core::{Lifetime, Timestamp};

use super::Policy;
use super::stage::{START, policy};

const MINUTE: Lifetime = Lifetime::seconds(60);
const A_DAY_AGO: Timestamp = Timestamp::from_unix(START.as_unix() - 86_400);

/// Where the story begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scene {
    /// No key exists and no pod is ready.
    Bootstrap,
    /// One key signs, and its successor is due.
    Rotation,
}

/// What is taken away from the policy, to see that the model would notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Without {
    Nothing,
    Acknowledgement,
    Dwell,
    Retention,
}

struct Rotation {
    scene: Scene,
    pods: usize,
    operators: usize,
    without: Without,
}

fn rules() -> Policy {
    let mut policy = policy();
    policy.interval = Lifetime::days(1);
    policy.jwks_max_age = MINUTE;
    policy.max_token_lifetime = MINUTE;
    policy.floors.margin = MINUTE;
    policy.floors.clock_skew = MINUTE;
    policy
}
