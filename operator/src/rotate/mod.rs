//! Which key signs, and which is next? The life of the server's keys as a pure function of the facts on their Secrets, of what
//! the pods confirm, and of the time. The operator, `fapictl up` and the tests ask the same function.
//!
//! ```text
//!             all pods can sign              all pods stopped signing     what it signed expired
//!  Generated ──► Published ───────────────► Active ──────► Retiring ─────────────────────────────► Retired
//!      │         in the JWKS                signs          in the JWKS                                │
//!      └───────────────────────────── Revoked: out of the JWKS, its tokens refused ───────────────────┘
//! ```
//!
//! Keys that others encrypt to go the other way round: `Published` is held by the pods and in no JWKS yet, `Active` is in the JWKS,
//! `Retiring` is out of it and held on.
//!
//! | guard | lets pass |
//! |---|---|
//! | G1 | Generated → Published: at once |
//! | G2 | Published → Active: every serving pod has it and has signed with it, the longest JWKS max-age has run out since, it is due, and a window is open |
//! | G3 | activation and demotion of the predecessor are one revision |
//! | G4 | Retiring → Retired: the longest token lifetime has run out since the last pod stopped signing with it; for one that others encrypt to, the longest JWKS max-age and the longest request object |

mod acks;
mod facts;
mod guard;
mod line;
mod lines;
#[cfg(test)]
mod model;
mod outlook;
mod policy;
mod publish;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod stage;
mod step;
#[cfg(test)]
mod tests;
mod transition;
mod window;

use fapi_config::PublicKey;
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::KeyState;

pub use acks::{Acknowledgements, Confirmation, Counting, PodView};
pub use facts::{InvalidFacts, KeyFacts, algorithm_name, fact};
pub use guard::Guard;
pub use line::KeyLine;
pub use lines::lines;
pub use outlook::{Outlook, outlook};
pub use policy::{Floors, Policy, max_token_lifetime};
pub use publish::{FoundKey, KeySet, key_set, published_algorithm};
pub use transition::{Birth, Change, Event, Transition};
pub use window::{InvalidWindow, Windows};

use guard::Surroundings;

/// At most one step for each line, given the keys of the document that is `published`. Each step is one write; when it is
/// written, ask again. Asking with the same facts gives the same answer, so a step that was lost in a crash is taken again.
pub fn step(
    lines: &[KeyLine],
    acks: &Acknowledgements,
    published: &[PublicKey],
    now: Timestamp,
) -> Vec<Transition> {
    lines.iter().filter_map(|line| line.step(&surroundings(line, lines, acks, published, now))).collect()
}

/// Which pods count: until a key signs, none can be ready.
pub fn counting(lines: &[KeyLine]) -> Counting {
    if lines.iter().any(|line| !line.encrypts() && line.active().is_some()) {
        Counting::Serving
    } else {
        Counting::Running
    }
}

fn surroundings<'a>(
    line: &KeyLine,
    lines: &[KeyLine],
    acks: &'a Acknowledgements,
    published: &'a [PublicKey],
    now: Timestamp,
) -> Surroundings<'a> {
    let signing = || lines.iter().filter(|line| !line.encrypts());
    let mut others = signing().filter(|other| other.signing_key != line.signing_key);
    Surroundings {
        acks,
        counting: counting(lines),
        another_signs: others.any(|other| other.active().is_some()),
        ever_signed: signing().flat_map(|line| &line.keys).any(|key| key.activated_at.is_some()),
        held: held(lines),
        published,
        now,
    }
}

/// The JWKS is one for all lines, and so are the copies of it that relying parties hold.
fn held(lines: &[KeyLine]) -> Lifetime {
    let is_in_it =
        |key: &&KeyFacts| matches!(key.state, KeyState::Published | KeyState::Active | KeyState::Retiring);
    let keys = lines.iter().flat_map(|line| &line.keys).filter(is_in_it);
    keys.map(|key| key.seen_max_age).max().unwrap_or(Lifetime::seconds(0))
}
