//! May this Workspace be served? Its spec, what it refers to, and what holds in its place while it may not.

use fapi_config::{Document, LoginType, StorageType, Ui, Users};
use fapi_core::certificate::TrustAnchors;
use fapi_core::ids::ClientId;
use fapi_core::issuer::{Doors, Issuer, Mtls};
use fapi_core::profile::{Rules, narrow};
use fapi_core::registry::{Resource, ScopeDefinition, offered_scopes};
use fapi_core::scope::{Scope, Scopes};
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::workspace::{LoginType as Login, StorageType as Storage, Tls, WorkspaceSpec};
use fapi_crds::{KeySource, Reason, SecretKeyRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use zeroize::Zeroizing;

use super::found::{Found, Missing, Resolved};
use super::material::{Place, Problem};
use super::protocol::{self, overrides, span};
use super::verdict::{Finding, WorkspaceVerdict};
use super::{server_certificate, support};
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
    pub(super) client_shards: u8,
    pub(super) grace: Lifetime,
    pub(super) users: Option<Zeroizing<Vec<u8>>>,
    pub(super) client_ca: Option<Vec<u8>>,
    pub(super) client_ca_failing_since: Option<Timestamp>,
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
    let references = references(found, namespace, judged.as_ref().map(|(document, _)| document));

    let spec_in_force = judged.is_some() && !spec.suspend;
    let chosen = match judged {
        Some(judged) if !spec.suspend => Some(judged),
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
            Finding::yes(
                Reason::Suspended,
                "suspend is true: keys rotate and revocations act, nothing else changes",
            )
        }),
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
            document,
            rules,
            client_shards: u8::try_from(spec.config.client_shards)
                .unwrap_or(16)
                .clamp(1, fapi_config::MAX_SHARDS),
            grace: spec.config.stale_secret_grace.seconds().map_or(Lifetime::minutes(60), Lifetime::seconds),
            users: references.users,
            client_ca: references.client_ca,
            client_ca_failing_since: references.client_ca_failing_since,
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
    let scopes = scopes(spec).map_err(|message| refuse(Reason::InvalidSpec, message));
    let resources = resources(spec, scopes.as_deref().unwrap_or_default())
        .map_err(|message| refuse(Reason::InvalidSpec, message));
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
    let (Ok(issuer), Ok(mtls), Ok(overrides), Some(rules), Ok(scopes), Ok(resources)) =
        (issuer, mtls, overrides, rules, scopes, resources)
    else {
        return (None, problems);
    };
    let storage = match spec.storage.type_ {
        Storage::PostgreSQL => StorageType::PostgreSQL,
        Storage::SQLite => StorageType::SQLite,
    };
    let mut document = Document::new(issuer, mtls, profile, LoginType::Users, storage);
    document.protocol = overrides;
    document.scopes = scopes;
    document.resources = resources;
    document.ui = ui(spec);
    (Some((document, rules)), problems)
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

