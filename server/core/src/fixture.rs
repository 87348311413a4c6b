//! Actors for tests: a Workspace, its clients and their keys. Time stands at [`NOON`].

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use fapi_jose::{Alg, DecryptionKey, JwkSet, SigningKey};
use serde_json::{Map, Value, json};

use crate::certificate::{PeerCertificate, RevocationLists, TrustAnchors};
use crate::client::{AuthRegistration, AuthenticatedClient, Client, GrantType, Offer, Registration};
use crate::details::DetailsType;
use crate::dpop::Call;
use crate::grant::{Grant, Person};
use crate::ids::{ClientId, GrantId, Incarnation, Subject};
use crate::issuer::{Doors, Issuer, Mtls};
use crate::lifetime::{Lifetime, Timestamp};
use crate::link::Links;
use crate::params::Params;
use crate::profile::{Overrides, ProfileName, RequestDelivery, Response, narrow};
use crate::registry::{
    HeldKey, PublishedKey, Registry, RegistryParts, Resource, ScopeDefinition, SubjectSalt, offered_scopes,
};
use crate::scope::{Scope, Scopes};
use crate::secret::{Digest, Purpose};
use crate::sender::SenderBinding;

pub(crate) const NOON: Timestamp = Timestamp::from_unix(1_800_000_000);
pub(crate) const ISSUER: &str = "https://auth.bank.example";
pub(crate) const CALLBACK: &str = "https://app.example/cb?dummy1=lorem&dummy2=ipsum";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

static SERVER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Ps256, 2048).unwrap());
static APP: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Ps256, 2048).unwrap());
static MALLORY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Es256, 2048).unwrap());

/// The key of client `app`.
pub(crate) fn app_key() -> &'static SigningKey {
    &APP
}

/// The key of client `mallory`, registered at the same server.
pub(crate) fn mallory_key() -> &'static SigningKey {
    &MALLORY
}

/// The server's key.
pub(crate) fn server_key() -> &'static SigningKey {
    &SERVER
}

pub(crate) fn registration(id: &str, key: &SigningKey) -> Registration {
    let auth = AuthRegistration::private_key_jwt(JwkSet::from_keys(vec![key.public().clone()]));
    Registration {
        display_name: BTreeMap::from([
            (String::new(), "Budget App".to_owned()),
            ("pt-BR".to_owned(), "App Orçamento".to_owned()),
        ]),
        redirect_uris: vec![CALLBACK.to_owned()],
        grant_types: vec![
            GrantType::AuthorizationCode,
            GrantType::RefreshToken,
            GrantType::ClientCredentials,
        ],
        ..Registration::new(ClientId::parse(id).unwrap(), Incarnation::from_stored("1"), auth)
    }
}

/// A server under construction.
pub(crate) struct Workspace {
    profile: ProfileName,
    overrides: Overrides,
    clients: Vec<Registration>,
    resources: Vec<Resource>,
    details_types: Vec<DetailsType>,
    anchors: Option<TrustAnchors>,
    revocations: Option<RevocationLists>,
    decryption: Vec<HeldKey>,
    links: Links,
}

pub(crate) fn fintech() -> Workspace {
    Workspace::new(ProfileName::Fintech)
}

impl Workspace {
    pub(crate) fn new(profile: ProfileName) -> Self {
        let clients = vec![registration("app", app_key()), registration("mallory", mallory_key())];
        Self {
            profile,
            overrides: Overrides::default(),
            clients,
            resources: Vec::new(),
            details_types: Vec::new(),
            anchors: None,
            revocations: None,
            decryption: Vec::new(),
            links: Links::default(),
        }
    }

    pub(crate) fn by_value_too(mut self) -> Self {
        self.overrides.request_delivery = Some(RequestDelivery::PushedOrByValue);
        self
    }

    pub(crate) fn hybrid_too(mut self) -> Self {
        self.overrides.responses = Some(vec![Response::CodeJarm, Response::CodeIdToken]);
        self
    }

