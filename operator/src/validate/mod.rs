//! Is it valid? Pure: everything is passed in, and everything is answered at once, for the Workspace and for each Client.
//!
//! "Valid" itself is defined in `fapi-core`: a profile is narrowed by [`fapi_core::profile::narrow`], a client is accepted by
//! [`fapi_core::client::Client::register`]. What is decided here is who holds a client id, what references lead to, and what goes
//! on being served while something is wrong. One bad Client never holds back another.

mod capacity;
mod client;
mod details;
mod found;
mod guards;
mod identity;
mod import;
pub mod ledger;
mod lives;
mod material;
mod peers;
mod protocol;
mod references;
mod server_certificate;
mod signing_keys;
pub mod support;
#[cfg(test)]
mod tests;
mod verdict;
mod workspace;

use std::collections::BTreeMap;

use fapi_config::OnDelete;
use fapi_core::Lifetime;
use fapi_core::client::Registration;
use fapi_core::ids::ClientId;
use fapi_crds::{Reason, client::OnDelete as SaidOnDelete};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub(crate) use client::digest;
pub use found::{
    Found, FoundClient, FoundLogo, Fresh, Missing, Previous, References, Resolved, Value, references,
};
pub use guards::{Guard, Guards};
pub use verdict::{
    ClientFacts, ClientVerdict, Finding, ObjectKey, Publication, SigningKeyVerdict, Verdict, WorkspaceVerdict,
};

use capacity::{Capacity, Pictures};
use identity::Candidate;
use ledger::{Entry, Ledger};
use lives::Lives;
use material::Problem;
use workspace::{InForce, joined};

/// A certificate that expires sooner is said to be expiring.
const EXPIRING: Lifetime = Lifetime::days(30);

/// Judges everything that was found.
pub fn validate(found: &Found) -> Verdict {
    let (workspace, in_force) = workspace::judge(found);
    let rules = in_force.as_ref().map(|in_force| &in_force.rules);
    let signing_keys = signing_keys::judge(found, rules);
    let namespace = found.workspace.metadata.namespace.as_deref().unwrap_or_default();
    let allowed = &found.workspace.spec.allowed_clients;
    let mut candidates: Vec<Candidate<'_>> =
        found.clients.iter().map(|client| Candidate::new(client, allowed, namespace)).collect();
    candidates.sort_by(|one, other| one.key.cmp(&other.key));
    let Some(in_force) = in_force else {
        let clients = candidates.iter().map(|candidate| waiting(candidate, &workspace)).collect();
        return Verdict { workspace, clients, signing_keys, publication: None, wants_fresh_list: false };
    };

    let lives = lives::compare(found, &candidates);
    let mut court =
        Court { found, in_force: &in_force, candidates: &candidates, lives, pictures: Pictures::of(found) };
    let mut clients: Vec<ClientVerdict> = court.judge();
    let capacity = Capacity::of(&mut clients, found, &court.pictures, in_force.client_shards);
    let Lives { ledger, tombstones, wants_fresh_list } = court.lives;
    let mut document = in_force.document.clone();
    document.tombstones = tombstones;
    let own_signing_keys = signing_keys::own(found, &in_force.names, &in_force.rules);
    // Somebody's own line may be on its way to the cache: then none is made beside it.
    let about_to_make = signing_keys::missing(found, &in_force.names, &own_signing_keys);
    let wants_fresh_list = wants_fresh_list || (about_to_make && found.fresh == Fresh::No);
    let publication = Publication {
        own_signing_keys,
        names: in_force.names,
        workspace_uid: in_force.uid,
        spec_in_force: in_force.current,
        document,
        rules: in_force.rules,
        clients: capacity.published,
        client_shards: in_force.client_shards,
        logos: capacity.logos,
        users: in_force.users,
        client_ca: in_force.client_ca,
        crl: in_force.crl,
        ledger: Ledger {
            client_ca_failing_since: in_force.client_ca_failing_since,
            details_failing_since: in_force.details_failing_since,
            ..ledger
        },
    };
    Verdict { workspace, clients, signing_keys, publication: Some(publication), wants_fresh_list }
}

