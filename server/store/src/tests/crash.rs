//! `F-E01`, `I1`, `I2`: the process dies between any two statements. Whatever was acknowledged is there, no stage is half done,
//! and the journey goes on from where it was.

use std::process::Command;

use fapi_core::secret::{Digest, Purpose};

use super::benches::{PostgresBench, SqliteBench, issuer, patient};
use crate::conformance::{Journey, NOON, later};
use crate::{Claim, Config, Issuing, Redemption, Replacement, Store, failpoint};

const ADDRESS: &str = "FAPI_STORE_ADDRESS";
const STEPS: [&str; 8] =
    ["pushed", "opened", "authenticated", "consented", "code_issued", "redeemed", "replaced", "revoked"];

fn journey() -> Journey {
    Journey::new("a").by_value("jws")
}

fn successor() -> fapi_core::token::RefreshToken {
    let id = Digest::of(Purpose::RefreshToken, "successor");
    fapi_core::token::RefreshToken { id, ..journey().refresh_token() }
}

/// One step of the journey. That it was done before the process died is as good.
async fn step(store: &Store, step: &str) {
    let journey = journey();
    let browser = journey.digest(Purpose::Browser);
    match step {
        "pushed" => journey.push(store).await.unwrap(),
        "opened" => assert_eq!(store.open_grant(&journey.opened()).await.unwrap(), Some(journey.opened())),
        "authenticated" => {
            let claim = store.authenticate(&journey.authenticated(&browser, "alice")).await.unwrap();
            assert_eq!(claim, Claim::Won);
        }
        "consented" => {
            let claim = store.consent(&journey.consented(&browser, "alice")).await.unwrap();
            assert_eq!(claim, Claim::Won);
        }
        "code_issued" => {
            assert_eq!(store.issue_code(&journey.code_issued()).await.unwrap(), Issuing::Issued);
        }
        "redeemed" => {
            let (code, token) = (journey.digest(Purpose::Code), journey.refresh_token());
            let won = store.redeem(&journey.redeemed(), &code, Some(&token)).await.unwrap();
            assert_eq!(won, Redemption::Won);
        }
        "replaced" => {
            let old = journey.digest(Purpose::RefreshToken);
            let replaced = store.replace(&old, &successor(), later(100), NOON).await.unwrap();
            assert_eq!(replaced, Replacement::Replaced);
        }
        "revoked" => {
            let grant = journey.pushed().id;
            let _ = store.revoke(&grant, journey.client(), later(1), later(300)).await.unwrap();
        }
        other => panic!("no step {other}"),
    }
}

/// How many steps are done, found out from what is there; every part of each step must say the same.
async fn done(store: &Store) -> usize {
    let journey = journey();
    let grant = store.by_id(&journey.pushed().id).await.unwrap();
    let stage = grant.map(|grant| grant.stage.name());
    let old = store.lookup(&journey.digest(Purpose::RefreshToken)).await.unwrap();
    let new = store.lookup(&successor().id).await.unwrap();
    let steps = match stage {
        None => 0,
        Some("redeemed") if new.is_some() => 7,
        Some("revoked") => 8,
        Some(name) => STEPS.iter().position(|step| *step == name).unwrap() + 1,
    };
    assert_eq!(store.spent(&Digest::of(Purpose::RequestObject, "jws")).await.unwrap(), steps >= 5);
    let code = store.by_code(&journey.digest(Purpose::Code)).await.unwrap();
    assert_eq!(code.is_some(), steps >= 5);
    assert_eq!(old.is_some(), (6..=7).contains(&steps));
    assert_eq!(old.is_some_and(|old| old.replaced == Some(later(100))), steps == 7);
    assert_eq!(new.is_some(), steps == 7);
    assert_eq!(store.denied("any", &journey.pushed().id).await.unwrap(), steps == 8);
    steps
}

/// What the process that is to die does.
#[tokio::test]
#[ignore = "run by the other tests here"]
async fn the_process_that_dies() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let store = Store::open(&patient(Config::parse(&address).unwrap()), &issuer()).await.unwrap();
    for name in STEPS {
        step(&store, name).await;
        println!("acknowledged {name}");
    }
    println!("finished");
}

/// Runs it until its n-th statement. Returns what was acknowledged, and whether it got to the end.
fn die_at(n: usize, address: &str) -> (usize, bool) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::crash::the_process_that_dies",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ADDRESS, address)
        .env(failpoint::VARIABLE, n.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let finished = text.contains("finished");
    let died = output.status.code().is_none();
    assert!(
        finished || died,
        "neither finished nor died:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (text.matches("acknowledged").count(), finished)
}

/// After each death: look, and go on.
async fn look_and_go_on(store: &Store, n: usize, acknowledged: usize) {
    let found = done(store).await;
    assert!(
        found == acknowledged || found == acknowledged + 1,
        "statement {n}: {acknowledged} acknowledged, {found} found"
    );
    for name in STEPS.iter().skip(found) {
        step(store, name).await;
    }
    assert_eq!(done(store).await, STEPS.len(), "statement {n}");
    let again = journey();
    let code = again.digest(Purpose::Code);
    assert_ne!(store.redeem(&again.redeemed(), &code, None).await.unwrap(), Redemption::Won, "statement {n}");
}

/// `F-E01`: killed between any two statements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_anywhere_loses_nothing_on_sqlite() {
    for n in 1.. {
        let bench = SqliteBench::new();
        let file = bench.folder.path().join("store.db");
        let (acknowledged, finished) = die_at(n, &format!("sqlite://{}", file.display()));
        look_and_go_on(&bench.open().await, n, acknowledged).await;
        if finished {
            assert!(n > 30, "only {n} statements: something does not pass the failpoint");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_anywhere_loses_nothing_on_postgresql() {
    for n in 1.. {
        let Some(bench) = PostgresBench::new().await else { return };
        let (acknowledged, finished) = die_at(n, bench.url());
        look_and_go_on(&bench.open().await, n, acknowledged).await;
        bench.remove().await;
        if finished {
            assert!(n > 20, "only {n} statements: something does not pass the failpoint");
            return;
        }
    }
}
