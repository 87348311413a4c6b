//! Which keys belong to which line?

use std::collections::BTreeMap;

use fapi_core::profile::Rules;
use fapi_crds::SigningKey;

use super::line::KeyLine;
use super::policy::{Floors, Policy};
use super::publish::FoundKey;
use crate::validate::SigningKeyVerdict;

/// The key lines of a Workspace: one for each `SigningKey`, and one for each that is gone and has left keys behind.
pub fn lines(
    signing_keys: &[SigningKey],
    verdicts: &[SigningKeyVerdict],
    found: &[FoundKey],
    rules: &Rules,
    floors: Floors,
) -> Vec<KeyLine> {
    let mut lines: BTreeMap<&str, KeyLine> = BTreeMap::new();
    for signing_key in signing_keys.iter().filter(|key| key.metadata.deletion_timestamp.is_none()) {
        let Some(name) = signing_key.metadata.name.as_deref() else { continue };
        let accepted = verdicts.iter().any(|verdict| verdict.name == name && verdict.may_make_keys());
        lines.insert(
            name,
            KeyLine {
                signing_key: name.to_owned(),
                algorithm: signing_key.spec.algorithm,
                wanted: accepted,
                orphaned: false,
                policy: Policy::new(&signing_key.spec, rules, floors),
                keys: Vec::new(),
                lost: std::collections::BTreeSet::new(),
            },
        );
    }
    for key in found {
        let line = lines.entry(&key.facts.signing_key).or_insert_with(|| KeyLine {
            signing_key: key.facts.signing_key.clone(),
            algorithm: key.facts.algorithm,
            wanted: false,
            orphaned: true,
            policy: Policy::orphaned(key.facts.algorithm, rules, floors),
            keys: Vec::new(),
            lost: std::collections::BTreeSet::new(),
        });
        if key.private.is_none() && key.facts.needs_private() {
            line.lost.insert(key.facts.kid.clone());
        }
        line.keys.push(key.facts.clone());
    }
    lines.into_values().collect()
}
