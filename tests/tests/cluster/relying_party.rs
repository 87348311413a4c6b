//! Somebody who relies on the keys of a Workspace as RFC 9111 allows: the JWKS is fetched when it is stale and never sooner, not
//! even for a kid that is not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fapi_jose::{Alg, JwkSet, SigningKey, Unverified};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::place::Place;

/// What it has seen.
#[derive(Default, Debug)]
pub(crate) struct Seen {
    pub(crate) tokens: usize,
    pub(crate) verified: usize,
    pub(crate) fetched: usize,
    /// Keys that signed a token, in the order in which they were first seen.
    pub(crate) kids: Vec<String>,
    /// Tokens that could not be verified.
    pub(crate) unverified: Vec<String>,
    /// Requests without the answer that they should have got.
    pub(crate) failed: Vec<String>,
}

/// Its client id.
const CLIENT_ID: &str = "collector";
/// The Client of the example whose keys and certificate, made by `fapictl dev secrets`, it uses.
const LIKE: &str = "budget";
/// What it is in the cluster.
pub(crate) const OBJECT: &str = "clients.fapi.rs/collector";

/// A client that asks for tokens in its own name, introspects each, and verifies each with the keys that it holds.
pub(crate) struct RelyingParty {
    http: reqwest::Client,
    runtime: Runtime,
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
    introspection_endpoint: String,
    key: SigningKey,
}

/// A JWKS until it is stale.
struct Held {
    keys: JwkSet,
    stale_at: Instant,
}

/// TLS of this process.
static PROVIDER: LazyLock<()> = LazyLock::new(|| {
    // Somebody else may have been first: it is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
});

impl RelyingParty {
    /// Makes the Client that it is.
    pub(crate) fn register(place: &Place) {
        let collector = json!({"apiVersion": "fapi.rs/v1alpha1", "kind": "Client", "metadata": {"name": CLIENT_ID}, "spec": {
            "workspaceRef": {"name": place.workspace()},
            "clientId": CLIENT_ID,
            "auth": {"method": "private_key_jwt", "jwksRef": {"name": LIKE, "key": "jwks.json"}},
            "grantTypes": ["client_credentials"],
            "scopes": ["accounts"],
        }});
        place.kubectl_reads(&["apply", "--server-side", "-f", "-"], &collector.to_string());
        place.kubectl(&["wait", "--for=condition=Programmed", OBJECT, "--timeout=180s"]);
    }

    /// Every request is a connection of its own, so that it may reach any pod.
    pub(crate) fn new(place: &Place) -> Self {
        Self::connected(place, false)
    }

    /// Its connections stay open for as long as the server lets them, so that they end with a pod.
    pub(crate) fn that_stays_connected(place: &Place) -> Self {
        Self::connected(place, true)
    }

