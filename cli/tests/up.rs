//! `fapictl up` as a person starts it: the quickstart with its bank, `fapictl flow` against it, and what happens when files
//! change or it has to end.

#[cfg(test)]
mod house;

use std::fs;
use std::net::{TcpListener, TcpStream};

use argon2::PasswordHasher as _;
use serde_json::{Value, json};

use self::house::{Folder, Up, free_ports, pasted, step};

#[cfg(test)]
fn proved(report: &Value, name: &str) -> Vec<String> {
    let proved = step(report, name)["proved"].as_array().unwrap().clone();
    proved.iter().map(|claim| claim.as_str().map_or_else(|| claim.to_string(), str::to_owned)).collect()
}

#[cfg(test)]
fn assert_proved(report: &Value, name: &str, claim: &str) {
    let all = proved(report, name);
    assert!(all.iter().any(|one| one.contains(claim)), "{claim:?} is not in {all:#?}");
}

/// RS-04, RS-05, RS-06, MTL-06, JAT-03, TOK-03
#[test]
fn the_quickstart_has_a_bank_that_gives_accounts_to_the_client_and_to_no_thief() {
    let folder = Folder::new();
    let up = folder.up(&[]);
    let bank = format!("https://bank.demo.localhost:{}/accounts", folder.ports[2]);
    let line = format!("✔ sample bank          {bank} (as Client demo-bank)");
    assert!(up.lines.contains(&line), "{:#?}", up.lines);
    assert_eq!(
        folder.run_file(".fapi")["workspaces"][0]["resource"],
        json!({ "url": bank, "identifier": bank.trim_end_matches("/accounts"), "introspects": true })
    );

    for user in ["alice", "bob"] {
        let report = folder.flow(&["--user", user]);
        assert_eq!(report["ok"], true, "{report:#}");
        assert_proved(&report, "accounts", "the bank answers with 200");
        assert_proved(&report, "stolen-token", "our token is refused with another certificate: the bank");
        assert_proved(&report, "stolen-token", "our token is refused without a certificate: the bank");
        assert_proved(&report, "replayed-code", "and the access token is revoked: the bank refuses it");
    }
}

/// RS-08
#[test]
fn accounts_are_those_of_whoever_signs_in_and_change_with_the_file() {
    let folder = Folder::new();
    let mut up = folder.up(&[]);
    let users = || folder.run_file(".fapi")["workspaces"][0]["users"].as_array().unwrap().len();
    assert_eq!(users(), 2);

    let hash = argon2::Argon2::default().hash_password_with_salt(b"correct horse", b"saltsaltsalt").unwrap();
    let person = |name: &str, accounts: &[&str]| {
        let accounts: Vec<Value> = accounts.iter().map(|id| json!({ "id": id })).collect();
        json!({ "sub": name, "password": hash.to_string(), "accounts": accounts })
    };
    let save = |people: Value| {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "own-users" },
            "stringData": { "users.json": people.to_string() },
        });
        fs::write(folder.file("bank/own-users.yaml"), secret.to_string()).unwrap();
    };
    save(json!({ "alice": person("alice", &["1"]), "bob": person("bob", &["2", "3", "4"]) }));
    folder.edit("workspace.yaml", "name: demo-users", "name: own-users");
    // Nobody's password is here any more.
    up.until("serves revision", || users() == 0);

    fs::write(folder.file("password"), "correct horse").unwrap();
    let accounts = |user: &str| {
        let report = folder.flow(&["--user", user, "--password-file", "password"]);
        step(&report, "accounts")["facts"]["accounts"].clone()
    };
    assert_eq!((accounts("alice"), accounts("bob")), (json!(1), json!(3)));
    save(json!({ "alice": person("alice", &["1", "5"]), "bob": person("bob", &["2", "3", "4"]) }));
    up.until("serves revision", || accounts("alice") == json!(2));
    assert_eq!(accounts("bob"), json!(3));
}

