//! The status of a Workspace.

use fapi_core::lifetime::CLOCK_SKEW;
use fapi_crds::names::label;
use fapi_crds::workspace::{ClientCounts, ConfigStatus, Laggard, TlsStatus, WorkspaceKey, WorkspaceStatus};
use fapi_crds::{ConditionType, KeyState, Reason, Workspace};

use super::{Conditions, Facts, Published, listed, signed, whole_seconds};
use crate::rotate::PodView;
use crate::validate::Finding;

/// Most keys that a status lists.
const MOST_KEYS: usize = 64;
/// Most pods that a status names.
const MOST_LAGGARDS: usize = 10;

/// How many Clients there are of some kind.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counted {
    /// Loaded everywhere.
    pub programmed: usize,
    /// To be refused, and perhaps not refused everywhere.
    pub refused: usize,
}

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, more: Self) {
        self.programmed += more.programmed;
        self.refused += more.refused;
    }
}

/// The status of the Workspace.
pub fn workspace(facts: &Facts<'_>, counted: Counted) -> WorkspaceStatus {
    let workspace = facts.workspace;
    let verdict = &facts.verdict.workspace;
    let before = workspace.status.clone().unwrap_or_default();
    let generation = workspace.metadata.generation;
    let issuer = &workspace.spec.issuer;
    let accepted = verdict.accepted.is_true();
    let replicas = facts.deployment.and_then(|deployment| deployment.status.as_ref());
    let mut status = WorkspaceStatus {
        observed_generation: generation,
        conditions: before.conditions.clone(),
        effective: verdict.effective.clone(),
        issuer: accepted.then(|| issuer.clone()),
        discovery_url: accepted.then(|| format!("{issuer}/.well-known/openid-configuration")),
        jwks_uri: accepted.then(|| format!("{issuer}/jwks")),
        replicas: replicas.map(|status| status.replicas.unwrap_or(0)),
        ready_replicas: replicas.map(|status| status.ready_replicas.unwrap_or(0)),
        selector: workspace
            .metadata
            .name
            .as_ref()
            .map(|name| format!("app.kubernetes.io/name=fapi-server,{}={name}", label::WORKSPACE)),
        config: facts.applied.map(|applied| config(facts, &applied, before.config.as_ref())),
        clients: Some(counts(facts, counted.programmed)),
        keys: facts.applied.map(|applied| keys(&applied)).unwrap_or_default(),
        tls: verdict.tls_not_after.clone().map(|not_after| TlsStatus { not_after: Some(not_after) }),
    };
    let keys_ready = keys_ready(facts);
    let synced = synced(facts);
    let available = available(facts);
    let mut conditions = Conditions { list: &mut status.conditions, generation, now: facts.now };
    conditions.set(ConditionType::Accepted, &verdict.accepted);
    conditions.set(ConditionType::ResolvedRefs, &verdict.resolved_refs);
    conditions.set(ConditionType::KeysReady, &keys_ready);
    conditions.set(ConditionType::ConfigSynced, &synced);
    conditions.set(ConditionType::RevocationsPending, &revocations(facts, counted.refused, &synced));
    conditions.set(ConditionType::Available, &available);
    conditions.set_or_remove(ConditionType::Suspended, verdict.suspended.as_ref());
    conditions.set(ConditionType::Insecure, &verdict.insecure);
    conditions.set(ConditionType::Ephemeral, &verdict.ephemeral);
    conditions.set_or_remove(ConditionType::CertificateExpiring, verdict.certificate_expiring.as_ref());
    conditions.set_or_remove(ConditionType::DeletionProtected, verdict.deletion_protected.as_ref());
    conditions.set_or_remove(ConditionType::ClockSkew, clock_skew(facts).as_ref());
    conditions.summarize(&[&verdict.accepted, &verdict.resolved_refs, &keys_ready, &synced, &available]);
    status
}

/// The status of a Workspace for which nothing new can be published: what was said before stays true of what is served.
pub fn held(workspace: &Workspace, why: &Finding, now: jiff::Timestamp) -> WorkspaceStatus {
    let mut status = workspace.status.clone().unwrap_or_default();
    let generation = workspace.metadata.generation;
    status.observed_generation = generation;
    let mut conditions = Conditions { list: &mut status.conditions, generation, now };
    conditions.set(ConditionType::ConfigSynced, why);
    conditions.summarize(&[why]);
    status
}

fn config(facts: &Facts<'_>, applied: &Published<'_>, before: Option<&ConfigStatus>) -> ConfigStatus {
    let manifest = applied.manifest();
    let counted: Vec<&PodView> = facts.acks.counting(facts.counting()).collect();
    let is_current = |pod: &&&PodView| {
        pod.state
            .as_ref()
            .is_some_and(|state| state.revision.is_some_and(|loaded| loaded >= manifest.revision))
    };
    let current = counted.iter().filter(is_current).count();
    let mut laggards: Vec<Laggard> =
        counted.iter().filter(|pod| !is_current(pod)).map(|pod| laggard(pod)).collect();
    laggards.truncate(MOST_LAGGARDS);
    let same =
        before.filter(|before| before.revision == signed(manifest.revision) && before.hash == manifest.hash);
    ConfigStatus {
        revision: signed(manifest.revision),
        hash: manifest.hash.clone(),
        published_time: same
            .map_or_else(|| Some(whole_seconds(facts.now)), |before| before.published_time.clone()),
        pods_current: count(current),
        pods_total: count(counted.len()),
        laggards,
    }
}