    pub(crate) fn overrides(mut self, change: impl FnOnce(&mut Overrides)) -> Self {
        change(&mut self.overrides);
        self
    }

    pub(crate) fn client(mut self, change: impl FnOnce(&mut Registration)) -> Self {
        change(&mut self.clients[0]);
        self
    }

    /// Leaves out every client but one.
    pub(crate) fn only(mut self, id: &str) -> Self {
        self.clients.retain(|client| client.client_id.as_str() == id);
        self
    }

    pub(crate) fn add(mut self, registration: Registration) -> Self {
        self.clients.push(registration);
        self
    }

    pub(crate) fn resource(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }

    /// A type of authorization details.
    pub(crate) fn details_type(mut self, offered: DetailsType) -> Self {
        self.details_types.push(offered);
        self
    }

    /// The CA whose client certificates it trusts.
    pub(crate) fn client_ca(mut self, pem: &str) -> Self {
        self.anchors = Some(TrustAnchors::parse(pem.as_bytes()).unwrap());
        self
    }

    /// What its CAs have taken back.
    pub(crate) fn revocations(mut self, pem: &str) -> Self {
        self.revocations = Some(RevocationLists::parse(pem.as_bytes()).unwrap());
        self
    }

    /// A key that others may encrypt to.
    pub(crate) fn decrypting(mut self, key: &DecryptionKey, active: bool) -> Self {
        self.decryption.push(HeldKey { key: key.clone(), active });
        self
    }

    /// Pages that the bank's own lead to.
    pub(crate) fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    pub(crate) fn build(self) -> Registry {
        let rules = narrow(self.profile.profile(), &self.overrides).unwrap();
        let definitions: Vec<ScopeDefinition> = ["accounts", "payments"]
            .map(|name| ScopeDefinition {
                name: Scope::parse(name).unwrap(),
                description: BTreeMap::new(),
                claims: Vec::new(),
            })
            .to_vec();
        let scopes = offered_scopes(definitions.iter().map(|definition| definition.name.clone()));
        let identifiers: Vec<String> =
            self.resources.iter().map(|resource| resource.identifier.clone()).collect();
        let names: Vec<String> = self.details_types.iter().map(|offered| offered.name.clone()).collect();
        let offer = Offer {
            rules: &rules,
            scopes: &scopes,
            resources: &identifiers,
            details_types: &names,
            has_client_ca: true,
        };
        let clients = self
            .clients
            .into_iter()
            .map(|registration| Client::register(&offer, registration).unwrap())
            .collect();
        let issuer = Issuer::parse(ISSUER).unwrap();
        let encryption = self.decryption.iter().map(|held| PublishedKey {
            jwk: held.key.public().clone(),
            alg: None,
            active: held.active,
        });
        let signature =
            PublishedKey { jwk: server_key().public().clone(), alg: Some(Alg::Ps256), active: true };
        Registry::new(RegistryParts {
            doors: Doors::new(&issuer, &Mtls::Host("mtls.auth.bank.example".into())),
            issuer,
            rules,
            scope_definitions: definitions,
            resources: self.resources,
            details_types: self.details_types,
            anchors: self.anchors,
            revocations: self.revocations,
            forwarded: None,
            keys: std::iter::once(signature).chain(encryption).collect(),
            decryption: self.decryption,
            subject_salt: SubjectSalt::new(&[7; 32]),
            languages: vec!["en".into()],
            links: self.links,
            clients,
        })
    }
}

/// A client of the registry, as if it had just proven who it is.
pub(crate) fn authenticated(registry: &Registry, id: &str) -> AuthenticatedClient {
    AuthenticatedClient::for_tests(Arc::clone(registry.client(&ClientId::parse(id).unwrap()).unwrap()))
}

