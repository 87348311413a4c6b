//! Access tokens that ended before their time. They are JWTs, so this is what says so.

use fapi_core::Timestamp;
use fapi_core::ids::GrantId;

use crate::connection::Connection;
use crate::error::{Failure, StoreError};
use crate::store::Store;
use crate::write::{Applied, Write};

/// What no longer works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Denied {
    /// Every access token of a grant.
    Grant(GrantId),
    /// One access token, by its `jti`.
    Token(String),
}

impl Store {
    /// From the moment this returns, [`Store::denied`] says so on every replica, until `until`: when the last token that it is
    /// about has ended by itself.
    pub async fn deny_use(&self, what: &Denied, until: Timestamp) -> Result<(), StoreError> {
        self.write(DenyUse { what: what.clone(), until }).await
    }

    /// Whether this access token, of this grant, was denied.
    pub async fn denied(&self, jti: &str, grant: &GrantId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM denied_tokens WHERE jti = $1 \
            UNION ALL SELECT 1 FROM denied_grants WHERE grant_id = $2 LIMIT 1";
        Ok(self.row(sql, &[jti.into(), grant.into()]).await?.is_some())
    }
}

struct DenyUse {
    what: Denied,
    until: Timestamp,
}

impl Write for DenyUse {
    type Answer = ();

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        match &self.what {
            Denied::Grant(grant) => deny_grant(db, grant, self.until).await?,
            Denied::Token(jti) => deny_token(db, jti, self.until).await?,
        }
        Ok(Applied::Commit(()))
    }
}

async fn deny_token(db: &mut Connection<'_>, jti: &str, until: Timestamp) -> Result<(), Failure> {
    const INSERT: &str = "INSERT INTO denied_tokens (jti, ends) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    const EXTEND: &str = "UPDATE denied_tokens SET ends = $2 WHERE jti = $1 AND ends < $2";
    let values = [jti.into(), until.into()];
    if db.execute(INSERT, &values).await? == 0 {
        db.execute(EXTEND, &values).await?;
    }
    Ok(())
}

/// Also used where a grant is revoked.
pub(crate) async fn deny_grant(
    db: &mut Connection<'_>,
    grant: &GrantId,
    until: Timestamp,
) -> Result<(), Failure> {
    const INSERT: &str = "INSERT INTO denied_grants (grant_id, ends) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    const EXTEND: &str = "UPDATE denied_grants SET ends = $2 WHERE grant_id = $1 AND ends < $2";
    let values = [grant.into(), until.into()];
    if db.execute(INSERT, &values).await? == 0 {
        db.execute(EXTEND, &values).await?;
    }
    Ok(())
}
