//! The status of a key line.

use fapi_crds::signing_key::{KeyStatus, NextTransition, PodCounts, SigningKeyStatus};
use fapi_crds::{ConditionType, KeyState, Reason, SigningKey};

use super::{Conditions, Facts, signed, time};
use crate::names::{SigningKeyName, Thumbprint};
use crate::rotate::{KeyFacts, KeyLine, Outlook, outlook};
use crate::validate::{Finding, SigningKeyVerdict};

/// Most keys that a status lists.
const MOST_KEYS: usize = 16;

/// The status of a key line of the Workspace.
pub fn signing_key(facts: &Facts<'_>, key: &SigningKey, verdict: &SigningKeyVerdict) -> SigningKeyStatus {
    let before = key.status.clone().unwrap_or_default();
    let mut status = SigningKeyStatus {
        observed_generation: verdict.generation,
        conditions: before.conditions,
        ..SigningKeyStatus::default()
    };
    let name = key.metadata.name.as_deref().unwrap_or_default();
    let line = facts.applied.and_then(|applied| {
        let line = applied.lines.iter().find(|line| line.signing_key == name)?;
        let now = fapi_core::Timestamp::from_unix(facts.now.as_second());
        Some((line, outlook(line, applied.lines, facts.acks, applied.keys, now)))
    });
    if let Some((line, outlook)) = &line {
        fill(&mut status, facts, line, outlook);
    }
    let line = line.as_ref();
    let signing = signing(line.map(|(line, _)| *line));
    let mut conditions =
        Conditions { list: &mut status.conditions, generation: verdict.generation, now: facts.now };
    conditions.set(ConditionType::Accepted, &verdict.accepted);
    conditions.set_or_remove(ConditionType::ResolvedRefs, verdict.resolved_refs.as_ref());
    conditions.set_or_remove(ConditionType::Published, line.and_then(|(line, _)| published(line)).as_ref());
    conditions
        .set_or_remove(ConditionType::RotationBlocked, line.map(|(_, outlook)| blocked(outlook)).as_ref());
    conditions.set_or_remove(ConditionType::Overdue, line.map(|(_, outlook)| overdue(outlook)).as_ref());
    let suspended = key.spec.suspend.then(|| {
        Finding::yes(
            Reason::Suspended,
            "suspend: true stops every change but revocation; write false to go on",
        )
    });
    conditions.set_or_remove(ConditionType::Suspended, suspended.as_ref());
    conditions.set_or_remove(ConditionType::Insecure, verdict.insecure.as_ref());
    let needed: Vec<&Finding> =
        [&verdict.accepted].into_iter().chain(&verdict.resolved_refs).chain([&signing]).collect();
    conditions.summarize(&needed);
    status
}

fn fill(status: &mut SigningKeyStatus, facts: &Facts<'_>, line: &KeyLine, outlook: &Outlook) {
    status.phase = Some(outlook.phase);
    status.active_kid.clone_from(&outlook.active_kid);
    status.next_kid.clone_from(&outlook.next_kid);
    let mut keys: Vec<&KeyFacts> = line.keys.iter().collect();
    keys.sort_by_key(|key| (std::cmp::Reverse(key.generated_at), key.kid.as_str()));
    status.keys = keys.iter().take(MOST_KEYS).map(|key| key_status(line, key)).collect();
    status.next_transition = outlook.next.as_ref().map(|next| NextTransition {
        to: next.to,
        kid: next.kid.clone(),
        not_before: next.not_before.and_then(time),
        waiting_for: waiting_for(outlook),
    });
    let total = facts.acks.counting(facts.counting()).count();
    status.pods = Some(PodCounts::new(total, outlook.waiting_for.clone()));
    status.last_trigger = keys.iter().find_map(|key| key.trigger.clone());
}

fn waiting_for(outlook: &Outlook) -> Option<String> {
    let pods =
        (!outlook.waiting_for.is_empty()).then(|| format!("pods {}", super::listed(&outlook.waiting_for)));
    let window = outlook.waits_for_window.then(|| "one of rotation.windows to open".to_owned());
    outlook.blocked.clone().or(pods).or(window)
}

fn key_status(line: &KeyLine, key: &KeyFacts) -> KeyStatus {
    let thumbprint = Thumbprint::of_kid(&key.kid);
    let secret = SigningKeyName::parse(&line.signing_key).ok().zip(thumbprint);
    KeyStatus {
        kid: key.kid.clone(),
        state: line.state_of(key),
        created_time: time(key.generated_at),
        published_revision: key.published_revision.map(signed),
        published_confirmed_time: key.published_acked_at.and_then(time),
        activated_time: key.activated_at.and_then(time),
        activation_confirmed_time: key.activation_acked_at.and_then(time),
        retire_time: key
            .demotion_acked_at
            .filter(|_| line.state_of(key) == KeyState::Retiring)
            .and_then(|since| time(since + line.retention(key))),
        secret_name: secret.map(|(name, thumbprint)| name.secret(&thumbprint)),
        thumbprint: thumbprint.map(|thumbprint| thumbprint.hex()),
    }
}

fn signing(line: Option<&KeyLine>) -> Finding {
    let active = line.and_then(KeyLine::active);
    match active {
        Some(key) if key.activation_acked_at.is_some() => {
            Finding::yes(Reason::KeysReady, format!("every serving pod signs with {}", key.kid))
        }
        Some(key) => Finding::no(
            Reason::PodsPending,
            format!("key {} is activated; not every pod signs with it yet", key.kid),
        ),
        None => Finding::no(Reason::KeyPending, "there is no active key yet"),
    }
}

fn published(line: &KeyLine) -> Option<Finding> {
    let next = line.next()?;
    Some(match next.published_acked_at {
        Some(_) => {
            Finding::yes(Reason::Published, format!("key {} is in the JWKS of every serving pod", next.kid))
        }
        None => Finding::no(Reason::PodsPending, format!("key {} is on its way to the pods", next.kid)),
    })
}

fn blocked(outlook: &Outlook) -> Finding {
    match &outlook.blocked {
        Some(why) => Finding::yes(Reason::PodsPending, why.clone()),
        None => Finding::no(Reason::OnSchedule, ""),
    }
}

fn overdue(outlook: &Outlook) -> Finding {
    if outlook.overdue {
        Finding::yes(
            Reason::Overdue,
            "the rotation that was due has not happened: nextTransition says what it waits for",
        )
    } else {
        Finding::no(Reason::OnSchedule, "")
    }
}
