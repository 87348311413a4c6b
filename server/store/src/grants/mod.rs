//! One authorization, from the request to its last refresh token. Each step is one conditional write on the stage it came from:
//! of two that race, one wins, and the other is told (`P-01`, `P-08`, `TOK-04`).

mod columns;
mod steps;
mod tokens;

use fapi_core::Timestamp;
use fapi_core::grant::Grant;
use fapi_core::ids::{ClientId, GrantId};
use fapi_core::secret::Digest;
use fapi_core::token::RefreshToken;

use self::columns::Columns;
pub(crate) use self::columns::grant;
use self::steps::{Answer, Authenticate, Consent, Deny, Open, Push};
pub(crate) use self::tokens::end;
use self::tokens::{Redeem, Revoke};
use crate::error::StoreError;
use crate::store::Store;

/// Whether a browser's step counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Claim {
    /// Another browser, person or answer was first, or the grant is gone.
    Taken,
    /// It did.
    Won,
}

/// Whether an answer may leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Issuing {
    /// An answer left before, or the grant is gone.
    AlreadyDone,
    /// This one may.
    Issued,
    /// The request came by value, and its object led to another answer before.
    Replayed,
}

/// What became of a code.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Redemption {
    /// It was exchanged before: everything it produced is to be revoked (`TOK-03`).
    AlreadyRedeemed(GrantId),
    /// It leads nowhere: unknown, or its grant was revoked.
    Gone,
    /// This exchange is the one.
    Won,
}

/// What became of a revocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Revocation {
    /// The grant is another client's; it stays as it is (`REV-02`).
    NotTheirs,
    /// Nothing that came of the grant works any more.
    Revoked,
}

impl Store {
    /// Remembers a new request, under the digest of its `request_uri` if it was pushed.
    ///
    /// # Errors
    /// [`StoreError::Full`] when its client has too many (`H-11`).
    pub async fn push(&self, grant: &Grant, request_uri: Option<&Digest>) -> Result<(), StoreError> {
        let push = Push {
            columns: Columns::of(grant),
            request_uri: request_uri.cloned(),
            limit: self.requests_per_client,
        };
        if self.write(push).await? {
            return Ok(());
        }
        Err(StoreError::Full { client: grant.client_id.to_string(), limit: self.requests_per_client })
    }

    /// The grant of this name.
    pub async fn by_id(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        let sql = "SELECT id, client_id, incarnation, created, request, state FROM grants WHERE id = $1";
        self.grant(sql, id.as_str()).await
    }

    /// The grant of a pushed request.
    pub async fn by_request_uri(&self, request_uri: &Digest) -> Result<Option<Grant>, StoreError> {
        let sql =
            "SELECT id, client_id, incarnation, created, request, state FROM grants WHERE request_uri = $1";
        self.grant(sql, request_uri.as_str()).await
    }

    /// The grant of a code, also of one that was used.
    pub async fn by_code(&self, code: &Digest) -> Result<Option<Grant>, StoreError> {
        let sql = "SELECT id, client_id, incarnation, created, request, state FROM grants WHERE code = $1";
        self.grant(sql, code.as_str()).await
    }

    async fn grant(&self, sql: &'static str, key: &str) -> Result<Option<Grant>, StoreError> {
        let row = self.row(sql, &[key.into()]).await?;
        Ok(row.map(|row| grant(&row)).transpose()?)
    }

    /// A browser opened the request. Returns the grant as it now is: of several that open it the first counts, and it may have
    /// come further since. `None` when it is gone.
    pub async fn open_grant(&self, grant: &Grant) -> Result<Option<Grant>, StoreError> {
        if self.write(Open(Columns::of(grant))).await? {
            return Ok(Some(grant.clone()));
        }
        self.by_id(&grant.id).await
    }

    /// Somebody signed in: the interaction belongs to their browser, unless it belongs to another. A link preview that merely
    /// opened it does not lock the person out.
    pub async fn authenticate(&self, grant: &Grant) -> Result<Claim, StoreError> {
        self.write(Authenticate(Columns::of(grant))).await
    }

    /// The person who signed in agreed, or said no. Somebody else's sign-in in the same browser in the meantime takes the
    /// question away: nobody agrees for another.
    pub async fn consent(&self, grant: &Grant) -> Result<Claim, StoreError> {
        match Columns::of(grant) {
            columns if columns.is_consent() => self.write(Consent(columns)).await,
            columns => self.write(Deny(columns)).await,
        }
    }

    /// It ends with an error, before anybody signed in or in the browser that did.
    pub async fn deny(&self, grant: &Grant) -> Result<Claim, StoreError> {
        self.write(Deny(Columns::of(grant))).await
    }

    /// The answer with a code leaves, once. The object of a request that came by value is spent in the same transaction
    /// (`INV-16`).
    pub async fn issue_code(&self, grant: &Grant) -> Result<Issuing, StoreError> {
        self.write(Answer::code(grant)).await
    }

    /// The answer with an error leaves, once; the object is spent likewise.
    pub async fn close_grant(&self, grant: &Grant) -> Result<Issuing, StoreError> {
        self.write(Answer::error(grant)).await
    }

    /// Exchanges the code, once, together with the refresh token that comes of it.
    pub async fn redeem(
        &self,
        grant: &Grant,
        code: &Digest,
        refresh: Option<&RefreshToken>,
    ) -> Result<Redemption, StoreError> {
        self.write(Redeem { columns: Columns::of(grant), code: code.clone(), refresh: refresh.cloned() })
            .await
    }

    /// Ends a grant of this client with all its tokens; `until` is when the longest access token that may exist has ended.
    ///
    /// From the moment this returns no refresh succeeds and `denied` says so on every replica (`I2`, `P-23`). A grant that is not
    /// there any more is denied too: an access token of its last minutes may be left.
    pub async fn revoke(
        &self,
        grant: &GrantId,
        client: &ClientId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Revocation, StoreError> {
        self.write(Revoke { grant: grant.clone(), client: client.clone(), now, until }).await
    }
}
