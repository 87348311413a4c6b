//! What would the operator say of the objects as they are now? Its own judgement, with the Secrets as they are, so that a mistake
//! is named whether it runs or not.

use std::collections::{BTreeMap, BTreeSet};

use fapi_core::Timestamp;
use fapi_crds::names::label;
use fapi_crds::workspace::Tls;
use fapi_crds::{Client, ConfigMapKeyRef, KeySource, Reason, SecretKeyRef, Workspace};
use fapi_operator::build;
use fapi_operator::names::{Names, WorkspaceName};
use fapi_operator::optional::Optional;
use fapi_operator::rotate::Floors;
use fapi_operator::validate::{
    Finding as Said, Found, FoundClient, FoundLogo, Fresh, Guards, Missing, References, Resolved, Value,
    references, validate,
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Resource;
use serde::Serialize;
use zeroize::Zeroizing;

use super::super::place;
use super::super::status::workspace_of;
use super::seen::Seen;
use super::{Finding, field};

/// A server certificate that expires sooner is a finding.
const SOON: i64 = 30 * 86_400;

/// What the operator would refuse.
pub(super) fn findings(seen: &Seen, now: i64) -> Vec<Finding> {
    if seen.secrets.is_none() || seen.config_maps.is_none() {
        return Vec::new();
    }
    seen.workspaces.iter().flat_map(|workspace| of_workspace(seen, workspace, now)).collect()
}

fn of_workspace(seen: &Seen, workspace: &Workspace, now: i64) -> Vec<Finding> {
    let found = found(seen, workspace, now);
    let verdict = validate(&found);
    let mut findings = Vec::new();
    for said in [&verdict.workspace.accepted, &verdict.workspace.resolved_refs] {
        findings.extend(told(workspace, &workspace.spec, said));
    }
    if let Some(not_after) = verdict.workspace.tls_not_after.filter(|it| it.0.as_second() - now < SOON) {
        let named = Said::no(Reason::Expired, format!("the server certificate expires on {}", not_after.0));
        findings.extend(told(workspace, &workspace.spec, &named).into_iter().map(|finding| Finding {
            field: "spec.tls.secretName".to_owned(),
            next: "renew it: the pods load the new one from the same Secret".to_owned(),
            ..finding
        }));
    }
    for judged in &verdict.clients {
        let of_it = |client: &&Client| client.metadata.uid.as_deref() == Some(&judged.uid);
        let Some(client) = seen.clients.iter().find(of_it) else { continue };
        for said in [&judged.accepted, &judged.resolved_refs] {
            findings.extend(told(client, &client.spec, said));
        }
        if let Some(said) = judged.certificate_expiring.as_ref().filter(|said| said.is_true()) {
            let expires = Said::no(said.reason, said.message.clone());
            let certificate = client.spec.auth.tls.as_ref().is_some_and(|tls| tls.certificate_ref.is_some());
            let field =
                if certificate { "spec.auth.tls.certificateRef" } else { "spec.auth.certificateRefs" };
            findings.extend(
                told(client, &client.spec, &expires)
                    .into_iter()
                    .map(|finding| Finding { field: field.to_owned(), ..finding }),
            );
        }
    }
    for judged in &verdict.signing_keys {
        let namespace = workspace.metadata.namespace.as_ref();
        let line = seen.signing_keys.iter().find(|line| {
            line.metadata.name.as_ref() == Some(&judged.name) && line.metadata.namespace.as_ref() == namespace
        });
        findings.extend(line.into_iter().flat_map(|line| told(line, &line.spec, &judged.accepted)));
    }
    findings
}

/// A finding for each sentence, if it is against the object.
fn told<K: Resource<DynamicType = ()>>(object: &K, spec: &impl Serialize, said: &Said) -> Vec<Finding> {
    let elsewhere = matches!(said.reason, Reason::WorkspaceNotReady | Reason::Pending | Reason::Disabled);
    if said.is_true() || elsewhere {
        return Vec::new();
    }
    let spec = serde_json::to_value(spec).unwrap_or_default();
    let (namespace, name) = place(object);
    let kind = K::kind(&()).into_owned();
    let finding = |message: &str| Finding {
        field: field::of(message, said.reason, &spec),
        next: advice(said.reason, message, &kind, &namespace, &name),
        kind: kind.clone(),
        namespace: namespace.clone(),
        name: name.clone(),
        message: message.to_owned(),
    };
    said.message.split("; ").map(finding).collect()
}

fn advice(reason: Reason, message: &str, kind: &str, namespace: &str, name: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    let edit = format!("kubectl edit {kind} {name} -n {namespace}");
    match reason {
        Reason::SecretNotFound => "make the Secret, or write the name of another".to_owned(),
        Reason::ConfigMapNotFound => "make the ConfigMap, or write the name of another".to_owned(),
        Reason::KeyNotFound => "write a key that is there, or add it to the data".to_owned(),
        Reason::NotLabelled => {
            let secret = field::object(message).map_or_else(|| "NAME".to_owned(), |(name, _)| name);
            format!("kubectl label secret {secret} -n {namespace} {}=true", label::CLIENT_CREDENTIALS)
        }
        Reason::Expired | Reason::CertificateExpiring => "put its successor beside it".to_owned(),
        Reason::ClientIdConflict => {
            format!("make it anew with another clientId: kubectl delete {kind} {name} -n {namespace}")
        }
        Reason::NotAllowedByWorkspace => "ask the Workspace's owner for allowedClients".to_owned(),
        _ => edit,
    }
}

/// What the operator would find.
fn found(seen: &Seen, workspace: &Workspace, now: i64) -> Found {
    let (namespace, name) = place(workspace);
    let own = |reference: &SecretKeyRef| secret(seen, &namespace, reference, false);
    let map = |reference: &ConfigMapKeyRef| config_map(seen, &namespace, reference);
    let source = |source: &KeySource| match (&source.secret_ref, &source.config_map_ref) {
        (Some(reference), _) => own(reference),
        (None, Some(reference)) => map(reference),
        (None, None) => Resolved::Missing(Missing::ConfigMapNotFound),
    };
    let spec = &workspace.spec;
    let names = WorkspaceName::parse(&name).ok();
    let names = names.map(|workspace| Names { namespace: namespace.clone(), workspace });
    let shown = |secret: fn(&Names, &Tls) -> Option<String>, tls: Option<&Tls>| {
        let name = secret(names.as_ref()?, tls?)?;
        Some(own(&SecretKeyRef { name, key: "tls.crt".to_owned() }))
    };
    let database = spec.storage.postgresql.as_ref();
    let of_it = |client: &&Client| workspace_of(client) == (namespace.clone(), name.clone());
    Found {
        workspace: workspace.clone(),
        clients: seen.clients.iter().filter(of_it).map(|client| found_client(seen, client)).collect(),
        signing_keys: seen
            .signing_keys
            .iter()
            .filter(|line| line.spec.workspace_ref.name == name && place(*line).0 == namespace)
            .cloned()
            .collect(),
        references: References {
            users: spec.login.users.as_ref().map(|users| own(&users.secret_ref)),
            client_ca: spec.mtls.client_ca.as_ref().map(source),
            imports: seen
                .signing_keys
                .iter()
                .filter(|line| line.spec.workspace_ref.name == name && place(*line).0 == namespace)
                .filter(|line| !has_keys(seen, &place(*line)))
                .filter_map(|line| Some((place(line).1, own(&line.spec.import.as_ref()?.secret_ref))))
                .collect(),
            crl: spec.mtls.crl.as_ref().map(source),
            tls: shown(Names::shown_in_front, Some(&spec.tls)),
            mtls_tls: shown(Names::shown_behind, spec.mtls.tls.as_ref()),
            details_types: spec
                .authorization_details_types
                .iter()
                .map(|said| (said.type_.clone(), map(&said.schema_ref)))
                .collect(),
            egress_ca: spec.egress.as_ref().and_then(|egress| egress.ca_ref.as_ref()).map(source),
            database_url: database.map(|database| own(&database.url_secret_ref)),
            database_ca: database.and_then(|database| database.ca_ref.as_ref()).map(source),
        },
        previous: previous(seen, &namespace, &name),
        fresh: Fresh::Everywhere,
        tombstones_done: BTreeSet::new(),
        floors: Floors::PRODUCTION,
        // What is missing of them, the operator's conditions tell.
        optional: Optional::ASSUMED,
        // Which policies are in force is for the operator to say: its conditions are repeated.
        guards: Guards::LAPTOP,
        now: Timestamp::from_unix(now),
    }
}

/// A line imports its first key only.
fn has_keys(seen: &Seen, (namespace, name): &(String, String)) -> bool {
    seen.secrets.iter().flatten().any(|((of, _), secret)| {
        let labels = secret.metadata.labels.as_ref();
        of == namespace && labels.and_then(|labels| labels.get(label::SIGNING_KEY)) == Some(name)
    })
}

/// What is published decides who holds a client id.
fn previous(seen: &Seen, namespace: &str, name: &str) -> Option<fapi_operator::validate::Previous> {
    let names = Names { namespace: namespace.to_owned(), workspace: WorkspaceName::parse(name).ok()? };
    let own = seen.secrets.iter().flatten().filter(|((of, _), secret)| {
        let labels = secret.metadata.labels.as_ref();
        of == namespace && labels.and_then(|labels| labels.get(label::WORKSPACE)).is_some_and(|it| it == name)
    });
    let data: BTreeMap<String, BTreeMap<String, Vec<u8>>> = own
        .map(|((_, name), secret)| {
            let entries = secret.data.iter().flatten();
            (name.clone(), entries.map(|(key, value)| (key.clone(), value.0.clone())).collect())
        })
        .collect();
    build::previous(&names, &data).ok().flatten()
}

fn found_client(seen: &Seen, client: &Client) -> FoundClient {
    let (namespace, _) = place(client);
    let secrets = references(client)
        .into_iter()
        .map(|reference| {
            let resolved = secret(seen, &namespace, &reference, true);
            (reference, resolved)
        })
        .collect();
    let labels = seen.namespaces.get(&namespace).map(|it| it.metadata.labels.clone().unwrap_or_default());
    let logo = client.spec.logo.as_ref().map(|reference| logo(seen, &namespace, reference));
    FoundClient { client: client.clone(), namespace_labels: labels, secrets, logo }
}

fn logo(seen: &Seen, namespace: &str, reference: &ConfigMapKeyRef) -> FoundLogo {
    let Some(map) = map(seen, namespace, reference) else {
        return FoundLogo::Missing(Missing::ConfigMapNotFound);
    };
    let text = map.data.as_ref().is_some_and(|data| data.contains_key(&reference.key));
    let bytes = map.binary_data.as_ref().and_then(|data| data.get(&reference.key));
    FoundLogo::read(text, bytes.map(|bytes| bytes.0.as_slice()))
}

fn secret(seen: &Seen, namespace: &str, reference: &SecretKeyRef, labelled: bool) -> Resolved {
    let key = (namespace.to_owned(), reference.name.clone());
    let Some(secret) = seen.secrets.as_ref().and_then(|secrets| secrets.get(&key)) else {
        return Resolved::Missing(Missing::SecretNotFound);
    };
    let label = secret.metadata.labels.as_ref().and_then(|labels| labels.get(label::CLIENT_CREDENTIALS));
    if labelled && label.is_none_or(|value| value != "true") {
        return Resolved::Missing(Missing::NotLabelled);
    }
    let bytes = secret.data.as_ref().and_then(|data| data.get(&reference.key)).map(|bytes| bytes.0.clone());
    resolved(bytes, secret.metadata.resource_version.as_deref())
}

fn config_map(seen: &Seen, namespace: &str, reference: &ConfigMapKeyRef) -> Resolved {
    let Some(map) = map(seen, namespace, reference) else {
        return Resolved::Missing(Missing::ConfigMapNotFound);
    };
    let text =
        map.data.as_ref().and_then(|data| data.get(&reference.key)).map(|text| text.clone().into_bytes());
    let bytes = text.or_else(|| Some(map.binary_data.as_ref()?.get(&reference.key)?.0.clone()));
    resolved(bytes, map.metadata.resource_version.as_deref())
}

fn map<'a>(seen: &'a Seen, namespace: &str, reference: &ConfigMapKeyRef) -> Option<&'a ConfigMap> {
    seen.config_maps.as_ref()?.get(&(namespace.to_owned(), reference.name.clone()))
}

fn resolved(bytes: Option<Vec<u8>>, version: Option<&str>) -> Resolved {
    bytes.map_or(Resolved::Missing(Missing::KeyNotFound), |bytes| {
        Resolved::Value(Value {
            bytes: Zeroizing::new(bytes),
            resource_version: version.unwrap_or_default().to_owned(),
        })
    })
}
