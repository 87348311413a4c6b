//! Sign-in sessions of browsers, and what was agreed to within one.

use fapi_core::Timestamp;
use fapi_core::consent::Remembered;
use fapi_core::grant::Person;
use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::scope::Scopes;
use fapi_core::secret::Digest;

use crate::connection::{Connection, json};
use crate::error::{Failure, StoreError};
use crate::logouts::{self, Telling};
use crate::refresh_tokens::scopes;
use crate::store::Store;
use crate::write::{Applied, Write};

/// A browser in which somebody is signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Of its cookie. A new sign-in is a new session with a new cookie.
    pub id: Digest,
    /// Its name in ID Tokens. It stays when the same person signs in again in the same browser.
    pub sid: String,
    /// Who.
    pub person: Person,
    /// When it ends, unless it is used before.
    pub idle_until: Timestamp,
    /// When it ends anyhow.
    pub absolute_until: Timestamp,
}

impl Store {
    /// Begins a session.
    pub async fn open_session(&self, session: &Session) -> Result<(), StoreError> {
        self.write(Open(session.clone())).await
    }

    /// The session of this cookie, while it lasts.
    pub async fn session(&self, id: &Digest, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT id, sid, person, idle_until, absolute_until FROM sessions \
            WHERE id = $1 AND idle_until >= $2 AND absolute_until >= $2";
        let Some(row) = self.row(sql, &[id.into(), now.into()]).await? else { return Ok(None) };
        Ok(Some(Session {
            id: Digest::from_stored(row.text(0)?),
            sid: row.text(1)?,
            person: row.json(2, "the person of a session")?,
            idle_until: Timestamp::from_unix(row.number(3)?),
            absolute_until: Timestamp::from_unix(row.number(4)?),
        }))
    }

    /// The session was used: it lasts at least until `idle_until`. One that was closed stays closed.
    pub async fn touch(&self, id: &Digest, idle_until: Timestamp) -> Result<(), StoreError> {
        self.write(Touch { id: id.clone(), idle_until }).await
    }

    /// Begins a session in place of another one of the same browser. Whoever had a part in that one has it in this one, if it is
    /// the same session to them (`sid`), and is told otherwise that theirs has ended.
    pub async fn replace_session(
        &self,
        old: &Digest,
        session: &Session,
        telling: Telling,
    ) -> Result<(), StoreError> {
        self.write(Replace { old: old.clone(), session: session.clone(), telling }).await
    }

    /// Ends a session, and forgets what was agreed to in it. In the same transaction a notice is made for every client that has a
    /// part in it (`LGO-06`).
    pub async fn close_session(&self, id: &Digest, telling: Telling) -> Result<(), StoreError> {
        self.write(Close { id: id.clone(), telling }).await
    }

    /// Remembers what a person agreed to, in place of what they agreed to before.
    pub async fn remember_consent(
        &self,
        session: &Digest,
        client: &ClientId,
        incarnation: &Incarnation,
        scope: &Scopes,
    ) -> Result<(), StoreError> {
        self.write(Remember {
            session: session.clone(),
            client: client.clone(),
            incarnation: incarnation.clone(),
            scope: scope.to_string(),
        })
        .await
    }

    /// What was agreed to last, in this session and with this life of the client.
    pub async fn remembered(
        &self,
        session: &Digest,
        client: &ClientId,
        incarnation: &Incarnation,
    ) -> Result<Option<Remembered>, StoreError> {
        let sql = "SELECT scope FROM remembered WHERE session = $1 AND client_id = $2 AND incarnation = $3";
        let row = self.row(sql, &[session.into(), client.into(), incarnation.into()]).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Remembered { client_id: client.clone(), scope: scopes(&row.text(0)?)? }))
    }
}

struct Open(Session);

impl Write for Open {
    type Answer = ();
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        self.0.insert(db).await?;
        Ok(Applied::Commit(()))
    }
}

impl Session {
    async fn insert(&self, db: &mut Connection<'_>) -> Result<(), Failure> {
        const SQL: &str = "INSERT INTO sessions (id, sid, person, idle_until, absolute_until) \
            VALUES ($1, $2, $3, $4, $5)";
        let Self { id, sid, person, idle_until, absolute_until } = self;
        let person = json(person);
        let values =
            [id.into(), sid.into(), (&person).into(), (*idle_until).into(), (*absolute_until).into()];
        db.execute(SQL, &values).await?;
        Ok(())
    }
}

struct Replace {
    old: Digest,
    session: Session,
    telling: Telling,
}

impl Write for Replace {
    type Answer = ();

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        match end(db, &self.old).await? {
            Some(sid) if sid != self.session.sid => logouts::tell(db, &sid, self.telling).await?,
            _ => logouts::prolong(db, &self.session).await?,
        }
        self.session.insert(db).await?;
        Ok(Applied::Commit(()))
    }
}

struct Touch {
    id: Digest,
    idle_until: Timestamp,
}

impl Write for Touch {
    type Answer = ();
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        let sql = "UPDATE sessions SET idle_until = $2 WHERE id = $1 AND idle_until < $2";
        db.execute(sql, &[(&self.id).into(), self.idle_until.into()]).await?;
        Ok(Applied::Commit(()))
    }
}

struct Close {
    id: Digest,
    telling: Telling,
}

impl Write for Close {
    type Answer = ();

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        if let Some(sid) = end(db, &self.id).await? {
            logouts::tell(db, &sid, self.telling).await?;
        }
        Ok(Applied::Commit(()))
    }
}

/// Removes a session with what was agreed to in it; returns what clients call it. Its row goes first: it is the lock that
/// everything about the session takes first.
async fn end(db: &mut Connection<'_>, id: &Digest) -> Result<Option<String>, Failure> {
    let row = db.row("DELETE FROM sessions WHERE id = $1 RETURNING sid", &[id.into()]).await?;
    db.execute("DELETE FROM remembered WHERE session = $1", &[id.into()]).await?;
    row.map(|row| row.text(0)).transpose()
}

struct Remember {
    session: Digest,
    client: ClientId,
    incarnation: Incarnation,
    scope: String,
}

impl Write for Remember {
    type Answer = ();

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        const UPDATE: &str =
            "UPDATE remembered SET scope = $4 WHERE session = $1 AND client_id = $2 AND incarnation = $3";
        // It ends with its session; without one there is nothing to remember.
        const INSERT: &str = "INSERT INTO remembered (session, client_id, incarnation, scope, ends) \
            SELECT id, $2, $3, $4, absolute_until FROM sessions WHERE id = $1 ON CONFLICT DO NOTHING";
        let values =
            [(&self.session).into(), (&self.client).into(), (&self.incarnation).into(), (&self.scope).into()];
        if db.execute(UPDATE, &values).await? == 0 {
            db.execute(INSERT, &values).await?;
        }
        Ok(Applied::Commit(()))
    }
}
