//! The client's side of the protocol: its keys, and what it signs with them.

use std::fs;
use std::path::Path;

use aws_lc_rs::rand;
use fapi_jose::{Alg, DecryptionKey, SigningKey, b64, sha256};
use serde_json::{Map, Value, json};

use crate::exit::Stop;

/// Algorithms that a FAPI client accepts on what a server signs (FAPI 1.0 Part 2 8.6, FAPI 2.0 Security Profile 5.4.1).
pub const ALGORITHMS: &[Alg] = Alg::ALL;

/// `client_assertion_type` (RFC 7523 2.2)
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client's private keys.
#[derive(Debug)]
pub struct Keys {
    signing: SigningKey,
    decryption: Vec<DecryptionKey>,
}

/// How the client authenticates (RFC 8705 2, OpenID Connect Core 9).
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum AuthMethod {
    /// A signed assertion
    #[value(name = "private_key_jwt")]
    PrivateKeyJwt,
    /// A certificate from a CA
    #[value(name = "tls_client_auth")]
    Tls,
    /// A certificate that was registered
    #[value(name = "self_signed_tls_client_auth")]
    SelfSignedTls,
}

/// Which response the client asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum ResponseKind {
    /// A code, plain
    Code,
    /// A code in a signed response
    Jarm,
    /// A code in a signed and encrypted response
    JarmEncrypted,
    /// A code and an ID Token that vouches for it
    Hybrid,
}

/// What the client remembers about one authorization request.
#[derive(Debug)]
pub struct Pending {
    /// Against forged responses.
    pub state: String,
    /// Against replayed ID Tokens.
    pub nonce: String,
    /// PKCE (RFC 7636 4.1).
    pub verifier: String,
}

impl AuthMethod {
    /// Its name in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            AuthMethod::PrivateKeyJwt => "private_key_jwt",
            AuthMethod::Tls => "tls_client_auth",
            AuthMethod::SelfSignedTls => "self_signed_tls_client_auth",
        }
    }
}

impl ResponseKind {
    /// `response_type`
    pub const fn response_type(self) -> &'static str {
        match self {
            ResponseKind::Code | ResponseKind::Jarm | ResponseKind::JarmEncrypted => "code",
            ResponseKind::Hybrid => "code id_token",
        }
    }

    /// Whether the response is a JWT.
    pub const fn is_jarm(self) -> bool {
        matches!(self, ResponseKind::Jarm | ResponseKind::JarmEncrypted)
    }
}

impl Pending {
    /// With fresh random values.
    pub fn new() -> Pending {
        Pending { state: random(), nonce: random(), verifier: random() }
    }

    /// `code_challenge` by the method `S256` (RFC 7636 4.2).
    pub fn challenge(&self) -> String {
        b64::encode(sha256(&self.verifier))
    }
}

impl Default for Pending {
    fn default() -> Pending {
        Pending::new()
    }
}

/// A parameter as it stands in a request object: JSON where it is JSON (RFC 9396 3).
fn member(name: &str, value: &str) -> Value {
    let parsed = (name == "authorization_details").then(|| serde_json::from_str(value).ok()).flatten();
    parsed.unwrap_or_else(|| json!(value))
}

impl Keys {
    /// Reads a JWK Set with private keys, or one private JWK. The first key that is not for encryption signs.
    pub fn read(path: &Path) -> Result<Keys, Stop> {
        let wrong =
            |what: String| Stop::usage(format!("--key: {}: {what}", path.display()), "fapictl flow --help");
        let text = fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        Keys::parse(&text).map_err(wrong)
    }

    fn parse(text: &[u8]) -> Result<Keys, String> {
        let value = fapi_jose::json::parse(text).map_err(|error| error.to_string())?;
        let keys = match value.get("keys") {
            Some(Value::Array(keys)) => keys.as_slice(),
            Some(_) => return Err("\"keys\" must be an array".to_owned()),
            None => std::slice::from_ref(&value),
        };
        let mut signing = None;
        let mut decryption = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            let wrong = |error: fapi_jose::KeyError| format!("keys[{index}]: {error}");
            let kid = if key.get("use").and_then(Value::as_str) == Some("enc") {
                let key = DecryptionKey::from_jwk(&key.to_string()).map_err(wrong)?;
                decryption.push(key.clone());
                key.kid().to_owned()
            } else {
                let key = SigningKey::from_jwk(&key.to_string()).map_err(wrong)?;
                let kid = key.kid().to_owned();
                signing.get_or_insert(key);
                kid
            };
            // The server finds the key by the kid that was registered.
            if let Some(given) = key.get("kid").and_then(Value::as_str).filter(|given| *given != kid) {
                return Err(format!(
                    "keys[{index}] is called {given:?}: flow signs with the RFC 7638 thumbprint as kid; register it as {kid:?}"
                ));
            }
        }
        let signing = signing.ok_or("has no key that signs: request objects must be signed")?;
        Ok(Keys { signing, decryption })
    }

    /// The algorithm of its signatures.
    pub fn alg(&self) -> Alg {
        self.signing.alg()
    }

    /// What decrypts.
    pub fn decryption(&self) -> &[DecryptionKey] {
        &self.decryption
    }

    /// A client assertion for this server, once (OpenID Connect Core 9; FAPI 2.0: the audience is the issuer).
    pub fn assertion(&self, client_id: &str, issuer: &str, now: i64) -> Result<String, String> {
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": issuer,
            "jti": random(),
            "iat": now,
            "nbf": now,
            "exp": now + 60,
        });
        self.sign(None, claims)
    }

    /// A request object (RFC 9101): everything that counts is inside, for five minutes (RO-03, RO-04).
    pub fn request_object(
        &self,
        parameters: &[(&str, &str)],
        issuer: &str,
        now: i64,
    ) -> Result<String, String> {
        let mut claims: Map<String, Value> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), member(name, value))).collect();
        let client_id = claims.get("client_id").cloned().unwrap_or_default();
        for (name, value) in [
            ("iss", client_id),
            ("aud", json!(issuer)),
            ("jti", json!(random())),
            ("iat", json!(now)),
            ("nbf", json!(now)),
            ("exp", json!(now + 300)),
        ] {
            claims.insert(name.to_owned(), value);
        }
        self.sign(Some("oauth-authz-req+jwt"), Value::Object(claims))
    }

    fn sign(&self, typ: Option<&str>, claims: Value) -> Result<String, String> {
        let Value::Object(claims) = claims else { return Err("claims are an object".to_owned()) };
        self.signing.sign(typ, &claims).map_err(|error| error.to_string())
    }
}

