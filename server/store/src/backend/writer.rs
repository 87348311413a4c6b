//! The one writer of a SQLite file. It takes what many callers want into one transaction, so that they share one flush to disk,
//! and answers them when that is done.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::{error, info, warn};

use crate::connection::Connection;
use crate::error::{Failure, StoreError};
use crate::write::{Applied, Write};

/// How many changes share a commit at most.
const BATCH: usize = 256;

/// Where changes wait for the writer.
pub(super) struct Queue {
    sender: mpsc::Sender<Order>,
}

enum Order {
    Close(oneshot::Sender<()>),
    Write(Box<dyn Job>),
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue {{ free: {} }}", self.sender.capacity())
    }
}

impl Queue {
    /// Starts the writer; it ends, and lets go of the lock, when the queue is closed or gone.
    pub(super) fn start(options: SqliteConnectOptions, connection: SqliteConnection, lock: File) -> Self {
        let (sender, orders) = mpsc::channel(4 * BATCH);
        let writer = Writer { connection: Some(connection), failing: false, options, orders, stopped: None };
        let writer = Arc::new(Mutex::new(writer));
        tokio::spawn(async move {
            // A defect in one change must not end writing for good: whoever waited is told, and the next ones are served.
            while let Err(defect) = tokio::spawn(serve(Arc::clone(&writer))).await {
                if defect.is_cancelled() {
                    break;
                }
                error!("The writer of the store broke off and starts again: {defect}");
                writer.lock().await.connection = None;
            }
            drop(lock);
        });
        Self { sender }
    }

    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Answer, StoreError> {
        let closed = || StoreError::Unavailable("the store was closed or interrupted".into());
        let (reply, answer) = oneshot::channel();
        let task = Task { write, outcome: None, reply };
        self.sender.send(Order::Write(Box::new(task))).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.sender.send(Order::Close(done)).await.is_ok() {
            // An error means that it is closed already.
            let _ = closed.await;
        }
    }
}

/// A change with the caller who waits for it, whatever its type.
trait Job: Send {
    fn run<'a>(&'a mut self, db: &'a mut SqliteConnection) -> Pin<Box<dyn Future<Output = Ran> + Send + 'a>>;
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What is to become of a change.
enum Ran {
    /// It failed in a way that may be the connection's.
    Fail,
    Keep,
    Stop(String),
    Undo,
}

struct Task<W: Write> {
    write: W,
    outcome: Option<Result<W::Answer, StoreError>>,
    reply: oneshot::Sender<Result<W::Answer, StoreError>>,
}

impl<W: Write> Job for Task<W> {
    fn run<'a>(&'a mut self, db: &'a mut SqliteConnection) -> Pin<Box<dyn Future<Output = Ran> + Send + 'a>> {
        Box::pin(async move {
            let (ran, outcome) = match self.write.apply(&mut Connection::Sqlite(db)).await {
                Ok(Applied::Commit(answer)) => (Ran::Keep, Ok(answer)),
                Ok(Applied::RollBack(answer)) => (Ran::Undo, Ok(answer)),
                Err(Failure::Flush(text)) => (Ran::Stop(text.clone()), Err(Failure::Flush(text).into())),
                Err(Failure::Store(StoreError::Duplicate)) => (Ran::Undo, Err(StoreError::Duplicate)),
                Err(failure) => (Ran::Fail, Err(failure.into())),
            };
            self.outcome = Some(outcome);
            ran
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let outcome = match (committed, self.outcome) {
            (_, Some(Err(own))) => Err(own),
            (Err(error), _) => Err(error),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Unavailable("the change was not reached".into())),
        };
        // Nobody waits any more: the change stays all the same.
        let _ = self.reply.send(outcome);
    }
}

struct Writer {
    connection: Option<SqliteConnection>,
    failing: bool,
    options: SqliteConnectOptions,
    orders: mpsc::Receiver<Order>,
    /// The disk did not confirm a write: what it holds now is unknown, and nothing is acknowledged until a restart (`F-E03`).
    stopped: Option<StoreError>,
}

/// Serves the queue until it is closed.
async fn serve(writer: Arc<Mutex<Writer>>) {
    let mut writer = writer.lock().await;
    let (mut orders, mut closing) = (Vec::with_capacity(BATCH), Vec::new());
    while writer.orders.recv_many(&mut orders, BATCH).await > 0 {
        let mut jobs = Vec::with_capacity(orders.len());
        for order in orders.drain(..) {
            match order {
                Order::Close(done) => closing.push(done),
                Order::Write(job) => jobs.push(job),
            }
        }
        if !closing.is_empty() {
            // What is in the queue now is still served.
            writer.orders.close();
        }
        writer.serve_together(jobs).await;
    }
    if let Some(connection) = writer.connection.take()
        && let Err(error) = connection.close().await
    {
        warn!("The store could not be closed cleanly: {error}");
    }
    for done in closing {
        let _ = done.send(());
    }
}

impl Writer {
    async fn serve_together(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let committed = match &self.stopped {
            Some(why) => Err(why.clone()),
            None => self.commit(&mut jobs).await,
        };
        for job in jobs {
            job.answer(committed.clone());
        }
    }

