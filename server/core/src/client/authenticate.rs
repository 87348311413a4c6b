//! Who is calling? Turns presented credentials into an [`AuthenticatedClient`].
//!
//! | registered method | needs | clause |
//! |---|---|---|
//! | `private_key_jwt` | a fresh assertion, signed by a registered key, used once | RFC 7523 3, OpenID Connect Core 9 |
//! | `tls_client_auth` | a certificate under the Workspace's CA with the registered name | RFC 8705 2.1 |
//! | `self_signed_tls_client_auth` | a certificate that was registered itself | RFC 8705 2.2 |

use std::fmt;
use std::sync::Arc;

use fapi_jose::{Claims, JoseError, Unverified};

use super::accepted::Client;
use crate::certificate::PeerCertificate;
use crate::ids::ClientId;
use crate::lifetime::{CLOCK_SKEW, Lifetime, Timestamp};
use crate::params::Params;
use crate::profile::{AssertionAudience, BindingCertificate, ClientAuth};
use crate::registry::Registry;
use crate::rejection::Rejection;
use crate::secret::{Digest, Purpose};

/// `client_assertion_type` of RFC 7523 2.2.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An assertion may last this long at most; its `jti` is remembered at least as long (`CA-04`).
const LONGEST_ASSERTION: Lifetime = Lifetime::minutes(10);

/// The endpoint that is called: some texts allow its URL as an assertion's audience.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Endpoint {
    /// RFC 7662.
    Introspection,
    /// RFC 9126.
    Par,
    /// RFC 7009.
    Revocation,
    /// RFC 6749 3.2.
    Token,
}

impl Endpoint {
    /// Its path at the back door.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Introspection => "/introspect",
            Self::Par => "/par",
            Self::Revocation => "/revoke",
            Self::Token => "/token",
        }
    }
}

/// What a caller presents. Nothing in it is trusted yet.
#[derive(Clone, Default)]
pub struct Credentials {
    client_id: Option<String>,
    assertion: Option<String>,
    assertion_type: Option<String>,
    secret: bool,
    certificate: Option<PeerCertificate>,
}

impl Credentials {
    /// From the form, whether an `Authorization` header was sent, and the certificate of the connection.
    pub fn new(params: &Params, authorization_header: bool, certificate: Option<PeerCertificate>) -> Self {
        let text = |name| params.get(name).map(ToOwned::to_owned);
        Self {
            client_id: text("client_id"),
            assertion: text("client_assertion"),
            assertion_type: text("client_assertion_type"),
            secret: authorization_header || params.get("client_secret").is_some(),
            certificate,
        }
    }

    /// The certificate of the connection, whose key the caller holds.
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.certificate.as_ref()
    }

    /// Which client the caller says it is, so that it can be looked up.
    pub fn claimed_client(&self) -> Option<String> {
        self.client_id.clone().or_else(|| {
            let unverified = Unverified::parse(self.assertion.as_deref()?).ok()?;
            unverified.claimed_subject()
        })
    }
}

/// An assertion is a credential while it lasts: only what is there is shown.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("client_id", &self.client_id)
            .field("assertion", &self.assertion.as_ref().map(|_| "…"))
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// A client whose credentials were checked. Only [`Presented::admit`] makes one.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl std::ops::Deref for AuthenticatedClient {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.0
    }
}

impl AuthenticatedClient {
    /// The client, to be kept beyond the request.
    pub fn client(&self) -> &Arc<Client> {
        &self.0
    }

    /// For tests of what happens after authentication.
    #[cfg(any(test, feature = "test-support"))]
    pub fn for_tests(client: Arc<Client>) -> Self {
        Self(client)
    }
}

/// Credentials that are right, and still have to be shown to be fresh.
#[must_use]
#[derive(Debug)]
pub struct Presented {
    client: AuthenticatedClient,
    replay: Option<ReplayKey>,
}

/// What must be used for the first time, and until when that has to be remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplayKey {
    /// The digest of client and `jti`.
    pub digest: Digest,
    /// A later use fails by its own expiry (`J-24`: `exp` plus twice the skew).
    pub until: Timestamp,
}

impl Presented {
    /// The assertion's `jti`, to be stored before [`admit`](Self::admit).
    pub fn replay(&self) -> Option<&ReplayKey> {
        self.replay.as_ref()
    }