    fn connected(place: &Place, stays: bool) -> Self {
        LazyLock::force(&PROVIDER);
        let dev = place.state.path().join("dev");
        let kit: Value = serde_json::from_slice(&fs::read(dev.join("flow.json")).unwrap()).unwrap();
        let clients = kit["workspaces"][0]["clients"].as_array().unwrap();
        let client = clients.iter().find(|client| client["clientId"] == LIKE).unwrap();
        let file = |name: &str| -> PathBuf { dev.join(client[name].as_str().unwrap()) };
        let set: Value = serde_json::from_slice(&fs::read(file("jwksPrivateFile")).unwrap()).unwrap();
        let keys = set["keys"].as_array().cloned().unwrap_or_else(|| vec![set.clone()]);
        let key = keys.iter().find(|key| key["use"] != "enc").unwrap();
        let identity =
            [fs::read(file("certificateFile")).unwrap(), fs::read(file("keyFile")).unwrap()].concat();
        let ca = place.object(&format!("configmap/{}-ca", place.workspace()));
        let ca = ca["data"]["ca.crt"].as_str().unwrap().to_owned();
        let spec = place.object(&format!("workspaces.fapi.rs/{}", place.workspace()))["spec"].take();
        let issuer = spec["issuer"].as_str().unwrap().to_owned();
        let service = place.object(&format!("service/{}", place.workspace()));
        let address = service["spec"]["clusterIP"].as_str().unwrap().parse().unwrap();
        // The port of an address that is given for a name is that of the URL.
        let address = SocketAddr::new(address, 0);
        let front = issuer.strip_prefix("https://").unwrap().split(':').next().unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(ca.as_bytes()).unwrap()])
            .identity(reqwest::Identity::from_pem(&identity).unwrap())
            .resolve(front, address)
            .resolve(spec["mtls"]["host"].as_str().unwrap(), address)
            .no_proxy()
            .pool_max_idle_per_host(usize::from(stays))
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        let runtime = Runtime::new().unwrap();
        let metadata: Value = runtime.block_on(async {
            let answer = http.get(format!("{issuer}/.well-known/openid-configuration")).send().await;
            answer.unwrap().json().await.unwrap()
        });
        let named = |name: &str| metadata[name].as_str().unwrap().to_owned();
        Self {
            token_endpoint: named("token_endpoint"),
            jwks_uri: named("jwks_uri"),
            introspection_endpoint: named("introspection_endpoint"),
            key: SigningKey::from_jwk(&key.to_string()).unwrap(),
            http,
            runtime,
            issuer,
        }
    }

    /// Asks and verifies until it is over.
    pub(crate) fn relies(&self, seen: &Mutex<Seen>, over: &AtomicBool) {
        let mut held: Option<Held> = None;
        // The last token of each key, for as long as it is valid.
        let mut kept: BTreeMap<String, (String, i64)> = BTreeMap::new();
        while !over.load(Ordering::SeqCst) {
            match self.runtime.block_on(self.token()) {
                Ok(token) => {
                    if let Err(why) = self.runtime.block_on(self.introspects(&token)) {
                        seen.lock().unwrap().failed.push(why);
                    }
                    let unverified = Unverified::parse(&token).unwrap();
                    let kid = unverified.kid().unwrap().to_owned();
                    let mut seen = seen.lock().unwrap();
                    seen.tokens += 1;
                    if !seen.kids.contains(&kid) {
                        seen.kids.push(kid.clone());
                    }
                    kept.insert(kid, (token, now() + 60));
                }
                Err(why) => seen.lock().unwrap().failed.push(why),
            }
            if held.as_ref().is_none_or(|held| held.stale_at <= Instant::now()) {
                match self.runtime.block_on(self.jwks()) {
                    Ok(fresh) => {
                        held = Some(fresh);
                        seen.lock().unwrap().fetched += 1;
                    }
                    Err(why) => {
                        seen.lock().unwrap().failed.push(why);
                        continue;
                    }
                }
            }
            kept.retain(|_, (_, expires)| now() < *expires);
            let Some(held) = &held else { continue };
            for (kid, (token, _)) in &kept {
                let verified = Unverified::parse(token).unwrap().verify(&held.keys, Alg::ALL);
                let mut seen = seen.lock().unwrap();
                seen.verified += 1;
                if let Err(why) = verified {
                    let known: BTreeSet<_> = held.keys.keys().iter().filter_map(|key| key.kid()).collect();
                    seen.unverified.push(format!("{kid}: {why}; held: {known:?}"));
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    async fn token(&self) -> Result<String, String> {
        let form = [("grant_type", "client_credentials"), ("scope", "accounts")];
        let answer =
            self.posts(&self.token_endpoint, &form).await.map_err(|why| format!("no token: {why}"))?;
        answer["access_token"].as_str().map(str::to_owned).ok_or(format!("no token: {answer}"))
    }

    async fn introspects(&self, token: &str) -> Result<(), String> {
        let answer = self.posts(&self.introspection_endpoint, &[("token", token)]).await;
        let answer = answer.map_err(|why| format!("no introspection: {why}"))?;
        if answer["active"] == true { Ok(()) } else { Err(format!("a new token is not active: {answer}")) }
    }

    /// As itself.
    async fn posts(&self, endpoint: &str, form: &[(&str, &str)]) -> Result<Value, String> {
        let now = now();
        let jti = format!("{:?}-{}", std::thread::current().id(), unique());
        let claims = json!({"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": self.issuer, "jti": jti, "iat": now, "exp": now + 60});
        let assertion = self.key.sign(None, claims.as_object().unwrap()).unwrap();
        let authenticated = [
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        let form = [form, &authenticated].concat();
        let answer = self.http.post(endpoint).form(&form).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| format!("{error:?}"))?;
        serde_json::from_str(&body).ok().filter(|_| status.is_success()).ok_or(format!("{status} {body}"))
    }

    /// Stale from the moment on at which it would be, had it been fetched when it was asked for.
    async fn jwks(&self) -> Result<Held, String> {
        let asked = Instant::now();
        let answer = self.http.get(&self.jwks_uri).send().await;
        let answer = answer.map_err(|error| format!("no keys: {error:?}"))?;
        let control =
            answer.headers().get("cache-control").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let max_age = control.split(',').find_map(|part| part.trim().strip_prefix("max-age="));
        let max_age = max_age.and_then(|age| age.parse().ok()).ok_or(format!("no max-age in {control:?}"))?;
        let body = answer.bytes().await.map_err(|error| format!("no keys: {error:?}"))?;
        let keys = JwkSet::parse(&body).map_err(|error| format!("no keys: {error}"))?;
        Ok(Held { keys, stale_at: asked + Duration::from_secs(max_age) })
    }
}

#[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn unique() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(())
}
