//! Does this password fit this hash? Argon2id takes 19 MiB and more for each check. Allocated anew each time, that memory stays with
//! whichever threads happened to check: a pod that signed in some hundred people was ended by its memory limit. So as many
//! memories are kept as there are checks at once, and no more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use fapi_core::secret::Secret;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a check waits for its turn.
const QUEUE: Duration = Duration::from_secs(5);

/// No check had its turn in time: too many at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy;

/// So many checks at once; the others wait for their turn.
pub struct Pool {
    turns: Arc<Semaphore>,
    memories: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Pool {
    /// A pool for `turns` checks at once. Its memory grows to what the hashes ask for, `turns` times, and not beyond.
    pub fn new(turns: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(turns)), memories: Arc::default() }
    }

    /// Whether a password is that of a hash in PHC format (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`). What is no such hash fits
    /// no password.
    ///
    /// # Errors
    ///
    /// [`Busy`] when other checks took all turns for five seconds.
    pub async fn check(&self, password: Secret, hash: String) -> Result<bool, Busy> {
        let Ok(Ok(turn)) = timeout(QUEUE, Arc::clone(&self.turns).acquire_owned()).await else {
            return Err(Busy);
        };
        let memories = Arc::clone(&self.memories);
        let checked = spawn_blocking(move || {
            let _turn = turn;
            let kept = |memories: &Mutex<Vec<Vec<Block>>>| {
                memories.lock().unwrap_or_else(PoisonError::into_inner).pop()
            };
            let mut memory = kept(&memories).unwrap_or_default();
            let fits = fits(password.expose(), &hash, &mut memory).unwrap_or(false);
            // What a thief would find in it makes guessing cheaper.
            memory.fill(Block::default());
            memories.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            fits
        });
        Ok(checked.await.unwrap_or(false))
    }
}

/// RFC 9106, with the costs that the hash says.
fn fits(password: &str, hash: &str, memory: &mut Vec<Block>) -> Option<bool> {
    let hash = PasswordHash::new(hash).ok().filter(|hash| hash.algorithm == Algorithm::Argon2id.ident())?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let (expected, salt, params) = (hash.hash.as_ref()?, hash.salt.as_ref()?, Params::try_from(&hash).ok()?);
    memory.resize(params.block_count(), Block::default());
    let mut computed = vec![0; expected.len()];
    Argon2::new(Algorithm::Argon2id, version, params)
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut computed, memory.as_mut_slice())
        .ok()?;
    Some(computed.ct_eq(expected.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher as _;
    use futures::future::join_all;

    use super::*;

    fn hash(password: &str, blocks: u32) -> String {
        let params = Params::new(blocks, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password(password.as_bytes()).unwrap().to_string()
    }

    async fn check(pool: &Pool, password: &str, hash: &str) -> bool {
        pool.check(Secret::presented(password), hash.to_owned()).await.unwrap()
    }

    #[tokio::test]
    async fn a_hash_fits_its_own_password_whatever_was_checked_in_the_same_memory_before() {
        let pool = Pool::new(1);
        let (small, large) = (hash("one", 64), hash("two", 256));
        for _ in 0..2 {
            assert!(check(&pool, "two", &large).await && check(&pool, "one", &small).await);
            assert!(!check(&pool, "one", &large).await && !check(&pool, "two", &small).await);
        }
    }

    /// The example that the reference implementation and OWASP's cost give for `password` and the salt `somesalt`.
    #[tokio::test]
    async fn a_hash_of_another_implementation_fits() {
        let of_the_reference =
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(check(&Pool::new(1), "password", of_the_reference).await);
        assert!(!check(&Pool::new(1), "differentpassword", of_the_reference).await);
    }

    #[tokio::test]
    async fn what_is_no_such_hash_fits_no_password() {
        let pool = Pool::new(1);
        let argon2i = "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for hash in [
            "",
            "password",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2id$v=7$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXP",
            argon2i,
        ] {
            assert!(!check(&pool, "password", hash).await, "{hash}");
        }
    }

    /// B-10: memory is bounded by the pool, not by who signed in.
    #[tokio::test(flavor = "multi_thread")]
    async fn many_checks_take_no_more_memory_than_there_are_turns() {
        let (pool, hash) = (Pool::new(2), hash("one", 64));
        let checks = (0..64).map(|_| check(&pool, "one", &hash));
        assert!(join_all(checks).await.into_iter().all(|fits| fits));
        let memories = pool.memories.lock().unwrap();
        assert!((1..=2).contains(&memories.len()), "{}", memories.len());
        let blank =
            |memory: &Vec<Block>| memory.iter().all(|block| block.as_ref().iter().all(|word| *word == 0));
        assert!(memories.iter().all(blank), "what was computed stays behind");
    }

    #[tokio::test]
    async fn without_a_turn_it_is_busy() {
        tokio::time::pause();
        let checked = Pool::new(0).check(Secret::presented("one"), hash("one", 64)).await;
        assert_eq!(checked, Err(Busy), "B-10");
    }
}
