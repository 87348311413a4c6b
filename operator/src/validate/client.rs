//! May this Client be served, and as what? Its spec and what it refers to become a registration, which the core accepts or not.

use fapi_core::certificate::{CertificateFacts, SubjectName};
use fapi_core::client::{
    AuthRegistration, Client as Registered, ClientLifetimes, EncryptionChoice, GrantType, JoseChoice, Offer,
    Registration,
};
use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::profile::ClientAuth;
use fapi_core::redirect::RedirectUri;
use fapi_core::scope::{Scope, Scopes};
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::client::{
    ClientKey, ClientSpec, GrantType as Grant, Protection, RedirectUrisStatus, SecretVersion, UriSources,
};
use fapi_crds::{ConfigMapKeyRef, Reason, SecretKeyRef};
use fapi_jose::{JwkSet, PublicJwk, Use};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::found::{FoundClient, FoundLogo, Missing, Resolved, Value};
use super::material::{self, MAX_REDIRECT_URIS, Place, Problem};
use super::protocol::{self, span};
use super::references::missing_problem;
use super::support;
use super::verdict::ClientFacts;
use super::workspace::InForce;
use crate::logo::Logo;
use crate::readable::unreadable;

/// What a Client's references lead to.
#[derive(Default)]
struct Resolution {
    jwks: Option<JwkSet>,
    certificates: Vec<String>,
    subject: Option<String>,
    redirect_uris: Vec<RedirectUri>,
    post_logout_redirect_uris: Vec<RedirectUri>,
    logo: Option<Logo>,
}

/// What there is to say about a Client's own content, and the registration if nothing is against it.
pub(super) struct Content {
    /// Against the spec: condition `Accepted`.
    pub(super) refused: Vec<Problem>,
    /// Against what it refers to: condition `ResolvedRefs`.
    pub(super) unresolved: Vec<Problem>,
    /// The registration.
    pub(super) registration: Option<Registration>,
    /// The picture that the registration names.
    pub(super) logo: Option<Logo>,
    /// For its status.
    pub(super) facts: ClientFacts,
}

/// Reads a Client whose id is settled.
pub(super) fn read(
    found: &FoundClient,
    id: &ClientId,
    incarnation: &Incarnation,
    in_force: &InForce,
    now: Timestamp,
) -> Content {
    let spec = &found.client.spec;
    if let Some(why) = unreadable(&found.client.metadata) {
        return Content {
            refused: vec![Problem { reason: Reason::InvalidSpec, message: why.to_owned() }],
            unresolved: Vec::new(),
            registration: None,
            logo: None,
            facts: ClientFacts::default(),
        };
    }
    let namespace = found.client.metadata.namespace.as_deref().unwrap_or_default();
    let mut refused = Vec::new();
    let unsupported = support::client(spec);
    if !unsupported.is_empty() {
        let message = format!("{}: not supported by this version, leave it out", unsupported.join(", "));
        refused.push(Problem { reason: Reason::NotYetSupported, message });
    }
    let mut facts = ClientFacts::default();
    let mut unresolved = Vec::new();
    let mut resolution = resolve(found, namespace, now, &mut facts, &mut unresolved);
    for (field, written, uris) in [
        ("redirectUris", &spec.redirect_uris, &mut resolution.redirect_uris),
        (
            "postLogoutRedirectUris",
            &spec.post_logout_redirect_uris,
            &mut resolution.post_logout_redirect_uris,
        ),
    ] {
        written_uris(field, written.as_ref(), uris, &mut refused);
    }
    let logo = resolution.logo.clone();
    let mut registration = None;
    if unresolved.is_empty() {
        facts.redirect_uris = Some(counted(&resolution.redirect_uris));
        match write(spec, id, incarnation, resolution) {
            Ok(written) => {
                refused.extend(refusals(in_force, &written));
                refused.extend(no_key(in_force, &written));
                registration = Some(written);
            }
            Err(problem) => refused.push(problem),
        }
    }
    let registration = registration.filter(|_| refused.is_empty());
    // Approval is of what it may do when it is enabled.
    facts.registration_digest =
        registration.as_ref().map(|written| digest(&Registration { enabled: true, ..written.clone() }));
    Content { refused, unresolved, registration, logo, facts }
}

