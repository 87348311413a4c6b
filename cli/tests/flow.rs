//! Whole flows against a stand-in that lies in one way at a time: an honest one passes, and every lie is noticed in the
//! step in which it is told.

#[cfg(test)]
mod stand_in;

use clap::Parser as _;
use fapictl::flow::journey::{Cast, Script};
use fapictl::flow::report::{Ending, Report};
use fapictl::flow::signin::Decision;
use fapictl::flow::target::Target;
use fapictl::flow::{self, FlowArgs};

use self::stand_in::{Lie, StandIn};

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: FlowArgs,
}

#[cfg(test)]
async fn played(server: &StandIn, more: &[&str]) -> Report {
    let args = Line::try_parse_from(server.options(more)).unwrap().args;
    let target = Target::resolve(&args).unwrap();
    let cast = Cast::assemble(&target, args.timeout).unwrap();
    let decision = if args.deny { Decision::Deny } else { Decision::Approve };
    let script = Script { decision, attacks: !args.no_attacks, logout: args.logout, timeout: args.timeout };
    flow::play(&target, &cast, script, &mut |_| {}).await
}

fn names(report: &Report) -> Vec<&str> {
    report.steps.iter().map(|step| step.name).collect()
}

fn failures(report: &Report) -> Vec<&String> {
    report.steps.iter().flat_map(|step| &step.failed).collect()
}

#[tokio::test]
async fn an_honest_server_passes_with_jarm() {
    let server = StandIn::start(Lie::None).await;
    let report = played(&server, &[]).await;
    assert_eq!(failures(&report), [""; 0]);
    assert_eq!(
        names(&report),
        [
            "discovery",
            "keys",
            "pushed-request",
            "sign-in",
            "response",
            "token",
            "id-token",
            "access-token",
            "refresh",
            "userinfo",
            "accounts",
            "stolen-token",
            "replayed-request",
            "replayed-code"
        ]
    );
    assert_eq!(report.ending, Ending::Passed);
    assert_eq!(*server.touched.lock().unwrap(), [""; 0], "the client's redirect URI is never opened");
}

#[tokio::test]
async fn an_honest_server_passes_with_hybrid_by_value_and_encrypted_responses() {
    let server = StandIn::start(Lie::None).await;
    let hybrid = played(&server, &["--response", "hybrid", "--delivery", "by-value"]).await;
    assert_eq!(failures(&hybrid), [""; 0]);
    assert!(names(&hybrid).contains(&"detached-signature") && names(&hybrid).contains(&"request-object"));

    let encrypted = played(&StandIn::encrypting().await, &["--response", "jarm-encrypted"]).await;
    assert_eq!(failures(&encrypted), [""; 0]);
    let plain = played(&server, &["--response", "jarm-encrypted"]).await;
    assert!(failures(&plain)[0].contains("encrypted to us"), "{:?}", failures(&plain));
}

#[tokio::test]
async fn a_person_who_refuses_is_heard() {
    let server = StandIn::start(Lie::None).await;
    for response in ["jarm", "hybrid"] {
        let report = played(&server, &["--deny", "--response", response]).await;
        assert_eq!(failures(&report), [""; 0]);
        assert_eq!(names(&report).last(), Some(&"response"));
    }
}