fn ui(spec: &WorkspaceSpec) -> Ui {
    let Some(said) = &spec.ui else { return Ui::default() };
    Ui { brand: said.brand.clone(), default_language: said.default_language.clone() }
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

#[derive(Default)]
struct Resolution {
    users: Option<Zeroizing<Vec<u8>>>,
    client_ca: Option<Vec<u8>>,
    client_ca_failing_since: Option<Timestamp>,
    tls_not_after: Option<Time>,
    problems: Vec<Problem>,
}

fn references(found: &Found, namespace: &str, document: Option<&Document>) -> Resolution {
    let spec = &found.workspace.spec;
    let references = &found.references;
    let mut resolution = Resolution::default();
    let secret = |reference: &SecretKeyRef| (("Secret"), reference.name.clone(), reference.key.clone());

    if let Some(users) = &spec.login.users {
        let source = secret(&users.secret_ref);
        match value(namespace, &source, references.users.as_ref()).and_then(|bytes| {
            let place = place(namespace, &source);
            Users::parse(bytes).map_err(|error| users_problem(&place, &error))?;
            Ok(bytes)
        }) {
            Ok(bytes) => resolution.users = Some(bytes.clone()),
            Err(problem) => resolution.problems.push(problem),
        }
    }
    if let Some(source) = &spec.mtls.client_ca {
        client_ca(found, namespace, source, &mut resolution);
    }
    let hosts = document.map(|document| Doors::new(&document.issuer, &document.mtls));
    let (front, back) = hosts.as_ref().map_or(("", ""), |doors| (&doors.front.host, &doors.back.host));
    let front_hosts: &[&str] = if spec.mtls.tls.is_some() { &[front] } else { &[front, back] };
    let doors = [
        (Some(&spec.tls), &references.tls, front_hosts),
        (spec.mtls.tls.as_ref(), &references.mtls_tls, &[back]),
    ];
    for (tls, resolved, hosts) in doors {
        let Some(name) = tls.and_then(|tls| tls.secret_name.as_ref()) else { continue };
        let source = ("Secret", name.clone(), "tls.crt".to_owned());
        let hosts = if document.is_some() { hosts } else { &[] };
        let checked = value(namespace, &source, resolved.as_ref())
            .and_then(|bytes| server_certificate::check(&place(namespace, &source), bytes, hosts, found.now));
        match checked {
            Ok(not_after) => {
                let time = jiff::Timestamp::from_second(not_after.as_unix()).ok().map(Time);
                resolution.tls_not_after = match (resolution.tls_not_after.take(), time) {
                    (Some(one), Some(other)) => Some(if one.0 < other.0 { one } else { other }),
                    (one, other) => one.or(other),
                };
            }
            Err(problem) => resolution.problems.push(problem),
        }
    }
    if let Some(postgresql) = &spec.storage.postgresql {
        let source = secret(&postgresql.url_secret_ref);
        let checked = value(namespace, &source, references.database_url.as_ref());
        if let Err(problem) = checked.and_then(|bytes| database_url(&place(namespace, &source), bytes)) {
            resolution.problems.push(problem);
        }
    }
    resolution
}

/// Trust anchors, with the last good ones for a while.
fn client_ca(found: &Found, namespace: &str, reference: &KeySource, resolution: &mut Resolution) {
    let source = match (&reference.config_map_ref, &reference.secret_ref) {
        (Some(config_map), _) => ("ConfigMap", config_map.name.clone(), config_map.key.clone()),
        (None, Some(secret)) => ("Secret", secret.name.clone(), secret.key.clone()),
        (None, None) => return,
    };
    let checked = value(namespace, &source, found.references.client_ca.as_ref()).and_then(|bytes| {
        let place = place(namespace, &source);
        TrustAnchors::parse(bytes)
            .map_err(|error| Problem::new(Reason::InvalidCertificate, &place, error))?;
        Ok(bytes)
    });
    match checked {
        Ok(bytes) => resolution.client_ca = Some(bytes.to_vec()),
        Err(problem) => {
            let previous = found.previous.as_ref();
            let since =
                previous.and_then(|previous| previous.ledger.client_ca_failing_since).unwrap_or(found.now);
            let grace = found.workspace.spec.config.stale_secret_grace.seconds().unwrap_or(0);
            resolution.client_ca_failing_since = Some(since);
            if !problem.is_immediate() && found.now < since + Lifetime::seconds(grace) {
                resolution.client_ca = previous.and_then(|previous| previous.client_ca.clone());
            }
            resolution.problems.push(problem);
        }
    }
}

type Source = (&'static str, String, String);

fn place<'a>(namespace: &'a str, (kind, name, key): &'a Source) -> Place<'a> {
    Place { kind, namespace, name, key }
}

fn value<'a>(
    namespace: &str,
    source: &Source,
    resolved: Option<&'a Resolved>,
) -> Result<&'a Zeroizing<Vec<u8>>, Problem> {
    match resolved {
        Some(Resolved::Value(value)) => Ok(&value.bytes),
        Some(Resolved::Missing(missing)) => Err(missing_problem(&place(namespace, source), *missing)),
        None => Err(missing_problem(&place(namespace, source), Missing::SecretNotFound)),
    }
}

/// What to do about a reference that leads to nothing.
pub(super) fn missing_problem(place: &Place<'_>, missing: Missing) -> Problem {
    let (kind, namespace, name) = (place.kind, place.namespace, place.name);
    let (reason, message) = match missing {
        Missing::SecretNotFound => {
            (Reason::SecretNotFound, format!("{kind} {namespace}/{name} does not exist"))
        }
        Missing::ConfigMapNotFound => {
            (Reason::ConfigMapNotFound, format!("{kind} {namespace}/{name} does not exist"))
        }
        Missing::KeyNotFound => (Reason::KeyNotFound, format!("{place}does not exist")),
        Missing::NotLabelled => (
            Reason::NotLabelled,
            format!(
                "{kind} {namespace}/{name} is not read for Clients: label it fapi.rs/client-credentials: \"true\""
            ),
        ),
    };
    Problem { reason, message }
}

fn users_problem(place: &Place<'_>, error: &fapi_config::ConfigError) -> Problem {
    let at = match &error.place {
        Some(fapi_config::Place::Position { line, .. }) => format!("line {line}: "),
        _ => String::new(),
    };
    Problem::new(Reason::InvalidData, place, format!("{at}{}", error.message))
}

/// One line that begins with a scheme we know. What the database says to it is the pods' to tell.
fn database_url(place: &Place<'_>, bytes: &[u8]) -> Result<(), Problem> {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    let known = ["postgresql://", "postgres://"].iter().any(|scheme| text.starts_with(scheme));
    if known && !text.contains(['\n', '\r']) {
        return Ok(());
    }
    let message = "must be one line such as postgresql://user:password@host/database?sslmode=verify-full";
    Err(Problem::new(Reason::InvalidData, place, message))
}
