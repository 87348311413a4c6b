//! `TestServer::fintech().start().await`: a server, a client application and a person.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::PasswordHasher as _;
use bytes::Bytes;
use fapi_config::{
    Bundle, Document, KeyAlgorithm, KeyState, LoginType, Logos, PrivateKey, PublicKey, SealKey, SecretKey32,
    Secrets, StorageType,
};
use fapi_core::client::{AuthRegistration, GrantType, Registration};
use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::issuer::{Issuer, Mtls};
use fapi_core::profile::{ProfileName, RequestDelivery, Response};
use fapi_core::registry::ScopeDefinition;
use fapi_core::scope::Scope;
use fapi_core::{Lifetime, Timestamp};
use fapi_jose::{Alg, JwkSet, SigningKey};
use fapi_server::clock::TestClock;
use fapi_server::listen::Limits;
use fapi_server::random::SeededRng;
use fapi_server::reload::WatchSource;
use fapi_server::routes;
use fapi_server::run::{Listeners, Running, Setup, serve};
use fapi_server::shutdown::Patience;
use http::Request;
use http_body_util::Full;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::actors::App;
use crate::browser::Browser;
use crate::client::Client;
use crate::pki::Authority;

pub(crate) const ISSUER: &str = "https://auth.example";
pub(crate) const FRONT: &str = "auth.example";
pub(crate) const BACK: &str = "mtls.auth.example";
pub(crate) const CALLBACK: &str = "https://app.example/cb?dummy1=lorem&dummy2=ipsum";
pub(crate) const NOON: Timestamp = Timestamp::from_unix(1_800_000_000);
pub(crate) const PASSWORD: &str = "correct horse battery staple";

static SERVER_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Ps256, 2048).unwrap());
static APP_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Ps256, 2048).unwrap());
static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Es256, 2048).unwrap());

/// A server that is about to start.
pub(crate) struct TestServer {
    bundle: Bundle,
    authority: Authority,
    folder: Option<PathBuf>,
    database: Option<fapi_store::Config>,
    seed: u64,
    unfinished: Option<u32>,
}

/// A server that runs.
pub(crate) struct Served {
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) authority: Authority,
    pub(crate) bundle: Bundle,
    config: watch::Sender<Option<fapi_config::Files>>,
    revision: u64,
    _folder: TempDir,
}

pub(crate) fn registration(id: &str, key: &SigningKey) -> Registration {
    let auth = AuthRegistration::private_key_jwt(JwkSet::from_keys(vec![key.public().clone()]));
    let incarnation = Incarnation::from_stored(format!("{id}-1"));
    Registration {
        display_name: BTreeMap::from([(String::new(), "Budget App".to_owned())]),
        redirect_uris: vec![CALLBACK.to_owned()],
        grant_types: vec![
            GrantType::AuthorizationCode,
            GrantType::RefreshToken,
            GrantType::ClientCredentials,
        ],
        ..Registration::new(ClientId::parse(id).unwrap(), incarnation, auth)
    }
}

fn users() -> Vec<u8> {
    let cheap = argon2::Params::new(64, 1, 1, None).unwrap();
    let cheap = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
    let hash = cheap.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let person = |sub: &str, name: &str| serde_json::json!({"sub": sub, "password": hash, "claims": {"name": name, "email": "x@bank.example"}});
    serde_json::to_vec(&serde_json::json!({"alice": person("a-1", "Alice"), "bob": person("b-1", "Bob")}))
        .unwrap()
}

impl TestServer {
    /// FAPI 1.0 Advanced with its defaults: PAR, JARM, two clients `app` and `other`, people `alice` and `bob`.
    pub(crate) fn fintech() -> Self {
        Self::of(ProfileName::Fintech)
    }

    /// The same under the rules of another profile.
    pub(crate) fn of(profile: ProfileName) -> Self {
        let mut document = Document::new(
            Issuer::parse(ISSUER).unwrap(),
            Mtls::Host(BACK.into()),
            profile,
            LoginType::Users,
            StorageType::SQLite,
        );
        document.scopes = ["accounts", "payments"]
            .map(|name| ScopeDefinition {
                name: Scope::parse(name).unwrap(),
                description: BTreeMap::new(),
                claims: Vec::new(),
            })
            .to_vec();
        let mut bundle = Bundle {
            workspace: "auth/test".into(),
            workspace_uid: "0c2d9e6a".into(),
            document,
            clients: vec![registration("app", &APP_KEY), registration("other", &OTHER_KEY)],
            client_shards: 2,
            logos: Logos::new(),
            secrets: Secrets {
                keys: Vec::new(),
                seal: vec![SealKey { id: "1".into(), key: SecretKey32::from_bytes([1; 32]) }],
                subject_salt: SecretKey32::from_bytes([2; 32]),
            },
            users: Some(users().into()),
            client_ca: None,
            crl: None,
        };
        let key = &*SERVER_KEY;
        let (kid, alg, state) = (key.kid().to_owned(), KeyAlgorithm::Signature(key.alg()), KeyState::Active);
        bundle.document.keys.push(PublicKey { kid, alg, state, jwk: key.public().clone() });
        bundle.secrets.keys.push(PrivateKey::new(key.kid(), state, &key.to_private_jwk()).unwrap());
        Self {
            bundle,
            authority: Authority::new("Test CA"),
            folder: None,
            database: None,
            seed: 7,
            unfinished: None,
        }
    }