/// 256 random bits, 43 characters.
pub fn random() -> String {
    b64::encode(random_bytes::<32>())
}

/// A UUID of version 4 (RFC 9562 5.4), for `x-fapi-interaction-id`.
pub fn uuid() -> String {
    let mut bytes = random_bytes::<16>();
    let [.., six, _, eight, _, _, _, _, _, _, _] = &mut bytes;
    *six = *six & 0x0f | 0x40;
    *eight = *eight & 0x3f | 0x80;
    let hex = bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let cuts = [0..8, 8..12, 12..16, 16..20, 20..32];
    cuts.map(|cut| hex.get(cut).unwrap_or_default().to_owned()).join("-")
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the random generator of aws-lc-rs only fails where the system has none");
    bytes
}

#[cfg(test)]
mod tests {
    use fapi_jose::{JwkSet, KeyManagement, Unverified};

    use super::*;

    fn set(keys: &[&str]) -> Vec<u8> {
        format!("{{\"keys\":[{}]}}", keys.join(",")).into_bytes()
    }

    #[test]
    fn a_key_file_has_what_signs_and_what_decrypts() {
        let signing = SigningKey::generate(Alg::Es256, 0).unwrap();
        let decrypting = DecryptionKey::generate(KeyManagement::EcdhEs, 0).unwrap();
        let keys = Keys::parse(&set(&[&decrypting.to_private_jwk(), &signing.to_private_jwk()])).unwrap();
        assert_eq!((keys.alg(), keys.decryption().len()), (Alg::Es256, 1));
        assert_eq!(Keys::parse(signing.to_private_jwk().as_bytes()).unwrap().alg(), Alg::Es256);
    }

    #[test]
    fn a_key_file_that_cannot_work_says_why() {
        let decrypting = DecryptionKey::generate(KeyManagement::EcdhEs, 0).unwrap().to_private_jwk();
        let signing = SigningKey::generate(Alg::Es256, 0).unwrap();
        let renamed = signing.to_private_jwk().replace(signing.kid(), "my-key");
        for (text, why) in [
            (b"{".to_vec(), "line 1"),
            (b"{\"keys\":1}".to_vec(), "must be an array"),
            (set(&[&decrypting]), "no key that signs"),
            (set(&["{\"kty\":\"RSA\"}"]), "keys[0]"),
            (set(&[&renamed]), "register it as"),
            (signing.public().to_json().to_string().into_bytes(), "keys[0]"),
        ] {
            let error = Keys::parse(&text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    /// RO-03, RO-04, RO-05, RO-06, RO-07: what goes into a request object.
    #[test]
    fn a_request_object_holds_all_parameters_for_five_minutes() {
        let signing = SigningKey::generate(Alg::Es256, 0).unwrap();
        let keys = Keys::parse(signing.to_private_jwk().as_bytes()).unwrap();
        let parameters = [("client_id", "app"), ("scope", "openid"), ("state", "s")];
        let object = keys.request_object(&parameters, "https://op.example", 1_000).unwrap();
        let set = JwkSet::from_keys(vec![signing.public().clone()]);
        let verified = Unverified::parse(&object).unwrap().verify(&set, ALGORITHMS).unwrap();
        assert_eq!(verified.typ.as_deref(), Some("oauth-authz-req+jwt"));
        let claims = verified.claims;
        assert_eq!(claims.string("iss"), Ok(Some("app")));
        assert_eq!(claims.string("aud"), Ok(Some("https://op.example")));
        assert_eq!(claims.string("state"), Ok(Some("s")));
        assert_eq!((claims.time("nbf"), claims.time("exp")), (Ok(Some(1_000)), Ok(Some(1_300))));
        assert_eq!(claims.get("sub"), None, "never a client assertion (CA-08)");
    }

    /// CA-03, CA-05, CA-07b: an assertion names the client twice, the issuer as a string, and is never made twice.
    #[test]
    fn an_assertion_is_for_one_server_and_for_once() {
        let signing = SigningKey::generate(Alg::Es256, 0).unwrap();
        let keys = Keys::parse(signing.to_private_jwk().as_bytes()).unwrap();
        let set = JwkSet::from_keys(vec![signing.public().clone()]);
        let read = |assertion: String| {
            Unverified::parse(&assertion).unwrap().verify(&set, ALGORITHMS).unwrap().claims
        };
        let one = read(keys.assertion("app", "https://op.example", 1_000).unwrap());
        let two = read(keys.assertion("app", "https://op.example", 1_000).unwrap());
        assert_eq!((one.string("iss"), one.string("sub")), (Ok(Some("app")), Ok(Some("app"))));
        assert!(one.audience_is_string());
        assert_eq!(one.time("exp"), Ok(Some(1_060)));
        assert_ne!(one.string("jti"), two.string("jti"));
    }

    #[test]
    fn a_uuid_is_of_version_four() {
        let uuid = uuid();
        let parts: Vec<&str> = uuid.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
    }
}
