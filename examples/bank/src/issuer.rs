//! Which keys does the issuer publish, and where is it asked? (OpenID Connect Discovery 4, RFC 8414 3)

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use fapi_core::issuer::Issuer;
use fapi_core::{Lifetime, Timestamp};
use fapi_jose::{JwkSet, Unverified};
use fapi_server::clock::Clock;
use http::{HeaderMap, header};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::outbound::{Client, Request};

/// An unknown `kid` may be a new key, or somebody's invention: so often at most it makes us ask.
const ASK_AGAIN: Lifetime = Lifetime::seconds(10);

/// After a failure, others who wait for the same answer are told so at once.
const REST: Lifetime = Lifetime::seconds(1);

/// For how long keys are good whose answer does not say so, and the longest that is believed.
const UNSAID: Lifetime = Lifetime::minutes(5);
const LONGEST: Lifetime = Lifetime::days(1);

/// The authorization server could not be asked, or did not answer as one. The text is for the log: no token is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unavailable(pub(crate) String);

/// What the issuer published, whole: keys and addresses of one moment.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// Its keys.
    pub(crate) keys: JwkSet,
    /// Where tokens are introspected (RFC 7662).
    pub(crate) introspection: Url,
    until: Timestamp,
}

/// The issuer, with what it last published.
pub(crate) struct Authority {
    issuer: Issuer,
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    published: ArcSwapOption<Published>,
    /// One at a time asks, the others wait for the answer.
    last: Mutex<Option<Attempt>>,
}

#[derive(Clone, Copy)]
struct Attempt {
    at: Timestamp,
    failed: bool,
}

impl Attempt {
    fn within(self, span: Lifetime, now: Timestamp) -> bool {
        now < self.at + span
    }
}

impl Published {
    /// Whether a token with this `kid` can be judged by it.
    fn serves(&self, kid: Option<&str>, now: Timestamp) -> bool {
        now < self.until && kid.is_none_or(|kid| self.keys.keys().iter().any(|key| key.kid() == Some(kid)))
    }
}

impl Authority {
    pub(crate) fn new(issuer: Issuer, client: Arc<Client>, clock: Arc<dyn Clock>) -> Self {
        Self { issuer, client, clock, published: ArcSwapOption::empty(), last: Mutex::default() }
    }

    /// The issuer, byte for byte.
    pub(crate) fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// What was published, good for judging this token: kept for as long as the issuer says; asked for anew when the token
    /// names a key that is not in it, which is how a rotated key arrives.
    ///
    /// # Errors
    /// Nothing that is still good, and nobody to ask.
    pub(crate) async fn published(&self, token: &str) -> Result<Arc<Published>, Unavailable> {
        let unverified = Unverified::parse(token).ok();
        let kid = unverified.as_ref().and_then(Unverified::kid);
        if let Some(known) = self.kept(kid) {
            return Ok(known);
        }

        let mut last = self.last.lock().await;
        // Whoever had the lock before may have brought it.
        if let Some(known) = self.kept(kid) {
            return Ok(known);
        }
        let now = self.clock.now();
        let fresh = self.published.load_full().filter(|published| now < published.until);
        match (fresh, *last) {
            (Some(fresh), Some(attempt)) if attempt.within(ASK_AGAIN, now) && !attempt.failed => {
                return Ok(fresh);
            }
            (Some(_), Some(attempt)) if attempt.within(ASK_AGAIN, now) => return Err(failed()),
            (None, Some(attempt)) if attempt.within(REST, now) && attempt.failed => return Err(failed()),
            _ => {}
        }
        *last = Some(Attempt { at: now, failed: true });
        let published = Arc::new(self.fetch(now).await?);
        *last = Some(Attempt { at: now, failed: false });
        self.published.store(Some(Arc::clone(&published)));
        Ok(published)
    }

    fn kept(&self, kid: Option<&str>) -> Option<Arc<Published>> {
        self.published.load_full().filter(|published| published.serves(kid, self.clock.now()))
    }

    async fn fetch(&self, now: Timestamp) -> Result<Published, Unavailable> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer);
        let (discovery, discovery_age) = self.get(&address).await?;
        let said = |name: &str| discovery.get(name).and_then(Value::as_str);
        // OpenID Connect Discovery 4.3: another issuer's document would bring another issuer's keys.
        if said("issuer") != Some(self.issuer.as_str()) {
            return Err(Unavailable(format!("{address} is the document of another issuer")));
        }
        let alias =
            discovery.pointer("/mtls_endpoint_aliases/introspection_endpoint").and_then(Value::as_str);
        let introspection = if self.client.has_certificate() { alias } else { None };
        let introspection = introspection.or_else(|| said("introspection_endpoint")).and_then(https);
        let introspection = introspection
            .ok_or_else(|| Unavailable(format!("{address} names no introspection_endpoint with https")))?;
        let keys = said("jwks_uri")
            .and_then(https)
            .ok_or_else(|| Unavailable(format!("{address} names no jwks_uri with https")))?;

        let (keys, keys_age) = self.get(keys.as_str()).await?;
        let keys =
            JwkSet::from_json(&keys).map_err(|why| Unavailable(format!("the issuer's keys: {why}")))?;
        Ok(Published { keys, introspection, until: now + discovery_age.min(keys_age) })
    }

    /// A document, and for how long it is good.
    async fn get(&self, address: &str) -> Result<(Value, Lifetime), Unavailable> {
        let unusable = |why: &dyn fmt::Display| Unavailable(format!("{address}: {why}"));
        let url = Url::parse(address).map_err(|why| unusable(&why))?;
        let answer = self.client.send(Request::Get(url)).await.map_err(|why| unusable(&why))?;
        if answer.status != 200 {
            return Err(unusable(&format_args!("status {}", answer.status)));
        }
        let document = fapi_jose::json::parse(&answer.body).map_err(|why| unusable(&why))?;
        Ok((document, max_age(&answer.headers)))
    }
}

fn failed() -> Unavailable {
    Unavailable("the issuer's keys could not be fetched a moment ago".to_owned())
}

fn https(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| url.scheme() == "https")
}

/// `max-age` of `Cache-Control` (RFC 9111 5.2.2.1); nothing for what must not be kept.
fn max_age(headers: &HeaderMap) -> Lifetime {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut said = UNSAID;
    for directive in values.flat_map(|value| value.split(',')).map(str::trim) {
        match directive.split_once('=') {
            None if ["no-store", "no-cache"].iter().any(|name| directive.eq_ignore_ascii_case(name)) => {
                return Lifetime::seconds(0);
            }
            Some((name, seconds)) if name.eq_ignore_ascii_case("max-age") => {
                said = seconds.trim_matches('"').parse().map_or(Lifetime::seconds(0), Lifetime::seconds);
            }
            _ => {}
        }
    }
    said.clamp(Lifetime::seconds(0), LONGEST)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn keys_are_kept_for_as_long_as_the_issuer_says_and_a_day_at_most() {
        for (said, seconds) in [
            ("public, max-age=300, must-revalidate", 300),
            ("Max-Age=\"60\"", 60),
            ("no-store", 0),
            ("max-age=300, no-cache", 0),
            ("max-age=later", 0),
            ("max-age=-1", 0),
            ("max-age=31536000", 86_400),
            ("public", 300),
        ] {
            let headers = HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(said))]);
            assert_eq!(max_age(&headers), Lifetime::seconds(seconds), "{said}");
        }
        assert_eq!(max_age(&HeaderMap::new()), UNSAID);
    }
}
