//! A registration that the profile and the Workspace accept.

use std::collections::BTreeMap;

use fapi_jose::{Alg, JwkSet};

use super::registration::{AuthRegistration, EncryptionChoice, GrantType, JoseChoice, Registration};
use crate::ids::{ClientId, Incarnation};
use crate::lifetime::Lifetime;
use crate::link::{Link, https_url};
use crate::logo::LogoId;
use crate::profile::{
    ClientAuth, Encryption, RefreshIssue, Refusal, Response, Rules, SenderConstraint, SubjectType,
};
use crate::redirect::RedirectUri;
use crate::scope::Scopes;

/// What a Workspace offers to its clients.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The rules in force.
    pub rules: &'a Rules,
    /// Scopes that exist, `openid` and `offline_access` among them where they are offered.
    pub scopes: &'a Scopes,
    /// Identifiers of resource servers.
    pub resources: &'a [String],
    /// Names of types of authorization details.
    pub details_types: &'a [String],
    /// Whether there are trust anchors for client certificates.
    pub has_client_ca: bool,
}

/// An accepted client. Made by [`Client::register`] only.
#[derive(Clone, Debug)]
pub struct Client {
    registration: Registration,
    redirect_uris: Vec<RedirectUri>,
    post_logout_redirect_uris: Vec<RedirectUri>,
    scopes: Scopes,
    sender_constraint: SenderConstraint,
    subject_type: SubjectType,
    sector: String,
}

impl Client {
    /// Accepts a registration.
    ///
    /// # Errors
    /// Everything that the rules forbid, with the rule's id, the field below `spec` and what to write instead.
    pub fn register(offer: &Offer<'_>, registration: Registration) -> Result<Self, Vec<Refusal>> {
        let mut refused = Vec::new();
        check_auth(offer, &registration.auth, &mut refused);
        check_links(&registration, &mut refused);
        let redirect_uris = check_redirect_uris(&registration, &mut refused);
        let post_logout_redirect_uris = check_post_logout_redirect_uris(&registration, &mut refused);
        check_backchannel_logout_uri(&registration, &mut refused);
        let scopes = check_scopes(offer, &registration, &mut refused);
        check_resources(offer, &registration, &mut refused);
        check_details_types(offer, &registration, &mut refused);
        check_responses(offer.rules, &registration, &mut refused);
        check_pushed(offer.rules, &registration, &mut refused);
        check_messages(offer.rules, &registration, &mut refused);
        check_lifetimes(offer.rules, &registration, &mut refused);
        let sender_constraint = check_sender_constraint(offer.rules, &registration, &mut refused);
        let subject_type = check_subject_type(offer.rules, &registration, &mut refused);
        let sector = check_sector(&registration, &redirect_uris, subject_type, &mut refused);
        if !refused.is_empty() {
            return Err(refused);
        }
        Ok(Self {
            registration,
            redirect_uris,
            post_logout_redirect_uris,
            scopes,
            sender_constraint,
            subject_type,
            sector,
        })
    }

    /// `client_id`.
    pub fn id(&self) -> &ClientId {
        &self.registration.client_id
    }

    /// Which life of the client this is: rows in the store belong to it.
    pub fn incarnation(&self) -> &Incarnation {
        &self.registration.incarnation
    }

    /// Whether it is served at all.
    pub fn enabled(&self) -> bool {
        self.registration.enabled
    }

    /// As registered.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// How it authenticates.
    pub fn auth(&self) -> &AuthRegistration {
        &self.registration.auth
    }

    /// Its keys for assertions, request objects and encryption.
    pub fn jwks(&self) -> Option<&JwkSet> {
        self.registration.auth.jwks.as_ref()
    }

    /// The same client with the keys that were found at its `jwks_uri`; keys that were registered by value stay.
    pub(crate) fn use_fetched_keys(&mut self, keys: JwkSet) {
        self.registration.auth.jwks.get_or_insert(keys);
    }

    /// What to call it, in the first of `languages` that it has a name in.
    pub fn name<'a>(&'a self, languages: impl IntoIterator<Item = &'a str>) -> &'a str {
        let names: &BTreeMap<String, String> = &self.registration.display_name;
        languages
            .into_iter()
            .find_map(|language| names.get(language))
            .or_else(|| names.get(""))
            .or_else(|| names.values().next())
            .map_or_else(|| self.id().as_str(), String::as_str)
    }

    /// The picture beside its name.
    pub fn logo(&self) -> Option<&LogoId> {
        self.registration.logo.as_ref()
    }

    /// Where answers may go.
    pub fn redirect_uris(&self) -> &[RedirectUri] {
        &self.redirect_uris
    }

