//! To which key is a token bound? (RFC 8705 3; DPoP joins with the FAPI 2.0 profiles.)

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::certificate::PeerCertificate;
use crate::client::Client;
use crate::lifetime::Timestamp;
use crate::profile::{BindingCertificate, ClientAuth, SenderConstraint};
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};

/// Proof that the caller holds a key, and which one. Tokens are bound to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SenderBinding {
    /// `x5t#S256` of the certificate on the connection (`MTL-05`).
    Certificate(String),
}

impl SenderBinding {
    /// The `cnf` claim (RFC 7800).
    pub fn cnf(&self) -> Value {
        match self {
            Self::Certificate(thumbprint) => json!({ "x5t#S256": thumbprint }),
        }
    }

    /// Reads a `cnf` claim. `None` for anything but a binding of ours: then the token is of no use here.
    pub fn from_cnf(cnf: &Value) -> Option<Self> {
        let members = cnf.as_object()?;
        match (members.len(), members.get("x5t#S256")?) {
            (1, Value::String(thumbprint)) => Some(Self::Certificate(thumbprint.clone())),
            _ => None,
        }
    }

    /// Whether the caller of a resource holds the key this token is bound to (`MTL-06`).
    pub fn is_held_by(&self, certificate: Option<&PeerCertificate>) -> bool {
        match self {
            Self::Certificate(thumbprint) => {
                certificate.is_some_and(|presented| presented.has_thumbprint(thumbprint))
            }
        }
    }
}

/// Binds what `client` is about to receive to what it presents.
///
/// # Errors
/// `invalid_request` without a certificate (`T-05`, `MTL-04`; a client that authenticates by certificate never gets here without
/// one), or with one that the ecosystem does not know.
pub fn bind(
    client: &Client,
    certificate: Option<&PeerCertificate>,
    registry: &Registry,
    now: Timestamp,
) -> Result<SenderBinding, Rejection> {
    match client.sender_constraint() {
        SenderConstraint::Certificate => {
            let missing = || {
                Rejection::invalid_request(
                    "a client certificate is required: call with mutual TLS",
                    "F1A 5.2.2-6",
                )
            };
            let certificate = certificate.ok_or_else(missing)?;
            let unfit = |why: crate::certificate::CertificateError| {
                Rejection::invalid_request("the client certificate is not acceptable", "RFC 8705 3")
                    .detail(why.to_string())
            };
            if registry.rules.binding_certificate() == BindingCertificate::Anchored {
                registry.anchored(certificate, now).map_err(unfit)?;
            } else if client.auth().method == ClientAuth::PrivateKeyJwt {
                certificate.valid_at(now).map_err(unfit)?;
            }
            Ok(SenderBinding::Certificate(certificate.thumbprint().to_owned()))
        }
        SenderConstraint::DPoP => Err(Rejection::new(
            ErrorCode::InvalidDpopProof,
            "DPoP is not available at this server",
            crate::Clause("RFC 9449 5"),
        )),
    }
}
