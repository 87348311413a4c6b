//! May this Workspace be served? Its spec, what it refers to, and what holds in its place while it may not.

use std::collections::BTreeMap;

use fapi_config::{Document, LoginType, StorageType, Ui};
use fapi_core::certificate::{Dialect, Forwarded, SubjectName};
use fapi_core::ids::ClientId;
use fapi_core::issuer::{Doors, Issuer, Mtls};
use fapi_core::link::Link;
use fapi_core::network::Network;
use fapi_core::profile::{Rules, narrow};
use fapi_core::registry::{Resource, ScopeDefinition, offered_scopes};
use fapi_core::scope::{Scope, Scopes};
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::Reason;
use fapi_crds::workspace::{
    ForwardedDialect, LoginType as Login, ParentRef, StorageType as Storage, Tls, WorkspaceSpec,
};
use fapi_jose::KeyManagement;
use zeroize::Zeroizing;

use super::found::Found;
use super::guards;
use super::material::Problem;
use super::peers;
use super::protocol::{self, overrides, span};
use super::references::references;
use super::signing_keys;
use super::support;
use super::verdict::{Finding, WorkspaceVerdict};
use crate::names::{Names, WorkspaceName};

/// What is in force for the Clients.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    pub(super) names: Names,
    pub(super) uid: String,
    /// Whether it is the spec as it is now.
    pub(super) current: bool,
    pub(super) document: Document,
    pub(super) rules: Rules,
    pub(super) scopes: Scopes,
    pub(super) resources: Vec<String>,
    pub(super) details_types: Vec<String>,
    /// What others may encrypt to us with: there is a key line for it.
    pub(super) opens: Vec<KeyManagement>,
    pub(super) client_shards: u8,
    pub(super) grace: Lifetime,
    pub(super) users: Option<Zeroizing<Vec<u8>>>,
    pub(super) client_ca: Option<Vec<u8>>,
    pub(super) client_ca_failing_since: Option<Timestamp>,
    pub(super) crl: Option<Vec<u8>>,
    pub(super) details_failing_since: BTreeMap<String, Timestamp>,
}

