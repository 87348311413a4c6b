//! The tables, and how they come to be. Migrations only ever add, so that the version before can go on working beside us
//! (`F-G11`).

use std::borrow::Cow;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, PgConnection, SqlStr};

use crate::connection::Connection;
use crate::error::{Failure, StoreError};

type Script = (i64, &'static str, &'static str);

const POSTGRES: &[Script] = &[
    (1, "first", include_str!("../../migrations/postgres/0001_first.sql")),
    (2, "consents", include_str!("../../migrations/postgres/0002_consents.sql")),
    (3, "logout notices", include_str!("../../migrations/postgres/0003_logout_notices.sql")),
];
const SQLITE: &[Script] = &[
    (1, "first", include_str!("../../migrations/sqlite/0001_first.sql")),
    (2, "consents", include_str!("../../migrations/sqlite/0002_consents.sql")),
    (3, "logout notices", include_str!("../../migrations/sqlite/0003_logout_notices.sql")),
];

/// Migrates a SQLite file that nobody else has open. A file of a newer version is refused (`F-E09`).
pub(super) async fn sqlite(db: &mut sqlx::SqliteConnection) -> Result<(), Failure> {
    run(SQLITE, false, db).await
}

/// Migrates a PostgreSQL database. Several replicas may start at once: whoever holds the row of `migration_lock` migrates, the
/// others wait and find everything done. The lock ends with its transaction, so a dead replica cannot keep it.
pub(super) async fn postgres(holder: &mut PgConnection, worker: &mut PgConnection) -> Result<(), Failure> {
    if is_current(worker).await {
        return Ok(());
    }
    make_lock(holder).await?;
    let mut lock = holder.begin().await?;
    Connection::Postgres(&mut lock).row("SELECT id FROM migration_lock WHERE id = 1 FOR UPDATE", &[]).await?;
    run(POSTGRES, true, worker).await?;
    lock.commit().await?;
    Ok(())
}

/// Whether everything was done before: then no right to create tables is needed.
async fn is_current(db: &mut PgConnection) -> bool {
    let sql = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";
    let newest = POSTGRES.last().map(|(version, ..)| *version);
    let row = Connection::Postgres(db).row(sql, &[]).await;
    row.ok().flatten().and_then(|row| row.number(0).ok()) >= newest
}

/// Two that create the same table at once collide in the catalogue, in spite of `IF NOT EXISTS`: the loser tries again.
async fn make_lock(db: &mut PgConnection) -> Result<(), Failure> {
    let mut left = 10;
    loop {
        let mut db = Connection::Postgres(&mut *db);
        let made =
            db.execute("CREATE TABLE IF NOT EXISTS migration_lock (id SMALLINT PRIMARY KEY)", &[]).await;
        left -= 1;
        match made {
            Ok(_) => break,
            Err(error) if left == 0 => return Err(error),
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
    let mut db = Connection::Postgres(db);
    db.execute("INSERT INTO migration_lock (id) VALUES (1) ON CONFLICT DO NOTHING", &[]).await?;
    Ok(())
}

async fn run<C: Migrate>(scripts: &[Script], newer_is_fine: bool, db: &mut C) -> Result<(), Failure> {
    let migration = |&(version, name, sql): &Script| {
        let sql = SqlStr::from_static(sql);
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    };
    let mut migrator = Migrator::with_migrations(scripts.iter().map(migration).collect());
    // No session-level lock: it is an advisory one, which distributed relatives of PostgreSQL lack.
    migrator.set_locking(false).set_ignore_missing(newer_is_fine);
    migrator.run_direct(None, db, false).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        MigrateError::VersionMissing(version) => StoreError::Newer(version).into(),
        other => StoreError::Corrupt(format!("its tables are not ours: {other}")).into(),
    })
}