    /// The registered redirect URI that is this text.
    pub fn redirect_uri(&self, requested: &str) -> Option<&RedirectUri> {
        self.redirect_uris.iter().find(|uri| uri.is(requested))
    }

    /// The registered address after signing out that is this text (`LGO-03`).
    pub fn post_logout_redirect_uri(&self, requested: &str) -> Option<&RedirectUri> {
        self.post_logout_redirect_uris.iter().find(|uri| uri.is(requested))
    }

    /// Where it is told that somebody signed out (`LGO-06`), if it wants to be.
    pub fn backchannel_logout_uri(&self) -> Option<&str> {
        self.registration.backchannel_logout_uri.as_deref()
    }

    /// Whether it may use a grant type.
    pub fn may(&self, grant_type: GrantType) -> bool {
        self.registration.grant_types.contains(&grant_type)
    }

    /// What it may ask for at most.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Whether it may ask tokens for a resource server.
    pub fn may_use_resource(&self, identifier: &str) -> bool {
        let resources = &self.registration.resources;
        resources.is_empty() || resources.iter().any(|known| known == identifier)
    }

    /// Whether it may ask for authorization details of a type (RFC 9396 10).
    pub fn may_use_details_type(&self, name: &str) -> bool {
        let types = &self.registration.authorization_details_types;
        types.is_empty() || types.iter().any(|known| known == name)
    }

    /// To what its tokens are bound.
    pub fn sender_constraint(&self) -> SenderConstraint {
        self.sender_constraint
    }

    /// What an answer to it may look like, the first when it does not say.
    pub fn responses<'a>(&'a self, rules: &'a Rules) -> &'a [Response] {
        self.registration.responses.as_deref().unwrap_or(&rules.responses)
    }

    /// Whether its requests may come by value: where the Workspace takes such, and the client did not ask for pushed ones alone
    /// (RFC 9126 6, `PAR-13`).
    pub fn may_send_by_value(&self, rules: &Rules) -> bool {
        rules.offers_by_value() && !self.registration.require_pushed_authorization_requests
    }

    /// Algorithms it may sign assertions with.
    pub fn assertion_algorithms<'a>(&'a self, rules: &'a Rules) -> &'a [Alg] {
        self.registration.auth.signing_algorithms.as_deref().unwrap_or(&rules.signing)
    }

    /// Algorithms it may sign request objects with.
    pub fn request_object_algorithms<'a>(&'a self, rules: &'a Rules) -> &'a [Alg] {
        match &self.registration.request_object.signing_algorithm {
            Some(alg) => std::slice::from_ref(alg),
            None => self.assertion_algorithms(rules),
        }
    }

    /// The one way in which it encrypts request objects, if it said so: then none of them comes readable through a browser.
    pub fn request_object_encryption(&self) -> Option<EncryptionChoice> {
        self.registration.request_object.encryption
    }

    /// How ID Tokens for it are encrypted, if they are.
    pub fn id_token_encryption(&self, rules: &Rules) -> Option<EncryptionChoice> {
        encryption(rules.id_token_encryption, &self.registration.id_token, rules)
    }

    /// How JARM responses for it are encrypted, if they are.
    pub fn jarm_encryption(&self, rules: &Rules) -> Option<EncryptionChoice> {
        encryption(rules.jarm_encryption, &self.registration.response, rules)
    }

    /// Lifetime of its access tokens.
    pub fn access_token_lifetime(&self, rules: &Rules) -> Lifetime {
        self.registration.lifetimes.access_token.unwrap_or(rules.lifetimes.access_token)
    }

    /// Lifetime of its refresh tokens.
    pub fn refresh_token_lifetime(&self, rules: &Rules) -> Lifetime {
        self.registration.lifetimes.refresh_token.unwrap_or(rules.lifetimes.refresh_token)
    }

    /// Lifetime of its ID Tokens.
    pub fn id_token_lifetime(&self, rules: &Rules) -> Lifetime {
        self.registration.lifetimes.id_token.unwrap_or(rules.lifetimes.id_token)
    }

    /// What it sees as `sub`.
    pub fn subject_type(&self) -> SubjectType {
        self.subject_type
    }

    /// Clients of one sector see the same pairwise subject (OpenID Connect Core 8.1).
    pub fn sector(&self) -> &str {
        &self.sector
    }

    /// Whether it is a resource server: registered to introspect, not to obtain tokens.
    pub fn is_resource_server(&self) -> bool {
        self.registration.grant_types.is_empty()
    }
}

