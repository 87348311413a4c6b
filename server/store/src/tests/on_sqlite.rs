//! The claims on SQLite, and its own: one process, one writer, group commit.

use std::path::Path;
use std::process::Command;

use fapi_core::issuer::Issuer;
use sqlx::Executor as _;

use super::benches::{SqliteBench, issuer, patient};
use crate::conformance::{self, Journey};
use crate::connection::Connection;
use crate::error::Failure;
use crate::write::{Applied, Write};
use crate::{Config, Store, StoreError};

macro_rules! on_sqlite {
    ($($claim:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $claim() {
            let bench = SqliteBench::new();
            conformance::$claim(bench.pair().await).await.unwrap();
        }
    )*};
}
crate::for_each_claim!(on_sqlite);

/// One database, one issuer (`L3`).
#[tokio::test]
async fn another_issuers_database_is_refused() {
    let bench = SqliteBench::new();
    bench.open().await.close().await;
    let mallory = Issuer::parse("https://other.bank.example").unwrap();
    let refused = Store::open(&bench.config(), &mallory).await.unwrap_err();
    assert!(matches!(&refused, StoreError::WrongIssuer { found, .. } if found == "https://id.bank.example"));
    assert!(refused.to_string().contains("give every issuer a database of its own"), "{refused}");
    bench.open().await.health().await.unwrap();
}

/// `F-E06`: a volume that is attached twice. The second process is another one indeed.
#[tokio::test]
async fn a_second_process_on_one_file_is_refused() {
    let bench = SqliteBench::new();
    let file = bench.folder.path().join("store.db");
    let store = bench.open().await;
    assert!(said_by_another_process(&file).contains("Locked"));
    let same = Store::open(&bench.config(), &issuer()).await.unwrap_err();
    assert!(matches!(same, StoreError::Locked { .. }), "nor twice in one process");
    store.health().await.unwrap();

    store.close().await;
    assert!(said_by_another_process(&file).contains("opened"), "and when the first has ended, it may");
}

fn said_by_another_process(file: &Path) -> String {
    let name = "tests::on_sqlite::the_second_process";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("FAPI_STORE_FILE", file)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
#[ignore = "run by a_second_process_on_one_file_is_refused"]
async fn the_second_process() {
    let Ok(file) = std::env::var("FAPI_STORE_FILE") else { return };
    match Store::open(&patient(Config::sqlite(file)), &issuer()).await {
        Ok(_) => println!("opened"),
        Err(error) => println!("{error:?}"),
    }
}

/// `F-E09`.
#[tokio::test]
async fn the_format_of_a_newer_version_is_refused() {
    let bench = SqliteBench::new();
    bench.open().await.close().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (99, 'newer', true, x'00', 0)";
    bench.raw().await.execute(newer).await.unwrap();
    let refused = Store::open(&bench.config(), &issuer()).await.unwrap_err();
    assert_eq!(refused, StoreError::Newer(99));
}

/// Others who share its commit are not harmed by a write that fails, and what is acknowledged is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failing_write_does_not_fail_those_beside_it() {
    let store = SqliteBench::new();
    let store = (store.open().await, store);
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            // Every second one is the same grant again.
            let name = if n % 2 == 0 { "same".to_owned() } else { n.to_string() };
            let store = store.0.clone();
            tokio::spawn(async move { (name.clone(), Journey::new(&name).push(&store).await) })
        })
        .collect();
    let mut same = 0;
    for task in tasks {
        let (name, outcome) = task.await.unwrap();
        match outcome {
            Ok(()) if name == "same" => same += 1,
            Ok(()) => assert!(store.0.by_id(&Journey::new(&name).pushed().id).await.unwrap().is_some()),
            Err(error) => assert_eq!((name.as_str(), error), ("same", StoreError::Duplicate)),
        }
    }
    assert_eq!(same, 1);
}

struct Defect;

impl Write for Defect {
    type Answer = ();

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        db.execute("UPDATE probe SET written = -1", &[]).await?;
        panic!("a defect, on purpose");
    }
}

/// Whoever waited is told, nothing of it stays, and the next are served.
#[tokio::test]
async fn a_defect_in_one_write_does_not_end_writing() {
    let bench = SqliteBench::new();
    let store = bench.open().await;
    assert!(matches!(store.write(Defect).await, Err(StoreError::Unavailable(_))));
    store.health().await.unwrap();
    let written: i64 =
        sqlx::query_scalar("SELECT written FROM probe").fetch_one(&mut bench.raw().await).await.unwrap();
    assert_eq!(written, 1, "the defect's own write was rolled back");
}

#[tokio::test]
async fn a_closed_store_says_so_and_opens_again() {
    let bench = SqliteBench::new();
    let store = bench.open().await;
    Journey::new("a").push(&store).await.unwrap();
    store.close().await;
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.by_id(&Journey::new("a").pushed().id).await, Err(StoreError::Unavailable(_))));
    store.close().await;
    let again = bench.open().await;
    assert!(again.by_id(&Journey::new("a").pushed().id).await.unwrap().is_some());
}

/// `F-G05`, here too: the grant and its refresh token, or neither.
#[tokio::test]
async fn a_redemption_whose_refresh_token_cannot_be_stored_did_not_happen() {
    let bench = SqliteBench::new();
    let store = bench.open().await;
    let journey = Journey::new("a");
    journey.issue_code(&store).await.unwrap();
    let trigger =
        "CREATE TRIGGER fault BEFORE INSERT ON refresh_tokens BEGIN SELECT RAISE(ABORT, 'fault'); END";
    bench.raw().await.execute(trigger).await.unwrap();
    super::faults::redemption_fails(&store, &journey).await;
    bench.raw().await.execute("DROP TRIGGER fault").await.unwrap();
    super::faults::redemption_works(&store, &journey).await;
}

/// Personal data is for the server's own account only.
#[tokio::test]
async fn the_database_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = SqliteBench::new();
    let store = bench.open().await;
    store.health().await.unwrap();
    for entry in std::fs::read_dir(bench.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}
