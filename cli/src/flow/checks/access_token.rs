//! Is the access token what it should be, and of use to nobody but us? (RFC 9068, RFC 8705 3)

use std::collections::BTreeSet;

use super::{Parties, SKEW, issued_here, issued_now, quoted, unexpired, verified};
use crate::flow::findings::Findings;

/// What the client knows when it gets an access token.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who is who.
    pub parties: Parties<'a>,
    /// What it should be bound to.
    pub bound: Bound<'a>,
    /// For whom it should be, if that is known.
    pub audience: Option<&'a str>,
    /// `expires_in` beside it.
    pub expires_in: i64,
    /// `scope` beside it.
    pub scope: &'a str,
    /// `authorization_details` beside it.
    pub details: Option<&'a serde_json::Value>,
}

/// What holds the access token in our hands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound<'a> {
    /// `x5t#S256` of our certificate.
    Certificate(&'a str),
    /// `jkt` of our key.
    Key(&'a str),
}

/// JAT-01, MTL-05, DPO-07, TOK-10, TOK-12: the access token.
pub fn check(token: &str, expected: Expected<'_>, findings: &mut Findings) -> Option<()> {
    let what = "the access token";
    let token = verified(token, what, expected.parties, findings)?;
    let claims = &token.claims;
    let typ = token.typ.as_deref();
    findings.hold_or(
        typ.is_some_and(|typ| {
            ["at+jwt", "application/at+jwt"].iter().any(|good| typ.eq_ignore_ascii_case(good))
        }),
        "its type is at+jwt: it cannot be mistaken for an ID Token",
        "RFC 9068 2.1",
        quoted(typ),
    );
    issued_here(claims, what, expected.parties, findings);
    unexpired(claims, what, expected.parties, findings);
    issued_now(claims, what, expected.parties, findings);

    let audience = claims.audience().unwrap_or_default();
    let right = match expected.audience {
        Some(resource) => audience.contains(&resource),
        None => !audience.is_empty(),
    };
    findings.hold_or(
        right,
        "it says for which resource server it is (`aud`)",
        "RFC 9068 2.2",
        format!("{audience:?}"),
    );
    let client = claims.string("client_id").ok().flatten();
    findings.hold_or(
        client == Some(expected.parties.client_id),
        "it says to whom it was issued (`client_id`)",
        "RFC 9068 2.2",
        quoted(client),
    );
    let named = |name: &str| claims.string(name).ok().flatten().is_some_and(|value| !value.is_empty());
    findings.hold(named("sub") && named("jti"), "it has `sub` and `jti`", "RFC 9068 2.2");

    let (member, thumbprint, claim, source) = match expected.bound {
        Bound::Certificate(thumbprint) => {
            ("x5t#S256", thumbprint, "it is bound to our certificate (`cnf`, `x5t#S256`)", "RFC 8705 3.1")
        }
        Bound::Key(thumbprint) => {
            ("jkt", thumbprint, "it is bound to our key (`cnf`, `jkt`)", "RFC 9449 6.1")
        }
    };
    let bound = claims.get("cnf").and_then(|cnf| cnf.get(member)?.as_str());
    findings.hold_or(bound == Some(thumbprint), claim, source, quoted(bound));
    let times = (claims.time("iat").ok().flatten(), claims.time("exp").ok().flatten());
    let lives = if let (Some(issued), Some(expires)) = times { Some(expires - issued) } else { None };
    findings.hold_or(
        lives.is_some_and(|seconds| (seconds - expected.expires_in).abs() <= SKEW),
        "it lives as long as `expires_in` says",
        "RFC 6749 5.1",
        format!("{lives:?} and {}", expected.expires_in),
    );
    let scope = claims.string("scope").ok().flatten().unwrap_or_default();
    let words = |scope: &str| scope.split(' ').map(str::to_owned).collect::<BTreeSet<String>>();
    findings.hold_or(
        words(scope) == words(expected.scope),
        "its scope is the one of the answer it came in",
        "RFC 9068 2.2.3",
        format!("{scope:?}"),
    );
    if expected.details.is_some() || claims.get("authorization_details").is_some() {
        findings.hold(
            claims.get("authorization_details") == expected.details,
            "its authorization details are those of the answer it came in",
            "RFC 9396 9.1",
        );
    }
    findings.fact("aud", audience);
    findings.fact("claims", claims.as_map().keys().cloned().collect::<Vec<_>>());
    Some(())
}

#[cfg(test)]
#[path = "access_token_tests.rs"]
mod tests;
