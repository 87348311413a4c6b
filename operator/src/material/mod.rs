//! Keys and certificates of the operator's own making: where entropy enters. Everything else in this crate gets them as values.
//!
//! [`complete`] takes what the Secrets (or the state directory) hold, adds what is missing or about to expire, and brings what
//! rotates one step further. It never replaces a salt or a sealing key that it cannot read: whoever damaged it must say so by
//! deleting it.

mod certificates;
mod internal;
mod rotation;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use fapi_config::state::{InternalCertificates, fingerprint};
use fapi_config::{KeyAlgorithm as Published, SecretKey32, SubjectSalt};
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::KeyAlgorithm;
use fapi_crds::workspace::WorkspaceSpec;
use fapi_jose::{DecryptionKey, KeyError, PublicJwk, SigningKey};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SanType};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use crate::names::Names;
use crate::rotate::published_algorithm;

use certificates::{authority, is_fresh, params, server, sign};

pub use internal::{InternalAuthority, Trust};
pub use rotation::{Outlook, Step, Surroundings, Wishes};
pub use seal::SealRing;

/// The identity that the operator shows at the internal port.
pub const OPERATOR_IDENTITY: &str = "spiffe://fapi.rs/operator";

/// How long a certificate of ours lives; renewed when a third of it is left.
const LEAF: Lifetime = Lifetime::days(90);
const LEAF_RENEWAL: Lifetime = Lifetime::days(30);
/// How long an authority of `selfSigned` lives; made anew when a year of it is left.
const AUTHORITY: Lifetime = Lifetime::days(3650);
const AUTHORITY_RENEWAL: Lifetime = Lifetime::days(365);
/// How long a certificate for the internal port lives; renewed when a third of it is left.
const INTERNAL: Lifetime = Lifetime::days(365);
const INTERNAL_RENEWAL: Lifetime = Lifetime::days(120);

/// Everything of the operator's own making but signing keys.
#[derive(Clone, Debug)]
pub struct Material {
    /// Sealing keys: the first seals, all open.
    pub seal: SealRing,
    /// The salt of pairwise subjects.
    pub subject_salt: SubjectSalt,
    /// The authority of the internal port.
    pub internal_ca: InternalAuthority,
    /// What pods show there.
    pub internal_tls: Certified,
    /// Certificates of `selfSigned`, if the spec asks for any.
    pub self_signed: Option<SelfSigned>,
    /// The steps of rotation that were taken now.
    pub steps: Vec<Step>,
    /// When there is a next one.
    pub outlook: Outlook,
}

/// A certificate with its private key, both PEM.
#[derive(Clone)]
pub struct Certified {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS #8.
    pub key: Zeroizing<String>,
}

impl std::fmt::Debug for Certified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certified(…)")
    }
}

/// Certificates of `selfSigned`.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// The authority, published in the `ConfigMap` `<ws>-ca`; constrained to the hosts of the Workspace.
    pub ca: Certified,
    /// The hosts it is constrained to.
    pub hosts: Vec<String>,
    /// For `tls.selfSigned`.
    pub front: Option<Certified>,
    /// For `mtls.tls.selfSigned`.
    pub back: Option<Certified>,
}

/// Material cannot be read or made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MaterialError {
    /// What is in a Secret is not what the operator put there.
    #[error(
        "Secret {secret} key {key} is damaged: bring it back from a backup, or delete the Secret to have it made anew"
    )]
    Damaged {
        /// Name of the Secret.
        secret: String,
        /// Key in it.
        key: &'static str,
    },
    /// The cryptographic library failed.
    #[error("a key or certificate could not be made")]
    Generation,
}

/// Data of Secrets by name.
pub type SecretData = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// What a Workspace needs.
#[derive(Clone, Debug)]
pub struct Wanted {
    names: Names,
    front: Option<Vec<String>>,
    back: Option<Vec<String>>,
}

impl Wanted {
    /// What this spec asks for; the issuer's host is passed in, since it is parsed already.
    pub fn new(names: &Names, spec: &WorkspaceSpec, issuer_host: &str) -> Self {
        let back_host = spec.mtls.host.clone().unwrap_or_else(|| issuer_host.to_owned());
        let mut front = vec![issuer_host.to_owned()];
        if spec.mtls.tls.is_none() && back_host != issuer_host {
            front.push(back_host.clone());
        }
        let own_back = spec.mtls.tls.as_ref().is_some_and(|tls| tls.self_signed.is_some());
        Self {
            names: names.clone(),
            front: spec.tls.self_signed.is_some().then_some(front),
            back: own_back.then(|| vec![back_host]),
        }
    }