/// Nothing of a Workspace is accepted before the Workspace is.
fn waiting(candidate: &Candidate<'_>, workspace: &WorkspaceVerdict) -> ClientVerdict {
    let why = workspace.suspended.as_ref().unwrap_or(&workspace.accepted);
    let message = format!("nothing of the Workspace is published yet: {}", why.message);
    let finding = Finding::unknown(Reason::WorkspaceNotReady, message);
    verdict(candidate, finding.clone(), finding)
}

fn verdict(candidate: &Candidate<'_>, accepted: Finding, resolved_refs: Finding) -> ClientVerdict {
    ClientVerdict {
        key: candidate.key.clone(),
        uid: candidate.uid.clone(),
        generation: candidate.found.client.metadata.generation,
        client_id: candidate.client_id.as_ref().ok().cloned(),
        accepted,
        resolved_refs,
        approved: Finding::unknown(Reason::Pending, "not looked at: Accepted says why"),
        certificate_expiring: None,
        registration: None,
        incarnation: None,
        shard: None,
        deleting: candidate.deleting,
        facts: ClientFacts::default(),
    }
}

/// Where Clients are judged one by one, each knowing of the others only who holds a client id.
struct Court<'a> {
    found: &'a Found,
    in_force: &'a InForce,
    candidates: &'a [Candidate<'a>],
    lives: Lives,
    pictures: Pictures,
}

impl Court<'_> {
    fn judge(&mut self) -> Vec<ClientVerdict> {
        let winners: BTreeMap<ClientId, String> = identity::winners(self.candidates, &self.lives.ledger)
            .into_iter()
            .map(|(id, uid)| (id.clone(), uid.to_owned()))
            .collect();
        self.candidates.iter().map(|candidate| self.judge_one(candidate, &winners)).collect()
    }

    fn judge_one(
        &mut self,
        candidate: &Candidate<'_>,
        winners: &BTreeMap<ClientId, String>,
    ) -> ClientVerdict {
        let unread = || Finding::unknown(Reason::Pending, "not looked at: Accepted says why");
        if candidate.deleting {
            let accepted = Finding::no(Reason::Disabled, "the Client is being deleted, and refused");
            return verdict(candidate, accepted, unread());
        }
        let standing =
            candidate.admitted.clone().and_then(|()| candidate.client_id.clone()).and_then(
                |id| match winners.get(&id) {
                    Some(winner) if *winner == candidate.uid => Ok(id),
                    winner => {
                        Err(identity::conflict(&id, candidate, self.candidates, winner.map(String::as_str)))
                    }
                },
            );
        let id = match standing {
            Ok(id) => id,
            Err(problem) => {
                return verdict(candidate, Finding::no(problem.reason, problem.message), unread());
            }
        };
        self.judge_content(candidate, &id)
    }

    fn judge_content(&mut self, candidate: &Candidate<'_>, id: &ClientId) -> ClientVerdict {
        let known = self.lives.ledger.clients.get(id).filter(|entry| entry.uid == candidate.uid).cloned();
        let previous = self.previous(id);
        let incarnation = match (&known, previous) {
            (Some(entry), _) => entry.incarnation.clone(),
            // Published, and nothing remembered: the ledger was lost, the shard was not.
            (None, Some(previous)) if !self.is_buried(previous) => previous.incarnation.clone(),
            _ => lives::incarnation(candidate, id, &self.lives.tombstones),
        };
        let previous = previous.filter(|previous| previous.incarnation == incarnation).cloned();
        let content = client::read(candidate.found, id, &incarnation, self.in_force, self.found.now);

        let mut verdict = verdict(candidate, accepted(candidate, &content), resolved(&content));
        verdict.certificate_expiring = expiring(content.facts.earliest_expiry.as_ref(), self.found.now);
        verdict.incarnation = Some(incarnation.clone());
        let problems = || content.refused.iter().chain(&content.unresolved);
        let failing_since = match problems().next() {
            None => None,
            Some(_) => Some(known.as_ref().and_then(|entry| entry.failing_since).unwrap_or(self.found.now)),
        };
        let until = failing_since.map(|since| since + self.in_force.grace);
        let in_grace =
            until.is_some_and(|until| self.found.now < until) && !problems().any(Problem::is_immediate);
        let last_good = previous.filter(|previous| client::refusals(self.in_force, previous).is_empty());
        let enabled = candidate.found.client.spec.enabled;
        if let Some(logo) = content.logo {
            self.pictures.add(logo, id, last_good.as_ref(), enabled);
        }

        let (spec, guards) = (&self.found.workspace.spec, self.found.guards);
        verdict.approved = match &content.facts.registration_digest {
            Some(digest) => guards::approval(spec, guards, &candidate.found.client, digest),
            None => Finding::unknown(
                Reason::Pending,
                "there is nothing to approve yet: see Accepted and ResolvedRefs",
            ),
        };
        verdict.registration = match (content.registration, last_good) {
            // Suspended: what was published goes on, and only gets less.
            (_, last_good) if spec.suspend => {
                last_good.map(|previous| Registration { enabled: previous.enabled && enabled, ..previous })
            }
            // The last one that was approved, or that was published before anybody had to. Approval is of what it may do when it
            // is enabled, so that disabling acts at once, and enabling again too.
            (Some(_), last_good) if !verdict.approved.is_true() => {
                if last_good.is_some() {
                    verdict.approved.message.push_str("; what was published before goes on until then");
                }
                last_good.map(|previous| Registration { enabled, ..previous })
            }
            (Some(registration), _) => Some(registration),
            (None, Some(previous)) if in_grace => {
                if let Some(until) = until {
                    say_grace(&mut verdict, until);
                }
                Some(Registration { enabled: previous.enabled && enabled, ..previous })
            }
            (None, _) => None,
        };
        verdict.facts = content.facts;
        if known.is_some() || verdict.registration.is_some() {
            self.remember(candidate, id, incarnation, failing_since);
        }
        verdict
    }

    fn previous(&self, id: &ClientId) -> Option<&Registration> {
        self.found.previous.as_ref()?.clients.get(id)
    }

    fn is_buried(&self, registration: &Registration) -> bool {
        self.lives.tombstones.iter().any(|tombstone| tombstone.incarnation == registration.incarnation)
    }

    fn remember(
        &mut self,
        candidate: &Candidate<'_>,
        id: &ClientId,
        incarnation: fapi_core::ids::Incarnation,
        failing_since: Option<fapi_core::Timestamp>,
    ) {
        let entry = Entry {
            namespace: candidate.key.namespace.clone(),
            name: candidate.key.name.clone(),
            uid: candidate.uid.clone(),
            incarnation,
            on_delete: match candidate.found.client.spec.on_delete {
                SaidOnDelete::KeepGrants => OnDelete::KeepGrants,
                SaidOnDelete::RevokeGrants => OnDelete::RevokeGrants,
            },
            failing_since,
            waiting: false,
        };
        self.lives.ledger.clients.insert(id.clone(), entry);
    }
}

