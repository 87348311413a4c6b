//! PostgreSQL: a pool, one transaction for each change, and a few tries when transactions collide.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use fapi_core::issuer::Issuer;

use super::{Lease, claim, migrations, too_slow};
use crate::config::Postgres;
use crate::connection::{Connection, Row, Value};
use crate::error::{Failure, StoreError};
use crate::write::{Applied, Write};

/// How often a change is tried again when its transaction had to give way (`F-G03`).
const RETRIES: u32 = 3;
/// How long a start may wait for another replica that is migrating.
const MIGRATION_PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct PostgresBackend {
    pool: PgPool,
    patience: Duration,
}

impl PostgresBackend {
    pub(crate) async fn open(
        server: &Postgres,
        patience: Duration,
        issuer: &Issuer,
    ) -> Result<Self, StoreError> {
        let options = options(server)?;
        timeout(MIGRATION_PATIENCE, prepare(&options, issuer))
            .await
            .map_err(|_| too_slow(MIGRATION_PATIENCE))??;
        let limit = patience.as_millis().to_string();
        let pool = PgPoolOptions::new()
            .max_connections(server.connections)
            .acquire_timeout(patience)
            .test_before_acquire(false)
            // Asking whether a connection is alive costs a round trip: worth it only for one that has been idle.
            .before_acquire(|db, meta| {
                Box::pin(async move {
                    if meta.idle_for > Duration::from_secs(1) {
                        db.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |db, _| {
                let limit = limit.clone();
                Box::pin(async move { set_up(db, &limit).await })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, patience })
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn row(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, StoreError> {
        let deadline = Instant::now() + self.patience;
        let mut lease = self.lease().await?;
        let answer = timeout_at(deadline, Connection::Postgres(lease.connection()).row(sql, values))
            .await
            .map_err(|_| too_slow(self.patience))??;
        lease.give_back();
        Ok(answer)
    }

    pub(crate) async fn rows(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let deadline = Instant::now() + self.patience;
        let mut lease = self.lease().await?;
        let answer = timeout_at(deadline, Connection::Postgres(lease.connection()).rows(sql, values))
            .await
            .map_err(|_| too_slow(self.patience))??;
        lease.give_back();
        Ok(answer)
    }

    pub(crate) async fn write<W: Write>(&self, write: &W) -> Result<W::Answer, StoreError> {
        let deadline = Instant::now() + self.patience;
        let mut tries = 0;
        loop {
            let mut lease = self.lease().await?;
            let outcome = timeout_at(deadline, attempt(write, lease.connection()))
                .await
                .map_err(|_| too_slow(self.patience))?;
            match outcome {
                Err(Failure::Conflict(_)) if tries < RETRIES => {
                    lease.give_back();
                    tries += 1;
                    sleep(jitter(tries)).await;
                }
                Err(failure) => return Err(failure.into()),
                Ok(answer) => {
                    lease.give_back();
                    return Ok(answer);
                }
            }
        }
    }

    async fn lease(&self) -> Result<Lease<sqlx::Postgres>, StoreError> {
        match self.pool.acquire().await {
            Ok(connection) => Ok(Lease::new(connection)),
            Err(sqlx::Error::PoolTimedOut) => Err(StoreError::Unavailable(format!(
                "no usable connection within {} s: is PostgreSQL up, reachable and not a read-only replica?",
                self.patience.as_secs_f32()
            ))),
            Err(error) => Err(Failure::from(error).into()),
        }
    }
}

/// One change in one transaction. When COMMIT itself fails, nobody knows whether it happened: the caller treats it as done and
/// issues nothing, and only a definite rollback is tried again (`F-G04`).
async fn attempt<W: Write>(write: &W, db: &mut PgConnection) -> Result<W::Answer, Failure> {
    if W::SINGLE {
        return match write.apply(&mut Connection::Postgres(db)).await? {
            Applied::Commit(answer) | Applied::RollBack(answer) => Ok(answer),
        };
    }
    let mut transaction = db.begin().await?;
    match write.apply(&mut Connection::Postgres(&mut transaction)).await? {
        Applied::Commit(answer) => {
            #[cfg(test)]
            crate::failpoint::pass();
            transaction.commit().await?;
            #[cfg(test)]
            crate::failpoint::pass();
            Ok(answer)
        }
        Applied::RollBack(answer) => {
            transaction.rollback().await?;
            Ok(answer)
        }
    }
}

fn options(server: &Postgres) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(server.url.expose())
        .map_err(|_| StoreError::InvalidAddress("the PostgreSQL address cannot be read".into()))?
        .application_name("fapi-server")
        .disable_statement_logging();
    if let Some(ca) = &server.ca {
        return Ok(options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(ca));
    }
    if is_local(&options) {
        return Ok(options);
    }
    // TL-19: whoever stands in between would read every grant. No setting turns this off.
    match options.get_ssl_mode() {
        PgSslMode::Prefer | PgSslMode::VerifyFull => Ok(options.ssl_mode(PgSslMode::VerifyFull)),
        PgSslMode::Allow | PgSslMode::Disable | PgSslMode::Require | PgSslMode::VerifyCa => {
            Err(StoreError::InvalidAddress(
                "a database elsewhere is reached with sslmode=verify-full: write that, or leave sslmode out"
                    .into(),
            ))
        }
    }
}

/// A socket, or this machine: nobody stands in between.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The tables and the owner, before anything else.
async fn prepare(options: &PgConnectOptions, issuer: &Issuer) -> Result<(), Failure> {
    let (mut holder, mut worker) = (options.connect().await?, options.connect().await?);
    migrations::postgres(&mut holder, &mut worker).await?;
    claim(&mut Connection::Postgres(&mut worker), issuer).await?;
    holder.close().await?;
    worker.close().await?;
    Ok(())
}

/// What every connection must be before it is used: bounded, durable (`L19`), and no replica that lags behind (`D-07`).
async fn set_up(db: &mut PgConnection, limit: &str) -> Result<(), sqlx::Error> {
    const SQL: &str = "SELECT current_setting('transaction_read_only'), \
        set_config('statement_timeout', $1, false), \
        set_config('synchronous_commit', CASE COALESCE(current_setting('synchronous_commit', true), 'on') \
            WHEN 'off' THEN 'on' ELSE COALESCE(current_setting('synchronous_commit', true), 'on') END, false)";
    let (read_only, _, _): (String, String, String) = sqlx::query_as(SQL).bind(limit).fetch_one(db).await?;
    match read_only.as_str() {
        "off" => Ok(()),
        _ => Err(sqlx::Error::Configuration("PostgreSQL is a read-only replica: use the primary".into())),
    }
}

/// 5–10 ms, then 10–20, then 20–40: two that collided do not collide again in step.
fn jitter(tries: u32) -> Duration {
    let base = 5_u64 << (tries - 1).min(8);
    Duration::from_millis(base + RandomState::new().hash_one(tries) % base)
}

#[cfg(test)]
mod tests {
    use fapi_core::secret::Secret;

    use super::*;

    fn mode(url: &str, ca: Option<&str>) -> Result<PgSslMode, StoreError> {
        let server = Postgres { url: Secret::presented(url), ca: ca.map(Into::into), connections: 1 };
        options(&server).map(|options| options.get_ssl_mode())
    }

    /// `TL-19`: verified in full, or not at all.
    #[test]
    fn a_database_elsewhere_is_verified_in_full_whatever_its_address_says() {
        for url in [
            "postgresql://u:p@db.bank.example/d",
            "postgresql://u:p@db.bank.example/d?sslmode=prefer",
            "postgresql://u:p@db.bank.example/d?sslmode=verify-full",
            "postgresql://u:p@10.0.0.7/d",
            "postgresql://u:p@[fd00::7]/d",
            "postgresql://u:p@localhost.bank.example/d",
        ] {
            assert!(matches!(mode(url, None), Ok(PgSslMode::VerifyFull)), "TL-19 {url}");
            assert!(matches!(mode(url, Some("/ca.pem")), Ok(PgSslMode::VerifyFull)), "TL-19 {url}");
        }
        for weaker in ["disable", "allow", "require", "verify-ca"] {
            let url = format!("postgresql://u:canary@db.bank.example/d?sslmode={weaker}");
            let refused = mode(&url, None).unwrap_err().to_string();
            assert!(
                refused.contains("sslmode=verify-full") && !refused.contains("canary"),
                "TL-19 {refused}"
            );
            assert!(matches!(mode(&url, Some("/ca.pem")), Ok(PgSslMode::VerifyFull)), "TL-19 {weaker}");
        }
    }

    #[test]
    fn a_database_on_this_machine_is_what_its_address_says() {
        for url in [
            "postgresql://u:p@127.0.0.1/d?sslmode=disable",
            "postgresql://u:p@localhost/d?sslmode=disable",
            "postgresql://u:p@[::1]/d?sslmode=disable",
            "postgresql:///d?host=/run/postgresql&sslmode=disable",
        ] {
            assert!(matches!(mode(url, None), Ok(PgSslMode::Disable)), "{url}");
        }
    }
}
