//! Did somebody sign out, and who? The logout token (OpenID Connect Back-Channel Logout 1.0 2.4, 2.6).

use fapi_jose::DecryptionKey;
use serde_json::Value;

use super::id_token::opened;
use super::{Parties, issued_here, issued_now, meant_for_us, quoted, unexpired, verified};
use crate::flow::ear::unverified;
use crate::flow::findings::Findings;

/// The member of `events` that says what happened.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What the client knows of the session.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who is who.
    pub parties: Parties<'a>,
    /// `sub` of the ID Token.
    pub subject: &'a str,
    /// `sid` of the ID Token.
    pub sid: &'a str,
    /// What decrypts it, if it is encrypted.
    pub decryption: &'a [DecryptionKey],
}

/// The session that a token claims to be about.
pub fn claimed_sid(token: &str, keys: &[DecryptionKey]) -> Option<String> {
    Some(unverified(&opened(token, keys)?)?.get("sid")?.as_str()?.to_owned())
}

/// LGO-06: a logout token that ends this session at the client.
pub fn check(token: &str, expected: Expected<'_>, findings: &mut Findings) {
    const SOURCE: &str = "OpenID Connect Back-Channel Logout 2.6";
    let what = "the logout token";
    let plain = opened(token, expected.decryption).ok_or("none that our keys open");
    let Some(signed) = findings.have(plain, "it can be read", SOURCE) else { return };
    let Some(token) = verified(&signed, what, expected.parties, findings) else { return };
    let claims = &token.claims;
    // KEY-11: otherwise an ID Token could end sessions, and a logout token begin them.
    let typ = token.typ.as_deref();
    findings.hold_or(typ == Some("logout+jwt"), "its type is logout+jwt", SOURCE, quoted(typ));
    issued_here(claims, what, expected.parties, findings);
    meant_for_us(claims, what, expected.parties, findings);
    unexpired(claims, what, expected.parties, findings);
    issued_now(claims, what, expected.parties, findings);
    findings.hold(
        claims.string("jti").is_ok_and(|jti| jti.is_some_and(|jti| !jti.is_empty())),
        "it has a name of its own (`jti`)",
        SOURCE,
    );
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    findings.hold(event.is_some_and(Value::is_object), "it is about a sign-out (`events`)", SOURCE);
    findings.hold(claims.get("nonce").is_none(), "it has no `nonce`: no ID Token passes for it", SOURCE);
    for (name, known) in [("sub", expected.subject), ("sid", expected.sid)] {
        let found = claims.string(name).ok().flatten();
        findings.hold_or(
            found == Some(known),
            &format!("`{name}` is that of the ID Token"),
            SOURCE,
            quoted(found),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::flow::checks::forge::{CLIENT, Forge, ISSUER, NOW, assert_fails, with};

    fn good() -> Value {
        json!({
            "iss": ISSUER, "aud": CLIENT, "iat": NOW, "exp": NOW + 120, "jti": "j", "sub": "alice", "sid": "s",
            "events": { EVENT: {} },
        })
    }

    fn look(forge: &Forge, typ: &str, claims: &Value) -> Findings {
        let mut findings = Findings::default();
        let expected = Expected { parties: forge.parties(), subject: "alice", sid: "s", decryption: &[] };
        check(&forge.sign(Some(typ), claims), expected, &mut findings);
        findings
    }

    /// LGO-06
    #[test]
    fn a_good_logout_token_is_believed_and_found_by_its_session() {
        let forge = Forge::new();
        assert_eq!(look(&forge, "logout+jwt", &good()).failed(), [""; 0]);
        assert_eq!(claimed_sid(&forge.sign(None, &good()), &[]).as_deref(), Some("s"));
        assert_eq!(claimed_sid("a.b.c", &[]), None);
    }

    /// LGO-06, KEY-11
    #[test]
    fn a_logout_token_with_one_thing_wrong_is_a_finding() {
        let forge = Forge::new();
        for (name, value, why) in [
            ("iss", json!("https://other.example"), "issued by"),
            ("aud", json!("other"), "meant for"),
            ("exp", json!(NOW - 1), "not expired"),
            ("iat", json!(NOW - 3600), "just now"),
            ("jti", Value::Null, "jti"),
            ("events", json!({}), "events"),
            ("events", json!({ EVENT: true }), "events"),
            ("nonce", json!("n"), "nonce"),
            ("sub", json!("bob"), "`sub`"),
            ("sid", json!("t"), "`sid`"),
        ] {
            assert_fails(&look(&forge, "logout+jwt", &with(&good(), name, value)), why);
        }
        for typ in ["JWT", "at+jwt"] {
            assert_fails(&look(&forge, typ, &good()), "its type is logout+jwt");
        }
        let mallory = Forge::new();
        let mut findings = Findings::default();
        let expected = Expected { parties: forge.parties(), subject: "alice", sid: "s", decryption: &[] };
        check(&mallory.sign(Some("logout+jwt"), &good()), expected, &mut findings);
        assert_fails(&findings, "the signature of the logout token verifies");
    }
}
