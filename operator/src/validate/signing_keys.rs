//! May this key line make keys?

use fapi_config::KeyAlgorithm as Published;
use fapi_core::profile::Rules;
use fapi_crds::{Reason, SigningKey};
use fapi_jose::{Alg, KeyManagement};

use super::found::Found;
use super::import;
use super::material::Problem;
use super::protocol::{line_algorithm, span};
use super::verdict::{Finding, SigningKeyVerdict};
use super::workspace::joined;
use crate::names::{Names, SigningKeyName};
use crate::rotate::{Windows, published_algorithm};

/// Judges every `SigningKey`, by name.
pub(super) fn judge(found: &Found, rules: Option<&Rules>) -> Vec<SigningKeyVerdict> {
    let mut verdicts: Vec<SigningKeyVerdict> =
        found.signing_keys.iter().map(|key| verdict(key, found, rules)).collect();
    verdicts.sort_by(|one, other| one.name.cmp(&other.name));
    verdicts
}

fn verdict(key: &SigningKey, found: &Found, rules: Option<&Rules>) -> SigningKeyVerdict {
    let problems = problems(key, found, rules);
    let came_late = key.spec.import.is_some() && import::is_over(key, found);
    let lowered = found.floors.are_lowered();
    SigningKeyVerdict {
        name: key.metadata.name.clone().unwrap_or_default(),
        uid: key.metadata.uid.clone(),
        generation: key.metadata.generation,
        algorithm: key.spec.algorithm,
        accepted: match (problems.first(), rules) {
            (Some(first), _) => Finding::no(first.reason, joined(&problems)),
            (None, None) => Finding::unknown(Reason::WorkspaceNotReady, "the Workspace is not accepted yet"),
            (None, Some(_)) if came_late => Finding::yes(
                Reason::Accepted,
                "the spec is valid and fits the profile; import: the line has keys, so nothing is read there any more: leave it out",
            ),
            (None, Some(_)) => Finding::yes(Reason::Accepted, "the spec is valid and fits the profile"),
        },
        resolved_refs: import::judge(key, found),
        insecure: lowered.then(|| {
            let message = "the operator runs with shortened waits for key rotation: for trying things out, not for customers";
            Finding::yes(Reason::Insecure, message)
        }),
    }
}

fn problems(key: &SigningKey, found: &Found, rules: Option<&Rules>) -> Vec<Problem> {
    let spec = &key.spec;
    let mut problems = Vec::new();
    let mut refuse = |reason, message: String| problems.push(Problem { reason, message });
    if let Err(error) = SigningKeyName::parse(key.metadata.name.as_deref().unwrap_or_default()) {
        refuse(Reason::InvalidSpec, error.to_string());
    }
    for (field, duration) in [
        ("rotation.interval", Some(&spec.rotation.interval)),
        ("rotation.prePublish", Some(&spec.rotation.pre_publish)),
        ("rotation.retainFor", spec.rotation.retain_for.as_ref()),
        ("rotation.extraDwell", Some(&spec.rotation.extra_dwell)),
    ] {
        let Some(duration) = duration else { continue };
        match span(field, duration) {
            Err((field, message)) => refuse(Reason::InvalidSpec, format!("{field}: {message}")),
            Ok(interval) if field == "rotation.interval" && interval < found.floors.interval => {
                let floor = found.floors.interval;
                let message =
                    format!("{field}: {interval} is too short: this operator allows {floor} or more");
                refuse(Reason::InvalidSpec, message);
            }
            Ok(_) => {}
        }
    }
    if let Err(error) = Windows::parse(&spec.rotation.windows) {
        refuse(Reason::InvalidSpec, error.to_string());
    }
    if let Some((algorithm, offered, rule)) = rules.and_then(|rules| not_in_force(spec.algorithm, rules)) {
        let message = format!(
            "algorithm: {algorithm} is not in force in this Workspace: choose from {offered} ({rule})"
        );
        refuse(Reason::ProfileViolation, message);
    }
    problems
}

/// The algorithm if the rules have no use for it, those they have, and the rule's id.
fn not_in_force(
    algorithm: fapi_crds::KeyAlgorithm,
    rules: &Rules,
) -> Option<(&'static str, String, &'static str)> {
    let joined = |names: Vec<&str>| names.join(", ");
    let profile = rules.profile();
    match published_algorithm(algorithm) {
        Published::Signature(alg) if !rules.signing.contains(&alg) => {
            let offered = joined(rules.signing.iter().map(|alg| alg.as_str()).collect());
            Some((alg.as_str(), offered, profile.signing.rule))
        }
        Published::Encryption(alg) if !rules.key_management.contains(&alg) => {
            let offered = joined(rules.key_management.iter().map(|alg| alg.as_str()).collect());
            Some((alg.as_str(), offered, profile.key_management.rule))
        }
        _ => None,
    }
}

/// What others may encrypt to the Workspace with, once its key lines have made their keys.
pub(super) fn opens(found: &Found) -> Vec<KeyManagement> {
    let lines = found.signing_keys.iter().filter(|key| key.metadata.deletion_timestamp.is_none());
    lines
        .filter_map(|key| match published_algorithm(key.spec.algorithm) {
            Published::Encryption(alg) => Some(alg),
            Published::Signature(_) => None,
        })
        .collect()
}

/// Signature algorithms whose key line the operator makes itself.
pub(super) fn own(found: &Found, names: &Names, rules: &Rules) -> Vec<Alg> {
    if !found.workspace.spec.keys.auto_create {
        return Vec::new();
    }
    let made_by_others = |alg: Alg| {
        found.signing_keys.iter().any(|key| {
            key.metadata.deletion_timestamp.is_none()
                && line_algorithm(key.spec.algorithm) == Some(alg)
                && key.metadata.name.as_deref() != Some(&names.signing_key(alg))
        })
    };
    rules.signing.iter().copied().filter(|alg| !made_by_others(*alg)).collect()
}

/// Whether one of those lines is not there yet.
pub(super) fn missing(found: &Found, names: &Names, own: &[Alg]) -> bool {
    own.iter().any(|alg| {
        let name = names.signing_key(*alg);
        !found.signing_keys.iter().any(|line| line.metadata.name.as_deref() == Some(&name))
    })
}
