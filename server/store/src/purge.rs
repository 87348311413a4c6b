//! Forgetting what has ended, and nothing else.

use fapi_core::Timestamp;

use crate::connection::Connection;
use crate::error::{Failure, StoreError};
use crate::store::Store;
use crate::write::{Applied, Write};

/// How many rows go in one transaction: others must not wait for long.
const CHUNK: u64 = 500;

/// How many rows of each kind were removed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Purged {
    /// Denied access tokens and grants.
    pub denied: u64,
    /// Authorizations.
    pub grants: u64,
    /// Notices to clients that nobody takes up any more.
    pub logout_notices: u64,
    /// Refresh tokens.
    pub refresh_tokens: u64,
    /// Remembered consents.
    pub remembered: u64,
    /// Identifiers that were used up.
    pub replay: u64,
    /// Clients that had a part in a session.
    pub session_clients: u64,
    /// Sign-in sessions.
    pub sessions: u64,
}

impl Store {
    /// Removes what ended before `now`. Several replicas may do so at once.
    pub async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError> {
        Ok(Purged {
            denied: self.sweep(Table::DeniedTokens, now).await?
                + self.sweep(Table::DeniedGrants, now).await?,
            grants: self.sweep(Table::Grants, now).await?,
            logout_notices: self.sweep(Table::LogoutNotices, now).await?,
            refresh_tokens: self.sweep(Table::RefreshTokens, now).await?,
            remembered: self.sweep(Table::Remembered, now).await?,
            replay: self.sweep(Table::Replay, now).await?,
            session_clients: self.sweep(Table::SessionClients, now).await?,
            sessions: self.sweep(Table::SessionsIdle, now).await?
                + self.sweep(Table::SessionsAbsolute, now).await?,
        })
    }

    async fn sweep(&self, table: Table, now: Timestamp) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let removed = self.write(Sweep { table, now }).await?;
            total += removed;
            if removed < CHUNK {
                return Ok(total);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Table {
    DeniedGrants,
    DeniedTokens,
    Grants,
    LogoutNotices,
    RefreshTokens,
    Remembered,
    Replay,
    SessionClients,
    SessionsAbsolute,
    SessionsIdle,
}

struct Sweep {
    table: Table,
    now: Timestamp,
}

impl Write for Sweep {
    type Answer = u64;
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<u64>, Failure> {
        // The condition stands twice: a row may have been given more time between being found and being removed.
        let sql = match self.table {
            Table::DeniedGrants => {
                "DELETE FROM denied_grants WHERE ends < $1 AND grant_id IN \
                    (SELECT grant_id FROM denied_grants WHERE ends < $1 LIMIT 500)"
            }
            Table::DeniedTokens => {
                "DELETE FROM denied_tokens WHERE ends < $1 AND jti IN \
                    (SELECT jti FROM denied_tokens WHERE ends < $1 LIMIT 500)"
            }
            Table::Grants => {
                "DELETE FROM grants WHERE purge_after < $1 AND id IN \
                    (SELECT id FROM grants WHERE purge_after < $1 LIMIT 500)"
            }
            // Whoever tried last has given it up by then, and said so. There is a handful of these at most.
            Table::LogoutNotices => "DELETE FROM logout_notices WHERE ends + 3600 < $1",
            Table::RefreshTokens => {
                "DELETE FROM refresh_tokens WHERE expires < $1 AND id IN \
                    (SELECT id FROM refresh_tokens WHERE expires < $1 LIMIT 500)"
            }
            // A sign-in session has a handful of these at most.
            Table::Remembered => "DELETE FROM remembered WHERE ends < $1",
            Table::Replay => {
                "DELETE FROM replay WHERE ends < $1 AND digest IN \
                    (SELECT digest FROM replay WHERE ends < $1 LIMIT 500)"
            }
            Table::SessionClients => {
                "DELETE FROM session_clients WHERE ends < $1 AND sid IN \
                    (SELECT sid FROM session_clients WHERE ends < $1 LIMIT 500)"
            }
            Table::SessionsAbsolute => {
                "DELETE FROM sessions WHERE absolute_until < $1 AND id IN \
                    (SELECT id FROM sessions WHERE absolute_until < $1 LIMIT 500)"
            }
            Table::SessionsIdle => {
                "DELETE FROM sessions WHERE idle_until < $1 AND id IN \
                    (SELECT id FROM sessions WHERE idle_until < $1 LIMIT 500)"
            }
        };
        Ok(Applied::Commit(db.execute(sql, &[self.now.into()]).await?))
    }
}
