//! What does a resource server do with the token? Its answers, those of `UserInfo` included.

use fapi_jose::Claims;

use super::{Parties, issued_here, meant_for_us, quoted, verified};
use crate::flow::findings::Findings;
use crate::flow::http::{Answer, HttpError};

/// RS-04, RS-05, RS-06: the bank's answer to a GET with a good token.
pub fn accounts(answer: &Answer, interaction_id: &str, now: i64, findings: &mut Findings) {
    let good =
        findings.hold_or(answer.status == 200, "the bank answers with 200", "RFC 6750 2.1", answer.summary());
    let echoed = answer.header("x-fapi-interaction-id");
    findings.hold_or(
        echoed == Some(interaction_id),
        "x-fapi-interaction-id came back as it was sent",
        "FAPI 1.0 Part 1 6.2.1",
        quoted(echoed),
    );
    let date = answer.header("date").and_then(http_date);
    findings.hold_or(
        date.is_some_and(|date| (date - now).abs() <= 300),
        "`Date` is there and right",
        "FAPI 1.0 Part 1 6.2.1",
        quoted(answer.header("date")),
    );
    let body = if answer.is("application/json") { answer.json() } else { None };
    let body = findings.have(body.ok_or("something else"), "the data is JSON", "FAPI 1.0 Part 1 6.2.1");
    if let Some(body) = body.filter(|_| good) {
        let list = ["/Data/Account", "/data/accounts", "/data", "/accounts", ""]
            .iter()
            .find_map(|place| body.pointer(place)?.as_array().map(Vec::len));
        findings.fact("accounts", list);
    }
}

/// UIN-01, UIN-02: what `UserInfo` says, in JSON or signed.
pub fn userinfo(answer: &Answer, subject: &str, parties: Parties<'_>, findings: &mut Findings) {
    findings.hold_or(
        answer.status == 200,
        "UserInfo answers with 200",
        "OpenID Connect Core 5.3.2",
        answer.summary(),
    );
    let claims = if answer.is("application/jwt") {
        let what = "the UserInfo answer";
        let text = String::from_utf8_lossy(&answer.body);
        verified(&text, what, parties, findings).map(|token| {
            issued_here(&token.claims, what, parties, findings);
            meant_for_us(&token.claims, what, parties, findings);
            token.claims
        })
    } else {
        let claims = if answer.is("application/json") { Claims::parse(&answer.body).ok() } else { None };
        findings.have(
            claims.ok_or("something else"),
            "it is JSON or a signed JWT",
            "OpenID Connect Core 5.3.2",
        )
    };
    let Some(claims) = claims else { return };
    let named = claims.string("sub").ok().flatten();
    findings.hold_or(
        named == Some(subject),
        "it speaks of the person in the ID Token (`sub`)",
        "OpenID Connect Core 5.3.2",
        if named.is_some() { "somebody else" } else { "nobody" },
    );
    findings.fact("claims", claims.as_map().keys().cloned().collect::<Vec<_>>());
}

/// MTL-06, RS-03: a request that must not succeed was refused: by HTTP, or already by TLS.
pub fn refused(
    outcome: Result<&Answer, &HttpError>,
    claim: &str,
    source: &str,
    fact: &str,
    findings: &mut Findings,
) -> bool {
    let (refused, how) = match outcome {
        Ok(answer) => (matches!(answer.status, 400 | 401 | 403), answer.summary()),
        Err(HttpError::Alert(_, alert)) => (true, format!("TLS alert {alert}")),
        // A server that closes with our request unread resets the connection, and the alert before it may be lost.
        Err(HttpError::Closed(..)) => (true, "the connection was closed".to_owned()),
        Err(error) => (false, error.to_string()),
    };
    findings.hold_or(refused, claim, source, &how);
    findings.fact(fact, how);
    refused
}

/// RFC 9110 5.6.7, in the one form that is sent: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_second())
}

/// The OAuth error code of a refusal is this one.
pub fn refused_as(
    answer: &Answer,
    status: u16,
    code: &str,
    claim: &str,
    source: &str,
    findings: &mut Findings,
) {
    let right = answer.status == status && answer.oauth_error().as_deref() == Some(code);
    findings.hold_or(right, claim, source, answer.summary());
}

#[cfg(test)]
#[path = "resource_tests.rs"]
mod tests;
