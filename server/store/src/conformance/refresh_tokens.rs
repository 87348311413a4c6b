//! Refresh tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fapi_core::secret::{Digest, Purpose};
use fapi_core::token::RefreshToken;

use super::{Journey, NOON, Pair, Shown, later};
use crate::{Replacement, Revocation, Store, StoreError};

fn successor(of: &Journey, n: usize) -> RefreshToken {
    let id = Digest::of(Purpose::RefreshToken, &format!("successor {n} of {}", of.pushed().id));
    RefreshToken { id, issued: later(10), ..of.refresh_token() }
}

/// `REF-07`, `REF-08`: should tokens ever be rotated, a lost answer can be asked for again, and theft is found out.
pub async fn a_replaced_refresh_token_works_until_its_grace_is_over(db: Pair) -> Shown {
    let journey = Journey::new("a");
    journey.redeem(&db.one).await?;
    let old = journey.digest(Purpose::RefreshToken);
    assert_eq!(db.other.lookup(&old).await?, Some(journey.refresh_token()));

    let first = successor(&journey, 1);
    assert_eq!(db.one.replace(&old, &first, later(100), later(10)).await?, Replacement::Replaced);
    assert_eq!(db.other.lookup(&first.id).await?, Some(first));
    let retry = db.other.lookup(&old).await?.and_then(|token| token.replaced);
    assert_eq!(retry, Some(later(100)), "the old token works as long as its grace");

    let again = db.other.replace(&old, &successor(&journey, 2), later(200), later(100)).await?;
    assert_eq!(again, Replacement::Replaced, "the first answer was lost");
    let late = db.one.replace(&old, &successor(&journey, 3), later(300), later(101)).await?;
    assert_eq!(late, Replacement::Reused, "the grace did not grow");
    assert_eq!(db.one.lookup(&successor(&journey, 3).id).await?, None);

    let unknown = Digest::of(Purpose::RefreshToken, "unknown");
    assert_eq!(db.one.replace(&unknown, &successor(&journey, 4), later(300), NOON).await?, Replacement::Gone);
    Ok(())
}

/// The grant itself goes on: its access tokens, and what the person agreed to.
pub async fn refresh_tokens_can_end_without_their_grant(db: Pair) -> Shown {
    let (journey, another) = (Journey::new("a"), Journey::new("b"));
    journey.redeem(&db.one).await?;
    another.redeem(&db.one).await?;
    db.other.revoke_for(&journey.pushed().id).await?;
    assert_eq!(db.one.lookup(&journey.digest(Purpose::RefreshToken)).await?, None);
    assert_eq!(db.one.by_id(&journey.pushed().id).await?, Some(journey.redeemed()));
    assert!(db.one.lookup(&another.digest(Purpose::RefreshToken)).await?.is_some());
    Ok(())
}

/// `P-23`, `I2`: the history of many refreshes on two replicas around one revocation. Whatever begins after the revocation was
/// acknowledged fails, and no token is left.
pub async fn no_refresh_succeeds_after_a_revocation(db: Pair) -> Shown {
    for round in 0..4 {
        let journey = Journey::new(&round.to_string());
        journey.redeem(&db.one).await?;
        let clock = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let refreshes: Vec<_> = (0..8)
            .map(|n| {
                let store = if n % 2 == 0 { db.one.clone() } else { db.other.clone() };
                tokio::spawn(refresh_until(store, journey.clone(), n, Arc::clone(&clock), Arc::clone(&over)))
            })
            .collect();
        while clock.load(Ordering::SeqCst) < 40 {
            tokio::task::yield_now().await;
        }
        let store = if round % 2 == 0 { &db.one } else { &db.other };
        let revoked = store.revoke(&journey.pushed().id, journey.client(), NOON, later(300)).await?;
        assert_eq!(revoked, Revocation::Revoked);
        let acknowledged = clock.fetch_add(1, Ordering::SeqCst);

        // Some more are tried, and then it is over.
        while clock.load(Ordering::SeqCst) < acknowledged + 40 {
            tokio::task::yield_now().await;
        }
        over.store(true, Ordering::SeqCst);
        for task in refreshes {
            let (tokens, last) = task.await.expect("a task of a claim does not panic")?;
            assert!(
                last < acknowledged,
                "a refresh that began at {last} succeeded; revoked at {acknowledged}"
            );
            for token in tokens {
                assert_eq!(db.one.lookup(&token).await?, None, "no refresh token is left");
            }
        }
        assert!(db.one.denied("any", &journey.pushed().id).await?);
        assert!(db.other.denied("any", &journey.pushed().id).await?);
    }
    Ok(())
}

/// Refreshes with rotation until it is over. Returns all tokens it received, and when the last refresh that succeeded began.
async fn refresh_until(
    store: Store,
    journey: Journey,
    task: usize,
    clock: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
) -> Result<(Vec<Digest>, u64), StoreError> {
    let mut tokens = vec![journey.digest(Purpose::RefreshToken)];
    let (mut last, mut n) = (0, 0);
    while !over.load(Ordering::SeqCst) {
        let begun = clock.fetch_add(1, Ordering::SeqCst);
        let current = tokens.last().expect("there is always one");
        if let Some(token) = store.lookup(current).await? {
            let next = successor(&journey, task * 1_000_000 + n);
            n += 1;
            if store.replace(&token.id, &next, later(1000), later(20)).await? == Replacement::Replaced {
                last = begun;
                tokens.push(next.id);
            }
        }
    }
    Ok((tokens, last))
}
