//! Was the request taken in? The answer of the PAR endpoint (RFC 9126 2.2).

use crate::flow::findings::Findings;
use crate::flow::http::Answer;

const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// PAR-02, PAR-03: what came back; the `request_uri` if it can be used.
pub fn check(answer: &Answer, findings: &mut Findings) -> Option<String> {
    let created = findings.hold_or(
        answer.status == 201,
        "the request was taken in with 201",
        "RFC 9126 2.2",
        answer.summary(),
    );
    if !created {
        return None;
    }
    let body = if answer.is("application/json") { answer.json() } else { None };
    let body = findings.have(body.ok_or("something else"), "the answer is JSON", "RFC 9126 2.2")?;
    findings.hold(
        answer.is_not_stored(),
        "the answer is not stored (Cache-Control: no-store)",
        "RFC 9126 2.2",
    );

    let lifetime = body.get("expires_in").and_then(serde_json::Value::as_i64);
    findings.hold_or(
        lifetime.is_some_and(|seconds| (6..600).contains(&seconds)),
        "it can be used for more than 5 and less than 600 seconds",
        "FAPI 2.0 Security Profile 5.3.2.2",
        format!("{lifetime:?}"),
    );
    findings.fact("expiresIn", lifetime);

    let uri = body.get("request_uri").and_then(serde_json::Value::as_str).unwrap_or_default();
    let unguessable = uri.strip_prefix(URN).is_some_and(super::is_unguessable);
    findings
        .hold(unguessable, "the request_uri is a URN with at least 128 random bits", "RFC 9126 2.2, 7.1")
        .then(|| uri.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::checks::forge::answer;

    const HEADERS: &[(&str, &str)] =
        &[("content-type", "application/json"), ("cache-control", "no-cache, no-store")];
    const GOOD: &str =
        r#"{"request_uri":"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c","expires_in":60}"#;

    fn findings(status: u16, headers: &[(&str, &str)], body: &str) -> Findings {
        let mut findings = Findings::default();
        check(&answer(status, headers, body), &mut findings);
        findings
    }

    #[test]
    fn a_pushed_request_is_taken_in() {
        assert_eq!(findings(201, HEADERS, GOOD).failed(), [""; 0]);
    }

    #[test]
    fn an_answer_that_is_not_quite_right_is_a_finding() {
        assert!(!findings(200, HEADERS, GOOD).all_hold());
        assert!(!findings(201, &HEADERS[..1], GOOD).all_hold());
        assert!(!findings(201, &[("content-type", "text/html"), HEADERS[1]], GOOD).all_hold());
        for (from, to) in [
            ("60", "600"),
            ("60", "5"),
            ("60", "\"60\""),
            ("60}", "60,\"expires_in\":61}"),
            ("urn:ietf", "https://op.example/"),
            ("6esc_11ACC5bwc014ltc14eY22c", "short"),
        ] {
            assert!(!findings(201, HEADERS, &GOOD.replace(from, to)).all_hold(), "{from} → {to}");
        }
    }

    #[test]
    fn a_refusal_is_told_by_its_code_and_never_by_its_words() {
        let refused =
            findings(400, HEADERS, r#"{"error":"invalid_request_object","error_description":"words"}"#);
        assert_eq!(
            refused.failed(),
            ["the request was taken in with 201 (RFC 9126 2.2), but found: 400 invalid_request_object"]
        );
    }
}