fn accepted(candidate: &Candidate<'_>, content: &client::Content) -> Finding {
    match content.refused.first() {
        Some(first) => Finding::no(first.reason, joined(&content.refused)),
        None if !content.unresolved.is_empty() => Finding::unknown(
            Reason::Pending,
            "cannot be judged before what it refers to is there: see ResolvedRefs",
        ),
        None if !candidate.found.client.spec.enabled => Finding::yes(
            Reason::Disabled,
            "enabled is false: the Client is refused, and keeps its registration",
        ),
        None => Finding::yes(Reason::Accepted, "the spec is valid and fits the profile"),
    }
}

fn resolved(content: &client::Content) -> Finding {
    match content.unresolved.first() {
        Some(first) => Finding::no(first.reason, joined(&content.unresolved)),
        None => Finding::yes(Reason::Resolved, "everything referred to was found and understood"),
    }
}

/// The last good registration goes on: whoever reads the condition learns until when.
fn say_grace(verdict: &mut ClientVerdict, until: fapi_core::Timestamp) {
    let stale = format!("; what was published before goes on until {until}");
    if verdict.resolved_refs.is_true() {
        verdict.accepted.message.push_str(&stale);
    } else {
        verdict.resolved_refs.reason = Reason::StaleSecret;
        verdict.resolved_refs.message.push_str(&stale);
    }
}

fn expiring(earliest: Option<&Time>, now: fapi_core::Timestamp) -> Option<Finding> {
    let earliest = earliest?;
    let soon = earliest.0.as_second() < (now + EXPIRING).as_unix();
    Some(if soon {
        let message = format!("a certificate expires on {}: put its successor beside it", earliest.0);
        Finding::yes(Reason::CertificateExpiring, message)
    } else {
        Finding::no(Reason::CertificatesValid, "no certificate expires within 30 days")
    })
}
