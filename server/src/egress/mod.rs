//! What do we fetch from others? Only what a field of a resource names, never what a request names (H-13).
//!
//! Nothing is even prepared for it until something is asked for: a server whose clients have no `jwks_uri` makes no
//! connection of its own, but to its database.

mod client_keys;
mod network;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use url::{Host, Url};

pub use self::client_keys::{ClientKeys, Freshness};
pub use self::network::{InvalidNetwork, Network};

/// A JWKS is far shorter than this (H-13).
const MAX_BYTES: usize = 64 * 1024;

/// Where we may go, whom we trust there, and how long we wait for them.
#[derive(Clone, Debug)]
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
        Self(Arc::new(Inner { policy, client: OnceLock::new() }))
    }

    /// Fetches a document: over TLS with the server's certificate and name verified (`TLS-10`), from a public address,
    /// without following redirects, in time, and within 64 KiB.
    ///
    /// # Errors
    /// Why there is nothing.
    pub async fn get(&self, url: &str) -> Result<Fetched, NotFetched> {
        let url = Url::parse(url).map_err(|_| NotFetched::BadUrl)?;
        let bare = url.username().is_empty() && url.password().is_none();
        let host = url.host().filter(|_| url.scheme() == "https" && bare).ok_or(NotFetched::BadUrl)?;
        // The resolver below is not asked for what is no name.
        let allowed = match host {
            Host::Domain(_) => true,
            Host::Ipv4(address) => network::may_be_reached(address.into(), &self.0.policy.networks),
            Host::Ipv6(address) => network::may_be_reached(address.into(), &self.0.policy.networks),
        };
        if !allowed {
            return Err(NotFetched::Forbidden);
        }

        let client = self.0.client.get_or_init(|| self.build()).as_ref().map_err(Clone::clone)?;
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

    fn build(&self) -> Result<reqwest::Client, NotFetched> {
        let refused = |error: reqwest::Error| NotFetched::NoAuthorities(error.to_string());
        // What the client asks the process for. If it has one already, that one will do.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .timeout(self.0.policy.patience)
            // A connection that is kept was judged by what the name meant when it was opened.
            .pool_max_idle_per_host(0)
            .dns_resolver(Guarded { networks: self.0.policy.networks.clone() });
        if let Some(pem) = &self.0.policy.authorities {
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
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| network::may_be_reached(address.ip(), &networks)).collect();
            if allowed.is_empty() {
                return Err(NotFetched::Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
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
