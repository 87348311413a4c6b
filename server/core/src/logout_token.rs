//! What is a client told when somebody signs out (OpenID Connect Back-Channel Logout 1.0, `LGO-06`), and how often is it tried?

use serde_json::{Map, json};

use crate::claims::ToSign;
use crate::client::Client;
use crate::ids::Subject;
use crate::lifetime::{Lifetime, Timestamp};
use crate::registry::Registry;
use crate::rejection::Rejection;
use crate::response::no_key;

/// The member of `events` (OpenID Connect Back-Channel Logout 2.4).
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// For how long it is tried to tell a client.
pub const TRIES: Lifetime = Lifetime::days(1);

/// How long one try takes at most: the name, the connection, the answer. Long before that, its request has been given up.
pub const TRY: Lifetime = Lifetime::minutes(1);

/// How long a logout token can be used: at most two minutes (OpenID Connect Back-Channel Logout 4). Each try has its own.
pub const LIFETIME: Lifetime = Lifetime::minutes(2);

/// The first pause between two tries, and the longest.
const PAUSES: [Lifetime; 2] = [Lifetime::seconds(5), Lifetime::minutes(15)];

/// A logout token: about this person and this session, as this client knows them. It is signed as ID Tokens for this client are,
/// with another `typ`, so that none can be taken for the other (`KEY-11`).
///
/// # Errors
/// `server_error` when no key is active.
pub fn logout_token(
    subject: &Subject,
    sid: &str,
    client: &Client,
    registry: &Registry,
    jti: [u8; 16],
    now: Timestamp,
) -> Result<ToSign, Rejection> {
    let registered = client.registration().id_token.signing_algorithm;
    let alg = registry.signing_algorithm(registered).ok_or_else(no_key)?;
    let claims = Map::from_iter([
        ("iss".to_owned(), json!(registry.issuer.as_str())),
        ("aud".to_owned(), json!(client.id().as_str())),
        ("iat".to_owned(), json!(now.as_unix())),
        ("exp".to_owned(), json!((now + LIFETIME).as_unix())),
        ("jti".to_owned(), json!(fapi_jose::b64::encode(jti))),
        ("events".to_owned(), json!({ EVENT: {} })),
        ("sub".to_owned(), json!(registry.subject_for(client, subject))),
        ("sid".to_owned(), json!(sid)),
    ]);
    Ok(ToSign { claims, alg, typ: "logout+jwt" })
}

/// When to try again after so many tries, or never: pauses double, and end with [`TRIES`].
pub fn again(tries: i64, now: Timestamp, ends: Timestamp) -> Option<Timestamp> {
    let [first, longest] = PAUSES;
    let doubled = u32::try_from(tries.saturating_sub(1)).ok().and_then(|times| 1_i64.checked_shl(times));
    let pause = doubled.and_then(|times| first.as_seconds().checked_mul(times)).map(Lifetime::seconds);
    let due = now + pause.map_or(longest, |pause| pause.min(longest));
    (due <= ends).then_some(due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::NOON;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour_and_end_after_a_day() {
        let ends = NOON + TRIES;
        let mut now = NOON;
        let mut pauses = Vec::new();
        let mut tries = 1;
        while let Some(due) = again(tries, now, ends) {
            pauses.push((due - now).as_seconds());
            now = due;
            tries += 1;
        }
        assert_eq!(pauses[..9], [5, 10, 20, 40, 80, 160, 320, 640, 900]);
        assert!(pauses[9..].iter().all(|pause| *pause == 900) && now <= ends, "{tries} tries");
        for tries in [0, -1, 63, 64, 65, i64::MAX] {
            assert!(again(tries, NOON, ends).is_some_and(|due| due > NOON), "{tries}");
        }
    }
}