/// The first pair of the Workspace's stands in where the profile requires encryption and the client named none.
fn encryption(policy: Encryption, choice: &JoseChoice, rules: &Rules) -> Option<EncryptionChoice> {
    match policy {
        Encryption::Off => None,
        Encryption::Optional => choice.encryption,
        Encryption::Required => choice.encryption.or_else(|| {
            let (algorithm, content) = (*rules.key_management.first()?, *rules.content.first()?);
            Some(EncryptionChoice { algorithm, content })
        }),
    }
}

fn refuse(
    refused: &mut Vec<Refusal>,
    rule: &'static str,
    field: impl Into<String>,
    message: impl Into<String>,
) {
    refused.push(Refusal { rule, field: field.into(), message: message.into() });
}

fn check_auth(offer: &Offer<'_>, auth: &AuthRegistration, refused: &mut Vec<Refusal>) {
    let rules = offer.rules;
    if !rules.client_auth.contains(&auth.method) {
        let offered = rules.client_auth.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let rule = rules.profile().client_auth.rule;
        refuse(
            refused,
            rule,
            "auth.method",
            format!("{} is not offered by this Workspace: choose from {offered}", auth.method),
        );
    }
    match auth.method {
        ClientAuth::PrivateKeyJwt if auth.jwks.is_none() && auth.jwks_uri.is_none() => {
            refuse(
                refused,
                "CA-02",
                "auth.jwksRef",
                "private_key_jwt needs a JWKS with the client's public keys",
            );
        }
        ClientAuth::Tls if auth.tls.as_ref().is_some_and(|name| name.check().is_err()) => {
            if let Some(Err(why)) = auth.tls.as_ref().map(crate::certificate::SubjectName::check) {
                refuse(refused, "MTL-01", "auth.tls", why.to_string());
            }
        }
        ClientAuth::Tls if auth.tls.is_none() => {
            refuse(
                refused,
                "MTL-01",
                "auth.tls",
                "tls_client_auth needs exactly one of subjectDn, sanDns, sanUri, sanIp, sanEmail",
            );
        }
        ClientAuth::Tls if !offer.has_client_ca => {
            refuse(
                refused,
                "MTL-01",
                "auth.method",
                "tls_client_auth needs trust anchors: set mtls.clientCa on the Workspace",
            );
        }
        ClientAuth::SelfSignedTls if auth.certificates.is_empty() => {
            refuse(
                refused,
                "MTL-02",
                "auth.certificateRefs",
                "self_signed_tls_client_auth needs at least one certificate",
            );
        }
        _ => {}
    }
    for (index, alg) in auth.signing_algorithms.iter().flatten().enumerate() {
        if !rules.signing.contains(alg) {
            let rule = rules.profile().signing.rule;
            refuse(
                refused,
                rule,
                format!("auth.signingAlgorithms[{index}]"),
                format!("{alg} is not offered by this Workspace"),
            );
        }
    }
    if let (ClientAuth::PrivateKeyJwt, Some(jwks)) = (auth.method, &auth.jwks) {
        let algorithms = auth.signing_algorithms.as_deref().unwrap_or(&rules.signing);
        if !jwks.keys().iter().any(|key| algorithms.iter().any(|alg| key.fits(*alg))) {
            let wanted = algorithms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            refuse(refused, "CA-02", "auth.jwksRef", format!("the JWKS holds no signature key for {wanted}"));
        }
    }
}

/// Pages of the client that people are offered: another scheme than https could run in ours (RFC 7591 5).
fn check_links(registration: &Registration, refused: &mut Vec<Refusal>) {
    let links = [
        ("clientUri", &registration.client_uri),
        ("policyUri", &registration.policy_uri),
        ("tosUri", &registration.tos_uri),
    ];
    for (field, link) in links {
        if let Some(Err(why)) = link.as_ref().map(|link| Link::parse(link)) {
            refuse(refused, "B-05", field, why.to_string());
        }
    }
}

fn check_redirect_uris(registration: &Registration, refused: &mut Vec<Refusal>) -> Vec<RedirectUri> {
    let mut uris = Vec::new();
    for (index, text) in registration.redirect_uris.iter().enumerate() {
        match RedirectUri::parse(text) {
            Ok(uri) if uris.contains(&uri) => {}
            Ok(uri) => uris.push(uri),
            Err(why) => refuse(refused, "F1-R08", format!("redirectUris[{index}]"), why.to_string()),
        }
    }
    if registration.redirect_uris.is_empty()
        && registration.grant_types.contains(&GrantType::AuthorizationCode)
    {
        refuse(
            refused,
            "AUT-06",
            "redirectUris",
            "the grant type authorization_code needs at least one redirect URI",
        );
    }
    uris
}