/// A client that encrypts its request objects needs a key of the Workspace to encrypt to.
fn no_key(in_force: &InForce, registration: &Registration) -> Option<Problem> {
    let algorithm = registration.request_object.encryption?.algorithm;
    if in_force.opens.contains(&algorithm) {
        return None;
    }
    let message = format!(
        "requestObject.encryption.algorithm: the Workspace has no key for {algorithm}: make a SigningKey with algorithm {algorithm} and use: enc"
    );
    Some(Problem { reason: Reason::PolicyViolation, message })
}

/// What the core has against a registration under the rules in force.
pub(super) fn refusals(in_force: &InForce, registration: &Registration) -> Vec<Problem> {
    let offer = Offer {
        rules: &in_force.rules,
        scopes: &in_force.scopes,
        resources: &in_force.resources,
        details_types: &in_force.details_types,
        has_client_ca: in_force.client_ca.is_some(),
    };
    let Err(refused) = Registered::register(&offer, registration.clone()) else { return Vec::new() };
    let problem = |refusal: fapi_core::profile::Refusal| Problem {
        // Rules of a profile are named like F1-R02; the others are about what this Workspace offers.
        reason: if refusal.rule.contains("-R") { Reason::ProfileViolation } else { Reason::PolicyViolation },
        message: refusal.to_string(),
    };
    refused.into_iter().map(problem).collect()
}

/// `status.registrationDigest` and `status.config.digest`: of everything that was resolved.
pub(crate) fn digest(registration: &Registration) -> String {
    let bytes = fapi_config::canonical::to_vec(registration).unwrap_or_default();
    format!("sha256:{}", crate::names::hex(&fapi_jose::sha256(bytes)))
}

fn counted(uris: &[RedirectUri]) -> RedirectUrisStatus {
    let text: Vec<&str> = uris.iter().map(RedirectUri::as_str).collect();
    RedirectUrisStatus {
        count: i32::try_from(uris.len()).unwrap_or(i32::MAX),
        hash: format!("sha256:{}", crate::names::hex(&fapi_jose::sha256(text.join("\n")))),
    }
}

/// Adds what the spec itself lists to what its references led to: each once, in order, and not too many.
fn written_uris(
    field: &str,
    written: Option<&UriSources>,
    uris: &mut Vec<RedirectUri>,
    refused: &mut Vec<Problem>,
) {
    let mut refuse = |message: String| refused.push(Problem { reason: Reason::InvalidRedirectUri, message });
    for (index, text) in written.iter().flat_map(|sources| &sources.values).enumerate() {
        match RedirectUri::parse(text) {
            Ok(uri) => uris.push(uri),
            Err(why) => refuse(format!("{field}.values[{index}]: {why}")),
        }
    }
    uris.sort();
    uris.dedup();
    if uris.len() > MAX_REDIRECT_URIS {
        refuse(format!("{field}: more than {MAX_REDIRECT_URIS} in all"));
    }
}

/// Reads references, and keeps what is to be said about them.
struct Reader<'a> {
    found: &'a FoundClient,
    namespace: &'a str,
    now: Timestamp,
    facts: &'a mut ClientFacts,
    unresolved: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn read<T>(
        &mut self,
        reference: &SecretKeyRef,
        parse: impl FnOnce(&Place<'_>, &[u8]) -> Result<T, Problem>,
    ) -> Option<T> {
        let place =
            Place { kind: "Secret", namespace: self.namespace, name: &reference.name, key: &reference.key };
        let outcome = match self.found.secrets.get(reference) {
            Some(Resolved::Value(value)) => {
                remember(self.facts, reference, value);
                parse(&place, &value.bytes)
            }
            Some(Resolved::Missing(missing)) => Err(missing_problem(&place, *missing)),
            None => Err(missing_problem(&place, Missing::SecretNotFound)),
        };
        outcome.map_err(|problem| self.unresolved.push(problem)).ok()
    }

    /// The picture, which was looked into when it was read.
    fn logo(&mut self, reference: &ConfigMapKeyRef) -> Option<Logo> {
        let place = Place {
            kind: "ConfigMap",
            namespace: self.namespace,
            name: &reference.name,
            key: &reference.key,
        };
        let problem = match &self.found.logo {
            Some(FoundLogo::Drawn(logo)) => return Some(logo.clone()),
            Some(FoundLogo::Refused(why)) => Problem::new(Reason::InvalidData, &place, why),
            Some(FoundLogo::Missing(missing)) => missing_problem(&place, *missing),
            None => missing_problem(&place, Missing::ConfigMapNotFound),
        };
        self.unresolved.push(problem);
        None
    }

    fn certificates(&mut self, reference: &SecretKeyRef) -> Vec<CertificateFacts> {
        let now = self.now;
        let read = self.read(reference, |place, bytes| material::certificates(place, bytes, now));
        let certificates = read.unwrap_or_default();
        self.facts
            .keys
            .extend(certificates.iter().map(|certificate| certificate_key(certificate, reference)));
        certificates
    }
}

