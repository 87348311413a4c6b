//! What will happen next, and what is in the way? For the status of a `SigningKey`; decided by the guards themselves.

use fapi_config::PublicKey;
use fapi_core::Timestamp;
use fapi_crds::KeyState;
use fapi_crds::signing_key::Phase;

use super::acks::Acknowledgements;
use super::guard::{Guard, Surroundings};
use super::line::KeyLine;
use super::surroundings;

/// Where a line stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outlook {
    /// `status.phase`.
    pub phase: Phase,
    /// `status.activeKid`.
    pub active_kid: Option<String>,
    /// `status.nextKid`.
    pub next_kid: Option<String>,
    /// The state that a key will enter next, which key, and not before when.
    pub next: Option<Next>,
    /// The next step is due, and waits for one of `rotation.windows`.
    pub waits_for_window: bool,
    /// Pods that have not confirmed what the next step needs.
    pub waiting_for: Vec<String>,
    /// Something is in the way for longer than pods take to load a revision: condition `RotationBlocked`.
    pub blocked: Option<String>,
    /// The rotation that was due has not happened: condition `Overdue`.
    pub overdue: bool,
    /// When to look again.
    pub wake: Option<Timestamp>,
}

/// The next step of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Next {
    /// The state to be entered.
    pub to: KeyState,
    /// By which key; absent: one that is not made yet.
    pub kid: Option<String>,
    /// Not before.
    pub not_before: Option<Timestamp>,
}

/// Where a line stands, among all lines of its Workspace.
pub fn outlook(
    line: &KeyLine,
    lines: &[KeyLine],
    acks: &Acknowledgements,
    published: &[PublicKey],
    now: Timestamp,
) -> Outlook {
    let around = surroundings(line, lines, acks, published, now);
    let active = line.active();
    let next = line.next();
    let pending = pending(line, &around);
    let (waiting_for, silent) = match &pending {
        Some((_, Guard::Pods(names), _)) => (names.clone(), false),
        Some((_, Guard::NoPods, _)) => (Vec::new(), true),
        _ => (Vec::new(), false),
    };
    let patience = line.policy.floors.convergence;
    let waits_for_pods = silent || !waiting_for.is_empty();
    let late = pending.as_ref().is_some_and(|(_, _, since)| now > *since + patience);
    let blocked = (waits_for_pods && late).then(|| match waiting_for.as_slice() {
        [] => "no serving pod has confirmed".to_owned(),
        names => format!("waiting for {}", names.iter().take(10).cloned().collect::<Vec<_>>().join(", ")),
    });
    let due = line.activation_due();
    let overdue = line.wanted
        && line.policy.mode == fapi_crds::signing_key::RotationMode::Automatic
        && due.is_some_and(|due| now > due + patience);
    let next_step = pending.as_ref().map(|(step, guard, _)| Next {
        not_before: match guard {
            Guard::Until(time) | Guard::Window(time) => Some(*time),
            _ => step.not_before,
        },
        ..step.clone()
    });
    let wake = next_step.as_ref().and_then(|step| step.not_before).filter(|time| *time > now);
    Outlook {
        phase: phase(line, pending.as_ref(), blocked.is_some()),
        active_kid: active.map(|key| key.kid.clone()),
        next_kid: next.map(|key| key.kid.clone()),
        waits_for_window: pending.as_ref().is_some_and(|(_, guard, _)| matches!(guard, Guard::Window(_))),
        next: next_step,
        waiting_for,
        blocked,
        overdue,
        wake,
    }
}

/// The step that the line waits for, its guard, and since when it could have been taken but for the pods.
fn pending(line: &KeyLine, around: &Surroundings<'_>) -> Option<(Next, Guard, Timestamp)> {
    let step = |to, kid: &str| Next { to, kid: Some(kid.to_owned()), not_before: None };
    if let Some(key) = line.next() {
        let guard = line.activation_guard(key, around);
        let since = key.published_acked_at.unwrap_or(key.generated_at);
        return Some((step(KeyState::Active, &key.kid), guard, since));
    }
    if let Some(key) = line.keys.iter().find(|key| line.state_of(key) == KeyState::Retiring) {
        let guard = line.retirement_guard(key, around);
        let since = line.active().and_then(|active| active.activated_at).unwrap_or(key.generated_at);
        return Some((step(KeyState::Retired, &key.kid), guard, since));
    }
    let due = line.wanted.then(|| line.generation_due()).flatten()?;
    let next =
        Next { to: KeyState::Published, kid: None, not_before: Some(due).filter(|due| *due > around.now) };
    Some((next, Guard::Until(due), due))
}

fn phase(line: &KeyLine, pending: Option<&(Next, Guard, Timestamp)>, blocked: bool) -> Phase {
    if blocked {
        return Phase::Blocked;
    }
    let unconfirmed = line.active().is_some_and(|active| active.activation_acked_at.is_none());
    match pending {
        _ if unconfirmed => Phase::Activating,
        Some((Next { to: KeyState::Active, .. }, guard, _)) if line.active().is_some() => match guard {
            Guard::Until(_) | Guard::Window(_) => Phase::Dwelling,
            _ => Phase::Publishing,
        },
        Some((Next { to: KeyState::Retired, .. }, _, _)) => Phase::Retiring,
        _ if line.active().is_none() => Phase::Pending,
        _ => Phase::Steady,
    }
}
