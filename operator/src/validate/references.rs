//! What do a Workspace's references lead to? People, trust anchors, revocation lists, certificates, the database's address, schemas.

use std::collections::BTreeMap;

use fapi_config::{DetailsTypeEntry, Document, Users};
use fapi_core::certificate::{RevocationLists, TrustAnchors, describe_pem};
use fapi_core::issuer::Doors;
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::workspace::IssuerRef;
use fapi_crds::{KeySource, Reason, SecretKeyRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use zeroize::Zeroizing;

use super::details;
use super::found::{Found, Missing, Resolved};
use super::material::{Place, Problem};
use super::server_certificate;
use crate::names::Names;

/// What the references of a Workspace lead to.
#[derive(Default)]
pub(super) struct Resolution {
    pub(super) users: Option<Zeroizing<Vec<u8>>>,
    pub(super) client_ca: Option<Vec<u8>>,
    pub(super) client_ca_failing_since: Option<Timestamp>,
    pub(super) crl: Option<Vec<u8>>,
    pub(super) details_types: Vec<DetailsTypeEntry>,
    pub(super) details_failing_since: BTreeMap<String, Timestamp>,
    pub(super) egress_ca: Option<String>,
    pub(super) tls_not_after: Option<Time>,
    pub(super) problems: Vec<Problem>,
}

/// Reads what the spec refers to; `document` is what it asks for, if it is valid.
pub(super) fn references(
    found: &Found,
    namespace: &str,
    names: Option<&Names>,
    document: Option<&Document>,
) -> Resolution {
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
    if let Some(source) = spec.mtls.crl.as_ref().and_then(of_key) {
        crl(found, namespace, &source, &mut resolution);
    }
    details::types(found, namespace, &mut resolution);
    if let Some(source) = spec.egress.as_ref().and_then(|egress| egress.ca_ref.as_ref()).and_then(of_key) {
        let checked = value(namespace, &source, references.egress_ca.as_ref()).and_then(|bytes| {
            authorities(&place(namespace, &source), bytes)?;
            Ok(String::from_utf8_lossy(bytes).into_owned())
        });
        match checked {
            Ok(pem) => resolution.egress_ca = Some(pem),
            Err(problem) => {
                // Those that were trusted before are, until there are others.
                resolution.egress_ca =
                    found.previous.as_ref().and_then(|previous| previous.document.egress.authorities.clone());
                resolution.problems.push(problem);
            }
        }
    }
    let hosts = document.map(|document| Doors::new(&document.issuer, &document.mtls));
    let (front, back) = hosts.as_ref().map_or(("", ""), |doors| (&doors.front.host, &doors.back.host));
    let front_hosts: &[&str] = if spec.mtls.tls.is_some() { &[front] } else { &[front, back] };
    let own = spec.mtls.tls.as_ref();
    let in_front = names.and_then(|names| names.shown_in_front(&spec.tls));
    let behind = names.zip(own).and_then(|(names, tls)| names.shown_behind(tls));
    let doors = [
        (in_front, Some(&spec.tls), &references.tls, front_hosts),
        (behind, own, &references.mtls_tls, &[back]),
    ];
    for (name, tls, resolved, hosts) in doors {
        let Some(name) = name else { continue };
        let source = ("Secret", name, "tls.crt".to_owned());
        let hosts = if document.is_some() { hosts } else { &[] };
        let issuer = tls.and_then(|tls| tls.issuer_ref.as_ref());
        let checked = value(namespace, &source, resolved.as_ref())
            .map_err(|problem| issued_by(problem, issuer))
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
        if let Some(source) = postgresql.ca_ref.as_ref().and_then(of_key) {
            let checked = value(namespace, &source, references.database_ca.as_ref()).and_then(|bytes| {
                let unfit =
                    |error| Problem::new(Reason::InvalidCertificate, &place(namespace, &source), error);
                describe_pem(bytes).map(drop).map_err(unfit)
            });
            resolution.problems.extend(checked.err());
        }
    }
    resolution
}

/// A certificate that is not there yet is on its way, where an issuer was asked.
fn issued_by(problem: Problem, issuer: Option<&IssuerRef>) -> Problem {
    let Some(issuer) = issuer.filter(|_| problem.reason == Reason::SecretNotFound) else { return problem };
    let (kind, name) = (&issuer.kind, &issuer.name);
    let message =
        format!("{}: cert-manager writes it once {kind} {name} has issued the Certificate", problem.message);
    Problem { message, ..problem }
}

/// Trust anchors, with the last good ones for a while.
fn client_ca(found: &Found, namespace: &str, reference: &KeySource, resolution: &mut Resolution) {
    let Some(source) = of_key(reference) else { return };
    let checked = value(namespace, &source, found.references.client_ca.as_ref()).and_then(|bytes| {
        authorities(&place(namespace, &source), bytes)?;
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

/// Revocation lists (`TL-10`). One that cannot be used changes nothing: the last good ones go on until they end by themselves. Where
/// none was ever good, none is delivered: then the pods let nobody of the CA in.
fn crl(found: &Found, namespace: &str, source: &Source, resolution: &mut Resolution) {
    let place = place(namespace, source);
    let checked = value(namespace, source, found.references.crl.as_ref()).and_then(|bytes| {
        let unfit = |error| Problem::new(Reason::InvalidData, &place, error);
        let lists = RevocationLists::parse(bytes).map_err(unfit)?;
        let anchors = resolution.client_ca.as_deref().and_then(|pem| TrustAnchors::parse(pem).ok());
        anchors.map_or(Ok(()), |anchors| lists.check(&anchors)).map_err(unfit)?;
        Ok((bytes, lists))
    });
    match checked {
        Ok((bytes, lists)) => {
            resolution.crl = Some(bytes.to_vec());
            for list in lists.expired(found.now) {
                let message = format!(
                    "the revocation list of {} has ended: certificates of that CA are refused until a newer one is here",
                    list.issuer
                );
                resolution.problems.push(Problem::new(Reason::Expired, &place, message));
            }
        }
        Err(problem) => {
            let last_good = found.previous.as_ref().and_then(|previous| previous.crl.clone());
            resolution.crl = Some(last_good.unwrap_or_default());
            resolution.problems.push(problem);
        }
    }
}

fn of_key(reference: &KeySource) -> Option<Source> {
    match (&reference.config_map_ref, &reference.secret_ref) {
        (Some(config_map), _) => Some(("ConfigMap", config_map.name.clone(), config_map.key.clone())),
        (None, Some(secret)) => Some(("Secret", secret.name.clone(), secret.key.clone())),
        (None, None) => None,
    }
}

fn authorities(place: &Place<'_>, bytes: &[u8]) -> Result<(), Problem> {
    TrustAnchors::parse(bytes).map_err(|error| Problem::new(Reason::InvalidCertificate, place, error))?;
    Ok(())
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
    if !known || text.contains(['\n', '\r']) {
        let message = "must be one line such as postgresql://user:password@host/database?sslmode=verify-full";
        return Err(Problem::new(Reason::InvalidData, place, message));
    }
    if is_unverified(text) {
        let message =
            "a database elsewhere is reached with sslmode=verify-full: write that, or leave sslmode out";
        return Err(Problem::new(Reason::InvalidData, place, message));
    }
    Ok(())
}

/// Whether a database URL asks for less than verified TLS to another machine (`TL-19`).
fn is_unverified(url: &str) -> bool {
    let (rest, query) = url.split_once('?').unwrap_or((url, ""));
    let weaker = query.split('&').any(|pair| match pair.split_once('=') {
        Some(("sslmode" | "ssl-mode", mode)) => mode != "verify-full",
        _ => false,
    });
    let authority = rest.split('/').nth(2).unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let local = ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|name| host == *name || host.strip_prefix(name).is_some_and(|port| port.starts_with(':')));
    weaker && !local && !host.is_empty()
}
