use std::fs;

use super::*;
use crate::source::load;

/// The quickstart with one thing changed: what is said about it. Keys are made once, in `scratch`.
fn said(scratch: &Path, file: &str, from: &str, to: &str) -> Verdicts {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/00-quickstart");
    let folder = tempfile::tempdir().unwrap();
    for name in ["workspace.yaml", "clients.yaml", "secrets.yaml"] {
        let mut text = fs::read_to_string(examples.join(name)).unwrap();
        if name == file {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut source = load(folder.path(), DEFAULT_NAMESPACE).unwrap();
    let prepared = prepare(&mut source, scratch).unwrap();
    let verdicts = judge(&source, &prepared);
    assert_eq!(verdicts.ok, verdicts.problems.is_empty());
    verdicts
}

fn lines(verdicts: &Verdicts) -> Vec<String> {
    let line = |problem: &Problem| {
        let name = problem.file.file_name().unwrap().to_string_lossy().into_owned();
        Problem { file: name.into(), ..problem.clone() }.to_string()
    };
    verdicts.problems.iter().map(line).collect()
}

/// F1-R03, F1-R04, P-24: the verdict of API server and operator, at the line that caused it.
#[test]
fn what_would_be_refused_is_found_without_a_cluster() {
    let scratch = tempfile::tempdir().unwrap();
    assert_eq!(lines(&said(scratch.path(), "workspace.yaml", "Fintech", "Fintech")), [""; 0]);
    for (file, from, to, expected) in [
        (
            "workspace.yaml",
            "  scopes:",
            "  protocol: {responses: [Code]}\n  scopes:",
            "workspace.yaml:16:26: ProfileViolation: protocol.responses[0]: Code is not allowed by this profile",
        ),
        (
            "secrets.yaml",
            "jwks, redirect-uris",
            "jwks",
            "clients.yaml:6:1: KeyNotFound: Secret default/demo-app",
        ),
        (
            "secrets.yaml",
            "    fapi.rs/client-credentials: \"true\"",
            "    other: x",
            "clients.yaml:6:1: NotLabelled: Secret default/demo-app is not read for Clients",
        ),
        (
            "clients.yaml",
            "scopes: [openid, accounts]",
            "scopes: [openid, payments]",
            "clients.yaml:21:20: PolicyViolation: scopes[1]: is not one of the Workspace's scopes",
        ),
        (
            "clients.yaml",
            "clientId: demo-app",
            "clientId: a.b",
            "clients.yaml:9:3: InvalidClientId: clientId: ",
        ),
        (
            "workspace.yaml",
            "algorithm: PS256",
            "algorithm: EdDSA",
            "workspace.yaml:42:3: ProfileViolation: algorithm: EdDSA is not in force",
        ),
        (
            "clients.yaml",
            "displayName:",
            "dispayName:",
            "clients.yaml:10:3: Client has no field spec.dispayName",
        ),
    ] {
        let found = lines(&said(scratch.path(), file, from, to));
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{from} → {to}: {found:#?}");
    }
}

/// What `fapictl up` would refuse is found without starting it: who makes Secrets, and where the sample bank stands.
#[test]
fn what_is_written_for_a_laptop_is_judged_as_up_does() {
    let scratch = tempfile::tempdir().unwrap();
    for (file, from, to, expected) in [
        (
            "secrets.yaml",
            "fapi.rs/dev-generate: jwks, redirect-uris",
            "fapi.rs/dev-generate: jwsk, redirect-uris",
            "\"jwsk\" cannot be made: did you mean jwks?",
        ),
        (
            "workspace.yaml",
            "fapi.rs/dev-bank: demo-bank",
            "fapi.rs/dev-bank: demo-bnak",
            "Workspace demo has no Client \"demo-bnak\" to run the sample bank as: did you mean demo-bank?",
        ),
        (
            "workspace.yaml",
            "identifier: https://bank.demo.localhost:8445",
            "identifier: https://bank.demo.localhost:8445/path",
            "the sample bank listens at the host and port of this resource",
        ),
    ] {
        let found = lines(&said(scratch.path(), file, from, to));
        assert!(found.len() == 1 && found[0].contains(expected), "{to}: {found:#?}");
        assert!(found[0].starts_with(file), "at the line that caused it: {found:#?}");
    }
    let without =
        said(scratch.path(), "workspace.yaml", "fapi.rs/dev-bank: demo-bank", "example.com/note: none");
    assert_eq!(lines(&without), [""; 0], "nobody has to have a bank");
}

#[test]
fn what_stands_elsewhere_is_said_and_is_no_problem() {
    let scratch = tempfile::tempdir().unwrap();
    let verdicts = said(scratch.path(), "secrets.yaml", "name: demo-users", "name: other");
    assert!(verdicts.ok, "{:?}", verdicts.problems);
    let note = |part: &str| verdicts.notes.iter().any(|note| note.contains(part));
    assert!(note("Workspace default/demo is judged in part: Secret default/demo-users does not exist"));

    let verdicts = said(scratch.path(), "clients.yaml", "    name: demo\n", "    name: retail\n");
    assert!(verdicts.ok, "{:?}", verdicts.problems);
    let note = |part: &str| verdicts.notes.iter().any(|note| note.contains(part));
    assert!(
        note("Client default/demo-app is not judged by its profile: Workspace retail"),
        "{:?}",
        verdicts.notes
    );
}

/// Whatever we tell people to start from is what operator and API server accept.
#[test]
fn every_example_is_without_a_problem() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut judged = 0;
    for folder in fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()) {
        if !folder.join("workspace.yaml").exists() {
            continue;
        }
        let scratch = tempfile::tempdir().unwrap();
        let mut source = load(&folder, DEFAULT_NAMESPACE).unwrap();
        let prepared = prepare(&mut source, scratch.path()).unwrap();
        let verdicts = judge(&source, &prepared);
        assert!(verdicts.ok, "{}: {:?}", folder.display(), lines(&verdicts));
        judged += 1;
    }
    assert!(judged > 1, "{judged}");
}

/// Whoever copies from the page of the kinds is not told that it is not built yet. Labels of namespaces are not in a folder, so all
/// namespaces are let in here.
#[test]
fn what_the_page_of_the_kinds_shows_is_served() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/README.md");
    let page = fs::read_to_string(page).unwrap();
    let selector = "from: Selector, selector: {matchLabels: {tenant: retail}}";
    assert!(page.contains(selector));
    let page = page.replace(selector, "from: All");
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0)).collect();
    assert!(blocks.len() >= 3);
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("page.yaml"), blocks.join("\n---\n")).unwrap();
    let mut source = load(folder.path(), DEFAULT_NAMESPACE).unwrap();
    let prepared = prepare(&mut source, scratch.path()).unwrap();
    assert_eq!(lines(&judge(&source, &prepared)), [""; 0]);
}
