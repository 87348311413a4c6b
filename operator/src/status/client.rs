//! The status of a Client.

use fapi_crds::client::{ClientConfigStatus, ClientStatus, WorkspaceIdentity};
use fapi_crds::condition::Status;
use fapi_crds::{Client, ConditionType, Reason};

use super::{Conditions, Facts, signed};
use crate::validate::{ClientVerdict, Finding, digest};
use crate::watch::key_of;

/// The status of a Client of the Workspace.
pub fn client(facts: &Facts<'_>, client: &Client, verdict: &ClientVerdict) -> ClientStatus {
    let before = client.status.clone().unwrap_or_default();
    let workspace = key_of(facts.workspace);
    let config = config(facts, verdict, before.config.as_ref());
    let mut status = ClientStatus {
        observed_generation: verdict.generation,
        conditions: before.conditions,
        client_id: verdict.client_id.as_ref().map(ToString::to_string),
        workspace: Some(WorkspaceIdentity {
            namespace: workspace.namespace,
            name: workspace.name,
            uid: facts.workspace.metadata.uid.clone().unwrap_or_default(),
        }),
        config,
        registration_digest: verdict.facts.registration_digest.clone(),
        keys: verdict.facts.keys.clone(),
        earliest_expiry: verdict.facts.earliest_expiry.clone(),
        redirect_uris: verdict.facts.redirect_uris.clone(),
        secrets: verdict.facts.secrets.clone(),
    };
    let programmed = programmed(facts, verdict, status.config.as_ref());
    let mut conditions =
        Conditions { list: &mut status.conditions, generation: verdict.generation, now: facts.now };
    conditions.set(ConditionType::Accepted, &verdict.accepted);
    conditions.set(ConditionType::ResolvedRefs, &verdict.resolved_refs);
    conditions.set(ConditionType::Approved, &verdict.approved);
    conditions.set(ConditionType::Programmed, &programmed);
    conditions.set_or_remove(ConditionType::CertificateExpiring, verdict.certificate_expiring.as_ref());
    conditions.summarize(&[&verdict.accepted, &verdict.resolved_refs, &verdict.approved, &programmed]);
    status
}

/// The first revision with what is published of the Client: kept as long as that is the same.
fn config(
    facts: &Facts<'_>,
    verdict: &ClientVerdict,
    before: Option<&ClientConfigStatus>,
) -> Option<ClientConfigStatus> {
    let applied = facts.applied?;
    let digest = digest(verdict.registration.as_ref()?);
    let current = signed(applied.manifest().revision);
    // A revision beyond the current one is of a cluster before it was restored.
    let known = before
        .filter(|known| known.digest.as_ref() == Some(&digest) && known.revision <= current)
        .map(|known| known.revision);
    Some(ClientConfigStatus {
        revision: known.unwrap_or(current),
        shard: verdict.shard.map_or(0, i32::from),
        digest: Some(digest),
    })
}

fn programmed(facts: &Facts<'_>, verdict: &ClientVerdict, config: Option<&ClientConfigStatus>) -> Finding {
    let wrong = [&verdict.accepted, &verdict.resolved_refs, &verdict.approved]
        .into_iter()
        .find(|finding| finding.status == Status::False);
    let config = match (config, wrong) {
        (None, Some(wrong)) => return Finding::no(wrong.reason, format!("not published: {}", wrong.message)),
        (Some(_), Some(wrong)) => {
            let message = format!("the last good registration is kept, and not this one: {}", wrong.message);
            return Finding::no(wrong.reason, message);
        }
        (None, None) => {
            return Finding::no(Reason::WorkspaceNotReady, "the Workspace has published nothing yet");
        }
        (Some(config), None) => config,
    };
    let loaded = facts.loaded(u64::try_from(config.revision).unwrap_or(0));
    if loaded.is_true() { Finding { reason: Reason::Programmed, ..loaded } } else { loaded }
}
