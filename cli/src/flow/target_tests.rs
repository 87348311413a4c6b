use std::path::PathBuf;

use clap::Parser as _;
use fapi_jose::{Alg, SigningKey};

use super::*;
use crate::exit::Exit;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: FlowArgs,
}

/// A state directory with two Workspaces, of which the first is complete.
fn state() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["app.example".to_owned()]).unwrap();
    put("ca.pem", &made.cert.pem());
    put("app.pem", &made.cert.pem());
    put("app-key.pem", &made.signing_key.serialize_pem());
    put("jwks.json", &SigningKey::generate(Alg::Es256, 0).unwrap().to_private_jwk());
    put("alice", "secret of alice\n");
    put(
        RUN_FILE,
        r#"{"pid": 1, "workspaces": [
          {"name": "demo", "namespace": "default", "issuer": "https://demo.localhost:8443", "caFile": "ca.pem",
           "frontAddr": "127.0.0.1:18443", "connect": ["mtls.demo.localhost:8443:127.0.0.1:18444"],
           "resource": {"url": "https://bank.localhost:9443/accounts", "identifier": "https://bank", "introspects": true},
           "clients": [
             {"clientId": "app", "method": "tls_client_auth", "jwksPrivateFile": "jwks.json", "certificateFile": "app.pem",
              "keyFile": "app-key.pem", "redirectUri": "https://app.example/cb", "scopes": ["openid", "accounts"],
              "response": "hybrid"},
             {"clientId": "other", "method": "private_key_jwt", "redirectUri": "https://other.example/cb", "scopes": [],
              "response": "jarm"}],
           "users": [{"username": "alice", "passwordFile": "alice"}]},
          {"name": "second", "namespace": "default", "issuer": "https://second.localhost:8443"}]}"#,
    );
    folder
}

fn resolve(state: &Path, more: &[&str]) -> Result<Target, Stop> {
    let state = state.to_str().unwrap();
    let line = ["flow", "--state", state].into_iter().chain(more.iter().copied());
    Target::resolve(&Line::try_parse_from(line).unwrap().args)
}

#[test]
fn the_run_file_says_everything() {
    let state = state();
    let target = resolve(state.path(), &["--workspace", "demo"]).unwrap();
    assert_eq!((target.issuer.as_str(), target.client_id.as_str()), ("https://demo.localhost:8443", "app"));
    assert_eq!((target.auth, target.response), (AuthMethod::Tls, ResponseKind::Hybrid));
    assert_eq!((target.scope.as_str(), target.user.as_str()), ("openid accounts", "alice"));
    assert_eq!(target.password.reveal(), "secret of alice");
    assert_eq!(format!("{:?}", target.password), "Password(…)");
    assert_eq!(target.routes.destination("demo.localhost", 8443), ("127.0.0.1", 18443));
    assert_eq!(target.routes.destination("mtls.demo.localhost", 8443), ("127.0.0.1", 18444));
    let bank = target.resource.unwrap();
    assert!(bank.introspects && bank.identifier.as_deref() == Some("https://bank"));
}

#[test]
fn what_is_said_wins_over_what_is_written_down() {
    let state = state();
    let target = resolve(
        state.path(),
        &[
            "--workspace",
            "default/demo",
            "--response",
            "jarm",
            "--auth",
            "private_key_jwt",
            "--scope",
            "openid",
            "--delivery",
            "by-value",
            "--resource",
            "none",
            "--connect",
            "demo.localhost:8443:127.0.0.1:1",
        ],
    )
    .unwrap();
    assert_eq!((target.auth, target.response), (AuthMethod::PrivateKeyJwt, ResponseKind::Jarm));
    assert_eq!((target.scope.as_str(), target.pushed, &target.resource), ("openid", Some(false), &None));
    assert_eq!(target.routes.destination("demo.localhost", 8443), ("127.0.0.1", 1));
}

#[test]
fn what_cannot_be_known_is_asked_for_by_name() {
    let state = state();
    for (more, message, next) in [
        (&[][..], "which Workspace?", "--workspace default/demo"),
        (&["--workspace", "third"], "no such Workspace", "cat "),
        (&["--workspace", "second"], "--ca is missing", "--help"),
        (&["--workspace", "demo", "--client", "third"], "knows app, other", "--client"),
        (&["--workspace", "demo", "--client", "other"], "--key is missing", "--help"),
        (&["--workspace", "demo", "--user", "bob"], "--password-file is missing", "--help"),
        (&["--workspace", "demo", "--ca", "/nowhere"], "--ca: cannot read /nowhere", "--help"),
        (&["--workspace", "demo", "--resource", "http://bank"], "not an https address", "--resource none"),
    ] {
        let stop = resolve(state.path(), more).unwrap_err();
        assert_eq!(stop.exit, Exit::Usage);
        assert!(stop.message.contains(message) && stop.next.contains(next), "{more:?}: {stop:?}");
    }
    let nowhere = PathBuf::from("/nowhere");
    assert!(resolve(&nowhere, &[]).unwrap_err().next.starts_with("fapictl up"));
}

#[test]
fn a_certificate_without_its_own_key_is_refused() {
    let state = state();
    let other = rcgen::generate_simple_self_signed(vec!["other.example".to_owned()]).unwrap();
    fs::write(state.path().join("app-key.pem"), other.signing_key.serialize_pem()).unwrap();
    let target = resolve(state.path(), &["--workspace", "demo"]).unwrap();
    let stop = target.trust.identified(target.identity.as_ref().unwrap()).unwrap_err();
    assert!(stop.message.contains("do not belong together"), "{stop:?}");
}
