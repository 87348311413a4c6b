//! The claims on PostgreSQL, with two replicas, and its own: lost connections, slow statements, several that start at once.

use std::time::Duration;

use fapi_core::issuer::Issuer;
use fapi_core::secret::Purpose;
use sqlx::{Connection as _, Executor as _};

use super::benches::{PostgresBench, issuer, postgres_at};
use super::faults::{Cut, Proxy, redemption_fails, redemption_works};
use crate::conformance::{self, Journey, Pair};
use crate::{Config, Redemption, Store, StoreError};

macro_rules! on_postgres {
    ($($claim:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $claim() {
            let Some(bench) = PostgresBench::new().await else { return };
            conformance::$claim(bench.pair().await).await.unwrap();
            bench.remove().await;
        }
    )*};
}
crate::for_each_claim!(on_postgres);

/// `F-G03`, `F-G13`: databases that offer nothing weaker than serializable make the losers of a race try again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_serializable_isolation_one_redeem_wins_too() {
    let Some(bench) = PostgresBench::new().await else { return };
    let config = bench.config_with("options[default_transaction_isolation]=serializable");
    let open = || async { Store::open(&config, &issuer()).await.unwrap() };
    let pair = Pair { one: open().await, other: open().await };
    conformance::one_of_many_simultaneous_redeems_wins(pair.clone()).await.unwrap();
    conformance::of_many_first_uses_one_is_first(pair).await.unwrap();
    bench.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_replicas_may_start_at_once_on_an_empty_database() {
    let Some(bench) = PostgresBench::new().await else { return };
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let config = bench.config();
            tokio::spawn(async move { Store::open(&config, &issuer()).await })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap().health().await.unwrap();
    }
    bench.remove().await;
}

#[tokio::test]
async fn another_issuers_database_is_refused() {
    let Some(bench) = PostgresBench::new().await else { return };
    bench.open().await;
    let mallory = Issuer::parse("https://other.bank.example").unwrap();
    let refused = Store::open(&bench.config(), &mallory).await.unwrap_err();
    assert!(matches!(refused, StoreError::WrongIssuer { .. }), "{refused}");
    bench.open().await.health().await.unwrap();
    bench.remove().await;
}

/// `F-G11`: a pod of the version before restarts while the new version is being rolled out.
#[tokio::test]
async fn the_version_before_can_start_beside_a_newer_one() {
    let Some(bench) = PostgresBench::new().await else { return };
    bench.open().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (99, 'newer', true, 'x', 0)";
    bench.run(newer).await;
    bench.open().await.health().await.unwrap();
    bench.remove().await;
}

/// `F-G05`.
#[tokio::test]
async fn a_redemption_whose_refresh_token_cannot_be_stored_did_not_happen() {
    let Some(bench) = PostgresBench::new().await else { return };
    let store = bench.open().await;
    let journey = Journey::new("a");
    journey.issue_code(&store).await.unwrap();
    bench.run("ALTER TABLE refresh_tokens ADD CONSTRAINT fault CHECK (id = 'nobody''s')").await;
    redemption_fails(&store, &journey).await;
    bench.run("ALTER TABLE refresh_tokens DROP CONSTRAINT fault").await;
    redemption_works(&store, &journey).await;
    bench.remove().await;
}

/// `F-G02`: a call that takes too long ends, and leaves no connection behind that is in the middle of something.
#[tokio::test]
async fn a_statement_that_waits_too_long_is_given_up() {
    let Some(bench) = PostgresBench::new().await else { return };
    let config = Config { patience: Duration::from_millis(700), ..bench.config() };
    let store = Store::open(&config, &issuer()).await.unwrap();
    let journey = Journey::new("a");
    journey.issue_code(&bench.open().await).await.unwrap();

    let mut blocker = bench.raw().await;
    let mut lock = blocker.begin().await.unwrap();
    lock.execute("UPDATE grants SET created = created").await.unwrap();
    // More than there are connections.
    let waiting: Vec<_> = (0..12)
        .map(|_| {
            let (store, journey) = (store.clone(), journey.clone());
            tokio::spawn(async move { redemption_fails(&store, &journey).await })
        })
        .collect();
    for one in waiting {
        one.await.unwrap();
    }
    lock.rollback().await.unwrap();
    let again = || async { store.health().await.ok() };
    until(again).await;
    redemption_works(&store, &journey).await;
    bench.remove().await;
}

/// `F-G01`: every connection is lost, and the store finds new ones by itself.
#[tokio::test]
async fn lost_connections_are_replaced() {
    let Some(bench) = PostgresBench::new().await else { return };
    let proxy = Proxy::start(bench.url()).await;
    let store = Store::open(&postgres_at(&proxy.url), &issuer()).await.unwrap();
    let journey = Journey::new("a");
    journey.issue_code(&store).await.unwrap();
    proxy.cut_all();
    until(|| async { store.health().await.ok() }).await;
    redemption_works(&store, &journey).await;
    bench.remove().await;
}

/// `F-G04`: the connection is cut exactly at COMMIT, before or after it arrived. Nobody knows what happened, so the caller is
/// told neither; afterwards the code is either unused or used, and nothing between.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_never_taken_for_a_success() {
    for cut in [Cut::Before, Cut::After] {
        let Some(bench) = PostgresBench::new().await else { return };
        let proxy = Proxy::start(bench.url()).await;
        let store = Store::open(&postgres_at(&proxy.url), &issuer()).await.unwrap();
        let journey = Journey::new("a");
        journey.issue_code(&store).await.unwrap();

        proxy.cut_next_commit(cut);
        redemption_fails(&store, &journey).await;
        until(|| async { store.health().await.ok() }).await;
        let token = journey.digest(Purpose::RefreshToken);
        match cut {
            Cut::Before => redemption_works(&store, &journey).await,
            Cut::After => {
                let code = journey.digest(Purpose::Code);
                let again = store.redeem(&journey.redeemed(), &code, None).await.unwrap();
                assert_eq!(again, Redemption::AlreadyRedeemed(journey.pushed().id));
                assert!(store.lookup(&token).await.unwrap().is_some(), "all of it happened");
            }
        }
        bench.remove().await;
    }
}

/// Waits for a condition.
async fn until<F: Future<Output = Option<()>>>(condition: impl Fn() -> F) {
    for _ in 0..600 {
        if condition().await.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("did not happen within 30 s");
}