fn resolve(
    found: &FoundClient,
    namespace: &str,
    now: Timestamp,
    facts: &mut ClientFacts,
    unresolved: &mut Vec<Problem>,
) -> Resolution {
    let spec = &found.client.spec;
    let mut reader = Reader { found, namespace, now, facts, unresolved };
    let mut resolution = Resolution::default();
    if let Some(reference) = &spec.auth.jwks_ref {
        resolution.jwks = reader.read(reference, material::jwks);
        let keys = resolution.jwks.iter().flat_map(JwkSet::keys);
        reader.facts.keys.extend(keys.map(|key| jwk_key(key, reference)));
    }
    for reference in &spec.auth.certificate_refs {
        let certificates = reader.certificates(reference);
        resolution.certificates.extend(certificates.into_iter().map(|certificate| certificate.thumbprint));
    }
    if let Some(reference) = spec.auth.tls.as_ref().and_then(|tls| tls.certificate_ref.as_ref()) {
        resolution.subject = reader.certificates(reference).into_iter().next().map(|first| first.subject);
    }
    for reference in spec.redirect_uris.iter().flat_map(|uris| &uris.from) {
        resolution.redirect_uris.extend(reader.read(reference, material::redirect_uris).unwrap_or_default());
    }
    for reference in spec.post_logout_redirect_uris.iter().flat_map(|uris| &uris.from) {
        let read = reader.read(reference, material::redirect_uris).unwrap_or_default();
        resolution.post_logout_redirect_uris.extend(read);
    }
    resolution.logo = spec.logo.as_ref().and_then(|reference| reader.logo(reference));
    // A certificate may be named twice.
    resolution.certificates.sort();
    resolution.certificates.dedup();
    facts.keys.truncate(MAX_STATUS_KEYS);
    facts.earliest_expiry =
        facts.keys.iter().filter_map(|key| key.not_after.clone()).min_by_key(|time| time.0);
    resolution
}

/// As many keys as a status may list.
const MAX_STATUS_KEYS: usize = 32;

fn jwk_key(key: &PublicJwk, reference: &SecretKeyRef) -> ClientKey {
    ClientKey {
        kid: key.kid().map(ToOwned::to_owned),
        thumbprint: None,
        algorithm: key.alg().filter(|alg| alg.len() <= 64).map(ToOwned::to_owned),
        use_: match key.use_() {
            Some(Use::Signature) => Some("sig".to_owned()),
            Some(Use::Encryption) => Some("enc".to_owned()),
            Some(Use::Other) | None => None,
        },
        not_after: None,
        source: Some(reference.clone()),
    }
}

fn remember(facts: &mut ClientFacts, reference: &SecretKeyRef, value: &Value) {
    if !facts.secrets.iter().any(|secret| secret.name == reference.name) {
        facts.secrets.push(SecretVersion {
            name: reference.name.clone(),
            resource_version: value.resource_version.clone(),
        });
    }
}

fn certificate_key(certificate: &CertificateFacts, reference: &SecretKeyRef) -> ClientKey {
    ClientKey {
        kid: None,
        thumbprint: Some(certificate.thumbprint.clone()),
        algorithm: None,
        use_: None,
        not_after: jiff::Timestamp::from_second(certificate.not_after.as_unix()).ok().map(Time),
        source: Some(reference.clone()),
    }
}

