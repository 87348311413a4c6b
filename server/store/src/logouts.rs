//! Which clients have a part in a sign-in session, and which of them are still to be told that it has ended (`LGO-06`).

use fapi_core::Timestamp;
use fapi_core::ids::{ClientId, Incarnation, Subject};

use crate::connection::{Connection, Row, Value};
use crate::error::{Failure, StoreError};
use crate::sessions::Session;
use crate::store::Store;
use crate::write::{Applied, Write};

/// A client with ID Tokens of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Participant {
    /// What it calls the session.
    pub sid: String,
    /// Which.
    pub client: ClientId,
    /// In which life.
    pub incarnation: Incarnation,
    /// Who signed in.
    pub subject: Subject,
}

/// From when to when it is tried to tell a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Telling {
    /// When somebody may first try.
    pub due: Timestamp,
    /// When nobody tries any more.
    pub ends: Timestamp,
}

/// Whether a client that gets an ID Token will hear of the end of its session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Joined {
    /// It will, when the session ends.
    Open,
    /// There is no such session any more: a notice has been made at once.
    Ended,
}

/// A client that is to be told. Whoever claimed it may try until `due`; then it is anybody's again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Whom.
    pub to: Participant,
    /// How often somebody has claimed it, this time included.
    pub tries: i64,
    /// Until when it is its claimer's.
    pub due: Timestamp,
    /// When nobody tries any more.
    pub ends: Timestamp,
}

impl Store {
    /// A client is about to get an ID Token of a session. One that was closed meanwhile is not missed: of this and of closing it,
    /// one comes first.
    pub async fn join_session(&self, who: &Participant, telling: Telling) -> Result<Joined, StoreError> {
        self.write(Join { who: who.clone(), telling }).await
    }

    /// Takes up the notice that has waited longest among those that are due, for `lease.due`. Of many who try, one gets it.
    pub async fn claim_notice(&self, now: Timestamp, lease: Timestamp) -> Result<Option<Notice>, StoreError> {
        self.write(Take { now, lease }).await
    }

    /// It is to be tried again, not before `due`. Nothing happens if it has been taken up by somebody else since.
    pub async fn postpone_notice(&self, notice: &Notice, due: Timestamp) -> Result<(), StoreError> {
        self.write(Settle { notice: notice.clone(), due: Some(due) }).await
    }

    /// It has been told, or is given up. Nothing happens if it has been taken up by somebody else since.
    pub async fn drop_notice(&self, notice: &Notice) -> Result<(), StoreError> {
        self.write(Settle { notice: notice.clone(), due: None }).await
    }
}

/// Everybody with a part in a session that has ended is to be told. In the transaction that ended it. Who is being told now is told
/// again: a try that began before does not know of what came since, and no longer settles it.
pub(crate) async fn tell(db: &mut Connection<'_>, sid: &str, telling: Telling) -> Result<(), Failure> {
    const SQL: &str = "INSERT INTO logout_notices (sid, client_id, incarnation, subject, tries, due, ends) \
        SELECT sid, client_id, incarnation, subject, 0, $2, $3 FROM session_clients WHERE sid = $1 \
        ON CONFLICT (sid, client_id, incarnation) DO UPDATE \
            SET tries = logout_notices.tries + 1, due = excluded.due, ends = excluded.ends";
    db.execute(SQL, &[sid.into(), telling.due.into(), telling.ends.into()]).await?;
    db.execute("DELETE FROM session_clients WHERE sid = $1", &[sid.into()]).await?;
    Ok(())
}

/// Everybody with a part in this session has it until the session's new end.
pub(crate) async fn prolong(db: &mut Connection<'_>, session: &Session) -> Result<(), Failure> {
    let sql = "UPDATE session_clients SET ends = $2 WHERE sid = $1";
    db.execute(sql, &[(&session.sid).into(), session.absolute_until.into()]).await?;
    Ok(())
}