#[test]
fn the_run_file_follows_clients_that_come_and_go() {
    let folder = Folder::new();
    let mut up = folder.up(&[]);
    let clients = || {
        let file = folder.run_file(".fapi");
        let clients = file["workspaces"][0]["clients"].as_array().unwrap().clone();
        clients.iter().map(|client| client["clientId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(clients(), ["demo-app"]);

    let text = fs::read_to_string(folder.file("bank/clients.yaml")).unwrap();
    let app = text.split("---\n").next().unwrap();
    fs::write(folder.file("bank/second.yaml"), app.replace("demo-app", "second")).unwrap();
    let secrets = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: second\n  labels:\n    fapi.rs/client-credentials: \"true\"\n  \
                   annotations:\n    fapi.rs/dev-generate: jwks, redirect-uris\n";
    fs::write(folder.file("bank/second-secret.yaml"), secrets).unwrap();
    up.until("serves revision", || clients() == ["demo-app", "second"]);
    assert_eq!(folder.flow(&["--client", "second"])["ok"], true);

    fs::remove_file(folder.file("bank/second.yaml")).unwrap();
    up.until("serves revision", || clients() == ["demo-app"]);

    // One that is refused has no flow to play.
    let refused =
        app.replace("demo-app", "second").replace("scopes: [openid, accounts]", "scopes: [unknown]");
    fs::write(folder.file("bank/refused.yaml"), refused).unwrap();
    up.says("Client default/second: Accepted=False");
    assert_eq!(clients(), ["demo-app"]);
    assert_eq!(folder.flow(&[])["ok"], true);
}

#[test]
fn whoever_ends_it_finds_nothing_left_behind() {
    for signal in ["-TERM", "-INT"] {
        let folder = Folder::new();
        let up = folder.up(&[]);
        assert!(folder.file(".fapi/run.json").exists());
        assert!(up.end(signal).success(), "{signal}");
        assert!(!folder.file(".fapi/run.json").exists(), "{signal}");
        for port in folder.ports {
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{signal} {port}");
        }
    }
}

#[test]
fn a_second_one_beside_the_first_is_told_to_keep_its_state_elsewhere() {
    let (folder, other) = (Folder::new(), Folder::new());
    let _up = folder.up(&[]);
    let before = folder.run_file(".fapi");
    fs::rename(other.file("bank"), folder.file("second")).unwrap();

    let refused = folder.run(&["up", "second"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    let issuer = before["workspaces"][0]["issuer"].as_str().unwrap();
    assert!(said.contains("another `fapictl up` uses ") && said.contains(issuer), "{said}");
    assert!(said.contains("next:  fapictl up second --state .fapi-second\n"), "{said}");
    assert_eq!(folder.run_file(".fapi"), before);

    let mut second = Up::start(folder.command(&["up", "second", "--state", ".fapi-second"]));
    second.says("Ctrl-C ends it");
    let said = second.lines.iter().find(|line| line.starts_with("Next,")).unwrap();
    assert!(said.ends_with(" flow --state .fapi-second"), "{said}");
    assert_ne!(folder.run_file(".fapi-second"), before);
    assert_eq!(
        folder.flow(&[])["issuer"],
        before["workspaces"][0]["issuer"],
        "alone in its `.fapi`, the first is found"
    );
    assert_eq!(folder.flow(&["--state", ".fapi-second"])["ok"], true);
}

#[test]
fn the_next_command_can_be_pasted() {
    for state in [&[][..], &["--state", "state of mine"]] {
        let folder = Folder::new();
        let up = folder.up(state);
        let said = up.lines.iter().find(|line| line.starts_with("Next,")).unwrap();
        let command = said.split_once(" in another terminal: ").unwrap().1;
        assert_eq!(command.ends_with("'state of mine'"), !state.is_empty(), "{command}");
        let output = pasted(format!("{command} --no-attacks"), folder.path());
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_bank_that_cannot_be_is_told_with_its_place_before_anything_is_served() {
    let folder = Folder::new();
    folder.edit("workspace.yaml", "dev-bank: demo-bank", "dev-bank: demo-bnak");
    let refused = folder.run(&["up", "bank"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0), "{said}");
    assert!(
        said.contains("error: bank/workspace.yaml:8:5: Workspace demo has no Client \"demo-bnak\""),
        "{said}"
    );
    assert!(said.contains("did you mean demo-bank?"), "{said}");

    let folder = Folder::new();
    let _taken = TcpListener::bind(("127.0.0.1", folder.ports[2])).unwrap();
    let refused = folder.run(&["up", "bank"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    let port = folder.ports[2];
    assert_eq!(refused.status.code(), Some(2), "{said}");
    let message = format!("bank/workspace.yaml:21:5: the sample bank cannot listen at 127.0.0.1:{port}");
    assert!(said.contains(&message) && said.contains("write another one here"), "{said}");
    assert!(!folder.file(".fapi/run.json").exists());
}

#[test]
fn the_bank_survives_mistakes_moves_and_closes_as_the_file_says() {
    let folder = Folder::new();
    let mut up = folder.up(&[]);
    let resource = || folder.run_file(".fapi")["workspaces"][0]["resource"].clone();
    let before = resource();
    let steps = |report: &Value| report["steps"].as_array().unwrap().len();

    folder.edit("workspace.yaml", "dev-bank: demo-bank", "dev-bank: nobody");
    up.says("bank/workspace.yaml:8:5: Workspace demo has no Client \"nobody\"");
    up.says("the sample bank goes on as it was");
    assert_eq!(resource(), before);
    let with_bank = folder.flow(&[]);
    assert_eq!(with_bank["ok"], true, "{with_bank:#}");

    folder.edit("workspace.yaml", "    fapi.rs/dev-bank: nobody\n", "    example.com/bank: none\n");
    up.says("✔ sample bank          closed");
    assert_eq!(resource(), Value::Null);
    assert!(TcpStream::connect(("127.0.0.1", folder.ports[2])).is_err());
    let without = folder.flow(&[]);
    assert_eq!((without["ok"].clone(), steps(&without)), (json!(true), steps(&with_bank) - 1));

    folder.edit("workspace.yaml", "    example.com/bank: none\n", "    fapi.rs/dev-bank: demo-bank\n");
    up.says("✔ sample bank          https://");
    assert_eq!(resource(), before);

    let [port] = free_ports();
    folder.edit("workspace.yaml", &format!("localhost:{}", folder.ports[2]), &format!("localhost:{port}"));
    let line = up.says("✔ sample bank          https://");
    assert!(line.contains(&format!(":{port}/accounts")), "{line}");
    assert!(TcpStream::connect(("127.0.0.1", folder.ports[2])).is_err());
    let moved = folder.flow(&[]);
    assert_eq!((moved["ok"].clone(), steps(&moved)), (json!(true), steps(&with_bank)), "{moved:#}");
}

/// DPO-07, DPO-08, DPO-10 to DPO-12, MTL-06, RSP-05, RSP-06, MS-R01, MS-R02
#[test]
fn the_example_of_fapi_2_plays_by_key_by_certificate_and_signed() {
    let files = ["workspace.yaml", "clients.yaml", "keys.yaml", "secrets.yaml"];
    let folder = Folder::of("30-fapi2", &files, ["9643", "9645", "9743"]);
    let up = folder.up(&[]);
    let enforced = |profile: &str| up.lines.iter().any(|line| line.contains(profile));
    assert!(enforced("FAPI2Security") && enforced("FAPI2MessageSigning"), "{:#?}", up.lines);
    for (workspace, client, claim) in [
        ("fapi2", "wallet", "our token is refused with another key: the bank"),
        ("fapi2", "wallet", "our token is refused without a proof: the bank"),
        ("fapi2", "ledger", "our token is refused with another certificate: the bank"),
        ("fapi2-signed", "treasury", "our token is refused with another key: UserInfo"),
    ] {
        let report = folder.flow(&["--workspace", workspace, "--client", client]);
        assert_eq!(report["ok"], true, "{client} {report:#}");
        assert_proved(&report, "stolen-token", claim);
    }
    let report = folder.flow(&["--workspace", "fapi2", "--client", "wallet"]);
    assert_proved(&report, "token", "the code is of no use with another key");
    assert_proved(&report, "response", "nothing in the fragment");
    let report = folder.flow(&["--workspace", "fapi2-signed", "--client", "treasury"]);
    assert_proved(&report, "response", "the address holds `response` and nothing else");
}

/// RFC 9396, from the request to the tokens, and what must not get through.
#[test]
fn the_example_of_rich_authorization_lets_a_person_allow_one_payment() {
    let files = ["workspace.yaml", "schemas.yaml", "clients.yaml", "secrets.yaml", "ask/payment.json"];
    let folder = Folder::of("40-rich-authorization", &files[..4], ["9843", "9845", "9846"]);
    let _up = folder.up(&[]);
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/40-rich-authorization/");
    let payment = format!("{example}{}", files[4]);
    let report = folder.flow(&["--authorization-details", &payment]);
    assert_eq!(report["ok"], true, "{report:#}");
    for (step, claim) in [
        ("token", "the answer tells which authorization details were granted"),
        ("access-token", "its authorization details are those of the answer"),
        ("introspection", "introspection tells which authorization details were granted"),
        ("narrower-details", "the first of them alone can be had"),
        ("unknown-details", "a type that is not offered is refused"),
        ("wider-details", "what was not granted cannot be had"),
    ] {
        assert_proved(&report, step, claim);
    }
    assert_eq!(folder.flow(&[])["ok"], true, "and a client need not ask for any");
}

/// LGO-01 to LGO-03, LGO-06, RO-12
#[test]
fn the_example_with_certificates_signs_people_out_tells_the_client_and_opens_encrypted_requests() {
    let files = ["workspace.yaml", "clients.yaml", "keys.yaml", "secrets.yaml", "logo.yaml"];
    let folder = Folder::of("10-fintech-mtls", &files, ["9443", "9445", "9446"]);
    let _up = folder.up(&[]);
    let report = folder.flow(&["--client", "budget", "--logout"]);
    assert_eq!(report["ok"], true, "{report:#}");
    assert_proved(&report, "sign-out", "a tampered hint gives an error page");
    assert_proved(&report, "sign-out", "an address that is not registered gives an error page");
    assert_proved(&report, "sign-out", "the person is back at the client, with the state that was sent");
    assert_proved(&report, "sign-out", "nobody is signed in any more (login_required)");
    assert_proved(&report, "logout-token", "the client is told that the person signed out");
    assert_proved(&report, "logout-token", "its type is logout+jwt");
    assert_proved(&report, "logout-token", "it has no `nonce`");
    assert_proved(&report, "logout-token", "`sid` is that of the ID Token");
    let totals = folder.flow(&["--client", "budget", "--logout", "--count", "4", "--parallel", "2"]);
    assert_eq!(
        (&totals["ok"], &totals["flows"]),
        (&json!(true), &json!(4)),
        "one ear hears for all: {totals:#}"
    );

    // A client that is told nowhere, and has nowhere to send people: the page says so.
    let report = folder.flow(&["--client", "wallet", "--logout"]);
    assert_eq!(report["ok"], true, "{report:#}");
    assert_proved(&report, "sign-out", "a page says that the person is signed out");
    assert_eq!(step(&report, "pushed-request")["facts"]["requestEncryption"], "RSA-OAEP-256 A256GCM");
    assert_proved(&report, "pushed-request", "an encrypted request that was changed is refused");
    let report = folder.flow(&["--client", "wallet", "--delivery", "by-value"]);
    assert_eq!(report["ok"], true, "{report:#}");
}

#[test]
fn a_log_that_no_terminal_shows_has_no_colour() {
    let folder = Folder::new();
    let mut up = folder.up(&["--log-level", "info"]);
    assert_eq!(folder.flow(&[])["ok"], true);
    up.says("INFO");
    up.says("POST /par 201");
    assert!(up.lines.iter().all(|line| !line.contains('\x1b')), "{:#?}", up.lines);
}
