//! Two doors: one asks for a certificate and takes any, the other does not ask.

use std::path::Path;
use std::sync::Arc;

use fapi_server::tls::AnyClientCertificate;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;

pub(crate) struct Doors {
    pub(crate) front: Arc<ServerConfig>,
    pub(crate) back: Arc<ServerConfig>,
}

impl Doors {
    /// Writes the CA to `ca`.
    pub(crate) fn new(ca: &Path, front_asks: bool) -> Doors {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca_certificate = params.self_signed(&ca_key).unwrap();
        std::fs::write(ca, ca_certificate.pem()).unwrap();

        let names = ["op.localhost", "mtls.op.localhost"].map(str::to_owned);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &Issuer::from_params(&params, &ca_key))
            .unwrap();

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = |asks: bool| {
            let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions();
            let builder = builder.unwrap();
            let builder = if asks {
                builder.with_client_cert_verifier(Arc::new(AnyClientCertificate::new(&provider)))
            } else {
                builder.with_no_client_auth()
            };
            let private = PrivatePkcs8KeyDer::from(key.serialize_der());
            Arc::new(builder.with_single_cert(vec![leaf.der().clone()], private.into()).unwrap())
        };
        Doors { front: config(front_asks), back: config(true) }
    }
}
