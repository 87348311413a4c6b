//! Is this really the answer to our request? The authorization response: JARM, the fragment of the hybrid flow, or a plain query.

use fapi_jose::{Content, DecryptionKey};

use super::{Parties, issued_here, meant_for_us, quoted, unexpired, verified};
use crate::flow::client::ResponseKind;
use crate::flow::findings::Findings;

/// What the client knows when the browser comes back.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who is who.
    pub parties: Parties<'a>,
    /// Which response was asked for.
    pub kind: ResponseKind,
    /// The `state` that was sent.
    pub state: &'a str,
    /// Metadata says that every response names its issuer (RFC 9207).
    pub issuer_is_promised: bool,
    /// What decrypts the response.
    pub decryption: &'a [DecryptionKey],
}

/// What the server decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Response {
    /// The person agreed.
    Code {
        /// The authorization code.
        code: String,
        /// The ID Token of the hybrid flow.
        id_token: Option<String>,
    },
    /// An OAuth error code.
    Error(String),
}

/// RSP-01, RSP-04, RSP-05, RSP-06 to RSP-09, RSP-13: the response in this address.
pub fn check(
    address: &str,
    redirect_uri: &str,
    expected: Expected<'_>,
    findings: &mut Findings,
) -> Option<Response> {
    let added = address.strip_prefix(redirect_uri).unwrap_or_default();
    let (query, fragment) = added.split_once('#').unwrap_or((added, ""));
    let query = parameters(query.trim_start_matches(['?', '&']));
    let fragment = parameters(fragment);
    let once = "no parameter comes twice";
    let query = findings.have(query.ok_or("a second one"), once, "RFC 6749 3.1")?;
    let fragment = findings.have(fragment.ok_or("a second one"), once, "RFC 6749 3.1")?;

    let response = if expected.kind.is_jarm() {
        let alone = query.len() == 1 && fragment.is_empty();
        findings.hold_or(
            alone && query.get("response").is_some(),
            "the address holds `response` and nothing else",
            "JARM 2.3.1",
            query.names(),
        );
        jarm(query.get("response")?, expected, findings)?
    } else if expected.kind == ResponseKind::Code {
        findings.hold_or(
            fragment.is_empty(),
            "the response is in the query, and nothing in the fragment",
            "RFC 6749 4.1.2",
            fragment.names(),
        );
        query
    } else {
        findings.hold_or(
            query.is_empty(),
            "the response is in the fragment, where servers do not see it",
            "OAuth 2.0 Multiple Response Types 5",
            query.names(),
        );
        fragment
    };

    let state = response.get("state");
    findings.hold_or(
        state == Some(expected.state),
        "`state` came back as it was sent",
        "RFC 6749 4.1.2",
        if state.is_some() { "another" } else { "none" },
    );
    let issuer = response.get("iss");
    let silent = issuer.is_none() && !expected.issuer_is_promised;
    findings.hold_or(
        silent || issuer == Some(expected.parties.issuer),
        "`iss` names the server that was asked, against mix-up attacks",
        "RFC 9207 2.4",
        quoted(issuer),
    );
    decide(&response, expected.kind, findings)
}

fn decide(response: &Parameters, kind: ResponseKind, findings: &mut Findings) -> Option<Response> {
    let (code, id_token) = (response.get("code"), response.get("id_token"));
    if let Some(error) = response.get("error") {
        findings.hold(
            code.is_none() && id_token.is_none() && response.get("access_token").is_none(),
            "an error comes without code and token",
            "RFC 6749 4.1.2.1",
        );
        return Some(Response::Error(error.to_owned()));
    }
    findings.hold(
        response.get("access_token").is_none(),
        "no access token passes through the browser",
        "FAPI 1.0 Part 2 5.2.2",
    );
    findings.hold(
        id_token.is_some() == (kind == ResponseKind::Hybrid),
        "an ID Token comes through the browser exactly when it was asked for",
        "OpenID Connect Core 3.3.2.5",
    );
    let code = findings.have(code.ok_or("none"), "there is a code", "RFC 6749 4.1.2")?;
    findings.hold(
        super::is_unguessable(code),
        "the code has at least 128 random bits",
        "FAPI 1.0 Part 1 5.2.2",
    );
    Some(Response::Code { code: code.to_owned(), id_token: id_token.map(str::to_owned) })
}

/// RSP-07, RSP-09: decrypted if it should be encrypted, then verified.
fn jarm(response: &str, expected: Expected<'_>, findings: &mut Findings) -> Option<Parameters> {
    let what = "the response";
    let opened;
    let mut signed = response;
    if expected.kind == ResponseKind::JarmEncrypted {
        let plain = expected.decryption.iter().find_map(|key| key.decrypt(response, Content::ALL).ok());
        let plain = plain.and_then(|bytes| String::from_utf8(bytes).ok());
        opened = findings.have(
            plain.ok_or("none that our keys open"),
            "the response is encrypted to us",
            "JARM 2.2",
        )?;
        signed = &opened;
    }
    let token = verified(signed, what, expected.parties, findings)?;
    issued_here(&token.claims, what, expected.parties, findings);
    meant_for_us(&token.claims, what, expected.parties, findings);
    unexpired(&token.claims, what, expected.parties, findings);
    let claims = token.claims.into_map().into_iter();
    Some(Parameters(claims.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()))
}

/// Names and values of which each name comes once.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        format!("{names:?}")
    }
}

fn parameters(encoded: &str) -> Option<Parameters> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(encoded.as_bytes()) {
        if all.iter().any(|(other, _)| *other == name) {
            return None;
        }
        all.push((name.into_owned(), value.into_owned()));
    }
    Some(Parameters(all))
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
