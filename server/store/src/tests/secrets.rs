//! `D-04`: whoever reads the database, or a backup of it, finds nothing that can be used.

use fapi_core::secret::Purpose;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::benches::{PostgresBench, SqliteBench};
use crate::conformance::{Journey, NOON, later};
use crate::{FirstUse, Session, Store};

const PURPOSES: [Purpose; 7] = [
    Purpose::Browser,
    Purpose::Code,
    Purpose::Jti,
    Purpose::RefreshToken,
    Purpose::RequestObject,
    Purpose::RequestUri,
    Purpose::Session,
];

/// Something of every kind.
async fn fill(store: &Store) -> Vec<Journey> {
    let journeys =
        [Journey::new("redeemed"), Journey::new("code"), Journey::new("by-value").by_value("canary-object")];
    let [redeemed, code, by_value] = &journeys;
    redeemed.redeem(store).await.unwrap();
    code.issue_code(store).await.unwrap();
    by_value.issue_code(store).await.unwrap();
    let session = Session {
        id: redeemed.digest(Purpose::Session),
        sid: "sid".into(),
        person: redeemed.person("alice"),
        idle_until: later(100),
        absolute_until: later(1000),
    };
    store.open_session(&session).await.unwrap();
    let first = store.first_use(&redeemed.digest(Purpose::Jti), later(90), NOON).await.unwrap();
    assert_eq!(first, FirstUse::First);
    journeys.to_vec()
}

fn check(dump: &[u8], journeys: &[Journey]) {
    let holds = |text: &str| dump.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!holds("canary"), "a secret is in the database");
    for journey in journeys {
        for purpose in PURPOSES {
            assert!(!holds(journey.secret(purpose).expose()), "{purpose:?}");
        }
    }
    let redeemed = &journeys[0];
    for purpose in [Purpose::Code, Purpose::RefreshToken, Purpose::RequestUri, Purpose::Session, Purpose::Jti]
    {
        let digest = redeemed.digest(purpose);
        assert!(holds(digest.as_str()), "the dump shows what is there: the digest for {purpose:?}");
    }
}

/// `D-04`: no file of the database, with its log.
#[tokio::test]
async fn the_files_of_sqlite_hold_no_secret() {
    let bench = SqliteBench::new();
    let store = bench.open().await;
    let journeys = fill(&store).await;
    // Once with the log beside the file, once folded into it.
    for _ in 0..2 {
        let mut dump = Vec::new();
        for entry in std::fs::read_dir(bench.folder.path()).unwrap() {
            dump.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        check(&dump, &journeys);
        store.close().await;
    }
}

/// `D-04`: no table.
#[tokio::test]
async fn the_tables_of_postgresql_hold_no_secret() {
    let Some(bench) = PostgresBench::new().await else { return };
    let store = bench.open().await;
    let journeys = fill(&store).await;
    let mut raw = bench.raw().await;
    let tables =
        raw.fetch_all("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()").await;
    let mut dump = Vec::new();
    for table in tables.unwrap() {
        let table: String = table.get(0);
        let rows = raw.fetch_all(AssertSqlSafe(format!("SELECT t::text FROM {table} t"))).await.unwrap();
        for row in rows {
            dump.extend(row.get::<String, _>(0).into_bytes());
        }
    }
    check(&dump, &journeys);
    bench.remove().await;
}

/// `D-01`: every value is bound; this is what SQL in one would look like.
#[tokio::test]
async fn sql_in_a_value_is_only_a_value() {
    let bench = SqliteBench::new();
    let store = bench.open().await;
    let nasty = "x'); DROP TABLE grants; --";
    let journey = Journey::new(nasty).of(nasty, nasty);
    journey.redeem(&store).await.unwrap();
    assert_eq!(store.by_id(&journey.pushed().id).await.unwrap(), Some(journey.redeemed()));
    assert!(!store.denied(nasty, &journey.pushed().id).await.unwrap());
}