fn check_post_logout_redirect_uris(
    registration: &Registration,
    refused: &mut Vec<Refusal>,
) -> Vec<RedirectUri> {
    let mut uris = Vec::new();
    for (index, text) in registration.post_logout_redirect_uris.iter().enumerate() {
        match RedirectUri::parse(text) {
            Ok(uri) => uris.push(uri),
            Err(why) => {
                refuse(refused, "LGO-03", format!("postLogoutRedirectUris[{index}]"), why.to_string());
            }
        }
    }
    uris
}

/// OpenID Connect Back-Channel Logout 2.2: absolute, perhaps with a query, without fragment. Which addresses it may lead to is
/// judged when it is used (`H-13`).
fn check_backchannel_logout_uri(registration: &Registration, refused: &mut Vec<Refusal>) {
    let said = registration.backchannel_logout_uri.as_ref();
    if said.is_some_and(|uri| https_url(uri).is_none_or(|url| url.fragment().is_some())) {
        let message =
            "must be an https URL without user and fragment, such as https://app.example/signed-out";
        refuse(refused, "LGO-06", "backchannelLogoutUri", message);
    }
}

fn check_scopes(offer: &Offer<'_>, registration: &Registration, refused: &mut Vec<Refusal>) -> Scopes {
    let scopes = registration.scopes.as_ref().unwrap_or(offer.scopes);
    for (index, scope) in scopes.iter().enumerate() {
        if !offer.scopes.contains(scope.as_str()) {
            refuse(refused, "P-24", format!("scopes[{index}]"), "is not one of the Workspace's scopes");
        }
    }
    scopes.clone()
}

fn check_resources(offer: &Offer<'_>, registration: &Registration, refused: &mut Vec<Refusal>) {
    for (index, resource) in registration.resources.iter().enumerate() {
        if !offer.resources.contains(resource) {
            let field = format!("resources[{index}]");
            refuse(refused, "JAT-05", field, "is not one of the Workspace's resources");
        }
    }
}

fn check_details_types(offer: &Offer<'_>, registration: &Registration, refused: &mut Vec<Refusal>) {
    for (index, name) in registration.authorization_details_types.iter().enumerate() {
        if !offer.details_types.contains(name) {
            let field = format!("authorizationDetailsTypes[{index}]");
            refuse(refused, "RAR-02", field, "is not one of the Workspace's authorizationDetailsTypes");
        }
    }
}

fn check_messages(rules: &Rules, registration: &Registration, refused: &mut Vec<Refusal>) {
    let profile = rules.profile();
    let messages = [
        ("requestObject", &registration.request_object, None),
        ("response", &registration.response, Some((profile.jarm_encryption.rule, rules.jarm_encryption))),
        (
            "idToken",
            &registration.id_token,
            Some((profile.id_token_encryption.rule, rules.id_token_encryption)),
        ),
        ("userinfo", &registration.userinfo, Some(("UIN-02", Encryption::Optional))),
        ("introspection", &registration.introspection, Some(("INT-05", Encryption::Optional))),
    ];
    for (field, choice, policy) in messages {
        if let Some(alg) = choice.signing_algorithm
            && !rules.signing.contains(&alg)
        {
            refuse(
                refused,
                profile.signing.rule,
                format!("{field}.signingAlgorithm"),
                format!("{alg} is not offered by this Workspace"),
            );
        }
        if let Some(pair) = choice.encryption {
            if !rules.key_management.contains(&pair.algorithm) {
                let message = format!("{} is not offered by this Workspace", pair.algorithm);
                refuse(
                    refused,
                    profile.key_management.rule,
                    format!("{field}.encryption.algorithm"),
                    message,
                );
            }
            if !rules.content.contains(&pair.content) {
                let message = format!("{} is not offered by this Workspace", pair.content);
                refuse(refused, profile.content.rule, format!("{field}.encryption.content"), message);
            }
        }
        let Some((rule, policy)) = policy else { continue };
        if policy == Encryption::Off && choice.encryption.is_some() {
            refuse(
                refused,
                rule,
                format!("{field}.encryption"),
                "this Workspace does not encrypt these messages: leave it out",
            );
        }
        let obtains_code = registration.grant_types.contains(&GrantType::AuthorizationCode);
        let concerned = match field {
            "introspection" => true,
            "response" => obtains_code && rules.offers(Response::CodeJarm),
            _ => obtains_code,
        };
        let has_key = |alg| {
            let jwks = registration.auth.jwks.as_ref();
            jwks.is_some_and(|jwks| jwks.encryption_key(alg).is_some())
                || registration.auth.jwks_uri.is_some()
        };
        if let Some(pair) = encryption(policy, choice, rules)
            && concerned
            // What is not offered was refused above: no key for it is asked for.
            && rules.key_management.contains(&pair.algorithm)
            && !has_key(pair.algorithm)
        {
            refuse(
                refused,
                rule,
                "auth.jwksRef",
                format!("the JWKS holds no encryption key (\"use\": \"enc\") for {}", pair.algorithm),
            );
        }
    }
}

