//! Did this form come from a page of ours, for this browser and this interaction? Is this `DPoP` nonce ours? Has this person signed
//! in here before? CSRF tokens, nonces and acquaintances without replica state.
//!
//! A token is an HMAC over the browser's cookie, the interaction and a bucket of time, under a key that all replicas share
//! (`<ws>-seal`). Nothing is stored; a token of another browser, interaction or hour is worth nothing (`B-01`, `AUT-16`).

use std::fmt;

use aws_lc_rs::hmac;
use fapi_config::LONGEST_SEALED;
use fapi_core::dpop::LONGEST_NONCE;
use fapi_core::ids::GrantId;
use fapi_core::secret::Digest;
use fapi_core::{Lifetime, Timestamp};
use fapi_jose::b64;

/// Tokens of this bucket and the one before are accepted, so one lasts 30 to 60 minutes: longer than any interaction.
const BUCKET: Lifetime = Lifetime::minutes(30);

/// A `DPoP` nonce of this bucket and the one before is accepted, so one lasts 5 to 10 minutes (`DPO-11`).
const NONCE_BUCKET: Lifetime = Lifetime::minutes(5);
const _: () = assert!(2 * NONCE_BUCKET.as_seconds() <= LONGEST_NONCE.as_seconds());

/// A key is erased when nothing that it sealed can be presented any more.
const _: () = assert!(2 * BUCKET.as_seconds() <= LONGEST_SEALED.as_seconds());
const _: () = assert!(LONGEST_NONCE.as_seconds() <= LONGEST_SEALED.as_seconds());

/// Keys to seal with: the first seals, all of them open.
#[derive(Clone)]
pub struct Seal(Vec<hmac::Key>);

/// What a token is for. A token of one page is no token for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// The answer to a consent page.
    Consent,
    /// The sign-in.
    Login,
    /// The answer to whether to sign out; its interaction is the session.
    Logout,
    /// The end of what a person allowed; its browser is the session, its interaction that grant.
    Withdraw,
}

impl Form {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Consent => b"consent",
            Self::Login => b"login",
            Self::Logout => b"logout",
            Self::Withdraw => b"withdraw",
        }
    }
}

impl Seal {
    /// From shared secrets of 32 bytes, the one that seals first.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self(keys.into_iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).collect())
    }

    /// A token for a form on a page of this interaction, in this browser. Empty when there is no key: then no form is accepted.
    pub fn token(&self, form: Form, browser: &Digest, grant: &GrantId, now: Timestamp) -> String {
        self.0.first().map(|key| b64::encode(tag(key, form, browser, grant, bucket(now)))).unwrap_or_default()
    }

    /// What a browser keeps in which this person has signed in (`B-08`). It opens nothing.
    pub fn acquaintance(&self, username: &str) -> String {
        let tag = self.0.first().map(|key| hmac::sign(key, &acquaintance_message(username)));
        tag.map(b64::encode).unwrap_or_default()
    }

    /// Whether this person has signed in where this comes from. Constant time.
    pub fn is_acquainted(&self, acquaintance: &str, username: &str) -> bool {
        let Some(presented) = b64::decode(acquaintance) else { return false };
        let message = acquaintance_message(username);
        self.0.iter().any(|key| hmac::verify(key, &message, &presented).is_ok())
    }

    /// A nonce for `DPoP` proofs, the same for everybody for a while (RFC 9449 8). None when there is no key: then no proof that
    /// needs a nonce is accepted.
    pub fn nonce(&self, now: Timestamp) -> Option<String> {
        let message = nonce_message(now.as_unix().div_euclid(NONCE_BUCKET.as_seconds()));
        self.0.first().map(|key| b64::encode(hmac::sign(key, &message)))
    }

    /// Whether a nonce is one of ours, and not too old. Constant time.
    pub fn knows_nonce(&self, nonce: &str, now: Timestamp) -> bool {
        let Some(presented) = b64::decode(nonce) else { return false };
        let current = now.as_unix().div_euclid(NONCE_BUCKET.as_seconds());
        self.0.iter().any(|key| {
            [current, current - 1]
                .iter()
                .any(|bucket| hmac::verify(key, &nonce_message(*bucket), &presented).is_ok())
        })
    }

    /// Whether a form's token is one of ours. Constant time.
    pub fn opens(&self, token: &str, form: Form, browser: &Digest, grant: &GrantId, now: Timestamp) -> bool {
        let Some(presented) = b64::decode(token) else { return false };
        let current = bucket(now);
        self.0.iter().any(|key| {
            [current, current - 1].iter().any(|bucket| {
                let message = message(form, browser, grant, *bucket);
                hmac::verify(key, &message, &presented).is_ok()
            })
        })
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} keys)", self.0.len())
    }
}

fn acquaintance_message(username: &str) -> Vec<u8> {
    // As `message`, with a length before each part: no other token begins like this.
    let label = b"acquaintance".as_slice();
    [&(label.len() as u64).to_be_bytes(), label, username.as_bytes()].concat()
}

fn bucket(now: Timestamp) -> i64 {
    now.as_unix().div_euclid(BUCKET.as_seconds())
}

