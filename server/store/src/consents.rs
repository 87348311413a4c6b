//! What a person agreed to and may take back (`REV-05`, `REF-12`).

use fapi_core::Timestamp;
use fapi_core::grant::Grant;
use fapi_core::ids::{ClientId, GrantId, Subject};

use crate::connection::{Connection, Row};
use crate::error::{Failure, StoreError};
use crate::grants;
use crate::store::Store;
use crate::write::{Applied, Write};
use crate::{refresh_tokens, revocations};

/// A grant of a person, and how long it goes on by itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Held {
    /// The grant.
    pub grant: Grant,
    /// Until when its last refresh token works; none where it has none.
    pub refreshable: Option<Timestamp>,
}

/// What became of a withdrawal.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Withdrawal {
    /// There is no such grant of this person: it is another's, or purged.
    NotTheirs,
    /// Nothing that came of this client's grant works any more.
    Withdrawn(ClientId),
}

impl Store {
    /// Grants of this person from which tokens come or came, the newest first, at most `limit`. One that has no refresh token and
    /// was asked for before `recent` is left out: its tokens have ended.
    pub async fn held(
        &self,
        subject: &Subject,
        recent: Timestamp,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Held>, StoreError> {
        const SQL: &str = "SELECT id, client_id, incarnation, created, request, state, refreshable FROM \
                (SELECT id, client_id, incarnation, created, request, state, \
                    COALESCE((SELECT MAX(COALESCE(works_until, expires)) FROM refresh_tokens \
                        WHERE refresh_tokens.grant_id = grants.id), -1) AS refreshable \
                FROM grants \
                WHERE subject = $1 AND stage IN ('code_issued', 'redeemed') AND purge_after >= $2) AS held \
            WHERE refreshable >= $2 OR created >= $3 ORDER BY created DESC, id LIMIT $4";
        let values = [subject.as_str().into(), now.into(), recent.into(), i64::from(limit).into()];
        let rows = self.rows(SQL, &values).await?;
        let held = |row: &Row| {
            let refreshable = Timestamp::from_unix(row.number(6)?);
            let refreshable = Some(refreshable).filter(|until| until.as_unix() >= 0);
            Ok(Held { grant: grants::grant(row)?, refreshable })
        };
        Ok(rows.iter().map(held).collect::<Result<_, Failure>>()?)
    }

    /// Ends a grant of this person with all its tokens, as [`Store::revoke`] does, and forgets in every session of theirs that
    /// they agreed: its client has to ask again.
    pub async fn withdraw(
        &self,
        grant: &GrantId,
        subject: &Subject,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Withdrawal, StoreError> {
        self.write(Withdraw { grant: grant.clone(), subject: subject.clone(), now, until }).await
    }
}

/// Any stage → Revoked, by the person.
struct Withdraw {
    grant: GrantId,
    subject: Subject,
    now: Timestamp,
    until: Timestamp,
}

impl Write for Withdraw {
    type Answer = Withdrawal;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Withdrawal>, Failure> {
        const OWNER: &str = "SELECT client_id FROM grants WHERE id = $1 AND subject = $2";
        let values = [(&self.grant).into(), self.subject.as_str().into()];
        let Some(row) = db.row(OWNER, &values).await? else {
            return Ok(Applied::RollBack(Withdrawal::NotTheirs));
        };
        let client = ClientId::from_stored(row.text(0)?);
        if !grants::end(db, &self.grant, &client, self.now, self.until).await? {
            return Ok(Applied::Commit(Withdrawal::Withdrawn(client)));
        }
        refresh_tokens::remove_all(db, &self.grant).await?;
        revocations::deny_grant(db, &self.grant, self.until).await?;
        let forget = match db {
            Connection::Postgres(_) => {
                "DELETE FROM remembered WHERE client_id = $1 AND EXISTS (SELECT 1 FROM sessions \
                    WHERE sessions.id = remembered.session AND sessions.person::json ->> 'subject' = $2)"
            }
            Connection::Sqlite(_) => {
                "DELETE FROM remembered WHERE client_id = $1 AND EXISTS (SELECT 1 FROM sessions \
                    WHERE sessions.id = remembered.session AND sessions.person ->> '$.subject' = $2)"
            }
        };
        db.execute(forget, &[(&client).into(), self.subject.as_str().into()]).await?;
        Ok(Applied::Commit(Withdrawal::Withdrawn(client)))
    }
}