fn laggard(pod: &PodView) -> Laggard {
    let state = pod.state.as_ref();
    Laggard {
        pod: pod.name.clone(),
        revision: state.and_then(|state| state.revision).map(signed),
        error: match state {
            None => Some("does not answer on the internal port".to_owned()),
            Some(state) => state.pending.as_ref().map(|pending| pending.error.chars().take(1000).collect()),
        },
    }
}

fn counts(facts: &Facts<'_>, programmed: usize) -> ClientCounts {
    let clients = &facts.verdict.clients;
    let accepted = clients.iter().filter(|client| client.accepted.is_true()).count();
    ClientCounts {
        total: count(clients.len()),
        accepted: count(accepted),
        programmed: count(programmed),
        rejected: count(clients.len() - accepted),
        dynamic: 0,
    }
}

fn keys(applied: &Published<'_>) -> Vec<WorkspaceKey> {
    let mut keys = Vec::new();
    for line in applied.lines {
        let gone = |state| matches!(state, KeyState::Retired | KeyState::Revoked);
        for key in line.keys.iter().filter(|key| !gone(line.state_of(key))) {
            keys.push(WorkspaceKey {
                kid: key.kid.clone(),
                algorithm: key.algorithm,
                use_: key.algorithm.key_use(),
                state: line.state_of(key),
                signing_key: line.signing_key.clone(),
            });
        }
    }
    keys.sort_by(|one, other| (&one.signing_key, &one.kid).cmp(&(&other.signing_key, &other.kid)));
    keys.truncate(MOST_KEYS);
    keys
}

/// Every line that is wanted has a key that every serving pod signs with.
fn keys_ready(facts: &Facts<'_>) -> Finding {
    let Some(applied) = facts.applied else {
        return Finding::no(Reason::KeyPending, "keys are made when the Workspace is accepted");
    };
    let wanted = || applied.lines.iter().filter(|line| line.wanted);
    let active =
        |line: &crate::rotate::KeyLine| line.active().is_some_and(|key| key.activation_acked_at.is_some());
    let waiting: Vec<String> =
        wanted().filter(|line| !active(line)).map(|line| line.signing_key.clone()).collect();
    match (wanted().next(), waiting.as_slice()) {
        (None, _) => Finding::no(Reason::KeyPending, "there is no SigningKey yet"),
        (Some(_), []) => {
            Finding::yes(Reason::KeysReady, "every SigningKey has a key that every serving pod signs with")
        }
        (Some(_), names) => {
            Finding::no(Reason::KeyPending, format!("no active key yet of {}", listed(names)))
        }
    }
}

fn synced(facts: &Facts<'_>) -> Finding {
    match facts.applied {
        Some(applied) => facts.loaded(applied.manifest().revision),
        None => Finding::no(Reason::Pending, "nothing is published yet"),
    }
}

fn revocations(facts: &Facts<'_>, refused: usize, synced: &Finding) -> Finding {
    let publication = facts.verdict.publication.as_ref();
    let tombstones = publication.map_or(0, |publication| publication.document.tombstones.len());
    let lines = facts.applied.map_or(&[][..], |applied| applied.lines);
    let revoked =
        |key: &&crate::rotate::KeyFacts| key.state == KeyState::Revoked && key.removal_acked_at.is_none();
    let keys = lines.iter().flat_map(|line| &line.keys).filter(revoked).count();
    let clients = tombstones + refused;
    if clients + keys == 0 {
        return Finding::no(Reason::RevocationsConfirmed, "");
    }
    let waiting = if synced.is_true() { "the pods are removing what they had" } else { &synced.message };
    let message = format!("{clients} Clients and {keys} keys are being revoked: {waiting}");
    Finding::yes(Reason::RevocationsPending, message)
}

fn available(facts: &Facts<'_>) -> Finding {
    let Some(deployment) = facts.deployment else {
        return Finding::no(Reason::Unavailable, "there are no pods yet");
    };
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    let message = format!("{ready} of {wanted} pods are ready");
    if wanted > 0 && ready >= wanted {
        Finding::yes(Reason::Available, message)
    } else {
        Finding::no(Reason::Unavailable, message)
    }
}

/// Tokens are judged by the pods' clocks, rotation by ours.
fn clock_skew(facts: &Facts<'_>) -> Option<Finding> {
    let mut answers = facts.acks.pods.iter().filter_map(|pod| Some((pod, pod.state.as_ref()?))).peekable();
    answers.peek()?;
    let tolerated = CLOCK_SKEW.as_seconds();
    let skewed: Vec<String> = answers
        .filter(|(_, state)| (state.now.as_second() - facts.now.as_second()).abs() > tolerated)
        .map(|(pod, _)| pod.name.clone())
        .collect();
    Some(if skewed.is_empty() {
        Finding::no(Reason::ClocksAgree, "")
    } else {
        let names = listed(&skewed);
        let message = format!(
            "the clocks of {names} and of the operator differ by more than {tolerated} s: check time synchronization"
        );
        Finding::yes(Reason::ClockSkewed, message)
    })
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
