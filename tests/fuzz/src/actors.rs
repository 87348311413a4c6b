//! Which keys, clients and Workspaces are there? A bank whose time stands at [`NOON`], its client `app`, and `mallory`, who is a client
//! too. Every key is made when it is first asked for, so that none is checked in.

use std::sync::{Arc, LazyLock};

use fapi_config::{
    Bundle, ClientShard, Document, Files, KeyAlgorithm, KeyState, Loaded, LoginType, Manifest, PrivateKey,
    PublicKey, SealKey, SecretKey32, Secrets, StorageType, file, shard_file,
};
use fapi_core::Timestamp;
use fapi_core::client::{
    ASSERTION_TYPE, AuthRegistration, AuthenticatedClient, Credentials, Endpoint, GrantType, Registration,
    authenticate,
};
use fapi_core::details::Schema;
use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::issuer::{Issuer, Mtls};
use fapi_core::params::Params;
use fapi_core::profile::ProfileName;
use fapi_core::registry::Registry;
use fapi_jose::{Alg, DecryptionKey, JwkSet, KeyManagement, SigningKey, b64};
use serde_json::{Value, json};

/// Now.
pub(crate) const NOON: Timestamp = Timestamp::from_unix(1_800_000_000);
/// The bank.
pub(crate) const ISSUER: &str = "https://auth.bank.example";
/// Where its programs call it.
pub(crate) const BACK: &str = "https://mtls.auth.bank.example";
/// The redirect URIs of `app`.
pub(crate) const CALLBACKS: [&str; 2] = ["https://app.example/cb?dummy1=lorem", "https://app.example:8443"];

/// Whoever signs something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signer {
    /// The client, ES256.
    App,
    /// The client, `EdDSA`.
    AppEd,
    /// The client, PS256.
    AppPs,
    /// Another client of the bank, ES256.
    Mallory,
    /// The bank, ES256.
    Server,
}

impl Signer {
    /// By the word that inputs use.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "app" => Self::App,
            "app-ed" => Self::AppEd,
            "app-ps" => Self::AppPs,
            "mallory" => Self::Mallory,
            "server" => Self::Server,
            _ => return None,
        })
    }

    /// The key.
    pub(crate) fn key(self) -> &'static SigningKey {
        static KEYS: LazyLock<[SigningKey; 5]> = LazyLock::new(|| {
            [Alg::Es256, Alg::EdDsa, Alg::Ps256, Alg::Es256, Alg::Es256]
                .map(|alg| SigningKey::generate(alg, 2048).unwrap())
        });
        let [app, ed, ps, mallory, server] = &*KEYS;
        match self {
            Self::App => app,
            Self::AppEd => ed,
            Self::AppPs => ps,
            Self::Mallory => mallory,
            Self::Server => server,
        }
    }

    /// Whether it signs as `app`.
    pub(crate) fn is_app(self) -> bool {
        matches!(self, Self::App | Self::AppEd | Self::AppPs)
    }
}

/// The keys that others encrypt to the bank with: one of each kind.
pub(crate) fn decryption_keys() -> &'static [DecryptionKey; 2] {
    static KEYS: LazyLock<[DecryptionKey; 2]> = LazyLock::new(|| {
        [KeyManagement::RsaOaep, KeyManagement::EcdhEs].map(|alg| DecryptionKey::generate(alg, 2048).unwrap())
    });
    &KEYS
}

/// What `app` publishes.
pub(crate) fn app_keys() -> JwkSet {
    JwkSet::from_keys(
        [Signer::App, Signer::AppEd, Signer::AppPs].map(|signer| signer.key().public().clone()).to_vec(),
    )
}

fn registration(id: &str, keys: JwkSet) -> Registration {
    let auth = AuthRegistration::private_key_jwt(keys);
    Registration {
        redirect_uris: CALLBACKS.map(ToOwned::to_owned).to_vec(),
        grant_types: vec![
            GrantType::AuthorizationCode,
            GrantType::RefreshToken,
            GrantType::ClientCredentials,
        ],
        ..Registration::new(ClientId::parse(id).unwrap(), Incarnation::from_stored("1"), auth)
    }
}

