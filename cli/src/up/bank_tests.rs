use std::fs;
use std::path::Path;

use super::*;
use crate::dev::{Folder, generate, kits};
use crate::source::load;

/// What the quickstart says about its bank, after these words in its files were replaced by others.
fn planned(edits: &[(&str, &str)]) -> Result<Option<Plan>, String> {
    let root = tempfile::tempdir().unwrap();
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/00-quickstart");
    let mut texts: Vec<(&str, String)> = ["workspace.yaml", "clients.yaml", "secrets.yaml"]
        .into_iter()
        .map(|name| (name, fs::read_to_string(quickstart.join(name)).unwrap()))
        .collect();
    for (before, after) in edits {
        assert!(texts.iter().any(|(_, text)| text.contains(before)), "{before:?} is not in the quickstart");
        for (_, text) in &mut texts {
            *text = text.replace(before, after);
        }
    }
    let folder = root.path().join("bank");
    fs::create_dir(&folder).unwrap();
    for (name, text) in texts {
        fs::write(folder.join(name), text).unwrap();
    }
    let mut source = load(&folder, "default").unwrap();
    let dev = Folder::open(root.path().join("dev")).unwrap();
    let generated = generate(&mut source, &dev).unwrap();
    assert_eq!(source.problems, []);
    let kits = kits(&source, &generated, &dev).unwrap();
    Plan::of(&source.workspaces[0], &source, &kits)
        .map_err(|problem| problem.to_string().replace(&format!("{}/", folder.display()), ""))
}

#[test]
fn the_bank_of_the_quickstart_is_its_default_resource() {
    let plan = planned(&[]).unwrap().unwrap();
    assert_eq!(
        (plan.host.as_str(), plan.port, plan.client.as_str()),
        ("bank.demo.localhost", 8445, "demo-bank")
    );
    assert_eq!(plan.client_id.as_str(), "demo-bank");
    let resource = plan.resource();
    assert_eq!(resource.url, "https://bank.demo.localhost:8445/accounts");
    assert_eq!(resource.identifier.as_deref(), Some("https://bank.demo.localhost:8445"));
    assert!(resource.introspects, "JAT-03: a revoked token ends at once");
    assert_eq!(plan.connect(), "bank.demo.localhost:8445:127.0.0.1:8445");
}

#[test]
fn nobody_who_does_not_ask_has_a_bank() {
    assert!(planned(&[("    fapi.rs/dev-bank: demo-bank", "    example.com/note: none")]).unwrap().is_none());
}

#[test]
fn a_client_may_have_another_id_than_its_name() {
    let id = [("clientId: demo-bank", "clientId: bank-api"), ("Clients: [demo-bank]", "Clients: [bank-api]")];
    let plan = planned(&id).unwrap().unwrap();
    assert_eq!((plan.client.as_str(), plan.client_id.as_str()), ("demo-bank", "bank-api"));
}

#[test]
fn a_bank_is_the_same_until_its_place_its_client_or_its_key_is_another() {
    let plan = planned(&[]).unwrap().unwrap();
    assert!(plan.is(&plan.clone()));
    let other = planned(&[]).unwrap().unwrap();
    assert!(!plan.is(&other), "other keys were made");
    let moved = Plan { port: 9445, ..plan.clone() };
    assert!(!plan.is(&moved));
    assert!(plan.is(&Plan { written: plan.problem("elsewhere".to_owned()), ..plan.clone() }));
}

#[test]
fn a_bank_that_cannot_be_is_refused_where_it_is_written_with_what_to_write() {
    let keys_of = "\n    jwksRef:\n      name: demo-bank\n      key: jwks.json\n  grantTypes: []";
    for (edits, said) in [
        (
            &[("dev-bank: demo-bank", "dev-bank: demo-bnak")][..],
            "workspace.yaml:8:5: Workspace demo has no Client \"demo-bnak\" to run the sample bank as: did you mean \
             demo-bank? Its Clients here: demo-app, demo-bank",
        ),
        (
            &[("workspaceRef:\n    name: demo", "workspaceRef:\n    name: other")],
            "workspace.yaml:8:5: Workspace demo has no Client \"demo-bank\" to run the sample bank as: write one with \
             auth.method: private_key_jwt and grantTypes: [], or leave the annotation out",
        ),
        (
            &[(
                "private_key_jwt\n    jwksRef:\n      name: demo-bank\n      key: jwks.json",
                "tls_client_auth\n    tls:\n      sanDns: bank.localhost",
            )],
            "clients.yaml:33:5: the sample bank signs assertions: write private_key_jwt, or name another Client in the \
             annotation fapi.rs/dev-bank",
        ),
        (
            &[(keys_of, "\n    jwksUri: https://bank.example/jwks\n  grantTypes: []")],
            "clients.yaml:32:3: the sample bank needs the private key of this Client, and it is not here: write a jwksRef to \
             a Secret without data that has the annotation fapi.rs/dev-generate: jwks",
        ),
        (
            &[("    default: true\n", "")],
            "workspace.yaml:20:3: the sample bank (annotation fapi.rs/dev-bank) is run as the default resource, and none is: \
             write one with identifier: https://bank.localhost:8445, default: true and introspectionClients: [demo-bank]",
        ),
        (
            &[("introspectionClients: [demo-bank]", "introspectionClients: [demo-app]")],
            "workspace.yaml:24:5: the sample bank asks about every token: write introspectionClients: [demo-bank]",
        ),
        (
            &[("    introspectionClients: [demo-bank]\n", "")],
            "workspace.yaml:21:5: the sample bank asks about every token: write introspectionClients: [demo-bank]",
        ),
        (
            &[("name: accounts", "name: payments"), ("    scopes: [accounts]\n", "")],
            "workspace.yaml:16:3: the sample bank wants tokens with the scope accounts: write - name: accounts",
        ),
        (
            &[("    scopes: [accounts]", "    scopes: [payments]")],
            "workspace.yaml:23:5: the sample bank wants tokens with the scope accounts: write it here, or write no scopes",
        ),
        (
            &[(
                "    type: Users\n    users:\n      secretRef:\n        name: demo-users\n        key: users.json",
                "    type: External\n    external:\n      url: https://login.example/sign-in\n      jwksRef:\n        name: login\n        key: jwks.json",
            )],
            "workspace.yaml:25:3: the sample bank knows the people of login.users and nobody else: write type: Users, or \
             leave the annotation fapi.rs/dev-bank out",
        ),
    ] {
        assert_eq!(planned(edits).unwrap_err(), said);
    }
}

#[test]
fn a_bank_needs_a_name_a_port_and_no_path() {
    for wrong in [
        "https://bank.demo.localhost:8445/v1",
        "https://127.0.0.1:8445",
        "https://b.localhost?x=1",
        "urn:bank",
    ] {
        let said = planned(&[("https://bank.demo.localhost:8445", wrong)]).unwrap_err();
        assert!(
            said.starts_with("workspace.yaml:21:5: ")
                && said.ends_with("for example https://bank.demo.localhost:8445"),
            "{wrong}: {said}"
        );
    }
}
