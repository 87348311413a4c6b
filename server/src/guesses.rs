//! How often may somebody guess a password? Wrong ones fill buckets that leak; where one is full, nobody's password is looked at
//! for a while (`B-08`).
//!
//! Three buckets count a guess: of this name from this address, of this name from anywhere, and of this address for any name.
//! Nobody can lock a person out of a browser in which they have signed in before: it shows so by a cookie, and has one bucket of
//! its own in place of all three. In a new browser a person waits while somebody guesses at their name, or from their address.
//!
//! The buckets are of a fixed number, and a guess finds its own by a keyed hash: a flood of made-up names takes no memory.
//! Two that share a bucket by chance share its room. Each pod counts for itself: with three of them somebody has three times
//! as many guesses, which are still few.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use fapi_core::{Lifetime, Timestamp};

/// How many wrong passwords fit into a bucket, and how long each stays.
#[derive(Clone, Copy, Debug)]
struct Size {
    room: i64,
    each: Lifetime,
}

/// A person who mistypes is let on for long; a program that guesses gets 120 an hour.
const NAME_FROM_ADDRESS: Size = Size { room: 10, each: Lifetime::seconds(30) };
/// A program with many addresses gets 360 an hour for one name.
const NAME: Size = Size { room: 50, each: Lifetime::seconds(10) };
/// Many people may share an address: an office, or all that a load balancer hides.
const ADDRESS: Size = Size { room: 200, each: Lifetime::seconds(1) };

/// What a bucket stands for.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Address,
    KnownBrowser,
    Name,
    NameFromAddress,
}

const KINDS: [Kind; 4] = [Kind::Address, Kind::KnownBrowser, Kind::Name, Kind::NameFromAddress];

/// Buckets of each kind.
const BUCKETS: usize = 1 << 14;

/// Who guesses.
#[derive(Clone, Copy, Debug)]
pub struct Guesser<'a> {
    /// As whom.
    pub name: &'a str,
    /// From where; nothing that a header says (`B-09`).
    pub address: Option<IpAddr>,
    /// In a browser in which this person has signed in before.
    pub is_known: bool,
}

/// The wrong passwords of the last minutes.
pub struct Guesses {
    key: hmac::Key,
    /// Of each bucket: when it will be empty. [`Size::each`] of time stands for one wrong password.
    empty_at: Mutex<Vec<i64>>,
}

/// A guess that counts until it is [taken back](Guesses::take_back).
#[derive(Debug)]
#[must_use = "a right password is no guess: take it back"]
pub struct Counted(Vec<(usize, Size)>);

impl Guesses {
    /// None so far. The key keeps it secret which names share a bucket.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            empty_at: Mutex::new(vec![0; BUCKETS * KINDS.len()]),
        }
    }

    /// Counts a guess before the password is looked at, so that many at once are counted too.
    ///
    /// # Errors
    /// How long to wait, when a bucket is full. Nothing is counted then: waiting is enough.
    pub fn count(&self, guesser: &Guesser<'_>, now: Timestamp) -> Result<Counted, Lifetime> {
        let buckets = self.buckets(guesser);
        let now = now.as_unix();
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = 0;
        for (bucket, size) in &buckets {
            if let Some(at) = empty_at.get_mut(*bucket) {
                // A clock that was put back must not make a bucket fuller than full.
                *at = (*at).clamp(now, now + size.room * size.each.as_seconds());
                wait = wait.max(*at - now - (size.room - 1) * size.each.as_seconds());
            }
        }
        if wait > 0 {
            return Err(Lifetime::seconds(wait));
        }
        for (bucket, size) in &buckets {
            if let Some(at) = empty_at.get_mut(*bucket) {
                *at += size.each.as_seconds();
            }
        }
        Ok(Counted(buckets))
    }

    /// It was the right password, or nobody looked.
    pub fn take_back(&self, counted: Counted) {
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        for (bucket, size) in counted.0 {
            if let Some(at) = empty_at.get_mut(bucket) {
                *at -= size.each.as_seconds();
            }
        }
    }

    fn buckets(&self, guesser: &Guesser<'_>) -> Vec<(usize, Size)> {
        let Guesser { name, address, is_known } = *guesser;
        let network = address.map(network).map(|network| network.to_string()).unwrap_or_default();
        if is_known {
            return vec![(self.bucket(Kind::KnownBrowser, name, ""), NAME_FROM_ADDRESS)];
        }
        vec![
            (self.bucket(Kind::NameFromAddress, name, &network), NAME_FROM_ADDRESS),
            (self.bucket(Kind::Name, name, ""), NAME),
            (self.bucket(Kind::Address, "", &network), ADDRESS),
        ]
    }

    fn bucket(&self, kind: Kind, name: &str, network: &str) -> usize {
        let mut message = (name.len() as u64).to_be_bytes().to_vec();
        message.extend_from_slice(name.as_bytes());
        message.extend_from_slice(network.as_bytes());
        let tag = hmac::sign(&self.key, &message);
        let hash = tag.as_ref().iter().take(4).fold(0, |hash, byte| hash << 8 | usize::from(*byte));
        kind as usize * BUCKETS + hash % BUCKETS
    }
}