    /// The Secrets to read before [`complete`].
    pub fn secrets(&self) -> Vec<String> {
        let names = &self.names;
        vec![
            names.seal(),
            names.subject(),
            names.internal_ca(),
            names.internal_tls(),
            names.tls(),
            names.mtls_tls(),
        ]
    }
}

/// Reads what is there, makes what is missing or about to expire, and takes every step of rotation that can be taken now. With
/// the same input nothing is taken twice, so what was lost in a crash is done again.
///
/// # Errors
/// Damaged Secrets, and failures of the cryptographic library.
pub fn complete(
    secrets: &SecretData,
    wanted: &Wanted,
    around: &Surroundings,
) -> Result<Material, MaterialError> {
    let (names, now) = (&wanted.names, around.now);
    let mut seal = match secrets.get(&names.seal()) {
        Some(data) => SealRing::read(&names.seal(), data, now)?,
        None => SealRing::first(now)?,
    };
    let mut steps = seal.advance(around)?;
    let subject_salt = match secrets.get(&names.subject()) {
        Some(data) => read_salt(&names.subject(), data)?,
        None => SecretKey32::from_bytes(random()?),
    };
    let authority_name = format!("{} internal", names.qualified());
    let there = secrets.get(&names.internal_ca()).and_then(|data| InternalAuthority::read(data, now));
    let mut internal_ca = match there {
        Some(there) => there,
        None => InternalAuthority::first(&authority_name, now)?,
    };
    let leaf = secrets.get(&names.internal_tls());
    steps.extend(internal_ca.advance(&authority_name, leaf, around)?);
    let internal_tls = internal_ca.leaf(leaf, &internal_host(names), now)?;
    let self_signed = self_signed(secrets, wanted, now)?;
    let outlook = seal.outlook(around.suspended).and(internal_ca.outlook(&internal_tls, around));
    Ok(Material { seal, subject_salt, internal_ca, internal_tls, self_signed, steps, outlook })
}

/// The name that pods of a Workspace show at the internal port.
pub fn internal_host(names: &Names) -> String {
    format!("{}.{}.svc", names.internal_service(), names.namespace)
}

/// Both halves of a new key of a line.
pub struct NewKey {
    /// For the JWKS; its `kid` is its thumbprint.
    pub public: PublicJwk,
    /// As a JWK.
    pub private: Zeroizing<String>,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewKey({}, …)", self.public.thumbprint())
    }
}

/// A new key that signs, or that others encrypt to.
///
/// # Errors
/// If the library fails.
pub fn key(algorithm: KeyAlgorithm, rsa_bits: Option<i32>) -> Result<NewKey, MaterialError> {
    let bits = rsa_bits.and_then(|bits| usize::try_from(bits).ok()).unwrap_or(3072);
    let made = match published_algorithm(algorithm) {
        Published::Signature(alg) => SigningKey::generate(alg, bits).map(NewKey::from),
        Published::Encryption(alg) => DecryptionKey::generate(alg, bits).map(NewKey::from),
    };
    made.map_err(|_| MaterialError::Generation)
}

/// A key from elsewhere (`import`): PEM or a JWK.
///
/// # Errors
/// What is wrong with it, without anything of it.
pub fn import(algorithm: KeyAlgorithm, text: &[u8]) -> Result<NewKey, KeyError> {
    match published_algorithm(algorithm) {
        Published::Signature(alg) => SigningKey::from_pem_or_jwk(alg, text).map(NewKey::from),
        Published::Encryption(alg) => DecryptionKey::from_pem_or_jwk(alg, text).map(NewKey::from),
    }
}

impl From<SigningKey> for NewKey {
    fn from(key: SigningKey) -> Self {
        Self { public: key.public().clone(), private: key.to_private_jwk() }
    }
}

impl From<DecryptionKey> for NewKey {
    fn from(key: DecryptionKey) -> Self {
        Self { public: key.public().clone(), private: key.to_private_jwk() }
    }
}

/// A certificate that proves the operator to pods.
///
/// # Errors
/// If the authority cannot be read or the library fails.
pub fn operator_certificate(internal_ca: &Certified, now: Timestamp) -> Result<Certified, MaterialError> {
    let mut params = params("fapi-operator", now, INTERNAL)?;
    let identity = OPERATOR_IDENTITY.try_into().map_err(|_| MaterialError::Generation)?;
    params.subject_alt_names.push(SanType::URI(identity));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    sign(&params, internal_ca, KeyPair::generate())
}

/// Whether the certificate of the operator should be made anew.
pub fn operator_certificate_is_due(certificate: &Certified, now: Timestamp) -> bool {
    !is_fresh(certificate, now, INTERNAL_RENEWAL, &[])
}

