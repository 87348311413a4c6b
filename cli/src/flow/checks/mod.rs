//! What a careful client checks. Each function looks at one thing it was given and writes down what it proved; none of
//! them talks to anybody.

pub mod access_token;
pub mod discovery;
pub mod id_token;
pub mod jwks;
pub mod logout_token;
pub mod pushed;
pub mod resource;
pub mod response;
pub mod token;

#[cfg(test)]
mod forge;

use fapi_jose::{Claims, JwkSet, Unverified, Verified};

use super::client::ALGORITHMS;
use super::findings::Findings;

/// How far clocks may differ, in seconds.
const SKEW: i64 = 30;

/// Whom the client believes, and who it is itself.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// `client_id`
    pub client_id: &'a str,
    /// The keys at `jwks_uri`.
    pub keys: &'a JwkSet,
    /// Seconds since 1970.
    pub now: i64,
}

/// KEY-04, KEY-06: a token signed by the key of the set that its header names.
fn verified(token: &str, what: &str, parties: Parties<'_>, findings: &mut Findings) -> Option<Verified> {
    let unverified =
        findings.have(Unverified::parse(token), &format!("{what} is a signed JWT"), "RFC 7515 7.1")?;
    let named =
        unverified.kid().is_some_and(|kid| parties.keys.keys().iter().any(|key| key.kid() == Some(kid)));
    findings.hold(named, &format!("{what} names a published key by kid"), "OpenID Connect Core 10.1");
    findings.fact("kid", unverified.kid());
    findings.fact("alg", unverified.alg().as_str());
    findings.have(
        unverified.verify(parties.keys, ALGORITHMS),
        &format!("the signature of {what} verifies, with an algorithm of FAPI"),
        "FAPI 1.0 Part 2 8.6, FAPI 2.0 Security Profile 5.4.1",
    )
}

/// `iss` is the issuer.
fn issued_here(claims: &Claims, what: &str, parties: Parties<'_>, findings: &mut Findings) {
    let issuer = claims.string("iss").ok().flatten();
    findings.hold_or(
        issuer == Some(parties.issuer),
        &format!("{what} is issued by {}", parties.issuer),
        "OpenID Connect Core 3.1.3.7",
        quoted(issuer),
    );
}

/// `aud` holds the client, and without `azp` nobody else.
fn meant_for_us(claims: &Claims, what: &str, parties: Parties<'_>, findings: &mut Findings) {
    let audience = claims.audience().unwrap_or_default();
    let authorized = claims.get("azp").is_none_or(|azp| azp == parties.client_id);
    findings.hold_or(
        audience.contains(&parties.client_id)
            && authorized
            && (audience.len() == 1 || claims.get("azp").is_some()),
        &format!("{what} is meant for {}", parties.client_id),
        "OpenID Connect Core 3.1.3.7",
        format!("{audience:?}"),
    );
}

/// `exp` is ahead.
fn unexpired(claims: &Claims, what: &str, parties: Parties<'_>, findings: &mut Findings) {
    let expires = claims.time("exp").ok().flatten();
    findings.hold_or(
        expires.is_some_and(|expires| expires > parties.now),
        &format!("{what} has not expired"),
        "RFC 7519 4.1.4",
        expires.map_or("no time".to_owned(), |expires| format!("{} s ago", parties.now - expires)),
    );
}

/// `iat` is now, or `claim` is about it.
fn issued_now(claims: &Claims, what: &str, parties: Parties<'_>, findings: &mut Findings) {
    let issued = claims.time("iat").ok().flatten();
    findings.hold_or(
        issued.is_some_and(|issued| (parties.now - 300..=parties.now + SKEW).contains(&issued)),
        &format!("{what} was issued just now"),
        "OpenID Connect Core 3.1.3.7",
        issued.map_or("no time".to_owned(), |issued| format!("{} s ago", parties.now - issued)),
    );
}

fn quoted(found: Option<&str>) -> String {
    found.map_or("nothing".to_owned(), |found| format!("{found:?}"))
}

/// At least 128 bits, written with 64 different characters (KEY-10), of the characters that RFC 6749 A allows.
fn is_unguessable(value: &str) -> bool {
    value.len() >= 22 && value.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}
