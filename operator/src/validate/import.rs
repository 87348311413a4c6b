//! May the key that somebody brings along be the first of its line?

use fapi_crds::{KeyAlgorithm, Reason, SigningKey};
use fapi_jose::{JwkError, KeyError};

use super::found::{Found, Resolved};
use super::material::{Place, Problem};
use super::references::missing_problem;
use super::verdict::Finding;
use crate::material;
use crate::rotate::published_algorithm;

/// Whether a line has keys, so that nothing is brought along any more.
pub(super) fn is_over(key: &SigningKey, found: &Found) -> bool {
    !found.references.imports.contains_key(name(key))
}

/// Condition `ResolvedRefs` of a line that waits for its key.
pub(super) fn judge(key: &SigningKey, found: &Found) -> Option<Finding> {
    let reference = &key.spec.import.as_ref()?.secret_ref;
    let resolved = found.references.imports.get(name(key))?;
    let namespace = key.metadata.namespace.as_deref().unwrap_or_default();
    let place = Place { kind: "Secret", namespace, name: &reference.name, key: &reference.key };
    let kid = kid(key.spec.algorithm, resolved, &place);
    Some(match kid.and_then(|kid| is_new(&kid, key, found, &place).map(|()| kid)) {
        Ok(kid) => Finding::yes(Reason::Resolved, format!("key {kid} can be brought along")),
        Err(problem) => Finding::no(problem.reason, problem.message),
    })
}

fn kid(algorithm: KeyAlgorithm, resolved: &Resolved, place: &Place<'_>) -> Result<String, Problem> {
    let bytes = match resolved {
        Resolved::Value(value) => &value.bytes,
        Resolved::Missing(missing) => return Err(missing_problem(place, *missing)),
    };
    let key = material::import(algorithm, bytes).map_err(|error| {
        let reason = match error {
            KeyError::Refused(JwkError::WeakKey(_)) => Reason::WeakKey,
            _ => Reason::InvalidData,
        };
        Problem::new(reason, place, format!("cannot be brought along: {error}"))
    })?;
    Ok(key.public.thumbprint().to_owned())
}

/// A key has one life: what stands in the JWKS, was withdrawn, or is about to be brought along elsewhere, does not begin another.
fn is_new(kid: &str, key: &SigningKey, found: &Found, place: &Place<'_>) -> Result<(), Problem> {
    let own = name(key);
    let used = |why: String| {
        let message = format!("holds key {kid}, which {why}: bring another along, or leave import out");
        Err(Problem::new(Reason::InvalidData, place, message))
    };
    if key.spec.revoke.iter().any(|revoked| revoked.kid == kid) {
        return used("stands in revoke".to_owned());
    }
    let document = found.previous.as_ref().map(|previous| &previous.document);
    let alg = published_algorithm(key.spec.algorithm);
    let published = document.is_some_and(|document| {
        // One that is published for the same is a key that was lost, and comes back.
        document.keys.iter().any(|published| published.kid == kid && published.alg != alg)
            || document.revoked_keys.iter().any(|revoked| revoked.kid == kid)
    });
    for other in found.signing_keys.iter().filter(|other| name(other) != own) {
        let known = other.status.iter().flat_map(|status| &status.keys).any(|known| known.kid == kid);
        if known {
            return used(format!("is or was a key of SigningKey {}", name(other)));
        }
        // Of two that bring the same along, the first by name does.
        let twin = found.references.imports.get(name(other)).is_some_and(|resolved| {
            matches!(resolved, Resolved::Value(value) if material::import(other.spec.algorithm, &value.bytes)
                .is_ok_and(|theirs| theirs.public.thumbprint() == kid))
        });
        if twin && name(other) < own {
            return used(format!("SigningKey {} brings along", name(other)));
        }
    }
    if published {
        return used("this Workspace uses otherwise, or has withdrawn".to_owned());
    }
    Ok(())
}

fn name(key: &SigningKey) -> &str {
    key.metadata.name.as_deref().unwrap_or_default()
}