/// The files of a Workspace of this profile, as they are published.
pub(crate) fn files(profile: ProfileName, protocol: &Value) -> Files {
    let issuer = Issuer::parse(ISSUER).unwrap();
    let back = Mtls::Host("mtls.auth.bank.example".to_owned());
    let mut document = Document::new(issuer, back, profile, LoginType::Users, StorageType::SQLite);
    document.protocol = serde_json::from_value(protocol.clone()).unwrap();
    document.scopes = serde_json::from_value(json!([{"name": "accounts"}, {"name": "payments"}])).unwrap();
    document.resources =
        serde_json::from_value(json!([{"identifier": "https://api.bank.example", "scopes": ["accounts"]}]))
            .unwrap();
    let server = Signer::Server.key();
    let mut published = vec![(server.public(), KeyAlgorithm::Signature(Alg::Es256), server.to_private_jwk())];
    published.extend(
        decryption_keys()
            .iter()
            .map(|key| (key.public(), KeyAlgorithm::Encryption(key.alg()), key.to_private_jwk())),
    );
    let mut keys = Vec::new();
    for (jwk, alg, private) in published {
        let kid = jwk.thumbprint().to_owned();
        keys.push(PrivateKey::new(&kid, KeyState::Active, &private).unwrap());
        document.keys.push(PublicKey { kid, alg, state: KeyState::Active, jwk: jwk.clone() });
    }
    let secrets = Secrets {
        keys,
        seal: vec![SealKey { id: "s1".to_owned(), key: SecretKey32::from_bytes([7; 32]) }],
        subject_salt: SecretKey32::from_bytes([9; 32]),
    };
    let mallory = JwkSet::from_keys(vec![Signer::Mallory.key().public().clone()]);
    let clients =
        ClientShard { clients: vec![registration("app", app_keys()), registration("mallory", mallory)] };
    let mut files = Files::default();
    files.insert(file::WORKSPACE, document.to_bytes());
    files.insert(file::KEYS, secrets.to_bytes());
    files.insert(shard_file(0), serde_json::to_vec(&clients).unwrap());
    files.insert(file::USERS, b"{}".to_vec());
    sealed(&files)
}

/// The same files with the manifest that fits them.
pub(crate) fn sealed(files: &Files) -> Files {
    let listed = files.iter().filter(|(name, _)| *name != file::MANIFEST);
    let hashes = listed.map(|(name, bytes)| {
        let hex: Vec<String> = fapi_jose::sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        (name.to_owned(), hex.concat())
    });
    let manifest = Manifest::new(fapi_config::format::newest(), "auth/retail", "uid-1", 1, hashes.collect());
    let mut sealed = files.clone();
    sealed.insert(file::MANIFEST, manifest.to_bytes());
    sealed
}

fn registry(profile: ProfileName, protocol: &Value) -> Registry {
    let loaded: Loaded = Bundle::read(&files(profile, protocol)).unwrap();
    loaded.to_registry(no_schema).unwrap()
}

/// FAPI 1.0 Advanced: signed request objects, pushed or by value, plain or encrypted.
pub(crate) fn fintech() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
        registry(
            ProfileName::Fintech,
            &json!({"requestDelivery": "PushedOrByValue", "responses": ["CodeJarm", "CodeIdToken"]}),
        )
    });
    &REGISTRY
}

/// FAPI 2.0 Security: pushed forms, `DPoP`, `EdDSA` too.
pub(crate) fn fapi2() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| registry(ProfileName::FAPI2Security, &json!({})));
    &REGISTRY
}

/// `app`, which has shown who it is.
pub(crate) fn authenticated(registry: &'static Registry) -> &'static AuthenticatedClient {
    static CLIENTS: LazyLock<[AuthenticatedClient; 2]> = LazyLock::new(|| [fintech(), fapi2()].map(shown_to));
    let [at_fintech, at_fapi2] = &*CLIENTS;
    if std::ptr::eq(registry, fapi2()) { at_fapi2 } else { at_fintech }
}

fn shown_to(registry: &'static Registry) -> AuthenticatedClient {
    let claims = json!({
        "iss": "app", "sub": "app", "aud": ISSUER, "jti": "once", "exp": NOON.as_unix() + 60,
    });
    let assertion = Signer::App.key().sign(None, claims.as_object().unwrap()).unwrap();
    let params = Params::from_pairs(
        [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let credentials = Credentials::new(&params, false, None);
    authenticate(&credentials, registry, Endpoint::Par, NOON).and_then(|shown| shown.admit(true)).unwrap()
}

/// The bytes of a canonical base64url text; a text with another spelling is none.
pub(crate) fn bytes_of(text: &str) -> Vec<u8> {
    let bytes = b64::decode(text).expect("canonical base64url");
    assert_eq!(b64::encode(&bytes), text, "one spelling for each value");
    bytes
}

/// No type of authorization details has a schema here: what reads them is another crate.
pub(crate) fn no_schema(_: &str) -> Result<Arc<dyn Schema>, String> {
    Err("no schema is read here".to_owned())
}
