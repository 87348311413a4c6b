//! What is there is kept, what is missing is made, what expires is renewed.

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::json;

use super::*;
use crate::build::Object;
use crate::fixture::{NOON, desired, found, names, workspace, workspace_with};
use crate::rotate::KeySet;
use crate::validate::validate;

fn wanted() -> Wanted {
    Wanted::new(&names(), &workspace().spec, "auth.bank.example")
}

/// What `build` writes into the Secrets for this material.
fn stored(material: &Material) -> SecretData {
    let found = found(workspace(), Vec::new());
    let verdict = validate(&found);
    let inputs = crate::build::Inputs {
        spec: &found.workspace.spec,
        publication: verdict.publication.as_ref().unwrap(),
        keys: &KeySet::default(),
        material,
        previous: None,
        seen_revision: 0,
        optional: found.optional,
        settings: &crate::fixture::settings(),
    };
    let desired = crate::build::build(&inputs);
    let data = desired.iter().filter_map(|object| match object {
        Object::Secret(secret) => Some((
            object.name().to_owned(),
            secret.data.iter().flatten().map(|(name, bytes)| (name.clone(), bytes.0.clone())).collect(),
        )),
        _ => None,
    });
    data.collect()
}

fn complete(secrets: &SecretData, wanted: &Wanted, now: Timestamp) -> Result<Material, MaterialError> {
    super::complete(secrets, wanted, &Surroundings::quiet(now))
}

/// The authority that issues.
fn issuing(material: &Material) -> Certified {
    InternalAuthority::trust(&material.internal_ca_data()).unwrap().issuing
}

fn shown(material: &Material) -> Vec<String> {
    let made = material.self_signed.as_ref().unwrap();
    vec![
        material.seal.keys()[0].id.clone(),
        material.subject_salt.to_base64url().to_string(),
        issuing(material).certificate,
        material.internal_tls.certificate.clone(),
        made.ca.certificate.clone(),
        made.front.as_ref().unwrap().certificate.clone(),
    ]
}

fn trusts(ca: &Certified, server: &Certified, host: &str, usage: webpki::KeyUsage) -> bool {
    let ca = CertificateDer::from_pem_slice(ca.certificate.as_bytes()).unwrap();
    let anchor = webpki::anchor_from_trusted_cert(&ca).unwrap();
    let leaf = CertificateDer::from_pem_slice(server.certificate.as_bytes()).unwrap();
    let leaf = webpki::EndEntityCert::try_from(&leaf).unwrap();
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOON.as_unix().try_into().unwrap()));
    let chain =
        leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &[anchor], &[], time, usage, None, None).is_ok();
    let named = host.is_empty()
        || leaf.verify_is_valid_for_subject_name(&ServerName::try_from(host).unwrap()).is_ok();
    chain && named
}

#[test]
fn what_is_there_is_kept() {
    let first = complete(&SecretData::new(), &wanted(), NOON).unwrap();
    let again = complete(&stored(&first), &wanted(), NOON).unwrap();
    assert_eq!(shown(&again), shown(&first));
    let later = complete(&stored(&first), &wanted(), NOON + Lifetime::days(59)).unwrap();
    assert_eq!(shown(&later), shown(&first));
}

#[test]
fn certificates_are_renewed_in_time_and_authorities_and_salts_are_not() {
    let first = complete(&SecretData::new(), &wanted(), NOON).unwrap();
    let renewed = complete(&stored(&first), &wanted(), NOON + Lifetime::days(61)).unwrap();
    let (one, other) = (shown(&first), shown(&renewed));
    assert_eq!(one[..5], other[..5]);
    assert_ne!(one[5], other[5], "a third of its life is left");
    let internal = complete(&stored(&first), &wanted(), NOON + Lifetime::days(250)).unwrap();
    assert_ne!(internal.internal_tls.certificate, first.internal_tls.certificate);
    assert_eq!(issuing(&internal).certificate, issuing(&first).certificate);
}

#[test]
fn a_damaged_salt_is_never_replaced() {
    let first = complete(&SecretData::new(), &wanted(), NOON).unwrap();
    for (secret, key) in [(names().subject(), SALT_KEY), (names().seal(), seal::SEAL_KEY)] {
        let mut damaged = stored(&first);
        damaged.get_mut(&secret).unwrap().insert(key.to_owned(), b"canary".to_vec());
        let error = complete(&damaged, &wanted(), NOON).unwrap_err();
        assert_eq!(error, MaterialError::Damaged { secret, key });
        assert!(!error.to_string().contains("canary"), "K-10");
    }
}

#[test]
fn pods_and_operator_prove_themselves_by_the_internal_authority() {
    let material = complete(&SecretData::new(), &wanted(), NOON).unwrap();
    let host = internal_host(&names());
    assert_eq!(host, "retail-internal.auth.svc");
    assert!(trusts(&issuing(&material), &material.internal_tls, &host, webpki::KeyUsage::server_auth()));
    let operator = operator_certificate(&issuing(&material), NOON).unwrap();
    assert!(trusts(&issuing(&material), &operator, "", webpki::KeyUsage::client_auth()));
    assert!(!trusts(&issuing(&material), &operator, "", webpki::KeyUsage::server_auth()));
    assert!(!operator_certificate_is_due(&operator, NOON));
    assert!(operator_certificate_is_due(&operator, NOON + Lifetime::days(300)));
    let other = complete(&SecretData::new(), &wanted(), NOON).unwrap();
    assert!(
        !trusts(&issuing(&other), &operator, "", webpki::KeyUsage::client_auth()),
        "each Workspace its own"
    );
}

#[test]
fn a_self_signed_certificate_serves_its_hosts_and_its_authority_no_others() {
    let spec = workspace_with(&json!({"mtls": {"port": null, "host": "mtls.bank.example"}})).spec;
    let wanted = Wanted::new(&names(), &spec, "auth.bank.example");
    let made = complete(&SecretData::new(), &wanted, NOON).unwrap().self_signed.unwrap();
    let front = made.front.unwrap();
    for host in ["auth.bank.example", "mtls.bank.example"] {
        assert!(trusts(&made.ca, &front, host, webpki::KeyUsage::server_auth()), "{host}");
    }
    let foreign = server(&made.ca, &["www.example".to_owned()], KeyPair::generate(), LEAF, NOON).unwrap();
    assert!(!trusts(&made.ca, &foreign, "www.example", webpki::KeyUsage::server_auth()), "name constraints");
    assert!(made.back.is_none());
}

#[test]
fn a_workspace_with_certificates_of_its_own_gets_none() {
    let spec = workspace_with(&json!({"tls": {"selfSigned": null, "secretName": "front"}})).spec;
    let wanted = Wanted::new(&names(), &spec, "auth.bank.example");
    assert!(complete(&SecretData::new(), &wanted, NOON).unwrap().self_signed.is_none());
    let found = found(workspace(), Vec::new());
    assert!(
        desired(&found, &validate(&found), &KeySet::default())
            .iter()
            .any(|object| object.name() == "retail-ca")
    );
}
