//! Faults, and what is asked of the store while they last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use fapi_core::secret::Purpose;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::conformance::Journey;
use crate::{Redemption, Store, StoreError};

/// The store cannot, and says so; nothing of it is there.
pub(super) async fn redemption_fails(store: &Store, journey: &Journey) {
    let (code, token) = (journey.digest(Purpose::Code), journey.refresh_token());
    let failed = store.redeem(&journey.redeemed(), &code, Some(&token)).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
}

/// It can again, and the code was not lost.
pub(super) async fn redemption_works(store: &Store, journey: &Journey) {
    let (code, token) = (journey.digest(Purpose::Code), journey.refresh_token());
    assert_eq!(store.by_code(&code).await.unwrap(), Some(journey.code_issued()));
    assert_eq!(store.lookup(&token.id).await.unwrap(), None);
    assert_eq!(store.redeem(&journey.redeemed(), &code, Some(&token)).await.unwrap(), Redemption::Won);
    assert_eq!(store.lookup(&token.id).await.unwrap(), Some(token));
}

/// When a connection is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    /// COMMIT never arrives.
    Before = 1,
    /// COMMIT arrives, its answer does not.
    After = 2,
}

/// Stands between the store and PostgreSQL.
pub(super) struct Proxy {
    pub(super) url: String,
    cut_commit: Arc<AtomicU8>,
    generation: watch::Sender<u64>,
}

impl Proxy {
    pub(super) async fn start(url: &str) -> Self {
        let options: PgConnectOptions = url.parse().unwrap();
        let server = (options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let from = format!("{}:{}", server.0, server.1);
        assert!(url.contains(&from), "the address of the tests' PostgreSQL names host and port");
        let url = format!("{}&sslmode=disable", url.replace(&from, &format!("127.0.0.1:{port}")));
        let cut_commit = Arc::new(AtomicU8::new(0));
        let (generation, _) = watch::channel(0);
        let (cut, cut_all) = (Arc::clone(&cut_commit), generation.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server.clone()).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&cut), cut_all.subscribe()));
            }
        });
        Self { url, cut_commit, generation }
    }

    /// Once.
    pub(super) fn cut_next_commit(&self, when: Cut) {
        self.cut_commit.store(when as u8, Ordering::SeqCst);
    }

    /// Every connection that is open now.
    pub(super) fn cut_all(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }
}

/// Carries bytes both ways, until it is time to cut.
async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    cut: Arc<AtomicU8>,
    mut all: watch::Receiver<u64>,
) {
    let (mut request, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let Ok(n @ 1..) = read else { return };
                let bytes = &request[..n];
                let commit = bytes.windows(6).any(|word| word == b"COMMIT");
                let cut = if commit { cut.swap(0, Ordering::SeqCst) } else { 0 };
                if cut == Cut::Before as u8 || server.write_all(bytes).await.is_err() {
                    return;
                }
                if cut == Cut::After as u8 {
                    // The answer says that it is done, and goes no further.
                    assert!(server.read(&mut answer).await.unwrap() > 0);
                    return;
                }
            }
            read = server.read(&mut answer) => {
                let Ok(n @ 1..) = read else { return };
                if client.write_all(&answer[..n]).await.is_err() {
                    return;
                }
            }
            _ = all.changed() => return,
        }
    }
}
