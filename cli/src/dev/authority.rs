//! The CA of the development servers: for the hosts that are served and no others, its key for its owner only.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints, PKCS_RSA_SHA256, RsaKeySize,
};
use zeroize::Zeroizing;

use super::certificate::{DAYS, lives_on, named, validity};
use super::{DevError, Folder};

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";
const HOSTS: &str = "ca-hosts.txt";

/// A certificate for a server, with its key, both PEM.
pub(crate) struct ServerCertificate {
    /// `tls.crt`
    pub(crate) certificate: String,
    /// `tls.key`
    pub(crate) key: Zeroizing<String>,
}

/// The CA, with the right to sign.
pub(crate) struct Authority {
    folder: Folder,
    subtrees: Vec<String>,
    certificate: Zeroizing<String>,
    key: Zeroizing<String>,
    /// Whether it was made just now: nobody trusts it yet.
    pub(crate) new: bool,
}

impl Authority {
    /// The CA for these hosts. One that was made for fewer, or is about to expire, is replaced.
    pub(crate) fn open(folder: &Folder, hosts: &[String]) -> Result<Authority, DevError> {
        let mut subtrees: Vec<String> = hosts.iter().map(|host| subtree(host).to_owned()).collect();
        subtrees.sort();
        subtrees.dedup();
        let before = folder.read_text(HOSTS)?;
        let before: Vec<String> =
            before.map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default();
        let covered = !before.is_empty() && subtrees.iter().all(|host| before.contains(host));
        if let (true, Some(certificate), Some(key)) =
            (covered, folder.read_text(CERTIFICATE)?, folder.read_text(KEY)?)
            && lives_on(certificate.as_bytes())
        {
            return Ok(Authority { folder: folder.clone(), subtrees: before, certificate, key, new: false });
        }

        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = named("fapictl development CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // RFC 5280 4.2.1.10: whoever steals the key can be these hosts, and no other.
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: subtrees.iter().cloned().map(GeneralSubtree::DnsName).collect(),
            excluded_subtrees: Vec::new(),
        });
        validity(&mut params);
        let pair = KeyPair::generate()?;
        let certificate = Zeroizing::new(params.self_signed(&pair)?.pem());
        let key = Zeroizing::new(pair.serialize_pem());
        folder.write(KEY, key.as_bytes())?;
        folder.write(CERTIFICATE, certificate.as_bytes())?;
        folder.write(HOSTS, subtrees.join("\n"))?;
        Ok(Authority { folder: folder.clone(), subtrees, certificate, key, new: true })
    }

    /// Whether a certificate for this host would be believed.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.subtrees.iter().any(|covered| covered == subtree(host))
    }

    /// Its certificate, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Where its certificate is.
    pub(crate) fn certificate_file(&self) -> PathBuf {
        self.folder.file(CERTIFICATE)
    }

    /// How many days it lives.
    pub(crate) const fn days() -> i64 {
        DAYS
    }

    /// A certificate for a server with these names: RSA, which TLS 1.2 needs with the suites of FAPI (FAPI 1.0 Part 2 8.5).
    pub(crate) fn issue(&self, hosts: &[String]) -> Result<ServerCertificate, DevError> {
        let mut params = CertificateParams::new(hosts.to_vec())?;
        let first = hosts.first().map_or("localhost", String::as_str);
        params.distinguished_name = named(first);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        validity(&mut params);
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)?;
        let leaf = params.signed_by(&pair, &issuer)?;
        let certificate = format!("{}{}", leaf.pem(), *self.certificate);
        Ok(ServerCertificate { certificate, key: Zeroizing::new(pair.serialize_pem()) })
    }
}

/// All of `*.localhost` is this machine (RFC 6761 6.3), so one authority will do for all of it.
fn subtree(host: &str) -> &str {
    if host.ends_with(".localhost") { "localhost" } else { host }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

    use super::*;

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn accepted(authority: &Authority, issued: &ServerCertificate, name: &str) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority.certificate_file()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let leaf = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now =
            UnixTime::since_unix_epoch(std::time::Duration::from_secs(crate::clock::now().unsigned_abs()));
        verifier.verify_server_cert(&leaf, &[], &name, &[], now).is_ok()
    }

    #[test]
    fn the_authority_is_for_the_hosts_that_are_served_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let authority = Authority::open(&folder, &hosts(&["demo.localhost", "auth.bank.example"])).unwrap();
        assert!(authority.new);
        for good in ["demo.localhost", "other.localhost", "auth.bank.example"] {
            assert!(authority.covers(good), "{good}");
            assert!(accepted(&authority, &authority.issue(&hosts(&[good])).unwrap(), good), "{good}");
        }
        assert!(!authority.covers("www.bank.example"));
        let stolen = authority.issue(&hosts(&["www.bank.example"])).unwrap();
        assert!(!accepted(&authority, &stolen, "www.bank.example"));
    }

    #[test]
    fn the_authority_is_made_anew_only_for_a_host_that_it_does_not_cover() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let open = |names: &[&str]| Authority::open(&folder, &hosts(names)).unwrap();
        let first = open(&["demo.localhost"]);
        assert!(!open(&["demo.localhost", "second.localhost"]).new);
        let second = open(&["demo.localhost", "auth.bank.example"]);
        assert!(second.new && *second.certificate != *first.certificate);
        assert!(!open(&["demo.localhost"]).new);
    }
}
