//! How does a client prove who it is?

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::algorithm::{ClientAuthMethod, SigningAlgorithm};
use crate::pattern;
use crate::reference::SecretKeyRef;
use crate::text::https_uri;

/// How a client proves who it is, and its public keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.jwksRef) && has(self.jwksUri))").message("set only one of auth.jwksRef and auth.jwksUri"),
    validation = Rule::new("self.method != 'private_key_jwt' || has(self.jwksRef) || has(self.jwksUri)")
        .message("private_key_jwt needs the client's public keys: set auth.jwksRef (a Secret) or auth.jwksUri (https)"),
    validation = Rule::new("(self.method == 'self_signed_tls_client_auth') == (has(self.certificateRefs) && self.certificateRefs.size() > 0)")
        .message("set auth.certificateRefs exactly when auth.method is self_signed_tls_client_auth"),
    validation = Rule::new("(self.method == 'tls_client_auth') == has(self.tls)")
        .message("set auth.tls (for example tls: {sanDns: app.example}) exactly when auth.method is tls_client_auth")
)]
pub struct ClientAuth {
    /// `private_key_jwt`, `tls_client_auth` or `self_signed_tls_client_auth`; the Workspace must offer it.
    pub method: ClientAuthMethod,
    /// Key of a Secret with the client's JWKS: public keys only. For `private_key_jwt`, signed requests, and encryption to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_ref: Option<SecretKeyRef>,
    /// Where the server fetches the client's JWKS; https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub jwks_uri: Option<String>,
    /// Keys of Secrets with the client's certificates (PEM), for `self_signed_tls_client_auth`. Several at once make renewal possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub certificate_refs: Vec<SecretKeyRef>,
    /// What the client's certificate must say, for `tls_client_auth` (RFC 8705 2.1.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<CertificateSubject>,
    /// Algorithms of the client's own signatures, out of the Workspace's. Empty: all of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub signing_algorithms: Vec<SigningAlgorithm>,
}

/// What a client's certificate must say: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "[has(self.subjectDn), has(self.sanDns), has(self.sanUri), has(self.sanIp), has(self.sanEmail), has(self.certificateRef)].filter(x, x).size() == 1")
    .message("set exactly one of subjectDn, sanDns, sanUri, sanIp, sanEmail and certificateRef"))]
pub struct CertificateSubject {
    /// Subject distinguished name as a string (RFC 4514), for example `CN=app,O=Budget,C=GB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 1024))]
    pub subject_dn: Option<String>,
    /// A DNS name in the subject alternative names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::HOST))]
    pub san_dns: Option<String>,
    /// A URI in the subject alternative names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = pattern::URI))]
    pub san_uri: Option<String>,
    /// An IP address in the subject alternative names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 39))]
    #[x_kube(validation = Rule::new("isIP(self)").message("sanIp is an IP address, for example 192.0.2.7"))]
    pub san_ip: Option<String>,
    /// An e-mail address in the subject alternative names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 254), regex(pattern = r"^[!-?A-~]+@[!-?A-~]+$"))]
    pub san_email: Option<String>,
    /// Key of a Secret with a certificate (PEM): its subject is what counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_ref: Option<SecretKeyRef>,
}

/// Whether and how what goes to or comes from the client is signed and encrypted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Protection {
    /// Algorithm of the signature, out of the Workspace's. Absent: the Workspace's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_algorithm: Option<SigningAlgorithm>,
    /// Encryption with a key from the JWKS. Absent: none, unless the profile demands it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
}

/// Encryption of a JWT.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// How the content key is agreed on, for example `RSA-OAEP-256`.
    pub algorithm: crate::algorithm::KeyManagement,
    /// How the content is encrypted, for example `A256GCM`.
    pub content: crate::algorithm::ContentEncryption,
}