fn tag(key: &hmac::Key, form: Form, browser: &Digest, grant: &GrantId, bucket: i64) -> hmac::Tag {
    hmac::sign(key, &message(form, browser, grant, bucket))
}

fn message(form: Form, browser: &Digest, grant: &GrantId, bucket: i64) -> Vec<u8> {
    let mut message = Vec::with_capacity(128);
    for part in [b"csrf".as_slice(), form.label(), browser.as_str().as_bytes(), grant.as_str().as_bytes()] {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message.extend_from_slice(&bucket.to_be_bytes());
    message
}

fn nonce_message(bucket: i64) -> Vec<u8> {
    [b"dpop nonce".as_slice(), &bucket.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn parts() -> (Seal, Digest, GrantId) {
        (Seal::new([[1; 32].as_slice()]), Digest::from_stored("alice's browser"), GrantId::from_stored("g1"))
    }

    #[test]
    fn a_token_is_good_for_its_own_form_browser_and_interaction_only() {
        let (seal, browser, grant) = parts();
        let token = seal.token(Form::Login, &browser, &grant, NOON);
        assert!(seal.opens(&token, Form::Login, &browser, &grant, NOON));
        assert!(!seal.opens(&token, Form::Consent, &browser, &grant, NOON), "B-01");
        assert!(!seal.opens(&token, Form::Login, &Digest::from_stored("other"), &grant, NOON), "B-01");
        assert!(!seal.opens(&token, Form::Login, &browser, &GrantId::from_stored("g2"), NOON), "AUT-17");
        assert!(!seal.opens("", Form::Login, &browser, &grant, NOON), "AUT-16");
    }

    #[test]
    fn a_token_lasts_as_long_as_an_interaction_and_not_for_hours() {
        let (seal, browser, grant) = parts();
        let token = seal.token(Form::Login, &browser, &grant, NOON);
        assert!(seal.opens(&token, Form::Login, &browser, &grant, NOON + Lifetime::minutes(30)));
        assert!(!seal.opens(&token, Form::Login, &browser, &grant, NOON + Lifetime::minutes(61)));
    }

    #[test]
    fn a_rotated_key_still_opens_what_it_sealed() {
        let (old, browser, grant) = parts();
        let token = old.token(Form::Login, &browser, &grant, NOON);
        let rotated = Seal::new([[2; 32].as_slice(), [1; 32].as_slice()]);
        assert!(rotated.opens(&token, Form::Login, &browser, &grant, NOON));
        assert!(!Seal::new([[2; 32].as_slice()]).opens(&token, Form::Login, &browser, &grant, NOON));
    }

    #[test]
    fn a_nonce_lasts_five_to_ten_minutes_on_every_replica() {
        let (seal, browser, grant) = parts();
        let nonce = seal.nonce(NOON).unwrap();
        let replica = Seal::new([[2; 32].as_slice(), [1; 32].as_slice()]);
        assert!(seal.knows_nonce(&nonce, NOON) && replica.knows_nonce(&nonce, NOON), "DPO-11");
        assert!(seal.knows_nonce(&nonce, NOON + Lifetime::minutes(5)), "DPO-11: the one before, too");
        assert!(!seal.knows_nonce(&nonce, NOON + Lifetime::minutes(10)), "DPO-11");
        assert_ne!(seal.nonce(NOON + Lifetime::minutes(5)).unwrap(), nonce);
        let form = seal.token(Form::Login, &browser, &grant, NOON);
        for other in [form.as_str(), "", "AAAA"] {
            assert!(!seal.knows_nonce(other, NOON), "DPO-11 {other}");
        }
        assert!(!Seal::new([[2; 32].as_slice()]).knows_nonce(&nonce, NOON), "DPO-11: another server's");
        assert_eq!(Seal::new([]).nonce(NOON), None);
    }

    /// Every two revisions that pods may have at the same time while a key is replaced: one opens what the other sealed.
    #[test]
    fn replicas_on_either_side_of_a_step_open_each_others() {
        let (one, two) = ([1; 32], [2; 32]);
        let old = || Seal::new([one.as_slice()]);
        let announced = || Seal::new([one.as_slice(), two.as_slice()]);
        let switched = || Seal::new([two.as_slice(), one.as_slice()]);
        let (_, browser, grant) = parts();
        for (here, there) in [(old(), announced()), (announced(), switched())] {
            for (sealing, opening) in [(&here, &there), (&there, &here)] {
                let token = sealing.token(Form::Consent, &browser, &grant, NOON);
                assert!(opening.opens(&token, Form::Consent, &browser, &grant, NOON));
                assert!(opening.knows_nonce(&sealing.nonce(NOON).unwrap(), NOON));
                assert!(opening.is_acquainted(&sealing.acquaintance("alice"), "alice"));
            }
        }
        // Why the step between is waited for.
        let token = switched().token(Form::Consent, &browser, &grant, NOON);
        assert!(!old().opens(&token, Form::Consent, &browser, &grant, NOON));
    }

    #[test]
    fn without_a_key_no_form_is_accepted() {
        let (_, browser, grant) = parts();
        let none = Seal::new([]);
        let token = none.token(Form::Login, &browser, &grant, NOON);
        assert!(!none.opens(&token, Form::Login, &browser, &grant, NOON));
    }
}