    /// The same, with requests by value and the hybrid flow beside PAR and JARM.
    pub(crate) fn of_every_kind() -> Self {
        Self::fintech().with(|bundle| {
            let protocol = &mut bundle.document.protocol;
            protocol.request_delivery = Some(RequestDelivery::PushedOrByValue);
            protocol.responses = Some(vec![Response::CodeJarm, Response::CodeIdToken]);
        })
    }

    /// Certificates of this authority authenticate clients.
    pub(crate) fn trusting(self, pem: &str) -> Self {
        let pem = pem.as_bytes().to_vec();
        self.with(|bundle| bundle.client_ca = Some(pem))
    }

    /// The database is in this folder.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// One of several that share a database.
    pub(crate) fn beside_others(mut self, database: fapi_store::Config, seed: u64) -> Self {
        (self.database, self.seed) = (Some(database), seed);
        self
    }

    /// A client may leave so many requests unfinished: who stores one too many is noticed.
    pub(crate) fn with_unfinished(mut self, requests: u32) -> Self {
        self.unfinished = Some(requests);
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Bundle)) -> Self {
        change(&mut self.bundle);
        self
    }

    /// Changes the registration of `app`.
    pub(crate) fn client(self, change: impl FnOnce(&mut Registration)) -> Self {
        self.with(|bundle| change(&mut bundle.clients[0]))
    }

    pub(crate) async fn start(self) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::at(NOON));
        let ((config, config_source), (tls, tls_source)) = (WatchSource::new(), WatchSource::new());
        let within = self.folder.as_deref().unwrap_or(folder.path());
        let database = self.database.clone();
        let mut database = database.unwrap_or_else(|| fapi_store::Config::sqlite(within.join("store.db")));
        database.requests_per_client = self.unfinished.unwrap_or(database.requests_per_client);
        let mut setup = Setup::new(Box::new(config_source), Box::new(tls_source), database);
        setup.clock = Arc::<TestClock>::clone(&clock);
        setup.rng = Arc::new(SeededRng::new(self.seed));
        setup.limits = Limits::default();
        setup.patience = Patience { leaving: Duration::ZERO, draining: Duration::from_secs(5) };
        let front = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let listeners = Listeners { front, back: None, internal: None, metrics: None };
        let running = serve(setup, listeners, routes::all).unwrap();
        let authority = self.authority;
        let identity = authority.server(&[FRONT, BACK, "other.example", "mtls.other.example"]);
        let files = [("tls.crt", identity.chain), ("tls.key", identity.key)];
        tls.send_replace(Some(
            files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect(),
        ));
        config.send_replace(Some(self.bundle.files(1)));
        running.ready().await;
        // Kept, or the certificate would be gone with its sender.
        std::mem::forget(tls);
        Served {
            address: running.front,
            running,
            clock,
            authority,
            bundle: self.bundle,
            config,
            revision: 1,
            _folder: folder,
        }
    }
}

impl Served {
    /// The client application `app`.
    pub(crate) fn app(&self) -> App<'_> {
        App::new(self, "app", &APP_KEY)
    }

    /// Another client of the same server.
    pub(crate) fn other(&self) -> App<'_> {
        App::new(self, "other", &OTHER_KEY)
    }

    /// Somebody's browser, with no cookies yet.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    pub(crate) fn anyone(&self) -> Client {
        Client::trusting(&self.authority)
    }

    pub(crate) fn now(&self) -> i64 {
        use fapi_server::clock::Clock as _;
        self.clock.now().as_unix()
    }

    pub(crate) fn later(&self, seconds: i64) {
        self.clock.advance(Lifetime::seconds(seconds));
    }

    #[expect(clippy::unused_self, reason = "a server has a key, whichever server it is")]
    pub(crate) fn key(&self) -> &'static SigningKey {
        &SERVER_KEY
    }

    /// One request to one of the doors, on a connection of its own.
    pub(crate) async fn ask(&self, client: &Client, request: Request<Full<Bytes>>) -> http::Response<Bytes> {
        let door = request.uri().host().unwrap().to_owned();
        let mut connection = client.connect(self.address, &door).await.unwrap();
        connection.send(request).await.unwrap()
    }

    /// A GET of a page or document of the front door.
    pub(crate) async fn look(&self, path: &str) -> http::Response<Bytes> {
        self.ask(&self.anyone(), crate::client::get(FRONT, path)).await
    }

    /// Publishes a changed configuration, and returns when it is served.
    pub(crate) async fn publish(&mut self, change: impl FnOnce(&mut Bundle)) {
        change(&mut self.bundle);
        self.revision += 1;
        let mut loads = self.running.app().loads();
        loads.mark_unchanged();
        self.config.send_replace(Some(self.bundle.files(self.revision)));
        loads.changed().await.unwrap();
    }
}

impl Served {
    /// Publishes the configuration as it is now, and returns when it was refused.
    pub(crate) async fn try_publish(&mut self) {
        self.revision += 1;
        self.config.send_replace(Some(self.bundle.files(self.revision)));
        while self.running.app().pending().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A code that Alice let `app` have.
pub(crate) async fn code(served: &Served) -> String {
    let app = served.app();
    let url = served.browser().approve(&app.pushed(&app.request()).await).await;
    app.jarm(&url)["code"].as_str().unwrap().to_owned()
}