struct Join {
    who: Participant,
    telling: Telling,
}

impl Write for Join {
    type Answer = Joined;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Joined>, Failure> {
        // Changes nothing, and keeps the session's row until this transaction ends.
        const OPEN: &str = "UPDATE sessions SET sid = sid WHERE sid = $1 RETURNING absolute_until";
        const PART: &str = "INSERT INTO session_clients (sid, client_id, incarnation, subject, ends) \
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        const NOTICE: &str = "INSERT INTO logout_notices \
            (sid, client_id, incarnation, subject, tries, due, ends) \
            VALUES ($1, $2, $3, $4, 0, $5, $6) ON CONFLICT (sid, client_id, incarnation) DO UPDATE \
            SET tries = logout_notices.tries + 1, due = excluded.due, ends = excluded.ends";
        let [sid, client, incarnation, subject] = values(&self.who);
        let joined = if let Some(open) = db.row(OPEN, &[sid]).await? {
            let ends = open.number(0)?;
            db.execute(PART, &[sid, client, incarnation, subject, ends.into()]).await?;
            Joined::Open
        } else {
            let (due, ends) = (self.telling.due.into(), self.telling.ends.into());
            db.execute(NOTICE, &[sid, client, incarnation, subject, due, ends]).await?;
            Joined::Ended
        };
        Ok(Applied::Commit(joined))
    }
}

struct Take {
    now: Timestamp,
    lease: Timestamp,
}

impl Write for Take {
    type Answer = Option<Notice>;
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<Self::Answer>, Failure> {
        // First tries go first: one client that never answers delays nobody else. The condition stands twice: another one may have taken it up between its being found and its being claimed.
        const SQL: &str = "UPDATE logout_notices SET due = $2, tries = tries + 1 \
            WHERE due <= $1 AND (sid, client_id, incarnation) IN \
                (SELECT sid, client_id, incarnation FROM logout_notices WHERE due <= $1 \
                    ORDER BY CASE WHEN tries = 0 THEN 0 ELSE 1 END, due LIMIT 1) \
            RETURNING sid, client_id, incarnation, subject, tries, due, ends";
        let row = db.row(SQL, &[self.now.into(), self.lease.into()]).await?;
        Ok(Applied::Commit(row.map(|row| notice(&row)).transpose()?))
    }
}

struct Settle {
    notice: Notice,
    /// When it is due again; none: never.
    due: Option<Timestamp>,
}

impl Write for Settle {
    type Answer = ();
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        const AGAIN: &str = "UPDATE logout_notices SET due = $5 \
            WHERE sid = $1 AND client_id = $2 AND incarnation = $3 AND tries = $4";
        const NEVER: &str = "DELETE FROM logout_notices \
            WHERE sid = $1 AND client_id = $2 AND incarnation = $3 AND tries = $4";
        let [sid, client, incarnation, _] = values(&self.notice.to);
        let tries = self.notice.tries.into();
        match self.due {
            Some(due) => db.execute(AGAIN, &[sid, client, incarnation, tries, due.into()]).await?,
            None => db.execute(NEVER, &[sid, client, incarnation, tries]).await?,
        };
        Ok(Applied::Commit(()))
    }
}

fn values(who: &Participant) -> [Value<'_>; 4] {
    [(&who.sid).into(), (&who.client).into(), (&who.incarnation).into(), who.subject.as_str().into()]
}

fn notice(row: &Row) -> Result<Notice, Failure> {
    Ok(Notice {
        to: Participant {
            sid: row.text(0)?,
            client: ClientId::from_stored(row.text(1)?),
            incarnation: Incarnation::from_stored(row.text(2)?),
            subject: Subject::from_stored(row.text(3)?),
        },
        tries: row.number(4)?,
        due: Timestamp::from_unix(row.number(5)?),
        ends: Timestamp::from_unix(row.number(6)?),
    })
}
