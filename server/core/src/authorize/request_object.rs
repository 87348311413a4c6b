//! Signed request objects (RFC 9101, OpenID Connect Core 6.1, FAPI 1.0 Advanced 5.2.2), encrypted to us or not.

use std::borrow::Cow;

use fapi_jose::{Claims, Content, JoseError, KeyManagement, Unverified};

use crate::client::Client;
use crate::lifetime::{CLOCK_SKEW, Timestamp};
use crate::registry::Registry;
use crate::rejection::Rejection;
use crate::secret::{Digest, Purpose};

/// What a verified request object says, and when it ends.
#[derive(Debug)]
pub(super) struct RequestObject {
    pub(super) claims: Claims,
    pub(super) expires: Timestamp,
    pub(super) digest: Digest,
}

fn refuse(description: &'static str, clause: &'static str) -> Rejection {
    Rejection::invalid_request_object(description, clause)
}

fn unusable(why: JoseError) -> Rejection {
    refuse(
        "the request object is not a JWS that this client signed with a permitted algorithm",
        "RFC 9101 6.2",
    )
    .detail(why.to_string())
}

/// The way a request object takes to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// From the client itself, which has shown who it is.
    Pushed,
    /// Through a browser, and whatever stands between.
    ThroughBrowser,
}

/// The signed object inside an encrypted one (RFC 9101 6.1). What was wrong with one that cannot be opened is told to nobody:
/// to know it is what an attacker needs (J-14).
fn open<'a>(jwt: &'a str, client: &Client, registry: &Registry, way: Way) -> Result<Cow<'a, str>, Rejection> {
    let registered = client.request_object_encryption();
    // RFC 7516 9: five parts are a JWE, three a JWS.
    if jwt.split('.').count() != 5 {
        // RO-12: a client whose requests are confidential sends none that a browser's history could show.
        if way == Way::ThroughBrowser && registered.is_some() {
            return Err(refuse("this client's request objects must be encrypted", "RFC 9101 6.1"));
        }
        return Ok(Cow::Borrowed(jwt));
    }
    // KEY-05: the pair that was registered, or any that is offered; the header never widens it.
    let (algorithms, contents): (&[KeyManagement], &[Content]) = match &registered {
        Some(pair) => (std::slice::from_ref(&pair.algorithm), std::slice::from_ref(&pair.content)),
        None => (&registry.rules.key_management, &registry.rules.content),
    };
    let keys = registry.decryption.iter().map(|held| &held.key);
    let opened = keys
        .filter(|key| algorithms.contains(&key.alg()))
        .find_map(|key| key.decrypt(jwt, contents).ok())
        .and_then(|inside| String::from_utf8(inside).ok());
    opened.map(Cow::Owned).ok_or_else(|| {
        refuse(
            "the request object is not encrypted to a key of this server in a permitted way",
            "RFC 9101 6.1",
        )
    })
}

/// Verifies a request object of `client`. Order: encryption, signature, type, parties, time; the parameters come later.
pub(super) fn verify(
    jwt: &str,
    client: &Client,
    registry: &Registry,
    way: Way,
    now: Timestamp,
) -> Result<RequestObject, Rejection> {
    let rules = &registry.rules;
    // RO-12. One layer: what comes out is a JWS or nothing.
    let jwt = &open(jwt, client, registry, way)?;

    // KEY-04, RO-06, E-05: the client's registered keys and the profile's algorithms, whatever the header says.
    let unverified = Unverified::parse(jwt).map_err(unusable)?;
    let typ = unverified.typ().map(str::to_ascii_lowercase);
    let keys = registry
        .client_keys(client)
        .ok_or_else(|| refuse("this client has no keys to verify request objects with", "RFC 9101 6.2"))?;
    let verified = unverified.verify(&keys, client.request_object_algorithms(rules)).map_err(unusable)?;
    let digest = Digest::of(Purpose::RequestObject, &fapi_jose::b64::encode(verified.digest()));
    let claims = verified.claims;

    // RO-08, RFC 8725 3.11.
    if !matches!(
        typ.as_deref(),
        None | Some("jwt" | "oauth-authz-req+jwt" | "application/oauth-authz-req+jwt")
    ) {
        return Err(refuse("the request object's typ must be oauth-authz-req+jwt", "RFC 9101 4"));
    }

    let text = |name: &'static str| {
        claims.string(name).map_err(|_| {
            refuse("a claim of the request object has the wrong type", "RFC 9101 4").detail(name)
        })
    };
    // RO-07: parties that disagree, or a JWT that would also pass as a client assertion.
    if text("iss")?.is_some_and(|iss| iss != client.id().as_str()) {
        return Err(refuse("the request object's iss must be the client_id", "RFC 9101 5"));
    }
    if text("client_id")?.is_some_and(|id| id != client.id().as_str()) {
        return Err(refuse("the request object's client_id must be the client_id", "RFC 9101 5"));
    }
    if text("sub")?.is_some_and(|sub| sub == client.id().as_str()) {
        return Err(refuse("the request object's sub must not be the client_id", "RFC 9101 10.8"));
    }
    // RO-09, E-10.
    for nested in ["request", "request_uri"] {
        if claims.get(nested).is_some() {
            return Err(refuse("a request object must not contain request or request_uri", "RFC 9101 4"));
        }
    }
    // RO-05, E-04.
    let audience = claims
        .audience()
        .map_err(|_| refuse("the request object's aud must be the issuer", "F1A 5.2.2-15"))?;
    if !audience.contains(&registry.issuer.as_str()) {
        return Err(refuse("the request object's aud must be the issuer", "F1A 5.2.2-15"));
    }

    // RO-03, RO-04, E-01 to E-03.
    let time = |name: &'static str| {
        let value = claims.time(name);
        let value = value.map_err(|_| {
            refuse("a claim of the request object is not a NumericDate", "RFC 7519 2").detail(name)
        })?;
        Ok::<_, Rejection>(value.map(Timestamp::from_unix))
    };
    let expires = time("exp")?.ok_or_else(|| refuse("the request object needs exp", "F1A 5.2.2-13"))?;
    let not_before = time("nbf")?.ok_or_else(|| refuse("the request object needs nbf", "F1A 5.2.2-17"))?;
    if now > expires + CLOCK_SKEW {
        return Err(refuse("the request object has expired", "F1A 5.2.2-13"));
    }
    if not_before > now + CLOCK_SKEW || time("iat")?.is_some_and(|iat| iat > now + CLOCK_SKEW) {
        return Err(refuse("the request object is not valid yet", "F2SP 5.3.2.1-13"));
    }
    let window = rules.request_object().window();
    if expires - not_before > window {
        return Err(refuse(
            "the request object's exp must be at most 60 minutes after its nbf",
            "F1A 5.2.2-13",
        ));
    }
    if now - not_before > window {
        return Err(refuse("the request object's nbf must be at most 60 minutes ago", "F1A 5.2.2-17"));
    }
    Ok(RequestObject { claims, expires, digest })
}
