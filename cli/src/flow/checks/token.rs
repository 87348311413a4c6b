//! What did the token endpoint give? Its answer (RFC 6749 5.1), before any token in it is looked at.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::flow::findings::Findings;
use crate::flow::http::Answer;
use crate::flow::possession::Binding;

const YEAR: i64 = 365 * 24 * 60 * 60;

/// A successful answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// `access_token`
    pub access_token: String,
    /// `expires_in`
    pub expires_in: i64,
    /// `scope`
    pub scope: String,
    /// `authorization_details`
    pub details: Option<Value>,
    /// `id_token`
    pub id_token: Option<String>,
    /// `refresh_token`
    pub refresh_token: Option<String>,
}

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked<'a> {
    /// Tokens for a code that was asked for with this scope.
    Code(&'a str),
    /// New ones for a refresh token whose grant has this scope.
    Refresh(&'a str),
}

/// TLS-11, DPO-09, TOK-01, TOK-02, TOK-13, IDT-03, REF-09, REF-10: the answer.
pub fn check(answer: &Answer, asked: Asked<'_>, binding: Binding, findings: &mut Findings) -> Option<Grant> {
    findings
        .hold_or(answer.status == 200, "tokens were issued with 200", "RFC 6749 5.1", answer.summary())
        .then_some(())?;
    let body = if answer.is("application/json") { answer.json() } else { None };
    let body = findings.have(body.ok_or("something else"), "the answer is JSON", "RFC 6749 5.1")?;
    findings.hold(
        answer.is_not_stored(),
        "the answer is not stored (Cache-Control: no-store)",
        "RFC 6749 5.1",
    );
    let text = |name: &str| body.get(name).and_then(Value::as_str);

    let kind = text("token_type").unwrap_or_default();
    let wanted = binding.token_type();
    let claim = format!("the token type is {wanted}");
    findings.hold_or(kind.eq_ignore_ascii_case(wanted), &claim, binding.source(), kind);
    let expires_in = body.get("expires_in").and_then(Value::as_i64);
    findings.hold_or(
        expires_in.is_some_and(|seconds| (1..YEAR).contains(&seconds)),
        "it says how long the token lives (`expires_in`)",
        "FAPI 1.0 Part 1 5.2.2",
        format!("{expires_in:?}"),
    );

    let wanted = match asked {
        Asked::Code(scope) | Asked::Refresh(scope) => scope,
    };
    let words = |scope: &str| scope.split(' ').map(str::to_owned).collect::<BTreeSet<String>>();
    let scope = text("scope").unwrap_or(wanted).to_owned();
    findings.hold_or(
        words(&scope).is_subset(&words(wanted)),
        "the scope is not wider than what was asked for",
        "RFC 6749 3.3",
        format!("{scope:?}"),
    );
    let id_token = text("id_token").map(str::to_owned);
    let openid = words(&scope).contains("openid");
    let fits = match asked {
        Asked::Code(_) => id_token.is_some() == openid,
        Asked::Refresh(_) => id_token.is_none() || openid,
    };
    findings.hold(
        fits,
        "an ID Token comes with the scope openid, and only then",
        "OpenID Connect Core 3.1.3.3",
    );

    let access_token = text("access_token").unwrap_or_default();
    let usable = super::is_unguessable(access_token)
        && access_token
            .trim_end_matches('=')
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b));
    findings.hold(usable, "the access token can be sent in a header", "RFC 6750 2.1").then_some(())?;
    let refresh_token = text("refresh_token").map(str::to_owned);
    let fair = refresh_token.as_deref().is_none_or(super::is_unguessable);
    findings.hold(fair, "a refresh token has at least 128 random bits", "RFC 6749 10.10");
    findings.fact("scope", scope.as_str());
    findings.fact("expiresIn", expires_in);
    findings.fact("refreshToken", refresh_token.is_some());
    Some(Grant {
        access_token: access_token.to_owned(),
        expires_in: expires_in?,
        scope,
        details: body.get("authorization_details").cloned(),
        id_token,
        refresh_token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::checks::forge::answer;

    const HEADERS: &[(&str, &str)] = &[("content-type", "application/json"), ("cache-control", "no-store")];
    const GOOD: &str = r#"{"access_token":"abcdefghijklmnopqrstuvwxyz.-_","token_type":"Bearer","expires_in":300,
        "scope":"openid accounts","id_token":"a.b.c","refresh_token":"abcdefghijklmnopqrstuvwxyz"}"#;

    fn findings(asked: Asked<'_>, body: &str) -> Findings {
        let mut findings = Findings::default();
        check(&answer(200, HEADERS, body), asked, Binding::Mtls, &mut findings);
        findings
    }

    #[test]
    fn a_good_answer_is_accepted() {
        assert_eq!(findings(Asked::Code("openid accounts"), GOOD).failed(), [""; 0]);
        assert_eq!(findings(Asked::Refresh("openid accounts"), GOOD).failed(), [""; 0]);
        let without = GOOD.replace("\"id_token\":\"a.b.c\",", "");
        assert_eq!(findings(Asked::Refresh("openid accounts"), &without).failed(), [""; 0]);
        let plain = without.replace("openid ", "");
        assert_eq!(findings(Asked::Code("accounts"), &plain).failed(), [""; 0]);
    }

    /// DPO-09: a client whose tokens are bound to a key does not take a bearer token.
    #[test]
    fn a_token_that_is_bound_to_a_key_says_so() {
        let played = |body: &str| {
            let mut findings = Findings::default();
            let asked = Asked::Code("openid accounts");
            check(&answer(200, HEADERS, body), asked, Binding::Dpop, &mut findings);
            findings.all_hold()
        };
        assert!(played(&GOOD.replace("Bearer", "DPoP")));
        assert!(!played(GOOD));
    }

    #[test]
    fn an_answer_that_is_not_quite_right_is_a_finding() {
        for (from, to) in [
            ("Bearer", "DPoP"),
            ("300", "0"),
            ("300", "\"300\""),
            ("300", "31536000"),
            ("openid accounts", "openid accounts payments"),
            ("\"id_token\":\"a.b.c\",", ""),
            ("openid accounts", "accounts"),
            ("abcdefghijklmnopqrstuvwxyz.-_", "with space and more and more"),
            ("abcdefghijklmnopqrstuvwxyz.-_", "short"),
            ("\"abcdefghijklmnopqrstuvwxyz\"", "\"short\""),
            ("\"token_type\"", "\"access_token\":\"x\",\"token_type\""),
        ] {
            let body = GOOD.replacen(from, to, 1);
            assert_ne!(body, GOOD);
            assert!(!findings(Asked::Code("openid accounts"), &body).all_hold(), "{from} → {to}");
        }
        for headers in [&HEADERS[..1], &HEADERS[1..]] {
            let mut findings = Findings::default();
            let asked = Asked::Code("openid accounts");
            check(&answer(200, headers, GOOD), asked, Binding::Mtls, &mut findings);
            assert!(!findings.all_hold(), "{headers:?}");
        }
        let mut refused = Findings::default();
        let answer = answer(400, HEADERS, r#"{"error":"invalid_grant"}"#);
        check(&answer, Asked::Code("openid"), Binding::Mtls, &mut refused);
        assert_eq!(
            refused.failed(),
            ["tokens were issued with 200 (RFC 6749 5.1), but found: 400 invalid_grant"]
        );
    }
}
