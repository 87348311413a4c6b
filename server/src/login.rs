//! Who is this person? `Users`: a password against an Argon2id hash, in a bounded pool, so that a flood of sign-ins never stalls
//! other requests (`B-10`).

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use fapi_config::Users;
use fapi_core::ids::Subject;
use fapi_core::secret::Secret;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

/// A longer password is refused unhashed (`B-10`).
const LONGEST_PASSWORD: usize = 1024;
/// How long a sign-in waits for its turn before it is told to try again.
const QUEUE: Duration = Duration::from_secs(5);

/// How people sign in.
#[derive(Clone, Debug)]
pub struct Login {
    users: Arc<Users>,
    pool: Arc<Semaphore>,
    decoy: Arc<str>,
}

/// What somebody typed.
#[derive(Debug)]
pub struct Attempt {
    /// A user name.
    pub username: String,
    /// A password.
    pub password: Secret,
}

/// Whether it was somebody.
#[derive(Debug)]
pub enum Outcome {
    /// Too many sign-ins at once: try again.
    Busy,
    /// This person.
    Known(Known),
    /// Nobody, or not with this password: the two look alike from outside (`B-07`).
    Unknown,
}

/// Somebody who proved who they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Their identifier for good.
    pub subject: Subject,
    /// The authentication context class this sign-in reaches.
    pub acr: Option<String>,
}

/// Passwords being checked at once: half the cores, so that tokens are still signed.
pub fn pool() -> Arc<Semaphore> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Arc::new(Semaphore::new((cores / 2).max(1)))
}

impl Login {
    /// Sign-in by `users.json`. The pool outlives reloads.
    pub fn new(users: Arc<Users>, pool: Arc<Semaphore>) -> Self {
        // Checked for user names that do not exist: costs what the real ones cost. A hash that nothing verifies against.
        let decoy = users.iter().next().map_or_else(|| DECOY.into(), |(_, user)| user.password.expose().into());
        Self { users, pool, decoy }
    }

    /// Checks a password.
    pub async fn check(&self, attempt: Attempt) -> Outcome {
        let user = self.users.find(&attempt.username);
        if attempt.password.expose().len() > LONGEST_PASSWORD {
            return Outcome::Unknown;
        }
        let hash = user.map_or_else(|| self.decoy.to_string(), |user| user.password.expose().to_owned());
        let Ok(Ok(permit)) = tokio::time::timeout(QUEUE, Arc::clone(&self.pool).acquire_owned()).await else {
            return Outcome::Busy;
        };
        let matches = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            verify(attempt.password.expose(), &hash)
        });
        match (matches.await, user) {
            (Ok(true), Some(user)) => Outcome::Known(Known { subject: user.sub.clone(), acr: user.acr.clone() }),
            _ => Outcome::Unknown,
        }
    }

    /// What is known of a person, for UserInfo.
    pub fn claims(&self, subject: &Subject) -> Map<String, Value> {
        self.users.iter().find(|(_, user)| user.sub == *subject).map(|(_, user)| user.claims.clone()).unwrap_or_default()
    }
}

/// Argon2id over nothing anybody knows, at the recommended cost (RFC 9106 4, OWASP: 19 MiB, 2 passes).
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBub2JvZHk$DGmhBhIxNBVn8cFxHuvHxnPOTLL7G65u3xx5qkWvdmE";

fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;

    fn login() -> Login {
        let cheap = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, argon2::Params::new(64, 1, 1, None).unwrap());
        let hash = cheap.hash_password(b"wonderland").unwrap().to_string();
        let users = Users::parse(format!("alice: {{sub: a-1, password: '{hash}', acr: gold, claims: {{name: Alice}}}}").as_bytes());
        Login::new(Arc::new(users.unwrap()), pool())
    }

    fn attempt(username: &str, password: &str) -> Attempt {
        Attempt { username: username.into(), password: Secret::presented(password) }
    }

    #[tokio::test]
    async fn a_person_signs_in_with_their_own_password_only() {
        let login = login();
        let Outcome::Known(known) = login.check(attempt("alice", "wonderland")).await else { panic!("refused") };
        assert_eq!((known.subject.as_str(), known.acr.as_deref()), ("a-1", Some("gold")));
        for (username, password) in [("alice", "Wonderland"), ("alice", ""), ("bob", "wonderland"), ("", ""), ("Alice", "wonderland")] {
            assert!(matches!(login.check(attempt(username, password)).await, Outcome::Unknown), "B-07 {username}");
        }
        assert!(matches!(login.check(attempt("alice", &"x".repeat(1025))).await, Outcome::Unknown), "B-10");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_pool_answers_that_it_is_busy() {
        let login = login();
        let all = u32::try_from(login.pool.available_permits()).unwrap();
        let _taken = login.pool.acquire_many(all).await.unwrap();
        assert!(matches!(login.check(attempt("alice", "wonderland")).await, Outcome::Busy), "B-10");
    }

    #[test]
    fn the_decoy_is_a_hash_that_can_be_checked() {
        assert!(PasswordHash::new(DECOY).is_ok());
        assert!(!verify("", DECOY));
    }

    #[test]
    fn claims_are_those_of_the_subject() {
        assert_eq!(login().claims(&Subject::from_stored("a-1")).get("name").unwrap(), "Alice");
        assert!(login().claims(&Subject::from_stored("alice")).is_empty());
    }
}
