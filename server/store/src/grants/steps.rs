//! From the request to the answer.

use fapi_core::Timestamp;
use fapi_core::authorize::Delivery;
use fapi_core::grant::Grant;
use fapi_core::secret::Digest;

use super::columns::Columns;
use super::{Claim, Issuing};
use crate::connection::Connection;
use crate::error::Failure;
use crate::write::{Applied, Write};

/// A new request; `false` when the client has too many.
pub(super) struct Push {
    pub(super) columns: Columns,
    pub(super) request_uri: Option<Digest>,
    pub(super) limit: u32,
}

impl Write for Push {
    type Answer = bool;
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<bool>, Failure> {
        const SQL: &str = "INSERT INTO grants (id, client_id, incarnation, created, request, stage, state, \
                request_uri, awaiting, purge_after) \
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE \
                (SELECT COUNT(*) FROM grants WHERE client_id = $2 AND awaiting = $9 AND purge_after >= $4) < $11";
        let row = &self.columns;
        let request_uri = self.request_uri.as_ref().map(|digest| digest.as_str().to_owned());
        let awaiting = if request_uri.is_some() { "pushed" } else { "by_value" };
        let values = [
            (&row.id).into(),
            (&row.client_id).into(),
            (&row.incarnation).into(),
            row.created.into(),
            (&row.request).into(),
            row.stage.into(),
            (&row.state).into(),
            (&request_uri).into(),
            awaiting.into(),
            row.purge_after.into(),
            i64::from(self.limit).into(),
        ];
        Ok(Applied::Commit(db.execute(SQL, &values).await? == 1))
    }
}

/// Pushed → Opened; `false` when it was not waiting to be opened.
pub(super) struct Open(pub(super) Columns);

impl Write for Open {
    type Answer = bool;
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<bool>, Failure> {
        // A request by value goes on counting until somebody signs in: anybody who has the link can make more of them.
        const SQL: &str = "UPDATE grants SET stage = 'opened', state = $2, purge_after = $3, \
                awaiting = NULLIF(awaiting, 'pushed') \
            WHERE id = $1 AND stage = 'pushed'";
        let row = &self.0;
        if row.stage != "opened" {
            return Ok(Applied::RollBack(false));
        }
        let values = [(&row.id).into(), (&row.state).into(), row.purge_after.into()];
        Ok(Applied::Commit(db.execute(SQL, &values).await? == 1))
    }
}

/// Opened → Authenticated, and again in the same browser.
pub(super) struct Authenticate(pub(super) Columns);

impl Write for Authenticate {
    type Answer = Claim;
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Claim>, Failure> {
        const SQL: &str = "UPDATE grants SET stage = 'authenticated', state = $2, purge_after = $3, \
                browser = $4, subject = $5, awaiting = NULL \
            WHERE id = $1 AND (stage = 'opened' OR (stage = 'authenticated' AND browser = $4))";
        claim(db, "authenticated", SQL, &self.0).await
    }
}

/// Authenticated → Consented, in the same browser and by the same person.
pub(super) struct Consent(pub(super) Columns);

impl Write for Consent {
    type Answer = Claim;
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Claim>, Failure> {
        const SQL: &str = "UPDATE grants SET stage = 'consented', state = $2, purge_after = $3 \
            WHERE id = $1 AND stage = 'authenticated' AND browser = $4 AND subject = $5";
        claim(db, "consented", SQL, &self.0).await
    }
}

/// Opened → Denied, and Authenticated → Denied in the same browser.
pub(super) struct Deny(pub(super) Columns);

impl Write for Deny {
    type Answer = Claim;
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Claim>, Failure> {
        const SQL: &str = "UPDATE grants SET stage = 'denied', state = $2, purge_after = $3, browser = $4, \
                subject = COALESCE($5, subject), awaiting = NULL \
            WHERE id = $1 AND (stage = 'opened' OR (stage = 'authenticated' AND browser = $4))";
        claim(db, "denied", SQL, &self.0).await
    }
}

/// Fails closed: a grant in another stage than the verb is about claims nothing.
async fn claim(
    db: &mut Connection<'_>,
    stage: &str,
    sql: &'static str,
    row: &Columns,
) -> Result<Applied<Claim>, Failure> {
    if row.stage != stage {
        return Ok(Applied::RollBack(Claim::Taken));
    }
    let values = [
        (&row.id).into(),
        (&row.state).into(),
        row.purge_after.into(),
        (&row.browser).into(),
        (&row.subject).into(),
    ];
    Ok(Applied::Commit(match db.execute(sql, &values).await? {
        0 => Claim::Taken,
        _ => Claim::Won,
    }))
}

/// An answer leaves: Consented → `CodeIssued`, or Denied → Closed.
pub(super) struct Answer {
    columns: Columns,
    from: &'static str,
    to: &'static str,
    spend: Option<(Digest, Timestamp)>,
}

impl Answer {
    pub(super) fn code(grant: &Grant) -> Self {
        Self { columns: Columns::of(grant), from: "consented", to: "code_issued", spend: object(grant) }
    }

    pub(super) fn error(grant: &Grant) -> Self {
        Self { columns: Columns::of(grant), from: "denied", to: "closed", spend: object(grant) }
    }
}

/// What must not lead to a second answer.
fn object(grant: &Grant) -> Option<(Digest, Timestamp)> {
    match &grant.request.delivery {
        Delivery::ByValue { digest, expires } => Some((digest.clone(), *expires)),
        Delivery::Pushed => None,
    }
}

impl Write for Answer {
    type Answer = Issuing;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Issuing>, Failure> {
        const UPDATE: &str = "UPDATE grants SET stage = $5, state = $2, purge_after = $3, browser = NULL, \
                code = $6, awaiting = NULL \
            WHERE id = $1 AND stage = $4";
        const SPEND: &str = "INSERT INTO replay (digest, ends) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let row = &self.columns;
        if row.stage != self.to {
            return Ok(Applied::RollBack(Issuing::AlreadyDone));
        }
        let values = [
            (&row.id).into(),
            (&row.state).into(),
            row.purge_after.into(),
            self.from.into(),
            self.to.into(),
            (&row.code).into(),
        ];
        if db.execute(UPDATE, &values).await? == 0 {
            return Ok(Applied::RollBack(Issuing::AlreadyDone));
        }
        if let Some((object, expires)) = &self.spend
            && db.execute(SPEND, &[object.into(), (*expires).into()]).await? == 0
        {
            return Ok(Applied::RollBack(Issuing::Replayed));
        }
        Ok(Applied::Commit(Issuing::Issued))
    }
}