fn self_signed(
    secrets: &SecretData,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Option<SelfSigned>, MaterialError> {
    let names = &wanted.names;
    let hosts: Vec<String> = wanted.front.iter().chain(&wanted.back).flatten().cloned().collect();
    if hosts.is_empty() {
        return Ok(None);
    }
    let stored = [names.tls(), names.mtls_tls()].map(|name| secrets.get(&name));
    let ca = stored.iter().flatten().find_map(|data| pair(data, "ca.crt", "ca.key"));
    let known = ca.as_ref().map(|ca| ca.certificate.clone());
    // An authority may sign for no other hosts than those it was made for.
    let covers = |data: &&BTreeMap<String, Vec<u8>>| {
        data.get("ca.hosts").is_some_and(|listed| listed == hosts.join("\n").as_bytes())
    };
    let ca = match ca {
        Some(ca) if is_fresh(&ca, now, AUTHORITY_RENEWAL, &[]) && stored.iter().flatten().any(covers) => ca,
        _ => authority(&names.qualified(), &hosts, AUTHORITY, now)?,
    };
    let unchanged = known.as_ref() == Some(&ca.certificate);
    let leaf = |hosts: Option<&Vec<String>>, data: Option<&BTreeMap<String, Vec<u8>>>| {
        let Some(hosts) = hosts else { return Ok(None) };
        let kept = data
            .filter(|_| unchanged)
            .and_then(|data| pair(data, "tls.crt", "tls.key"))
            .filter(|server| is_fresh(server, now, LEAF_RENEWAL, hosts));
        if kept.is_some() {
            return Ok(kept);
        }
        // RSA: TLS 1.2 with the suites that FAPI allows everywhere needs it.
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
        server(&ca, hosts, key, LEAF, now).map(Some)
    };
    let [front_data, back_data] = stored;
    let front = leaf(wanted.front.as_ref(), front_data)?;
    let back = leaf(wanted.back.as_ref(), back_data)?;
    Ok(Some(SelfSigned { ca, hosts, front, back }))
}

fn random() -> Result<[u8; 32], MaterialError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| MaterialError::Generation)?;
    Ok(bytes)
}

fn pair(data: &BTreeMap<String, Vec<u8>>, certificate: &str, key: &str) -> Option<Certified> {
    let text = |name| std::str::from_utf8(data.get(name)?).ok();
    Some(Certified { certificate: text(certificate)?.to_owned(), key: Zeroizing::new(text(key)?.to_owned()) })
}

const SALT_KEY: &str = "salt";

impl Material {
    /// What a pod says that has loaded what is in `<ws>-internal-tls`.
    pub fn internal_certificates(&self) -> Option<InternalCertificates> {
        let fingerprints = |pem: &str| -> Option<Vec<String>> {
            let all = CertificateDer::pem_slice_iter(pem.as_bytes())
                .map(|der| der.ok().map(|der| fingerprint(&der)));
            all.collect()
        };
        let leaf = fingerprints(&self.internal_tls.certificate)?.into_iter().next()?;
        Some(InternalCertificates { leaf, authorities: fingerprints(&self.internal_ca.bundle())? })
    }

    /// Data of the Secret `<ws>-seal`.
    pub fn seal_data(&self) -> BTreeMap<String, Vec<u8>> {
        self.seal.data()
    }

    /// Data of the Secret `<ws>-internal-ca`.
    pub fn internal_ca_data(&self) -> BTreeMap<String, Vec<u8>> {
        self.internal_ca.data()
    }

    /// Data of the Secret `<ws>-internal-tls`.
    pub fn internal_tls_data(&self) -> BTreeMap<String, Vec<u8>> {
        let text = |text: &str| text.as_bytes().to_vec();
        BTreeMap::from([
            ("tls.crt".to_owned(), text(&self.internal_tls.certificate)),
            ("tls.key".to_owned(), text(&self.internal_tls.key)),
            ("ca.crt".to_owned(), text(&self.internal_ca.bundle())),
        ])
    }

    /// Data of the Secret `<ws>-subject`.
    pub fn subject_data(&self) -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([(SALT_KEY.to_owned(), self.subject_salt.to_base64url().as_bytes().to_vec())])
    }
}

fn read_salt(secret: &str, data: &BTreeMap<String, Vec<u8>>) -> Result<SubjectSalt, MaterialError> {
    let text = data.get(SALT_KEY).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.and_then(|text| SecretKey32::from_base64url(text.trim()))
        .ok_or_else(|| MaterialError::Damaged { secret: secret.to_owned(), key: SALT_KEY })
}