/// The claims of a request object that is accepted.
pub(crate) fn request_claims() -> Value {
    json!({
        "iss": "app", "client_id": "app", "aud": ISSUER,
        "nbf": NOON.as_unix(), "exp": NOON.as_unix() + 300,
        "response_type": "code", "response_mode": "jwt", "redirect_uri": CALLBACK,
        "scope": "openid accounts", "state": "the state", "nonce": "the nonce",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    })
}

/// Signs claims as somebody.
pub(crate) fn sign(key: &SigningKey, typ: Option<&str>, claims: &Value) -> String {
    key.sign(typ, claims.as_object().unwrap()).unwrap()
}

/// A JWS with exactly this header, by a P-256 key.
pub(crate) fn sign_raw(key: &SigningKey, header: &Value, claims: &Value) -> String {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let jwk: Value = serde_json::from_str(&key.to_private_jwk()).unwrap();
    let [d, x, y] = ["d", "x", "y"].map(|name| fapi_jose::b64::decode(jwk[name].as_str().unwrap()).unwrap());
    let point = [&[4], x.as_slice(), &y].concat();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &d, &point);
    let encode = |value: &Value| fapi_jose::b64::encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = pair.unwrap().sign(&aws_lc_rs::rand::SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", fapi_jose::b64::encode(signature))
}

/// The claims of a `DPoP` proof that is accepted for this call.
pub(crate) fn proof_claims(call: Call<'_>) -> Value {
    json!({"jti": "p1", "htm": call.method, "htu": call.url, "iat": NOON.as_unix()})
}

/// JSON with members set (`null` removes).
pub(crate) fn with(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

pub(crate) fn params(pairs: &[(&str, &str)]) -> Params {
    Params::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// The claims of a client assertion that is accepted.
pub(crate) fn assertion_claims() -> Value {
    json!({
        "iss": "app", "sub": "app", "aud": ISSUER, "jti": "j1",
        "iat": NOON.as_unix(), "nbf": NOON.as_unix(), "exp": NOON.as_unix() + 60,
    })
}

pub(crate) fn browser(name: &str) -> Digest {
    Digest::of(Purpose::Browser, name)
}

pub(crate) fn alice() -> Person {
    Person { subject: Subject::from_stored("alice"), auth_time: NOON, acr: None, sid: Some("s1".into()) }
}

/// A grant whose code is `code`, as of [`NOON`].
pub(crate) fn grant_with_code(registry: &Registry, code: &str) -> Grant {
    let app = authenticated(registry, "app");
    let object = sign(app_key(), None, &request_claims());
    let request = crate::authorize::push(&params(&[("request", &object)]), &app, registry, NOON).unwrap();
    let rules = &registry.rules;
    let grant = Grant::push(
        GrantId::from_stored("g1"),
        app.id().clone(),
        app.incarnation().clone(),
        request,
        NOON + Lifetime::seconds(60),
        NOON,
    );
    let everything = Scopes::parse("openid accounts payments").unwrap();
    grant
        .open(rules, NOON)
        .and_then(|grant| grant.authenticate(browser("b"), alice(), NOON))
        .and_then(|grant| grant.consent(&browser("b"), &everything, rules, NOON))
        .and_then(|grant| grant.issue_code(&browser("b"), Digest::of(Purpose::Code, code), rules, NOON))
        .unwrap()
}

pub(crate) fn binding() -> SenderBinding {
    SenderBinding::Certificate("the-thumbprint".into())
}

/// A self-signed certificate of a client, valid for decades around [`NOON`].
pub(crate) fn certificate() -> PeerCertificate {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["app.example".into()]).unwrap().self_signed(&key).unwrap();
    PeerCertificate::from_chain(vec![certificate.der().to_vec()]).unwrap()
}

/// The claims of a JWT, unverified: for looking at what was made.
pub(crate) fn claims_of(map: &Map<String, Value>, name: &str) -> Value {
    map.get(name).cloned().unwrap_or(Value::Null)
}