    /// `first_use` is the store's answer for [`replay`](Self::replay).
    ///
    /// # Errors
    /// `invalid_client` for an assertion that was used before (`CA-05`, `P-07`).
    pub fn admit(self, first_use: bool) -> Result<AuthenticatedClient, Rejection> {
        if self.replay.is_some() && !first_use {
            return Err(invalid("OIDC Core 9").detail("the assertion's jti was used before"));
        }
        Ok(self.client)
    }
}

/// The one sentence for every failure: what was wrong is for the log, not for whoever tries.
fn invalid(clause: &'static str) -> Rejection {
    Rejection::invalid_client("client authentication failed", clause)
}

/// Checks credentials against the one method that the client registered (`CA-01`).
///
/// # Errors
/// `invalid_client`, always the same to the caller; the log learns the clause and the field.
pub fn authenticate(
    credentials: &Credentials,
    registry: &Registry,
    endpoint: Endpoint,
    now: Timestamp,
) -> Result<Presented, Rejection> {
    // RFC 6749 2.3: one method only; FAPI knows no secrets.
    if credentials.secret {
        return Err(invalid("F1A 5.2.2-14").detail("a client secret or Authorization header was sent"));
    }

    let claimed = credentials
        .claimed_client()
        .ok_or_else(|| invalid("RFC 6749 2.3").detail("no client_id and no client_assertion"))?;
    let id = ClientId::parse(&claimed).map_err(|_| invalid("RFC 6749 2.2").detail("malformed client_id"))?;
    let client =
        registry.client(&id).ok_or_else(|| invalid("RFC 6749 2.2").detail(format!("unknown client {id}")))?;
    if !client.enabled() {
        return Err(invalid("RFC 7592 2.3").detail(format!("client {id} is disabled")));
    }

    let replay = match client.auth().method {
        ClientAuth::PrivateKeyJwt => Some(check_assertion(credentials, client, registry, endpoint, now)?),
        method => {
            // CA-01: an assertion beside or instead of the registered certificate.
            if credentials.assertion.is_some() {
                return Err(invalid("RFC 6749 2.3")
                    .detail(format!("client {id} is registered for {method}, but sent an assertion")));
            }
            // RFC 8705 2: client_id is how the server knows which registration to compare with (MTL-03).
            if credentials.client_id.is_none() {
                return Err(invalid("RFC 8705 2").detail("client_id is missing"));
            }
            check_certificate(credentials, client, registry, now)?;
            None
        }
    };

    // Ecosystems with mutual TLS everywhere: the certificate must be of their CA even where it does not authenticate. Resource
    // servers are exempt at introspection only.
    let exempt = client.is_resource_server() && endpoint == Endpoint::Introspection;
    if registry.rules.binding_certificate() == BindingCertificate::Anchored && !exempt {
        let certificate =
            credentials.certificate().ok_or_else(|| invalid("RFC 8705 3").detail("no client certificate"))?;
        registry
            .anchored(certificate, now)
            .map_err(|why| invalid("RFC 8705 3").detail(format!("client certificate: {why}")))?;
    }

    Ok(Presented { client: AuthenticatedClient(Arc::clone(client)), replay })
}