/// Judges the Workspace.
pub(super) fn judge(found: &Found) -> (WorkspaceVerdict, Option<InForce>) {
    let spec = &found.workspace.spec;
    let metadata = &found.workspace.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let (document, mut problems) = document(spec, found);
    let names = WorkspaceName::parse(metadata.name.as_deref().unwrap_or_default())
        .map(|workspace| Names { namespace: namespace.to_owned(), workspace })
        .map_err(|error| problems.push(Problem { reason: Reason::InvalidSpec, message: error.to_string() }));
    let judged = document.filter(|_| problems.is_empty());
    let accepted = match problems.first() {
        Some(first) => Finding::no(first.reason, joined(&problems)),
        None => Finding::yes(Reason::Accepted, "the spec is valid and fits the profile"),
    };
    let document = judged.as_ref().map(|(document, _)| document);
    let mut references = references(found, namespace, names.as_ref().ok(), document);
    let missing = found.optional.missing(spec).into_iter();
    // First: nobody writes the Secret of a Certificate that cannot be asked for.
    references
        .problems
        .splice(0..0, missing.map(|message| Problem { reason: Reason::KindUnavailable, message }));

    let spec_in_force = judged.is_some() && !spec.suspend;
    let chosen = match judged {
        Some((mut document, rules)) if !spec.suspend => {
            document.authorization_details_types.clone_from(&references.details_types);
            document.egress.authorities = references.egress_ca;
            Some((document, rules))
        }
        _ => last_good(found),
    };
    let effective = chosen.as_ref().map(|(_, rules)| protocol::effective(rules));
    let verdict = WorkspaceVerdict {
        accepted,
        resolved_refs: match references.problems.first() {
            Some(first) => Finding::no(first.reason, joined(&references.problems)),
            None => Finding::yes(Reason::Resolved, "everything referred to was found and understood"),
        },
        insecure: insecure(spec, found),
        ephemeral: ephemeral(spec),
        suspended: spec.suspend.then(|| {
            let why = match metadata.deletion_timestamp {
                Some(_) => "the Workspace is deleted, and a finalizer keeps it",
                None => "suspend is true",
            };
            let message = format!("{why}: keys rotate and revocations act, nothing else changes");
            Finding::yes(Reason::Suspended, message)
        }),
        deletion_protected: guards::deletion(spec, found.guards),
        certificate_expiring: super::expiring(references.tls_not_after.as_ref(), found.now),
        effective,
        tls_not_after: references.tls_not_after,
    };
    let in_force = match (names, chosen) {
        (Ok(names), Some((document, rules))) => Some(InForce {
            names,
            uid: metadata.uid.clone().unwrap_or_default(),
            current: spec_in_force,
            scopes: offered_scopes(document.scopes.iter().map(|scope| scope.name.clone())),
            resources: document.resources.iter().map(|resource| resource.identifier.clone()).collect(),
            details_types: document
                .authorization_details_types
                .iter()
                .map(|entry| entry.name.clone())
                .collect(),
            opens: signing_keys::opens(found),
            document,
            rules,
            client_shards: u8::try_from(spec.config.client_shards)
                .unwrap_or(16)
                .clamp(1, fapi_config::MAX_SHARDS),
            grace: spec.config.stale_secret_grace.seconds().map_or(Lifetime::minutes(60), Lifetime::seconds),
            users: references.users,
            client_ca: references.client_ca,
            client_ca_failing_since: references.client_ca_failing_since,
            // Nothing that is not in force takes away what was revoked.
            crl: references.crl.or_else(|| {
                let before = found.previous.as_ref().filter(|_| !spec_in_force)?;
                before.crl.clone()
            }),
            details_failing_since: references.details_failing_since,
        }),
        _ => None,
    };
    (verdict, in_force)
}

/// What was published before holds while the spec may not.
fn last_good(found: &Found) -> Option<(Document, Rules)> {
    let mut document = found.previous.as_ref()?.document.clone();
    document.keys.clear();
    document.revoked_keys.clear();
    let rules = document.rules().ok()?;
    Some((document, rules))
}

