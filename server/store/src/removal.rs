//! A client was deleted. What belonged to that life of it goes; the same id in a new life starts with nothing.

use fapi_core::Timestamp;
use fapi_core::ids::{ClientId, GrantId, Incarnation};

use crate::connection::Connection;
use crate::error::{Failure, StoreError};
use crate::store::Store;
use crate::write::{Applied, Write};

/// How many grants go in one transaction.
const CHUNK: u32 = 50;

/// What is to become of a deleted client's grants (`onDelete`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removal {
    /// What was granted lasts as long as it would have; what was not finished goes.
    KeepGrants,
    /// Nothing is left, and no access token works.
    RevokeGrants {
        /// When the longest access token that may exist has ended.
        until: Timestamp,
    },
}

impl Store {
    /// Removes what belongs to one life of a client. It may be interrupted and repeated; when it returns, it is done.
    pub async fn purge_client(
        &self,
        client: &ClientId,
        incarnation: &Incarnation,
        removal: Removal,
    ) -> Result<(), StoreError> {
        let step = |part| Remove { client: client.clone(), incarnation: incarnation.clone(), part };
        match removal {
            Removal::KeepGrants => {
                self.write(step(Part::Unfinished)).await?;
            }
            Removal::RevokeGrants { until } => {
                while self.write(step(Part::Grants { until })).await? {}
                self.write(step(Part::RefreshTokens)).await?;
            }
        }
        for part in [Part::Remembered, Part::SessionClients, Part::LogoutNotices] {
            self.write(step(part)).await?;
        }
        Ok(())
    }
}

struct Remove {
    client: ClientId,
    incarnation: Incarnation,
    part: Part,
}

enum Part {
    /// Some grants, denied and removed.
    Grants {
        until: Timestamp,
    },
    LogoutNotices,
    RefreshTokens,
    Remembered,
    SessionClients,
    /// Grants that led to no token.
    Unfinished,
}

impl Write for Remove {
    /// Whether there may be more.
    type Answer = bool;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<bool>, Failure> {
        let sql = match self.part {
            Part::Grants { until } => return self.grants(db, until).await.map(Applied::Commit),
            Part::LogoutNotices => "DELETE FROM logout_notices WHERE client_id = $1 AND incarnation = $2",
            Part::RefreshTokens => "DELETE FROM refresh_tokens WHERE client_id = $1 AND incarnation = $2",
            Part::Remembered => "DELETE FROM remembered WHERE client_id = $1 AND incarnation = $2",
            Part::SessionClients => "DELETE FROM session_clients WHERE client_id = $1 AND incarnation = $2",
            Part::Unfinished => {
                "DELETE FROM grants WHERE client_id = $1 AND incarnation = $2 \
                    AND stage NOT IN ('redeemed', 'revoked')"
            }
        };
        db.execute(sql, &[(&self.client).into(), (&self.incarnation).into()]).await?;
        Ok(Applied::Commit(false))
    }
}

impl Remove {
    /// One grant after the other, each with its row first: whoever redeems or refreshes meanwhile is either done, and is found
    /// here, or finds nothing.
    async fn grants(&self, db: &mut Connection<'_>, until: Timestamp) -> Result<bool, Failure> {
        const NEXT: &str = "SELECT id FROM grants WHERE client_id = $1 AND incarnation = $2 LIMIT 1";
        for _ in 0..CHUNK {
            let next = db.row(NEXT, &[(&self.client).into(), (&self.incarnation).into()]).await?;
            let Some(row) = next else { return Ok(false) };
            let grant = GrantId::from_stored(row.text(0)?);
            db.execute("DELETE FROM grants WHERE id = $1", &[(&grant).into()]).await?;
            crate::refresh_tokens::remove_all(db, &grant).await?;
            crate::revocations::deny_grant(db, &grant, until).await?;
        }
        Ok(true)
    }
}