/// RFC 7523 3, in its order; OpenID Connect Core 9 for `jti`.
fn check_assertion(
    credentials: &Credentials,
    client: &Client,
    registry: &Registry,
    endpoint: Endpoint,
    now: Timestamp,
) -> Result<ReplayKey, Rejection> {
    let id = client.id();
    let assertion = credentials
        .assertion
        .as_deref()
        .ok_or_else(|| invalid("RFC 7521 4.2").detail("client_assertion is missing"))?;
    if credentials.assertion_type.as_deref() != Some(ASSERTION_TYPE) {
        return Err(invalid("RFC 7521 4.2").detail("client_assertion_type is missing or unknown"));
    }

    // Signature first: nothing inside is evidence before (KEY-06, J-01).
    let unverified = Unverified::parse(assertion).map_err(unusable)?;
    // RFC 8725 3.11: a request object is no assertion (CA-08).
    if !matches!(
        unverified.typ().map(str::to_ascii_lowercase).as_deref(),
        None | Some("jwt" | "client-authentication+jwt")
    ) {
        return Err(invalid("RFC 8725 3.11").detail("typ is not that of a client assertion"));
    }
    let keys = registry
        .client_keys(client)
        .ok_or_else(|| invalid("OIDC Core 10.1").detail("the client's keys are not available"))?;
    let verified =
        unverified.verify(&keys, client.assertion_algorithms(&registry.rules)).map_err(unusable)?;
    let claims = &verified.claims;

    let named = |name: &str| claims.string(name).ok().flatten() == Some(id.as_str());
    if !named("iss") {
        return Err(invalid("RFC 7523 3-1").detail("iss is not the client_id"));
    }
    if !named("sub") {
        return Err(invalid("RFC 7523 3-2").detail("sub is not the client_id"));
    }
    if !audience_is_ours(claims, registry, endpoint) {
        return Err(invalid("RFC 7523 3-3").detail(match registry.rules.assertion_audience() {
            AssertionAudience::IssuerOnly => "aud must be the issuer, as a string",
            AssertionAudience::IssuerOrEndpoint => {
                "aud must be or contain the issuer or the URL of the endpoint"
            }
        }));
    }

    let time = |name: &str| {
        let value = claims
            .time(name)
            .map_err(|_| invalid("RFC 7519 2").detail(format!("{name} is not a NumericDate")))?;
        Ok::<_, Rejection>(value.map(Timestamp::from_unix))
    };
    let expires = time("exp")?.ok_or_else(|| invalid("RFC 7523 3-4").detail("exp is missing"))?;
    if now > expires + CLOCK_SKEW {
        return Err(invalid("RFC 7523 3-4").detail("exp has passed"));
    }
    if expires > now + LONGEST_ASSERTION + CLOCK_SKEW {
        return Err(invalid("RFC 7523 3-4").detail("exp is more than 10 minutes ahead"));
    }
    for name in ["nbf", "iat"] {
        if time(name)?.is_some_and(|t| t > now + CLOCK_SKEW) {
            return Err(invalid("F2SP 5.3.2.1-13").detail(format!("{name} is in the future")));
        }
    }

    let jti = claims.string("jti").ok().flatten().filter(|jti| !jti.is_empty() && jti.len() <= 255);
    let jti =
        jti.ok_or_else(|| invalid("OIDC Core 9").detail("jti is missing, empty or over 255 characters"))?;

    // F1B 5.2.2-19: identifiers that disagree.
    if credentials.client_id.as_deref().is_some_and(|said| said != id.as_str()) {
        return Err(invalid("F1B 5.2.2-19").detail("client_id is not the assertion's subject"));
    }

    let digest = Digest::of_parts(Purpose::Jti, &[id.as_str(), jti]);
    Ok(ReplayKey { digest, until: expires + CLOCK_SKEW + CLOCK_SKEW })
}

fn unusable(why: JoseError) -> Rejection {
    invalid("RFC 7523 3-9").detail(format!("client_assertion: {why}"))
}

fn audience_is_ours(claims: &Claims, registry: &Registry, endpoint: Endpoint) -> bool {
    let Ok(audience) = claims.audience() else { return false };
    let issuer = registry.issuer.as_str();
    match registry.rules.assertion_audience() {
        AssertionAudience::IssuerOnly => claims.audience_is_string() && audience == [issuer],
        AssertionAudience::IssuerOrEndpoint => {
            let token = registry.doors.back.url(Endpoint::Token.path());
            let called = registry.doors.back.url(endpoint.path());
            audience.iter().any(|said| *said == issuer || *said == token || *said == called)
        }
    }
}

fn check_certificate(
    credentials: &Credentials,
    client: &Client,
    registry: &Registry,
    now: Timestamp,
) -> Result<(), Rejection> {
    let certificate =
        credentials.certificate().ok_or_else(|| invalid("RFC 8705 2").detail("no client certificate"))?;
    if client.auth().method == ClientAuth::SelfSignedTls {
        if !client.auth().certificates.iter().any(|known| certificate.has_thumbprint(known)) {
            return Err(
                invalid("RFC 8705 2.2").detail("the certificate is not one that the client registered")
            );
        }
        return registry
            .usable(certificate, now)
            .map_err(|why| invalid("RFC 8705 2.2").detail(format!("client certificate: {why}")));
    }
    registry
        .anchored(certificate, now)
        .map_err(|why| invalid("RFC 8705 2.1").detail(format!("client certificate: {why}")))?;
    let name = client
        .auth()
        .tls
        .as_ref()
        .ok_or_else(|| invalid("RFC 8705 2.1.2").detail("no name is registered"))?;
    if name.matches(certificate) {
        Ok(())
    } else {
        Err(invalid("RFC 8705 2.1.2").detail("the certificate does not have the registered name"))
    }
}
