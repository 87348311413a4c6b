//! What does the person have to do next? Asked after every step; the shell redirects to the answer.

#[cfg(test)]
mod tests;

use crate::consent::Remembered;
use crate::grant::{ErrorName, Grant, Person, Stage};
use crate::lifetime::Timestamp;
use crate::profile::ConsentKind;
use crate::registry::Registry;

/// The next step of an interaction.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Somebody has to sign in.
    Login(Why),
    /// The signed-in session will do: the grant may be claimed for this person without asking.
    Claim(Person),
    /// The person has to be asked.
    Consent,
    /// The person agreed to as much before, in this session: nothing has to be asked.
    Agree,
    /// The answer is an error; the grant has to be denied with it.
    Refuse(ErrorName),
    /// The answer stands: it can leave.
    Respond,
    /// It has left, or its time is over.
    Over,
}

/// Why somebody has to sign in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Nobody is signed in.
    NoSession,
    /// `prompt=login`.
    Asked,
    /// The sign-in is older than `max_age`.
    TooOld,
    /// The request is for somebody else, or needs a stronger sign-in.
    Unsuitable,
}

/// Decides the next step from what has happened and from the session of this browser.
pub fn next(
    registry: &Registry,
    grant: &Grant,
    session: Option<&Person>,
    remembered: Option<&Remembered>,
    now: Timestamp,
) -> Step {
    if grant.interaction_until().is_some_and(|until| now > until) {
        return Step::Over;
    }
    match &grant.stage {
        Stage::Opened { .. } => match login_needed(registry, grant, session, now) {
            None => session.cloned().map_or(Step::Login(Why::NoSession), Step::Claim),
            // OIC-03.
            Some(_) if grant.request.prompt.none => Step::Refuse(ErrorName::LoginRequired),
            Some(why) => Step::Login(why),
        },
        Stage::Authenticated { person, .. } => {
            // UIN-08: only this person will do. IDT-08, E-24: a level that must be reached, was not.
            if !is_wanted(registry, grant, person) || !reaches(grant, person) {
                return Step::Refuse(ErrorName::AccessDenied);
            }
            // RAR-02: a type may have gone, or its schema changed, since the request was accepted.
            if !still_offered(registry, grant) {
                return Step::Refuse(ErrorName::InvalidAuthorizationDetails);
            }
            let known = remembered.is_some_and(|remembered| remembered.covers(grant));
            if registry.rules.consent() == ConsentKind::Generic && known && !grant.request.prompt.consent {
                Step::Agree
            } else if grant.request.prompt.none {
                Step::Refuse(ErrorName::ConsentRequired)
            } else {
                Step::Consent
            }
        }
        Stage::Consented { .. } | Stage::Denied { .. } => Step::Respond,
        Stage::Pushed { .. }
        | Stage::CodeIssued { .. }
        | Stage::Redeemed { .. }
        | Stage::Closed { .. }
        | Stage::Revoked { .. } => Step::Over,
    }
}

/// Whether the browser's session is not enough, and why.
fn login_needed(registry: &Registry, grant: &Grant, session: Option<&Person>, now: Timestamp) -> Option<Why> {
    let Some(person) = session else { return Some(Why::NoSession) };
    // OIC-02: a sign-in from before the request does not answer prompt=login.
    if grant.request.prompt.login && person.auth_time < grant.created {
        return Some(Why::Asked);
    }
    // OIC-04.
    if grant.request.max_age.is_some_and(|age| (now - person.auth_time).as_seconds() > age) {
        return Some(Why::TooOld);
    }
    (!is_wanted(registry, grant, person) || !reaches(grant, person)).then_some(Why::Unsuitable)
}

/// Whether this is the person whom the client wants. It names them as it knows them, which is not how we do.
fn is_wanted(registry: &Registry, grant: &Grant, person: &Person) -> bool {
    let Some(wanted) = &grant.request.claims.sub else { return true };
    let client = registry.client(&grant.client_id);
    client.is_some_and(|client| registry.subject_for(client, &person.subject) == *wanted)
}

/// Whether all details that were asked for may still be had.
fn still_offered(registry: &Registry, grant: &Grant) -> bool {
    let details = &grant.request.details;
    let client = registry.client(&grant.client_id);
    details.is_empty() || client.is_some_and(|client| details.still_offered(client, registry) == *details)
}

/// An essential `acr` with values is reached by one of them; without values by any (`UIN-07`).
fn reaches(grant: &Grant, person: &Person) -> bool {
    match &grant.request.claims.acr {
        Some(wish) if wish.essential && !wish.values.is_empty() => {
            person.acr.as_ref().is_some_and(|acr| wish.values.contains(acr))
        }
        Some(wish) if wish.essential => person.acr.is_some(),
        _ => true,
    }
}
