//! Who signed in, and does the server vouch for what came with it? The ID Token.

use fapi_jose::{Alg, Content, DecryptionKey, half_hash};

use super::{Parties, issued_here, issued_now, meant_for_us, quoted, unexpired, verified};
use crate::flow::findings::Findings;

/// What the client knows when it gets an ID Token.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who is who.
    pub parties: Parties<'a>,
    /// The `nonce` that was sent.
    pub nonce: &'a str,
    /// Where the token came from, with what it must vouch for.
    pub origin: Origin<'a>,
    /// The person, if an earlier ID Token named one.
    pub subject: Option<&'a str>,
    /// What decrypts it, if it is encrypted.
    pub decryption: &'a [DecryptionKey],
}

/// Where an ID Token came from.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// The fragment of the hybrid flow: it is the signature of code and state.
    Browser {
        /// The code beside it.
        code: &'a str,
        /// The state that was sent.
        state: &'a str,
    },
    /// The token endpoint, for a code.
    Token {
        /// The access token beside it.
        access_token: &'a str,
    },
    /// The token endpoint, for a refresh token: the nonce may be missing.
    Refresh {
        /// The access token beside it.
        access_token: &'a str,
    },
}

/// IDT-01, IDT-02, IDT-04, IDT-05, IDT-11, IDT-12, RSP-02, RSP-03: the ID Token; its subject if it has one.
pub fn check(token: &str, expected: Expected<'_>, findings: &mut Findings) -> Option<String> {
    let what = "the ID Token";
    let readable = opened(token, expected.decryption);
    let signed = if is_encrypted(token) {
        let readable = readable.ok_or("none that our keys open");
        findings.have(readable, "it is encrypted to us", "OpenID Connect Core 10.2")?
    } else {
        token.to_owned()
    };
    let token = verified(&signed, what, expected.parties, findings)?;
    let claims = &token.claims;
    issued_here(claims, what, expected.parties, findings);
    meant_for_us(claims, what, expected.parties, findings);
    unexpired(claims, what, expected.parties, findings);
    issued_now(claims, what, expected.parties, findings);

    let nonce = claims.string("nonce").ok().flatten();
    let may_lack = matches!(expected.origin, Origin::Refresh { .. });
    findings.hold_or(
        nonce == Some(expected.nonce) || may_lack && claims.get("nonce").is_none(),
        "`nonce` is the one that was sent: this sign-in, not an earlier one",
        "OpenID Connect Core 3.1.3.7",
        if nonce.is_some() { "another" } else { "none" },
    );

    let mut hash = |name: &str, value: &str, needed: bool, guards: &str| {
        let found = claims.string(name).ok().flatten();
        if found.is_none() && claims.get(name).is_none() && !needed {
            return;
        }
        // No specification says which hash goes with EdDSA.
        let right = token.alg != Alg::EdDsa && found == Some(&half_hash(value));
        findings.hold_or(
            right,
            &format!("`{name}` fits {guards}"),
            "OpenID Connect Core 3.3.2.11",
            quoted(found),
        );
    };
    match expected.origin {
        Origin::Browser { code, state } => {
            hash("c_hash", code, true, "the code: nobody swapped it");
            hash("s_hash", state, true, "the state: nobody swapped it");
        }
        Origin::Token { access_token } | Origin::Refresh { access_token } => {
            hash("at_hash", access_token, false, "the access token");
        }
    }

    let subject = claims.string("sub").ok().flatten();
    let fair = subject.filter(|subject| !subject.is_empty() && subject.len() <= 255 && subject.is_ascii());
    findings.hold_or(fair.is_some(), "it names the person (`sub`)", "OpenID Connect Core 2", quoted(subject));
    if let Some(earlier) = expected.subject {
        findings.hold(
            subject == Some(earlier),
            "it names the same person as the ID Token before",
            "OpenID Connect Core 3.3.3.6, 12.2",
        );
    }
    findings.fact("sub", subject);
    findings.fact("acr", claims.get("acr").cloned());
    fair.map(str::to_owned)
}

/// The signed token in what may be encrypted to us.
pub fn opened(token: &str, keys: &[DecryptionKey]) -> Option<String> {
    if !is_encrypted(token) {
        return Some(token.to_owned());
    }
    let plain = keys.iter().find_map(|key| key.decrypt(token, Content::ALL).ok())?;
    String::from_utf8(plain).ok()
}

/// A JWE has five parts (RFC 7516 9).
fn is_encrypted(token: &str) -> bool {
    token.split('.').count() == 5
}

#[cfg(test)]
#[path = "id_token_tests.rs"]
mod tests;