    /// Commits what the jobs do, and starts from a new connection after a failure: nothing half done is left behind, and when
    /// the fault goes, writing goes on (`F-E04`).
    async fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let committed = self.try_commit(jobs).await;
        let sound = matches!(committed, Ok(true));
        if !sound && let Some(connection) = self.connection.take() {
            // It is of no use any more, whatever this says; its transaction is rolled back.
            let _ = connection.close_hard().await;
        }
        let Err(failure) = committed else {
            if sound && std::mem::take(&mut self.failing) {
                info!("The store can write again");
            }
            return Ok(());
        };
        let fatal = matches!(failure, Failure::Flush(_));
        let error = StoreError::from(failure);
        if fatal {
            self.stopped = Some(error.clone());
        }
        if !std::mem::replace(&mut self.failing, true) {
            error!("The store cannot write: {error}");
        }
        Err(error)
    }

    async fn try_commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<bool, Failure> {
        let db = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.options.connect().await?),
        };
        transact(db, jobs).await
    }
}

/// All jobs in one transaction, each in a savepoint of its own, so that one that fails does not take the others with it.
/// Returns whether the connection can be used again: one that was opened while the file could not be written begins
/// transactions without complaint, fails every write in them, and would do so for ever.
async fn transact(db: &mut SqliteConnection, jobs: &mut [Box<dyn Job>]) -> Result<bool, Failure> {
    let mut sound = true;
    run(db, "BEGIN IMMEDIATE").await?;
    if let [job] = jobs {
        match job.run(db).await {
            Ran::Fail => return run(db, "ROLLBACK").await.map(|()| false),
            Ran::Keep => {}
            Ran::Stop(text) => return Err(Failure::Flush(text)),
            Ran::Undo => return run(db, "ROLLBACK").await.map(|()| true),
        }
    } else {
        for job in jobs {
            run(db, "SAVEPOINT job").await?;
            match job.run(db).await {
                Ran::Fail => {
                    sound = false;
                    run(db, "ROLLBACK TO job").await?;
                }
                Ran::Keep => {}
                Ran::Stop(text) => return Err(Failure::Flush(text)),
                Ran::Undo => run(db, "ROLLBACK TO job").await?,
            }
            run(db, "RELEASE job").await?;
        }
    }
    run(db, "COMMIT").await?;
    #[cfg(test)]
    crate::failpoint::pass();
    Ok(sound)
}

async fn run(db: &mut SqliteConnection, sql: &'static str) -> Result<(), Failure> {
    Connection::Sqlite(db).execute(sql, &[]).await.map(drop)
}
