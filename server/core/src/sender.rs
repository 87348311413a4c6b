//! To which key is a token bound? (RFC 8705 3, RFC 9449 6)

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::certificate::PeerCertificate;
use crate::client::Client;
use crate::dpop::{HeldKey, KeyThumbprint};
use crate::lifetime::Timestamp;
use crate::profile::{BindingCertificate, ClientAuth, SenderConstraint};
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};

/// Proof that the caller holds a key, and which one. Tokens are bound to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SenderBinding {
    /// `x5t#S256` of the certificate on the connection (`MTL-05`).
    Certificate(String),
    /// `jkt` of the key in a `DPoP` proof (`DPO-07`).
    Key(KeyThumbprint),
}

impl SenderBinding {
    /// The `cnf` claim (RFC 7800).
    pub fn cnf(&self) -> Value {
        match self {
            Self::Certificate(thumbprint) => json!({ "x5t#S256": thumbprint }),
            Self::Key(thumbprint) => json!({ "jkt": thumbprint }),
        }
    }

    /// `token_type` of a token that is bound so (RFC 8705 3, RFC 9449 5; `DPO-09`).
    pub const fn token_type(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "Bearer",
            Self::Key(_) => "DPoP",
        }
    }

    /// Whether the certificate of a connection shows that the caller holds this token's key (`MTL-06`). A key needs a proof.
    pub fn is_held_by(&self, certificate: Option<&PeerCertificate>) -> bool {
        match self {
            Self::Certificate(thumbprint) => {
                certificate.is_some_and(|presented| presented.has_thumbprint(thumbprint))
            }
            Self::Key(_) => false,
        }
    }

    /// Reads a `cnf` claim. `None` for anything but a binding of ours: then the token is of no use here.
    pub fn from_cnf(cnf: &Value) -> Option<Self> {
        let members = cnf.as_object()?;
        if members.len() != 1 {
            return None;
        }
        match (members.get("x5t#S256"), members.get("jkt")) {
            (Some(Value::String(thumbprint)), None) => Some(Self::Certificate(thumbprint.clone())),
            (None, Some(Value::String(thumbprint))) => KeyThumbprint::parse(thumbprint).map(Self::Key),
            _ => None,
        }
    }
}

/// Binds what `client` is about to receive to what it presents.
///
/// # Errors
/// `invalid_request` without a certificate (`T-05`, `MTL-04`; a client that authenticates by certificate never gets here without
/// one), or with one that the ecosystem does not know; `invalid_dpop_proof` without a key (`T-08`, `DPO-13`).
pub fn bind(
    client: &Client,
    certificate: Option<&PeerCertificate>,
    key: Option<&HeldKey>,
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
                registry.usable(certificate, now).map_err(unfit)?;
            }
            Ok(SenderBinding::Certificate(certificate.thumbprint().to_owned()))
        }
        SenderConstraint::DPoP => {
            let missing = || {
                let description = "a DPoP proof is required";
                Rejection::new(ErrorCode::InvalidDpopProof, description, crate::Clause("RFC 9449 5"))
            };
            Ok(SenderBinding::Key(key.ok_or_else(missing)?.thumbprint().clone()))
        }
    }
}
