//! What are the children called? Names with limits, so that a name plus its longest suffix always fits.

use std::fmt::{self, Write as _};

use fapi_crds::workspace::Tls;

/// The name of a Workspace: a DNS-1035 label of at most 40 characters, since Services are named after it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct WorkspaceName(String);

/// The name of a `SigningKey`: a DNS-1123 subdomain of at most 63 characters, since Secrets are named after it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SigningKeyName(String);

/// A name is too long, or holds characters that it must not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(&'static str);

/// The longest name of an object whose kind allows a DNS-1035 or DNS-1123 label only.
const LABEL: usize = 63;

impl WorkspaceName {
    /// The most characters.
    pub const MAX: usize = 40;

    /// Accepts a name.
    ///
    /// # Errors
    /// If a child could not be named after it.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = name.len() <= Self::MAX
            && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            && name.bytes().all(inner)
            && !name.ends_with('-');
        if !fits {
            return Err(InvalidName(
                "a Workspace's name has at most 40 characters: a letter, then lower-case letters, digits and dashes",
            ));
        }
        Ok(Self(name.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SigningKeyName {
    /// The most characters.
    pub const MAX: usize = 63;

    /// Accepts a name.
    ///
    /// # Errors
    /// If a Secret could not be named after it.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let fits = name.len() <= Self::MAX
            && name.bytes().all(inner)
            && edge(name.bytes().next())
            && edge(name.bytes().last());
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidName("a SigningKey's name has at most 63 characters"))
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The Secret with the public half and the facts of a key, kept from its birth to its history.
    pub fn secret(&self, thumbprint: &Thumbprint) -> String {
        format!("{self}-{}", thumbprint.hex8())
    }

    /// The Secret with the private half, deleted when nobody needs it.
    pub fn private_secret(&self, thumbprint: &Thumbprint) -> String {
        format!("{self}-{}-private", thumbprint.hex8())
    }
}

impl fmt::Display for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SigningKeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An RFC 7638 thumbprint: 32 bytes. The `kid` is its base64url text, Secrets are named after its first hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// From a `kid`.
    pub fn of_kid(kid: &str) -> Option<Self> {
        fapi_jose::b64::decode(kid)?.try_into().ok().map(Self)
    }

    /// The first eight hexadecimal digits.
    pub fn hex8(&self) -> String {
        self.hex().chars().take(8).collect()
    }

    /// All 64 hexadecimal digits, as `openssl` prints them.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The names of a Workspace's children (`spec/operator.md` 7.7 as amended by `spec/api.md`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names {
    /// Namespace of the Workspace and of its children.
    pub namespace: String,
    /// The Workspace.
    pub workspace: WorkspaceName,
}

macro_rules! child {
    ($($(#[$doc:meta])* $function:ident = $suffix:literal;)+) => {
        impl Names {
            $(
                $(#[$doc])*
                pub fn $function(&self) -> String {
                    format!(concat!("{}", $suffix), self.workspace)
                }
            )+
        }

        /// Every suffix fits behind the longest name.
        const _: () = {
            $(assert!(WorkspaceName::MAX + $suffix.len() <= LABEL);)+
        };
    };
}

child! {
    /// Deployment, Service, `NetworkPolicy`, `PodDisruptionBudget`, `ServiceAccount`, `HorizontalPodAutoscaler`, `ServiceMonitor`, and
    /// the `TLSRoute` of the front door.
    server = "";
    /// Secret with `manifest.json`, `workspace.json` and what else is not secret.
    bundle = "-bundle";
    /// Secret with `keys.json`.
    keys = "-keys";
    /// Secret with the certificate authority of the internal port; the operator makes its own client certificate from it.
    internal_ca = "-internal-ca";
    /// Secret with the certificate that pods show at the internal port.
    internal_tls = "-internal-tls";
    /// Headless Service for the internal ports.
    internal_service = "-internal";
    /// Secret with sealing keys.
    seal = "-seal";
    /// Secret with the salt of pairwise subjects. Never rotated; named in the backup guide.
    subject = "-subject";
    /// Secret with the certificate of `tls.selfSigned`; Certificate of `tls.issuerRef`.
    tls = "-tls";
    /// Secret with the certificate of `mtls.tls.selfSigned`; Certificate of `mtls.tls.issuerRef`.
    mtls_tls = "-mtls-tls";
    /// Secret that cert-manager fills for `tls.issuerRef`. Never the name of one of the operator's own: its content is another's.
    issued_tls = "-tls-issued";
    /// Secret that cert-manager fills for `mtls.tls.issuerRef`.
    issued_mtls_tls = "-mtls-tls-issued";
    /// `TLSRoute` of the back door.
    mtls_route = "-mtls";
    /// `ConfigMap` with the certificate authority of `selfSigned`.
    ca = "-ca";
    /// `PersistentVolumeClaim` of SQLite.
    data = "-data";
}

const _: () = assert!(WorkspaceName::MAX + "-clients-00".len() <= LABEL);
const _: () = assert!(WorkspaceName::MAX + "-logos-00".len() <= LABEL);
const _: () = assert!(WorkspaceName::MAX + "-sig-eddsa".len() <= SigningKeyName::MAX);

impl Names {
    /// The Secret of a shard of clients.
    pub fn clients(&self, shard: u8) -> String {
        format!("{}-clients-{shard:02}", self.workspace)
    }

    /// The Secret of the pictures of the clients in a shard.
    pub fn logos(&self, shard: u8) -> String {
        format!("{}-logos-{shard:02}", self.workspace)
    }

    /// The `SigningKey` that the operator makes for a signature algorithm.
    pub fn signing_key(&self, alg: fapi_jose::Alg) -> String {
        format!("{}-sig-{}", self.workspace, alg.as_str().to_ascii_lowercase())
    }

    /// The Secret with the front door's certificate, where somebody else puts it there.
    pub fn shown_in_front(&self, tls: &Tls) -> Option<String> {
        let issued = || tls.issuer_ref.as_ref().map(|_| self.issued_tls());
        tls.secret_name.clone().or_else(issued)
    }

    /// The Secret with the back door's own certificate, where somebody else puts it there.
    pub fn shown_behind(&self, tls: &Tls) -> Option<String> {
        let issued = || tls.issuer_ref.as_ref().map(|_| self.issued_mtls_tls());
        tls.secret_name.clone().or_else(issued)
    }

    /// `namespace/name`, as it stands in the manifest.
    pub fn qualified(&self) -> String {
        format!("{}/{}", self.namespace, self.workspace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_can_be_named_after() {
        assert!(WorkspaceName::parse("retail").is_ok());
        assert!(WorkspaceName::parse(&"a".repeat(40)).is_ok());
        for bad in ["", "1retail", "Retail", "retail-", "re.tail", &"a".repeat(41)] {
            assert!(WorkspaceName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_of_keys_are_named_by_hexadecimal_digits() {
        let name = SigningKeyName::parse("retail-sig-ps256").unwrap();
        let kid = fapi_jose::b64::encode([0xab; 32]);
        let thumbprint = Thumbprint::of_kid(&kid).unwrap();
        assert_eq!(name.secret(&thumbprint), "retail-sig-ps256-abababab");
        assert_eq!(name.private_secret(&thumbprint), "retail-sig-ps256-abababab-private");
        assert!(Thumbprint::of_kid("short").is_none());
        for bad in ["", "-a", "a-", "A", &"a".repeat(64)] {
            assert!(SigningKeyName::parse(bad).is_err(), "{bad}");
        }
    }
}