pub(super) fn joined(problems: &[Problem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// The document that the spec asks for, and everything that is wrong with the spec.
fn document(spec: &WorkspaceSpec, found: &Found) -> (Option<(Document, Rules)>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut refuse = |reason, message: String| problems.push(Problem { reason, message });
    let unsupported = support::workspace(spec);
    if !unsupported.is_empty() {
        refuse(
            Reason::NotYetSupported,
            format!("{}: not supported by this version, leave it out", unsupported.join(", ")),
        );
    }
    let issuer = Issuer::parse(&spec.issuer)
        .map_err(|error| refuse(Reason::InvalidIssuer, format!("issuer: {error}")));
    let mtls = doors(spec, issuer.as_ref().ok()).map_err(|message| refuse(Reason::InvalidSpec, message));
    let forwarded = forwarded(spec).map_err(|message| refuse(Reason::InvalidSpec, message));
    let profile = protocol::profile(spec.profile);
    let overrides = overrides(spec.protocol.as_ref())
        .map_err(|(field, message)| refuse(Reason::InvalidSpec, format!("{field}: {message}")));
    let rules = overrides.as_ref().ok().and_then(|overrides| match narrow(profile.profile(), overrides) {
        Ok(rules) => Some(rules),
        Err(refused) => {
            for refusal in refused {
                refuse(Reason::ProfileViolation, refusal.to_string());
            }
            None
        }
    });
    for (field, value, floor) in floors(spec, rules.as_ref(), found) {
        if value < floor {
            refuse(
                Reason::InvalidSpec,
                format!("{field}: {value} is too short: this operator allows {floor} or more"),
            );
        }
    }
    if spec.storage.type_ == Storage::SQLite && spec.replicas > 1 {
        let message = "replicas: SQLite serves one replica: write 1, or storage.type: PostgreSQL";
        refuse(Reason::InvalidSpec, message.to_owned());
    }
    if let Err((field, message)) = span("config.staleSecretGrace", &spec.config.stale_secret_grace) {
        refuse(Reason::InvalidSpec, format!("{field}: {message}"));
    }
    for message in routes(spec) {
        refuse(Reason::InvalidSpec, message);
    }
    let policy = &spec.server.network_policy;
    for (field, named) in [("ingressFrom", &policy.ingress_from), ("egressTo", &policy.egress_to)] {
        for problem in peers::problems(&format!("server.networkPolicy.{field}"), named) {
            refuse(Reason::InvalidSpec, problem);
        }
    }
    let networks = networks(spec).map_err(|message| refuse(Reason::InvalidSpec, message));
    let scopes = scopes(spec).map_err(|message| refuse(Reason::InvalidSpec, message));
    let resources = resources(spec, scopes.as_deref().unwrap_or_default())
        .map_err(|message| refuse(Reason::InvalidSpec, message));
    for (index, said) in spec.authorization_details_types.iter().enumerate() {
        if spec.authorization_details_types.iter().take(index).any(|other| other.type_ == said.type_) {
            let message = format!("authorizationDetailsTypes[{index}].type: is there twice");
            refuse(Reason::InvalidSpec, message);
        }
    }
    if let (Some(previous), Ok(issuer)) = (&found.previous, &issuer) {
        let same_life = Some(&previous.manifest.workspace_uid) == found.workspace.metadata.uid.as_ref();
        if same_life && previous.document.issuer != *issuer {
            refuse(
                Reason::InvalidSpec,
                "issuer: cannot change, since everything issued so far names it".to_owned(),
            );
        }
        if same_life && previous.document.profile != profile {
            refuse(Reason::InvalidSpec, "profile: cannot change: make another Workspace".to_owned());
        }
    }
    let ui = ui(spec).map_err(|message| refuse(Reason::InvalidSpec, message));
    let (
        Ok(issuer),
        Ok(mtls),
        Ok(forwarded),
        Ok(overrides),
        Some(rules),
        Ok(scopes),
        Ok(resources),
        Ok(networks),
        Ok(ui),
    ) = (issuer, mtls, forwarded, overrides, rules, scopes, resources, networks, ui)
    else {
        return (None, problems);
    };
    let storage = match spec.storage.type_ {
        Storage::PostgreSQL => StorageType::PostgreSQL,
        Storage::SQLite => StorageType::SQLite,
    };
    let mut document = Document::new(issuer, mtls, profile, LoginType::Users, storage);
    document.forwarded = forwarded;
    document.protocol = overrides;
    document.scopes = scopes;
    document.resources = resources;
    document.ui = ui;
    document.egress.networks = networks;
    (Some((document, rules)), problems)
}

/// Networks that are not public and may be reached all the same (`H-13`).
fn networks(spec: &WorkspaceSpec) -> Result<Vec<Network>, String> {
    let said = spec.egress.iter().flat_map(|egress| &egress.allowed_networks).enumerate();
    said.map(|(index, text)| {
        // The API server knows whether it is one; what it does not see is a folder of `fapictl up`.
        let network = text.parse().ok().filter(|_| text.contains('/'));
        network.ok_or_else(|| {
            format!("egress.allowedNetworks[{index}]: write address/length, such as 10.2.0.0/16 or fd00::/8")
        })
    })
    .collect()
}

/// Where the back door is. The two must differ, or every browser would be asked for a certificate.
fn doors(spec: &WorkspaceSpec, issuer: Option<&Issuer>) -> Result<Mtls, String> {
    let mtls = match (&spec.mtls.host, spec.mtls.port) {
        (Some(host), None) => Mtls::Host(host.to_ascii_lowercase()),
        (None, Some(port)) => {
            let port = u16::try_from(port).ok().filter(|port| *port > 0);
            Mtls::Port(port.ok_or("mtls.port: write a port from 1 to 65535")?)
        }
        _ => return Err("mtls: set exactly one of host and port".to_owned()),
    };
    if let Some(issuer) = issuer {
        let doors = Doors::new(issuer, &mtls);
        if doors.front == doors.back {
            return Err(
                "mtls: the back door must have another host or another port than the issuer".to_owned()
            );
        }
    }
    Ok(mtls)
}

/// With doors told apart by port, that chooses the listener.
fn routes(spec: &WorkspaceSpec) -> Vec<String> {
    let gateway = spec.exposure.as_ref().and_then(|exposure| exposure.gateway.as_ref());
    let parents =
        gateway.filter(|_| spec.mtls.port.is_some()).map_or(&[][..], |gateway| &gateway.parent_refs);
    let chosen = |parent: &ParentRef| parent.section_name.is_some() || parent.port.is_some();
    let wrong = parents.iter().enumerate().filter(|(_, parent)| chosen(parent));
    wrong
        .map(|(index, _)| {
            format!(
                "exposure.gateway.parentRefs[{index}]: leave sectionName and port out: with mtls.port each door's route goes to the listener of its own port"
            )
        })
        .collect()
}

/// The proxy whose word counts for client certificates.
fn forwarded(spec: &WorkspaceSpec) -> Result<Option<Forwarded>, String> {
    let Some(said) = &spec.mtls.forwarded else { return Ok(None) };
    let dialect = match said.dialect {
        // Refused by its name in `support`.
        ForwardedDialect::AwsAlb => return Ok(None),
        ForwardedDialect::Envoy => Dialect::Envoy,
        ForwardedDialect::HAProxy => Dialect::HAProxy,
        ForwardedDialect::Nginx => Dialect::Nginx,
        ForwardedDialect::Rfc9440 => Dialect::Rfc9440,
        ForwardedDialect::Traefik => Dialect::Traefik,
    };
    let networks = said.from.cidrs.iter().enumerate().map(|(index, network)| {
        network.parse::<Network>().map_err(|error| format!("mtls.forwarded.from.cidrs[{index}]: {error}"))
    });
    let name = match (&said.from.san_dns, &said.from.san_uri) {
        (Some(name), None) => SubjectName::SanDns(name.clone()),
        (None, Some(uri)) => SubjectName::SanUri(uri.clone()),
        _ => return Err("mtls.forwarded.from: set exactly one of sanDns and sanUri".to_owned()),
    };
    name.check().map_err(|error| format!("mtls.forwarded.from: {error}"))?;
    if spec.mtls.client_ca.is_none() {
        return Err(
            "mtls.forwarded: the proxy's own certificate is checked against mtls.clientCa: set that too"
                .to_owned(),
        );
    }
    Ok(Some(Forwarded { dialect, networks: networks.collect::<Result<_, _>>()?, name }))
}

/// Durations with a production floor, and that floor.
fn floors(
    spec: &WorkspaceSpec,
    rules: Option<&Rules>,
    found: &Found,
) -> Vec<(&'static str, Lifetime, Lifetime)> {
    let mut floors = Vec::new();
    if let Some(rules) = rules {
        floors.push((
            "protocol.lifetimes.jwksMaxAge",
            rules.lifetimes.jwks_max_age,
            found.floors.jwks_max_age,
        ));
    }
    if let Ok(interval) = span("", &spec.keys.rotation.interval) {
        floors.push(("keys.rotation.interval", interval, found.floors.interval));
    }
    floors
}

fn scopes(spec: &WorkspaceSpec) -> Result<Vec<ScopeDefinition>, String> {
    let mut scopes: Vec<ScopeDefinition> = Vec::with_capacity(spec.scopes.len());
    for (index, scope) in spec.scopes.iter().enumerate() {
        let name = Scope::parse(&scope.name).map_err(|error| format!("scopes[{index}].name: {error}"))?;
        if scopes.iter().any(|other| other.name == name) {
            return Err(format!("scopes[{index}].name: {name} is there twice"));
        }
        scopes.push(ScopeDefinition {
            name,
            description: scope.description.clone(),
            claims: scope.claims.clone(),
        });
    }
    Ok(scopes)
}

fn resources(spec: &WorkspaceSpec, scopes: &[ScopeDefinition]) -> Result<Vec<Resource>, String> {
    let offered = offered_scopes(scopes.iter().map(|scope| scope.name.clone()));
    let mut resources: Vec<Resource> = Vec::with_capacity(spec.resources.len());
    for (index, resource) in spec.resources.iter().enumerate() {
        let at = |field: &str, message: &str| format!("resources[{index}].{field}: {message}");
        if resources.iter().any(|other| other.identifier == resource.identifier) {
            return Err(at("identifier", "is there twice"));
        }
        let mut own = Vec::new();
        for scope in &resource.scopes {
            let scope = Scope::parse(scope).map_err(|error| at("scopes", &error.to_string()))?;
            if !offered.contains(scope.as_str()) {
                return Err(at("scopes", &format!("{scope} is not one of the Workspace's scopes")));
            }
            own.push(scope);
        }
        let mut introspection_clients = Vec::new();
        for client in &resource.introspection_clients {
            introspection_clients.push(
                ClientId::parse(client).map_err(|error| at("introspectionClients", &error.to_string()))?,
            );
        }
        resources.push(Resource {
            identifier: resource.identifier.clone(),
            scopes: own,
            introspection_clients,
            default: resource.default,
        });
    }
    if resources.iter().filter(|resource| resource.default).count() > 1 {
        return Err("resources: at most one is the default".to_owned());
    }
    Ok(resources)
}

fn ui(spec: &WorkspaceSpec) -> Result<Ui, String> {
    let Some(said) = &spec.ui else { return Ok(Ui::default()) };
    let link = |field: &str, text: &Option<String>| {
        text.as_deref().map(Link::parse).transpose().map_err(|why| format!("ui.{field}: {why}"))
    };
    Ok(Ui {
        brand: said.brand.clone(),
        default_language: said.default_language.clone(),
        support_uri: link("supportUri", &said.support_uri)?,
        policy_uri: link("policyUri", &said.policy_uri)?,
        tos_uri: link("tosUri", &said.tos_uri)?,
    })
}

fn insecure(spec: &WorkspaceSpec, found: &Found) -> Finding {
    let self_signed = |tls: &Tls| tls.self_signed.is_some();
    let mut reasons = Vec::new();
    if spec.login.type_ == Login::Users {
        reasons.push("login.type Users keeps passwords in a Secret");
    }
    if self_signed(&spec.tls) || spec.mtls.tls.as_ref().is_some_and(self_signed) {
        reasons.push("tls.selfSigned is trusted by nobody");
    }
    if found.floors.are_lowered() {
        reasons.push("the operator runs with shortened waits for key rotation");
    }
    if reasons.is_empty() {
        Finding::no(Reason::Secure, "nothing is configured that is only for trying things out")
    } else {
        Finding::yes(
            Reason::Insecure,
            format!("{}: for trying things out, not for customers", reasons.join("; ")),
        )
    }
}

fn ephemeral(spec: &WorkspaceSpec) -> Finding {
    let volume = spec.storage.sqlite.as_ref().is_some_and(|sqlite| sqlite.volume_claim.is_some());
    if spec.storage.type_ == Storage::SQLite && !volume {
        let message = "storage: SQLite without volumeClaim: a restart of the pod forgets all grants";
        return Finding::yes(Reason::Ephemeral, message);
    }
    Finding::no(Reason::Persistent, "grants outlive the pods")
}
