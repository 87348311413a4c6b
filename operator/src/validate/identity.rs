//! Whose client id is it, and may this namespace attach Clients at all?

use std::collections::BTreeMap;

use fapi_core::ids::ClientId;
use fapi_crds::workspace::{AllowedClients, AllowedFrom};
use fapi_crds::{Client, Reason};
use kube::core::{Selector, SelectorExt as _};

use super::found::FoundClient;
use super::ledger::Ledger;
use super::material::Problem;
use super::verdict::ObjectKey;

/// A Client that names the Workspace.
pub(super) struct Candidate<'a> {
    pub(super) found: &'a FoundClient,
    pub(super) key: ObjectKey,
    pub(super) uid: String,
    pub(super) deleting: bool,
    /// Its id, if it is admitted and has a valid one.
    pub(super) client_id: Result<ClientId, Problem>,
    pub(super) admitted: Result<(), Problem>,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(found: &'a FoundClient, allowed: &AllowedClients, workspace_namespace: &str) -> Self {
        let metadata = &found.client.metadata;
        let key = ObjectKey {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        };
        Self {
            found,
            uid: metadata.uid.clone().unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            client_id: client_id(&found.client, &key),
            admitted: admitted(allowed, workspace_namespace, &key.namespace, found.namespace_labels.as_ref()),
            key,
        }
    }

    /// Whether it may hold a client id.
    fn competes(&self) -> Option<&ClientId> {
        let eligible = self.admitted.is_ok() && !self.deleting;
        self.client_id.as_ref().ok().filter(|_| eligible)
    }

    fn age(&self) -> (Option<jiff::Timestamp>, &ObjectKey) {
        let created = self.found.client.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (created, &self.key)
    }
}

/// `spec/api.md`, Client: the default is `<namespace>.<name>`; a dot means that the rest is a namespace's own.
fn client_id(client: &Client, key: &ObjectKey) -> Result<ClientId, Problem> {
    let refuse = |message: String| Err(Problem { reason: Reason::InvalidClientId, message });
    let own = format!("{}.", key.namespace);
    let Some(said) = &client.spec.client_id else {
        let default = format!("{own}{}", key.name);
        return match ClientId::parse(&default) {
            Ok(id) => Ok(id),
            Err(_) => refuse(
                "clientId: the default <namespace>.<name> has more than 255 characters: make the Client anew with a clientId or a shorter name".to_owned(),
            ),
        };
    };
    let id = match ClientId::parse(said) {
        Ok(id) => id,
        Err(error) => return refuse(format!("clientId: {error}")),
    };
    if said.starts_with("dyn-") {
        return refuse("clientId: ids that begin with dyn- belong to dynamic registration".to_owned());
    }
    if said.contains('.') && !said.starts_with(&own) {
        return refuse(format!(
            "clientId: an id with a dot must begin with {own}, the Client's own namespace"
        ));
    }
    Ok(id)
}

/// The handshake: the Workspace says whose Clients it admits.
fn admitted(
    allowed: &AllowedClients,
    workspace_namespace: &str,
    namespace: &str,
    labels: Option<&BTreeMap<String, String>>,
) -> Result<(), Problem> {
    let refuse = |message: String| Err(Problem { reason: Reason::NotAllowedByWorkspace, message });
    match allowed.from {
        AllowedFrom::All => Ok(()),
        AllowedFrom::Same if namespace == workspace_namespace => Ok(()),
        AllowedFrom::Same => refuse(format!(
            "the Workspace admits Clients of its own namespace only; its owner may set allowedClients for {namespace}"
        )),
        AllowedFrom::Selector => {
            let Some(selector) =
                allowed.selector.clone().and_then(|selector| Selector::try_from(selector).ok())
            else {
                return refuse("the Workspace's allowedClients.selector cannot be read".to_owned());
            };
            match labels {
                None => refuse(format!(
                    "the labels of namespace {namespace} cannot be read, and allowedClients.selector needs them: the operator lacks the right to read namespaces"
                )),
                Some(labels) if selector.matches(labels) => Ok(()),
                Some(_) => refuse(format!(
                    "the labels of namespace {namespace} do not match the Workspace's allowedClients.selector"
                )),
            }
        }
    }
}

/// Who holds each client id: the Client that is published under it, or else the oldest (K-03).
pub(super) fn winners<'a>(
    candidates: &'a [Candidate<'_>],
    ledger: &Ledger,
) -> BTreeMap<&'a ClientId, &'a str> {
    let mut winners: BTreeMap<&ClientId, &Candidate<'_>> = BTreeMap::new();
    for candidate in candidates {
        let Some(id) = candidate.competes() else { continue };
        let held = ledger.clients.get(id).filter(|entry| !entry.waiting);
        if held.is_some_and(|entry| entry.uid != candidate.uid) {
            continue;
        }
        let winner = winners.entry(id).or_insert(candidate);
        if candidate.age() < winner.age() {
            *winner = candidate;
        }
    }
    winners.into_iter().map(|(id, candidate)| (id, candidate.uid.as_str())).collect()
}

/// For a Client that did not get its id. Whoever holds it is named only within one namespace (K-11).
pub(super) fn conflict(
    id: &ClientId,
    candidate: &Candidate<'_>,
    candidates: &[Candidate<'_>],
    winner: Option<&str>,
) -> Problem {
    let holder = candidates.iter().find(|other| Some(other.uid.as_str()) == winner);
    let who = match holder {
        Some(holder) if holder.key.namespace == candidate.key.namespace => format!("Client {}", holder.key),
        _ => "another Client".to_owned(),
    };
    Problem {
        reason: Reason::ClientIdConflict,
        message: format!(
            "clientId: {id} belongs to {who}, which has it for longer: make this Client anew with another clientId"
        ),
    }
}