fn check_lifetimes(rules: &Rules, registration: &Registration, refused: &mut Vec<Refusal>) {
    let said = &registration.lifetimes;
    if said.refresh_token.is_some() && rules.refresh_issue == RefreshIssue::Consent {
        let rule = rules.profile().refresh_issue.rule;
        let message = "refresh tokens last as long as the consent: leave it out";
        refuse(refused, rule, "lifetimes.refreshToken", message);
    }
    let profile = &rules.profile().lifetimes;
    for (field, value, most, bound) in [
        ("accessToken", said.access_token, rules.lifetimes.access_token, &profile.access_token),
        ("refreshToken", said.refresh_token, rules.lifetimes.refresh_token, &profile.refresh_token),
        ("idToken", said.id_token, rules.lifetimes.id_token, &profile.id_token),
    ] {
        if let Some(value) = value
            && (value > most || value < bound.min)
        {
            refuse(
                refused,
                bound.rule,
                format!("lifetimes.{field}"),
                format!("{value} is out of bounds: write {} to {most}", bound.min),
            );
        }
    }
}

fn check_responses(rules: &Rules, registration: &Registration, refused: &mut Vec<Refusal>) {
    let Some(said) = &registration.responses else { return };
    let rule = rules.profile().responses.rule;
    if said.is_empty() {
        refuse(refused, rule, "responses", "must not be empty: leave it out for all of the Workspace's");
    }
    for (index, response) in said.iter().enumerate() {
        if !rules.offers(*response) {
            let message = format!("{response} is not offered by this Workspace");
            refuse(refused, rule, format!("responses[{index}]"), message);
        }
    }
}

/// A client that pushes needs a server that takes what is pushed (RFC 9126 6).
fn check_pushed(rules: &Rules, registration: &Registration, refused: &mut Vec<Refusal>) {
    if registration.require_pushed_authorization_requests && !rules.offers_par() {
        let message = "this Workspace takes no pushed requests: leave it out, or set its protocol.requestDelivery to PushedOrByValue";
        refuse(refused, "PAR-13", "requirePushedAuthorizationRequests", message);
    }
}

fn check_sender_constraint(
    rules: &Rules,
    registration: &Registration,
    refused: &mut Vec<Refusal>,
) -> SenderConstraint {
    let default = rules.sender_constraint.first().copied().unwrap_or(SenderConstraint::Certificate);
    let value = registration.sender_constraint.unwrap_or(default);
    if !rules.sender_constraint.contains(&value) {
        let rule = rules.profile().sender_constraint.rule;
        refuse(refused, rule, "senderConstraint", format!("{value} is not offered by this Workspace"));
    }
    value
}

fn check_subject_type(rules: &Rules, registration: &Registration, refused: &mut Vec<Refusal>) -> SubjectType {
    let default = rules.subject_types.first().copied().unwrap_or(SubjectType::Pairwise);
    let value = registration.subject_type.unwrap_or(default);
    if !rules.subject_types.contains(&value) {
        let rule = rules.profile().subject_types.rule;
        refuse(refused, rule, "subjectType", format!("{value} is not offered by this Workspace"));
    }
    value
}

/// OpenID Connect Core 8.1: the sector identifier, or the one host of the redirect URIs.
fn check_sector(
    registration: &Registration,
    redirect_uris: &[RedirectUri],
    subject_type: SubjectType,
    refused: &mut Vec<Refusal>,
) -> String {
    if let Some(sector) = &registration.sector_identifier {
        return sector.clone();
    }
    let mut hosts: Vec<&str> = redirect_uris.iter().map(RedirectUri::host_without_port).collect();
    hosts.sort_unstable();
    hosts.dedup();
    if hosts.len() > 1 && subject_type == SubjectType::Pairwise {
        let message = "redirect URIs of several hosts need a sectorIdentifierUri, or the subject type public";
        refuse(refused, "DSC-27", "sectorIdentifierUri", message);
    }
    hosts.first().map_or_else(|| registration.client_id.as_str().to_owned(), ToString::to_string)
}
