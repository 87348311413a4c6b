//! From the code to the end.

use fapi_core::grant::Stage;
use fapi_core::ids::{ClientId, GrantId};
use fapi_core::secret::Digest;
use fapi_core::token::RefreshToken;
use fapi_core::{Lifetime, Timestamp};

use super::columns::Columns;
use super::{Redemption, Revocation};
use crate::connection::{Connection, json};
use crate::error::Failure;
use crate::write::{Applied, Write};
use crate::{refresh_tokens, revocations};

/// `CodeIssued` → Redeemed, and the refresh token with it.
pub(super) struct Redeem {
    pub(super) columns: Columns,
    pub(super) code: Digest,
    pub(super) refresh: Option<RefreshToken>,
}

impl Write for Redeem {
    type Answer = Redemption;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Redemption>, Failure> {
        const SQL: &str = "UPDATE grants SET stage = 'redeemed', state = $2, purge_after = $3 \
            WHERE id = $1 AND stage = 'code_issued' AND code = $4";
        let row = &self.columns;
        if row.stage != "redeemed" {
            return Ok(Applied::RollBack(Redemption::Gone));
        }
        let values = [(&row.id).into(), (&row.state).into(), row.purge_after.into(), (&self.code).into()];
        if db.execute(SQL, &values).await? == 0 {
            return Ok(Applied::RollBack(lost(db, &self.code).await?));
        }
        if let Some(token) = &self.refresh {
            refresh_tokens::insert(db, token).await?;
        }
        Ok(Applied::Commit(Redemption::Won))
    }
}

/// Why a code could not be redeemed.
async fn lost(db: &mut Connection<'_>, code: &Digest) -> Result<Redemption, Failure> {
    let sql = "SELECT id FROM grants WHERE code = $1 AND stage = 'redeemed'";
    Ok(match db.row(sql, &[code.into()]).await? {
        Some(row) => Redemption::AlreadyRedeemed(GrantId::from_stored(row.text(0)?)),
        None => Redemption::Gone,
    })
}

/// Any stage → Revoked.
pub(super) struct Revoke {
    pub(super) grant: GrantId,
    pub(super) client: ClientId,
    pub(super) now: Timestamp,
    pub(super) until: Timestamp,
}

impl Write for Revoke {
    type Answer = Revocation;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Revocation>, Failure> {
        if !end(db, &self.grant, &self.client, self.now, self.until).await? {
            let row = db.row("SELECT client_id FROM grants WHERE id = $1", &[(&self.grant).into()]).await?;
            if row.map(|row| row.text(0)).transpose()?.is_some_and(|owner| owner != self.client.as_str()) {
                return Ok(Applied::RollBack(Revocation::NotTheirs));
            }
        }
        refresh_tokens::remove_all(db, &self.grant).await?;
        revocations::deny_grant(db, &self.grant, self.until).await?;
        Ok(Applied::Commit(Revocation::Revoked))
    }
}

/// Ends a grant of this client; whether it was one that had not ended. Its row first: whoever refreshes or redeems holds it, so
/// either they are done and their token is found afterwards, or they find it revoked (`P-23`).
pub(crate) async fn end(
    db: &mut Connection<'_>,
    grant: &GrantId,
    client: &ClientId,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Failure> {
    const SQL: &str = "UPDATE grants SET stage = 'revoked', state = $3, browser = NULL, awaiting = NULL, \
            purge_after = $4 \
        WHERE id = $1 AND client_id = $2 AND stage <> 'revoked'";
    let state = json(&Stage::Revoked { at: now });
    let purge_after = (now + Lifetime::days(1)).max(until);
    let values = [grant.into(), client.into(), (&state).into(), purge_after.into()];
    Ok(db.execute(SQL, &values).await? > 0)
}