#[tokio::test]
async fn every_lie_is_noticed_where_it_is_told() {
    for (lie, more, step, why) in [
        (Lie::Issuer, &[][..], "discovery", "byte for byte"),
        (Lie::Framed, &[], "sign-in", "framed"),
        (Lie::AsksBrowsers, &[], "sign-in", "not asked for a certificate"),
        (Lie::OtherPlace, &[], "sign-in", "neither the front door nor the redirect URI"),
        (Lie::SwappedCode, &["--response", "hybrid"], "detached-signature", "c_hash"),
        (Lie::SwappedCode, &[], "token", "invalid_grant"),
        (Lie::DeafToNo, &["--deny"], "response", "the person refused"),
        (Lie::Unbound, &[], "access-token", "bound to our certificate"),
        (Lie::OtherPerson, &["--response", "hybrid"], "id-token", "same person"),
        (Lie::RefreshForAll, &[], "refresh", "without our certificate"),
        (Lie::TakesStolenTokens, &[], "stolen-token", "the bank"),
        (Lie::AnswersTwice, &[], "replayed-request", "cannot be used again"),
        (Lie::RedeemsTwice, &[], "replayed-code", "second time"),
        (Lie::Forgiving, &[], "replayed-code", "revoked"),
    ] {
        let server = StandIn::start(lie).await;
        let report = played(&server, more).await;
        let last = report.steps.last().unwrap();
        assert_eq!((report.ending, last.name), (Ending::Failed, step), "{lie:?}: {:?}", last.failed);
        assert!(last.failed.iter().any(|text| text.contains(why)), "{lie:?}: {:?}", last.failed);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_apart_from_a_wrong_server() {
    let server = StandIn::start(Lie::None).await;
    std::fs::write(server.file("password"), "wrong").unwrap();
    let report = played(&server, &[]).await;
    assert_eq!(failures(&report), ["alice could not sign in: is the password right?"]);
}

#[tokio::test]
async fn another_ca_is_not_trusted_and_nobody_is_not_reached() {
    let server = StandIn::start(Lie::None).await;
    let other = rcgen::generate_simple_self_signed(vec!["op.localhost".to_owned()]).unwrap();
    std::fs::write(server.file("ca.pem"), other.cert.pem()).unwrap();
    let report = played(&server, &[]).await;
    assert_eq!(report.ending, Ending::Failed);
    assert!(failures(&report)[0].contains("is not trusted"), "{:?}", failures(&report));

    let elsewhere = ["--issuer", "https://op.localhost:9", "--connect", "op.localhost:9:127.0.0.1:1"];
    let options =
        server.options(&[]).into_iter().filter(|option| !option.starts_with("https://op.localhost:"));
    let options: Vec<String> =
        options.filter(|option| option != "--issuer").chain(elsewhere.map(str::to_owned)).collect();
    let args = Line::try_parse_from(options).unwrap().args;
    let target = Target::resolve(&args).unwrap();
    let cast = Cast::assemble(&target, args.timeout).unwrap();
    let script =
        Script { decision: Decision::Approve, attacks: true, logout: args.logout, timeout: args.timeout };
    assert_eq!(flow::play(&target, &cast, script, &mut |_| {}).await.ending, Ending::Unreachable);
}

#[test]
fn the_program_prints_json_and_ends_with_its_exit_code() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(StandIn::start(Lie::None));
    let run = |more: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_fapictl"))
            .args(server.options(more))
            .output()
            .unwrap();
        (output.status.code().unwrap(), output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let (code, stdout, stderr) = run(&["-o", "json"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let report: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!(report["ok"], true);
    let text = String::from_utf8(stdout).unwrap();
    assert!(!text.contains("eyJ") && !text.contains("correct horse"), "no token and no password is printed");

    let (code, stdout, _) = run(&["--count", "4", "--parallel", "2", "--no-attacks", "--output", "json"]);
    let totals: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!((code, &totals["flows"], &totals["failed"]), (0, &4.into(), &0.into()));
    assert!(totals["latency"]["flow"]["p50"].as_f64().unwrap() > 0.0);

    let (code, stdout, _) = run(&["--auth", "tls_client_auth"]);
    let text = String::from_utf8(stdout).unwrap();
    assert!(code == 1 && text.contains("✖ clients authenticate with tls_client_auth"), "{code} {text}");

    let (code, stdout, stderr) = run(&["--connect", "nonsense"]);
    assert!(
        code == 2 && stdout.is_empty() && stderr.contains("FROM_HOST:FROM_PORT:HOST:PORT"),
        "{code} {stderr}"
    );
    let (code, _, stderr) = run(&["--state", "/nowhere"]);
    assert!(code == 2 && stderr.contains("error:") && stderr.contains("next:"), "{code} {stderr}");
}
