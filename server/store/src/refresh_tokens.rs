//! Refresh tokens, by their digest. They are made with the code's redemption, and end with their grant.

use fapi_core::Timestamp;
use fapi_core::ids::{ClientId, GrantId, Incarnation};
use fapi_core::scope::Scopes;
use fapi_core::secret::Digest;
use fapi_core::token::RefreshToken;

use crate::connection::Connection;
use crate::error::{Failure, StoreError};
use crate::store::Store;
use crate::write::{Applied, Write};

/// What became of a replacement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Replacement {
    /// The old token is unknown or has ended, or its grant has.
    Gone,
    /// The new token works, and the old one until its grace is over.
    Replaced,
    /// The old token was replaced before and its grace is over: the grant is to be revoked (`REF-08`).
    Reused,
}

impl Store {
    /// The refresh token of this digest, and until when it works if it was replaced.
    pub async fn lookup(&self, token: &Digest) -> Result<Option<RefreshToken>, StoreError> {
        let sql = "SELECT id, grant_id, client_id, incarnation, scope, issued, expires, COALESCE(works_until, -1) \
            FROM refresh_tokens WHERE id = $1";
        let Some(row) = self.row(sql, &[token.into()]).await? else { return Ok(None) };
        let time = |column| row.number(column).map(Timestamp::from_unix);
        Ok(Some(RefreshToken {
            id: Digest::from_stored(row.text(0)?),
            grant: GrantId::from_stored(row.text(1)?),
            client_id: ClientId::from_stored(row.text(2)?),
            incarnation: Incarnation::from_stored(row.text(3)?),
            scope: scopes(&row.text(4)?)?,
            issued: time(5)?,
            expires: time(6)?,
            replaced: Some(time(7)?).filter(|until| until.as_unix() >= 0),
        }))
    }

    /// Puts a new token beside an old one, which goes on working until `grace` so that a lost answer can be asked for again
    /// (FAPI2-SP 5.3.2.1-9, `REF-07`).
    pub async fn replace(
        &self,
        old: &Digest,
        new: &RefreshToken,
        grace: Timestamp,
        now: Timestamp,
    ) -> Result<Replacement, StoreError> {
        self.write(Replace { old: old.clone(), new: new.clone(), grace, now }).await
    }

    /// Ends all refresh tokens of a grant; the grant itself stays.
    pub async fn revoke_for(&self, grant: &GrantId) -> Result<(), StoreError> {
        self.write(RevokeFor(grant.clone())).await
    }
}

struct Replace {
    old: Digest,
    new: RefreshToken,
    grace: Timestamp,
    now: Timestamp,
}

impl Write for Replace {
    type Answer = Replacement;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Replacement>, Failure> {
        const SQL: &str = "UPDATE refresh_tokens SET works_until = COALESCE(works_until, $2) \
            WHERE id = $1 AND grant_id = $4 AND expires >= $3 AND (works_until IS NULL OR works_until >= $3)";
        const SPENT: &str = "SELECT id FROM refresh_tokens WHERE id = $1 AND works_until < $2";
        if db.lock(&self.new.grant).await?.as_deref() != Some("redeemed") {
            return Ok(Applied::RollBack(Replacement::Gone));
        }
        let values = [(&self.old).into(), self.grace.into(), self.now.into(), (&self.new.grant).into()];
        if db.execute(SQL, &values).await? == 0 {
            let reused = db.row(SPENT, &[(&self.old).into(), self.now.into()]).await?.is_some();
            return Ok(Applied::RollBack(if reused { Replacement::Reused } else { Replacement::Gone }));
        }
        insert(db, &self.new).await?;
        Ok(Applied::Commit(Replacement::Replaced))
    }
}

struct RevokeFor(GrantId);

impl Write for RevokeFor {
    type Answer = ();

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        db.lock(&self.0).await?;
        remove_all(db, &self.0).await?;
        Ok(Applied::Commit(()))
    }
}

/// Inside the transaction that holds the grant.
pub(crate) async fn insert(db: &mut Connection<'_>, token: &RefreshToken) -> Result<(), Failure> {
    const SQL: &str = "INSERT INTO refresh_tokens \
            (id, grant_id, client_id, incarnation, scope, issued, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let scope = token.scope.to_string();
    let values = [
        (&token.id).into(),
        (&token.grant).into(),
        (&token.client_id).into(),
        (&token.incarnation).into(),
        (&scope).into(),
        token.issued.into(),
        token.expires.into(),
    ];
    db.execute(SQL, &values).await.map(drop)
}

/// Inside the transaction that holds the grant.
pub(crate) async fn remove_all(db: &mut Connection<'_>, grant: &GrantId) -> Result<(), Failure> {
    db.execute("DELETE FROM refresh_tokens WHERE grant_id = $1", &[grant.into()]).await.map(drop)
}

/// Scopes as we wrote them.
pub(crate) fn scopes(text: &str) -> Result<Scopes, StoreError> {
    Scopes::parse(text)
        .map_err(|error| StoreError::Corrupt(format!("a stored scope cannot be read: {error}")))
}