/// The registration that the spec and its references ask for.
fn write(
    spec: &ClientSpec,
    id: &ClientId,
    incarnation: &Incarnation,
    resolution: Resolution,
) -> Result<Registration, Problem> {
    let invalid = |field: &str, message: String| Problem {
        reason: Reason::InvalidSpec,
        message: format!("{field}: {message}"),
    };
    let mut scopes = Scopes::default();
    for (index, scope) in spec.scopes.iter().enumerate() {
        let scope =
            Scope::parse(scope).map_err(|error| invalid(&format!("scopes[{index}]"), error.to_string()))?;
        scopes.insert(scope);
    }
    let lifetime =
        |name: &str, duration: Option<&fapi_crds::Duration>| -> Result<Option<Lifetime>, Problem> {
            let Some(duration) = duration else { return Ok(None) };
            span(&format!("lifetimes.{name}"), duration)
                .map(Some)
                .map_err(|(field, message)| invalid(&field, message))
        };
    let lifetimes = match &spec.lifetimes {
        None => ClientLifetimes::default(),
        Some(said) => ClientLifetimes {
            access_token: lifetime("accessToken", said.access_token.as_ref())?,
            refresh_token: lifetime("refreshToken", said.refresh_token.as_ref())?,
            id_token: lifetime("idToken", said.id_token.as_ref())?,
        },
    };
    let grants = [
        (Grant::AuthorizationCode, GrantType::AuthorizationCode),
        (Grant::RefreshToken, GrantType::RefreshToken),
        (Grant::ClientCredentials, GrantType::ClientCredentials),
    ];
    let grant_types =
        grants.into_iter().filter(|(said, _)| spec.grant_types.contains(said)).map(|(_, grant)| grant);
    Ok(Registration {
        client_id: id.clone(),
        incarnation: incarnation.clone(),
        enabled: spec.enabled,
        display_name: spec.display_name.clone(),
        client_uri: spec.client_uri.clone(),
        policy_uri: spec.policy_uri.clone(),
        tos_uri: spec.tos_uri.clone(),
        logo: resolution.logo.as_ref().map(|logo| logo.id.clone()),
        auth: AuthRegistration {
            method: protocol::client_auth(spec.auth.method),
            tls: subject_name(spec, &resolution),
            jwks: resolution.jwks,
            jwks_uri: spec.auth.jwks_uri.clone(),
            certificates: resolution.certificates,
            signing_algorithms: (!spec.auth.signing_algorithms.is_empty())
                .then(|| spec.auth.signing_algorithms.iter().copied().map(protocol::signing).collect()),
        },
        redirect_uris: resolution.redirect_uris.iter().map(ToString::to_string).collect(),
        post_logout_redirect_uris: resolution
            .post_logout_redirect_uris
            .iter()
            .map(ToString::to_string)
            .collect(),
        backchannel_logout_uri: spec.backchannel_logout_uri.clone(),
        grant_types: grant_types.collect(),
        scopes: (!scopes.is_empty()).then_some(scopes),
        resources: spec.resources.clone(),
        authorization_details_types: spec.authorization_details_types.clone(),
        sender_constraint: spec.sender_constraint.map(protocol::sender_constraint),
        responses: (!spec.responses.is_empty())
            .then(|| spec.responses.iter().copied().map(protocol::response).collect()),
        require_pushed_authorization_requests: spec.require_pushed_authorization_requests,
        request_object: jose("requestObject", spec.request_object.as_ref())?,
        response: jose("response", spec.response.as_ref())?,
        id_token: jose("idToken", spec.id_token.as_ref())?,
        userinfo: jose("userinfo", spec.userinfo.as_ref())?,
        introspection: jose("introspection", spec.introspection.as_ref())?,
        lifetimes,
        subject_type: spec.subject_type.map(protocol::subject_type),
        sector_identifier: None,
    })
}

fn subject_name(spec: &ClientSpec, resolution: &Resolution) -> Option<SubjectName> {
    if protocol::client_auth(spec.auth.method) != ClientAuth::Tls {
        return None;
    }
    let said = spec.auth.tls.as_ref()?;
    let names = [
        (&said.subject_dn, SubjectName::SubjectDn as fn(String) -> SubjectName),
        (&said.san_dns, SubjectName::SanDns),
        (&said.san_uri, SubjectName::SanUri),
        (&said.san_ip, SubjectName::SanIp),
        (&said.san_email, SubjectName::SanEmail),
        (&resolution.subject, SubjectName::SubjectDn),
    ];
    names.into_iter().find_map(|(text, name)| text.clone().map(name))
}

fn jose(field: &str, said: Option<&Protection>) -> Result<JoseChoice, Problem> {
    let Some(said) = said else { return Ok(JoseChoice::default()) };
    let encryption = match &said.encryption {
        None => None,
        Some(pair) => {
            let known = protocol::key_management(pair.algorithm).zip(protocol::content(pair.content));
            let (algorithm, content) = known.ok_or_else(|| Problem {
                reason: Reason::NotYetSupported,
                message: format!(
                    "{field}.encryption: this version has no ECDH-ES+A128KW and no A128CBC-HS256"
                ),
            })?;
            Some(EncryptionChoice { algorithm, content })
        }
    };
    Ok(JoseChoice { signing_algorithm: said.signing_algorithm.map(protocol::signing), encryption })
}
