//! What points nowhere, and what is there twice? What no single object can show.

use std::collections::BTreeSet;

use fapi_crds::{Client, KeyState};

use super::super::place;
use super::super::status::workspace_of;
use super::Finding;
use super::seen::Seen;

/// What points nowhere, and what is there twice.
pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    let mut findings = unattached(seen);
    findings.extend(same_issuer(seen));
    findings.extend(unknown_resource_servers(seen));
    findings.extend(lost_keys(seen));
    findings.extend(nobody_serves(seen));
    findings
}

fn unattached(seen: &Seen) -> Vec<Finding> {
    let known: BTreeSet<(String, String)> = seen.all_workspaces.iter().map(place).collect();
    let missing = |kind: &str, (namespace, name): (String, String), workspace: &(String, String)| Finding {
        kind: kind.to_owned(),
        namespace,
        name,
        field: "spec.workspaceRef".to_owned(),
        message: format!("there is no Workspace {}/{}", workspace.0, workspace.1),
        next: "make the Workspace, or make this object anew with the right name: kubectl get workspaces -A"
            .to_owned(),
    };
    let clients = seen.clients.iter().filter_map(|client| {
        let workspace = workspace_of(client);
        (!known.contains(&workspace)).then(|| missing("Client", place(client), &workspace))
    });
    let lines = seen.signing_keys.iter().filter_map(|line| {
        let workspace = (place(line).0, line.spec.workspace_ref.name.clone());
        (!known.contains(&workspace)).then(|| missing("SigningKey", place(line), &workspace))
    });
    clients.chain(lines).collect()
}

/// Two servers that claim one name: whoever asks one of them does not know which.
fn same_issuer(seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workspace in &seen.workspaces {
        let (namespace, name) = place(workspace);
        let twin = seen.all_workspaces.iter().find(|other| {
            other.spec.issuer == workspace.spec.issuer && place(*other) != (namespace.clone(), name.clone())
        });
        if let Some(twin) = twin {
            let (other, twin) = place(twin);
            findings.push(Finding {
                kind: "Workspace".to_owned(),
                message: format!(
                    "{} is the issuer of Workspace {other}/{twin} as well",
                    workspace.spec.issuer
                ),
                field: "spec.issuer".to_owned(),
                next: "keep one of them: an issuer belongs to one Workspace".to_owned(),
                namespace,
                name,
            });
        }
    }
    findings
}

fn client_id(client: &Client) -> String {
    let (namespace, name) = place(client);
    client.spec.client_id.clone().unwrap_or_else(|| format!("{namespace}.{name}"))
}

fn unknown_resource_servers(seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workspace in &seen.workspaces {
        let own = place(workspace);
        let ids: BTreeSet<String> =
            seen.clients.iter().filter(|client| workspace_of(client) == own).map(client_id).collect();
        for (at, resource) in workspace.spec.resources.iter().enumerate() {
            for (index, id) in resource.introspection_clients.iter().enumerate() {
                if !ids.contains(id) {
                    findings.push(Finding {
                        kind: "Workspace".to_owned(),
                        namespace: own.0.clone(),
                        name: own.1.clone(),
                        field: format!("spec.resources[{at}].introspectionClients[{index}]"),
                        message: format!("no Client of this Workspace has the client id {id}"),
                        next: "make the Client, with grantTypes: [], or take the id out".to_owned(),
                    });
                }
            }
        }
    }
    findings
}

/// A key that is published, and whose Secrets somebody has deleted.
fn lost_keys(seen: &Seen) -> Vec<Finding> {
    let Some(secrets) = &seen.secrets else { return Vec::new() };
    let mut findings = Vec::new();
    for line in &seen.signing_keys {
        let (namespace, name) = place(line);
        let status = line.status.as_ref();
        for key in status.into_iter().flat_map(|status| &status.keys) {
            let private = matches!(key.state, KeyState::Active | KeyState::Published);
            let Some(public_name) = &key.secret_name else { continue };
            let wanted = [Some(public_name.clone()), private.then(|| format!("{public_name}-private"))];
            let gone = matches!(key.state, KeyState::Retired | KeyState::Revoked);
            for wanted in wanted.into_iter().flatten().filter(|_| !gone) {
                if !secrets.contains_key(&(namespace.clone(), wanted.clone())) {
                    findings.push(Finding {
                        kind: "SigningKey".to_owned(),
                        namespace: namespace.clone(),
                        name: name.clone(),
                        field: "status.keys".to_owned(),
                        message: format!("Secret {namespace}/{wanted} of key {} is gone", key.kid),
                        next: "put it back from the backup; without it the operator makes a new key"
                            .to_owned(),
                    });
                }
            }
        }
    }
    findings
}

fn nobody_serves(seen: &Seen) -> Vec<Finding> {
    let none =
        seen.workspaces.iter().filter(|it| it.spec.replicas == 0 && it.spec.server.autoscaling.is_none());
    none.map(|workspace| {
        let (namespace, name) = place(workspace);
        Finding {
            kind: "Workspace".to_owned(),
            field: "spec.replicas".to_owned(),
            message: "0 replicas: nobody serves this Workspace".to_owned(),
            next: format!("kubectl scale workspace {name} -n {namespace} --replicas 2"),
            namespace,
            name,
        }
    })
    .collect()
}
