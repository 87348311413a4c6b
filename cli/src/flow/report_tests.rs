use serde_json::json;

use super::*;

fn step(name: &'static str, failing: bool) -> Step {
    let mut findings = Findings::default();
    findings.hold(true, "the request was taken in with 201", "RFC 9126 2.2");
    if failing {
        findings.hold_or(false, "the answer is not stored", "RFC 9126 2.2", "nothing");
    }
    findings.fact("expiresIn", 60);
    findings.fact("aud", vec!["https://bank.example"]);
    findings.fact("acr", Value::Null);
    Step::new(name, findings, 12.345)
}

fn report(ending: Ending, steps: Vec<Step>) -> Report {
    Report {
        ok: ending == Ending::Passed,
        ending,
        issuer: "https://op.example".to_owned(),
        client_id: "app".to_owned(),
        user: "alice".to_owned(),
        steps,
        millis: 1234.5,
    }
}

#[test]
fn people_read_what_was_proved_and_what_was_not() {
    insta::assert_snapshot!(step("pushed-request", false).text(Paint::PLAIN), @r"
    ✔ pushed-request          12.3 ms
        the request was taken in with 201 (RFC 9126 2.2)
        expiresIn=60  aud=https://bank.example
    ");
    insta::assert_snapshot!(step("pushed-request", true).text(Paint::PLAIN), @r"
    ✖ pushed-request          12.3 ms
        the request was taken in with 201 (RFC 9126 2.2)
      ✖ the answer is not stored (RFC 9126 2.2), but found: nothing
        expiresIn=60  aud=https://bank.example
    ");
    let closing = |ending, steps| report(ending, steps).closing(Paint::PLAIN);
    insta::assert_snapshot!(closing(Ending::Passed, vec![step("discovery", false)]), @"all passed: 1 steps, 1 checks, 1.23 s");
    insta::assert_snapshot!(
        closing(Ending::Failed, vec![step("discovery", false), step("keys", true)]),
        @"failed at keys, after 2 checks: a careful client goes no further"
    );
    insta::assert_snapshot!(closing(Ending::Unreachable, vec![]), @"no answer: the checks could not be made");
}

#[test]
fn programs_read_one_json_document() {
    let report = report(Ending::Failed, vec![step("discovery", false), step("keys", true)]);
    insta::assert_snapshot!(json!(report), @r#"{"ok":false,"ending":"failed","issuer":"https://op.example","clientId":"app","user":"alice","steps":[{"name":"discovery","ok":true,"proved":["the request was taken in with 201 (RFC 9126 2.2)"],"facts":{"expiresIn":60,"aud":["https://bank.example"]},"millis":12.3},{"name":"keys","ok":false,"proved":["the request was taken in with 201 (RFC 9126 2.2)"],"failed":["the answer is not stored (RFC 9126 2.2), but found: nothing"],"facts":{"expiresIn":60,"aud":["https://bank.example"]},"millis":12.3}],"millis":1234.5}"#);
}
