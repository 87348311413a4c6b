use std::fs;
use std::path::Path;

use fapi_jose::{Alg, JwkSet};

use super::*;
use crate::source::{Source, load};

fn quickstart() -> Source {
    let source =
        load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/00-quickstart"), "default").unwrap();
    assert_eq!(source.problems, []);
    source
}

fn made(dev: &Path) -> (Source, Generated, Folder) {
    let mut source = quickstart();
    let folder = Folder::open(dev).unwrap();
    let generated = generate(&mut source, &folder).unwrap();
    assert_eq!(source.problems, []);
    (source, generated, folder)
}

#[test]
fn the_quickstart_gets_everything_it_refers_to() {
    let dev = tempfile::tempdir().unwrap();
    let (source, generated, folder) = made(dev.path());
    for (secret, key) in [
        ("demo-users", "users.json"),
        ("demo-app", "jwks.json"),
        ("demo-app", "redirect-uris.json"),
        ("demo-bank", "jwks.json"),
    ] {
        assert!(generated.has("default", secret, key), "{secret}/{key}");
    }
    let content = |name: &str, key: &str| {
        source.secrets.iter().find(|it| it.name == name).unwrap().value.data[key].clone()
    };
    let keys = JwkSet::parse(&content("demo-app", "jwks.json")).unwrap();
    assert!(keys.keys()[0].fits(Alg::Ps256));
    let users = fapi_config::Users::parse(&content("demo-users", "users.json")).unwrap();
    assert_eq!(users.len(), 2);

    let kits = kits(&source, &generated, &folder).unwrap();
    let app = kits.iter().find(|kit| kit.name == "demo-app").unwrap();
    assert!(app.flow);
    assert_eq!(app.run.redirect_uri, "https://demo-app.localhost/callback");
    assert_eq!((app.run.method.as_str(), app.run.response.as_str()), ("private_key_jwt", "jarm"));
    assert_eq!(app.run.scopes, ["openid", "accounts"]);
    let bank = kits.iter().find(|kit| kit.name == "demo-bank").unwrap();
    assert!(!bank.flow && bank.run.certificate_file.is_some() && bank.run.jwks_private_file.is_some());
    let people = run_users(&source.workspaces[0], &generated, &folder).unwrap();
    assert_eq!(people.iter().map(|it| it.username.as_str()).collect::<Vec<_>>(), ["alice", "bob"]);
    assert!(fs::read_to_string(&people[0].password_file).unwrap().len() >= 16);
}

#[test]
fn what_was_made_once_is_made_no_second_time() {
    let dev = tempfile::tempdir().unwrap();
    let (first, ..) = made(dev.path());
    let (second, ..) = made(dev.path());
    for (one, other) in first.secrets.iter().zip(&second.secrets) {
        assert_eq!(one.value.data, other.value.data, "{}", one.name);
    }
}

/// J-20: a Secret goes to the server and to whoever may read it.
#[test]
fn no_private_half_gets_into_a_secret() {
    let dev = tempfile::tempdir().unwrap();
    let (source, ..) = made(dev.path());
    for secret in &source.secrets {
        for content in secret.value.data.values() {
            let text = String::from_utf8(content.to_vec()).unwrap();
            assert!(!text.contains("\"d\"") && !text.contains("PRIVATE KEY"), "{}", secret.name);
        }
    }
}

#[test]
fn a_secret_that_cannot_be_made_is_named_with_its_place() {
    let secret = |annotation: &str, data: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n    fapi.rs/dev-generate: {annotation}\n{data}"
        )
    };
    for (text, expected) in [
        (secret("jwsk", ""), "s.yaml:6:5: \"jwsk\" cannot be made: did you mean jwks?"),
        (
            secret("jwks", "stringData: {a: b}\n"),
            "s.yaml:6:5: fapi.rs/dev-generate is for Secrets without data",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("s.yaml"), text).unwrap();
        let mut source = load(folder.path(), "default").unwrap();
        generate(&mut source, &Folder::open(folder.path().join("dev")).unwrap()).unwrap();
        let problem = source.problems[0].to_string();
        assert!(problem.contains(expected), "{problem}");
    }
}
