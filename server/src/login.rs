//! Who is this person? `Users`: a password against an Argon2id hash, in a bounded pool, so that a flood of sign-ins never stalls
//! other requests (`B-10`).

use std::sync::LazyLock;

use fapi_config::Users;
use fapi_core::ids::Subject;
use fapi_core::secret::Secret;
use serde_json::{Map, Value};

use crate::password::{Busy, Pool};

/// A longer password is refused unhashed (`B-10`).
const LONGEST_PASSWORD: usize = 1024;

/// Passwords being checked at once, by all servers of this process: half the cores, so that tokens are still signed.
static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Pool::new((cores / 2).max(1))
});

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

/// Checks a password. Without people nobody is known.
pub async fn check(users: Option<&Users>, attempt: Attempt) -> Outcome {
    check_in(&POOL, users, attempt).await
}

async fn check_in(pool: &Pool, users: Option<&Users>, attempt: Attempt) -> Outcome {
    if attempt.password.expose().len() > LONGEST_PASSWORD {
        return Outcome::Unknown;
    }
    let user = users.and_then(|users| users.find(&attempt.username));
    // For a user name that does not exist a hash is checked all the same, at the cost of the real ones (B-07).
    let hash = user.or_else(|| users?.iter().next().map(|(_, user)| user)).map(|user| user.password.expose());
    let hash = hash.unwrap_or(DECOY).to_owned();
    match (pool.check(attempt.password, hash).await, user) {
        (Err(Busy), _) => Outcome::Busy,
        (Ok(true), Some(user)) => Outcome::Known(Known { subject: user.sub.clone(), acr: user.acr.clone() }),
        (Ok(_), _) => Outcome::Unknown,
    }
}

/// What is known of a person, for UserInfo.
pub fn claims(users: Option<&Users>, subject: &Subject) -> Map<String, Value> {
    let person = users.and_then(|users| users.iter().find(|(_, user)| user.sub == *subject));
    person.map(|(_, user)| user.claims.clone()).unwrap_or_default()
}

/// What to call a person where they are shown that they are signed in: their name, else what they signed in with.
pub fn called(users: Option<&Users>, subject: &str) -> String {
    let person = users.and_then(|users| users.iter().find(|(_, user)| user.sub.as_str() == subject));
    let Some((username, user)) = person else { return subject.to_owned() };
    let name = user.claims.get("name").and_then(Value::as_str).filter(|name| !name.trim().is_empty());
    name.unwrap_or(username).to_owned()
}

/// Argon2id over nothing anybody knows, at the recommended cost (RFC 9106 4, OWASP: 19 MiB, 2 passes).
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBub2JvZHk$DGmhBhIxNBVn8cFxHuvHxnPOTLL7G65u3xx5qkWvdmE";

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;
    use argon2::password_hash::phc::PasswordHash;
    use argon2::{Argon2, Params};

    use super::*;

    fn people() -> Users {
        let cheap = Params::new(64, 1, 1, None).unwrap();
        let cheap = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
        let hash = cheap.hash_password(b"wonderland").unwrap().to_string();
        let text = format!("alice: {{sub: a-1, password: '{hash}', acr: gold, claims: {{name: Alice}}}}");
        Users::parse(text.as_bytes()).unwrap()
    }

    fn attempt(username: &str, password: &str) -> Attempt {
        Attempt { username: username.into(), password: Secret::presented(password) }
    }

    #[tokio::test]
    async fn a_person_signs_in_with_their_own_password_only() {
        let people = people();
        let Outcome::Known(known) = check(Some(&people), attempt("alice", "wonderland")).await else {
            panic!("refused")
        };
        assert_eq!((known.subject.as_str(), known.acr.as_deref()), ("a-1", Some("gold")));
        let wrong = [
            ("alice", "Wonderland"),
            ("alice", ""),
            ("bob", "wonderland"),
            ("", ""),
            ("Alice", "wonderland"),
        ];
        for (username, password) in wrong {
            let outcome = check(Some(&people), attempt(username, password)).await;
            assert!(matches!(outcome, Outcome::Unknown), "B-07 {username}");
        }
        assert!(matches!(check(None, attempt("alice", "wonderland")).await, Outcome::Unknown));
        let endless = check(Some(&people), attempt("alice", &"x".repeat(1025))).await;
        assert!(matches!(endless, Outcome::Unknown), "B-10");
    }

    #[tokio::test]
    async fn a_full_pool_answers_that_it_is_busy() {
        tokio::time::pause();
        let outcome = check_in(&Pool::new(0), Some(&people()), attempt("alice", "wonderland")).await;
        assert!(matches!(outcome, Outcome::Busy), "B-10");
    }

    #[tokio::test]
    async fn the_decoy_is_a_hash_that_can_be_checked() {
        assert!(PasswordHash::new(DECOY).is_ok());
        assert_eq!(Pool::new(1).check(Secret::presented(""), DECOY.to_owned()).await, Ok(false));
    }

    #[test]
    fn claims_are_those_of_the_subject() {
        let people = people();
        assert_eq!(claims(Some(&people), &Subject::from_stored("a-1")).get("name").unwrap(), "Alice");
        assert!(claims(Some(&people), &Subject::from_stored("alice")).is_empty());
    }

    #[test]
    fn a_person_is_called_by_their_name() {
        assert_eq!(called(Some(&people()), "a-1"), "Alice");
        let text =
            "bob: {sub: b-1, password: '$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'}";
        assert_eq!(called(Some(&Users::parse(text.as_bytes()).unwrap()), "b-1"), "bob");
        assert_eq!(called(None, "c-1"), "c-1");
    }
}