impl fmt::Debug for Guesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guesses").finish_non_exhaustive()
    }
}

/// What one caller has for sure: an IPv4 address, or the 64 bits of IPv6 that a household is given.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn from<'a>(name: &'a str, address: &str) -> Guesser<'a> {
        Guesser { name, address: Some(address.parse().unwrap()), is_known: false }
    }

    /// How many of `tries` are looked at.
    fn looked_at<'a>(
        guesses: &Guesses,
        tries: impl IntoIterator<Item = Guesser<'a>>,
        now: Timestamp,
    ) -> usize {
        tries.into_iter().filter(|guesser| guesses.count(guesser, now).is_ok()).count()
    }

    #[test]
    fn one_address_has_ten_wrong_passwords_of_a_name_and_then_two_a_minute() {
        let guesses = Guesses::new([1; 32]);
        let thief = from("alice", "192.0.2.1");
        assert_eq!(looked_at(&guesses, std::iter::repeat_n(thief, 1_000), NOON), 10, "B-08");
        let wait = guesses.count(&thief, NOON).unwrap_err();
        assert_eq!(wait, Lifetime::seconds(30), "B-08: it is told how long to wait");
        // Somebody else is not concerned, and neither is the person at home.
        assert!(guesses.count(&from("bob", "192.0.2.1"), NOON).is_ok());
        assert!(guesses.count(&from("alice", "198.51.100.1"), NOON).is_ok());
        assert_eq!(
            looked_at(&guesses, std::iter::repeat_n(thief, 1_000), NOON + Lifetime::minutes(5)),
            10,
            "B-08"
        );
    }

    #[test]
    fn a_clock_that_is_put_back_locks_nobody_out_for_long() {
        let guesses = Guesses::new([1; 32]);
        let person = from("alice", "192.0.2.1");
        assert!(guesses.count(&person, NOON + Lifetime::days(1)).is_ok());
        assert!(guesses.count(&person, NOON).unwrap_err() <= Lifetime::seconds(30));
        assert!(guesses.count(&person, NOON + Lifetime::seconds(30)).is_ok());
    }

    #[test]
    fn many_addresses_do_not_make_many_guesses() {
        let guesses = Guesses::new([1; 32]);
        let addresses: Vec<String> = (0..10_000).map(|n| format!("10.{}.{}.1", n / 256, n % 256)).collect();
        let thieves = addresses.iter().map(|address| from("alice", address));
        assert_eq!(looked_at(&guesses, thieves, NOON), 50, "B-08");
    }

    #[test]
    fn many_names_do_not_make_many_guesses() {
        let guesses = Guesses::new([1; 32]);
        let names: Vec<String> = (0..10_000).map(|n| format!("person-{n}")).collect();
        let tries = names.iter().map(|name| from(name, "192.0.2.1"));
        assert_eq!(looked_at(&guesses, tries, NOON), 200, "B-08");
    }

    #[test]
    fn whoever_signed_in_here_before_is_not_locked_out_by_others() {
        let guesses = Guesses::new([1; 32]);
        let addresses: Vec<String> = (0..200).map(|n| format!("10.0.{n}.1")).collect();
        looked_at(&guesses, addresses.iter().map(|address| from("alice", address)), NOON);
        let stranger = from("alice", "192.0.2.1");
        assert!(guesses.count(&stranger, NOON).is_err());
        let known = Guesser { is_known: true, ..stranger };
        assert_eq!(
            looked_at(&guesses, [known; 100], NOON),
            10,
            "B-08: and has no more guesses than a stranger"
        );
    }

    #[test]
    fn a_right_password_is_no_guess() {
        let guesses = Guesses::new([1; 32]);
        let person = from("alice", "192.0.2.1");
        for _ in 0..1_000 {
            let counted = guesses.count(&person, NOON).expect("nothing is full");
            guesses.take_back(counted);
        }
        assert_eq!(looked_at(&guesses, [person; 100], NOON), 10);
    }

    #[test]
    fn all_addresses_of_a_household_are_one() {
        let guesses = Guesses::new([1; 32]);
        let addresses: Vec<String> = (0..100).map(|n| format!("2001:db8:1:2::{n:x}")).collect();
        let tries = addresses.iter().map(|address| from("alice", address));
        assert_eq!(looked_at(&guesses, tries, NOON), 10, "B-08, B-09");
        assert!(guesses.count(&from("alice", "2001:db8:1:3::1"), NOON).is_ok());
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), network("192.0.2.1".parse().unwrap()));
    }
}
