//! What do we ask of others? Only at addresses that a field of a resource names, never at what a request names (H-13).
//!
//! Nothing is even prepared for it until something is asked for: a server whose clients have neither `jwks_uri` nor
//! `backchannel_logout_uri` makes no connection of its own, but to its database.

mod client_keys;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fapi_core::link::https_url;
use fapi_core::network::{Network, may_be_reached};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use url::{Host, Url};

pub use self::client_keys::{ClientKeys, Freshness};

/// A JWKS is far shorter than this (H-13).
const MAX_BYTES: usize = 64 * 1024;

/// Where we may go, whom we trust there, and how long we wait for them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Networks that may be reached although they are not public.
    pub networks: Vec<Network>,
    /// Authorities beside those of the system, PEM.
    pub authorities: Option<Vec<u8>>,
    /// How long one request may take, from the name to the last byte (H-13).
    pub patience: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { networks: Vec::new(), authorities: None, patience: Duration::from_secs(3) }
    }
}

/// The one way out.
#[derive(Clone, Debug)]
pub struct Egress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What whoever started the server said.
    started: Policy,
    way: Mutex<Arc<Way>>,
}

/// A policy in force.
#[derive(Debug)]
struct Way {
    policy: Policy,
    client: OnceLock<Result<reqwest::Client, NotFetched>>,
}

/// What was there.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The content.
    pub bytes: Bytes,
    /// For how long it may be kept (RFC 9111 5.2.2.1), if that was said.
    pub max_age: Option<Duration>,
}

/// Why there is nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotFetched {
    /// Not a URL that is fetched.
    #[error("only https URLs without user and password are fetched")]
    BadUrl,
    /// The connection failed, or broke off.
    #[error("{0}")]
    Failed(String),
    /// The name leads to where we do not go.
    #[error("the host has no public address")]
    Forbidden,
    /// There is no client to fetch with.
    #[error("the authorities cannot be used: {0}")]
    NoAuthorities(String),
    /// Redirects are not followed: they could lead anywhere.
    #[error("the answer is {0}, and not 200")]
    Status(u16),
    /// Longer than 64 KiB.
    #[error("the answer is longer than 64 KiB")]
    TooLarge,
}

impl Egress {
    /// A way out that nobody has used yet.
    pub fn new(policy: Policy) -> Self {
        let way = Mutex::new(Arc::new(Way::new(policy.clone())));
        Self(Arc::new(Inner { started: policy, way }))
    }

    /// From now on what this configuration names is allowed beside what the server was started with.
    pub(crate) fn follow(&self, said: &fapi_config::Egress) {
        let mut policy = self.0.started.clone();
        policy.networks.extend(&said.networks);
        if let Some(authorities) = &said.authorities {
            let all = policy.authorities.get_or_insert_default();
            all.push(b'\n');
            all.extend_from_slice(authorities.as_bytes());
        }
        let mut way = self.0.way.lock().unwrap_or_else(PoisonError::into_inner);
        if way.policy != policy {
            *way = Arc::new(Way::new(policy));
        }
    }

    fn way(&self) -> Arc<Way> {
        Arc::clone(&self.0.way.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches a document: over TLS with the server's certificate and name verified (`TLS-10`), from a public address,
    /// without following redirects, in time, and within 64 KiB.
    ///
    /// # Errors
    /// Why there is nothing.
    pub async fn get(&self, url: &str) -> Result<Fetched, NotFetched> {
        let way = self.way();
        let (url, client) = way.to(url)?;
        let sent = client.get(url).header(ACCEPT, "application/jwk-set+json, application/json").send();
        let mut response = sent.await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(NotFetched::Status(response.status().as_u16()));
        }
        let max_age = max_age(response.headers());
        let mut bytes = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > MAX_BYTES {
                return Err(NotFetched::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Fetched { bytes: bytes.freeze(), max_age })
    }

    /// Posts a form, as carefully as [`Egress::get`]. What is answered beside the status is not read.
    ///
    /// # Errors
    /// Why it did not arrive: an answer other than 200 and 204 is a reason too (OpenID Connect Back-Channel Logout 2.8).
    pub async fn post(&self, url: &str, form: &[(&str, &str)]) -> Result<(), NotFetched> {
        let way = self.way();
        let (url, client) = way.to(url)?;
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let sent =
            client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body).send();
        match sent.await.map_err(failed)?.status() {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
            status => Err(NotFetched::Status(status.as_u16())),
        }
    }
}

impl Way {
    fn new(policy: Policy) -> Self {
        Self { policy, client: OnceLock::new() }
    }

    /// The client that may go to this URL.
    fn to(&self, url: &str) -> Result<(Url, reqwest::Client), NotFetched> {
        let url = https_url(url).ok_or(NotFetched::BadUrl)?;
        let host = url.host().ok_or(NotFetched::BadUrl)?;
        // The resolver below is not asked for what is no name.
        let allowed = match host {
            Host::Domain(_) => true,
            Host::Ipv4(address) => may_be_reached(address.into(), &self.policy.networks),
            Host::Ipv6(address) => may_be_reached(address.into(), &self.policy.networks),
        };
        if !allowed {
            return Err(NotFetched::Forbidden);
        }
        let client = self.client.get_or_init(|| self.build()).clone()?;
        Ok((url, client))
    }

    fn build(&self) -> Result<reqwest::Client, NotFetched> {
        let refused = |error: reqwest::Error| NotFetched::NoAuthorities(error.to_string());
        // What the client asks the process for. If it has one already, that one will do.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .timeout(self.policy.patience)
            // A connection that is kept was judged by what the name meant when it was opened.
            .pool_max_idle_per_host(0)
            .dns_resolver(Guarded { networks: self.policy.networks.clone() });
        if let Some(pem) = &self.policy.authorities {
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem).map_err(refused)?);
        }
        builder.build().map_err(refused)
    }
}

/// Resolves names to addresses that may be reached. The connection is made to what is returned here, so a name that means
/// something else a moment later changes nothing.
struct Guarded {
    networks: Vec<Network>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.networks.clone();
        Box::pin(async move {
            let found = addresses(name.as_str()).await?;
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|address| may_be_reached(address.ip(), &networks)).collect();
            if allowed.is_empty() {
                return Err(NotFetched::Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Names below `localhost` mean this machine wherever they are looked up (RFC 6761 6.3), and are judged as it is.
async fn addresses(name: &str) -> io::Result<Vec<SocketAddr>> {
    if name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost") {
        return Ok(vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]);
    }
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

/// What went wrong, down to its cause; the URL is left to whoever asked for it.
fn failed(error: reqwest::Error) -> NotFetched {
    let error = error.without_url();
    let mut causes = vec![error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if matches!(cause.downcast_ref(), Some(NotFetched::Forbidden)) {
            return NotFetched::Forbidden;
        }
        causes.push(cause.to_string());
        source = cause.source();
    }
    NotFetched::Failed(causes.join(": "))
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let said = headers.get(CACHE_CONTROL)?.to_str().ok()?;
    let mut directives = said.split(',').filter_map(|one| one.trim().split_once('='));
    let (_, seconds) = directives.find(|(name, _)| name.eq_ignore_ascii_case("max-age"))?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}
