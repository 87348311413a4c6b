//! Request objects that are encrypted to us (`RO-12`, `KEY-05`).

use std::sync::LazyLock;

use fapi_jose::{Content, DecryptionKey, KeyManagement, encrypt};
use serde_json::json;

use super::{AuthorizationRequest, Delivery, by_value, push};
use crate::client::EncryptionChoice;
use crate::fixture::{
    NOON, Workspace, app_key, authenticated, fintech, mallory_key, params, request_claims, sign, with,
};
use crate::params::Params;
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};

const PAIR: EncryptionChoice =
    EncryptionChoice { algorithm: KeyManagement::RsaOaep, content: Content::A256Gcm };

static RSA: LazyLock<DecryptionKey> =
    LazyLock::new(|| DecryptionKey::generate(KeyManagement::RsaOaep, 2048).unwrap());
static NEXT: LazyLock<DecryptionKey> =
    LazyLock::new(|| DecryptionKey::generate(KeyManagement::RsaOaep, 2048).unwrap());
static EC: LazyLock<DecryptionKey> =
    LazyLock::new(|| DecryptionKey::generate(KeyManagement::EcdhEs, 2048).unwrap());

fn workspace() -> Workspace {
    fintech().by_value_too().decrypting(&RSA, true).decrypting(&EC, true)
}

fn signed() -> String {
    sign(app_key(), Some("oauth-authz-req+jwt"), &request_claims())
}

fn to(key: &DecryptionKey, content: Content, inside: &str) -> String {
    encrypt(inside.as_bytes(), Some("JWT"), key.public(), key.alg(), content).unwrap()
}

fn pushed(registry: &Registry, object: &str) -> Result<AuthorizationRequest, Rejection> {
    push(&params(&[("request", object)]), &authenticated(registry, "app"), registry, NOON)
}

fn sent(registry: &Registry, object: &str) -> Result<AuthorizationRequest, Rejection> {
    let client = authenticated(registry, "app");
    let around = Params::from_pairs(Vec::<(String, String)>::new());
    by_value(object, &around, &client, registry, NOON).map_err(|refused| refused.rejection)
}

#[test]
fn a_request_object_that_is_encrypted_to_us_says_the_same() {
    let registry = workspace().build();
    let plain = pushed(&registry, &signed()).unwrap();
    for key in [&*RSA, &*EC] {
        for content in [Content::A256Gcm, Content::A128Gcm] {
            let object = to(key, content, &signed());
            assert_eq!(pushed(&registry, &object).expect("RO-12, KEY-05"), plain, "RO-12");
            sent(&registry, &object).expect("RO-12: by value");
        }
    }
}

/// `RO-12`: a key that left the JWKS a moment ago, and one on its way there, open what is encrypted to them.
#[test]
fn keys_that_others_may_have_seen_open_what_they_sent() {
    let registry = fintech().by_value_too().decrypting(&NEXT, false).decrypting(&RSA, true).build();
    pushed(&registry, &to(&NEXT, Content::A256Gcm, &signed())).expect("RO-12");
    let shown: Vec<String> =
        registry.jwks().keys().iter().filter_map(|key| key.kid().map(ToOwned::to_owned)).collect();
    assert!(shown.iter().any(|kid| kid == RSA.kid()), "RO-12");
    assert!(!shown.iter().any(|kid| kid == NEXT.kid()), "KEY-01: not shown before every pod holds it");
    let stranger = DecryptionKey::generate(KeyManagement::RsaOaep, 2048).unwrap();
    let refused = pushed(&registry, &to(&stranger, Content::A256Gcm, &signed())).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRequestObject, "KEY-05: another server's key");
}

/// `KEY-05`, `J-12`, `J-14`: whatever is wrong outside or inside is refused, and what was wrong outside is always said alike.
#[test]
fn what_is_encrypted_in_any_other_way_is_refused() {
    let registry = workspace().build();
    let good = to(&RSA, Content::A256Gcm, &signed());
    let header = |changes: serde_json::Value| {
        let (header, rest) = good.split_once('.').unwrap();
        let header = serde_json::from_slice(&fapi_jose::b64::decode(header).unwrap()).unwrap();
        format!("{}.{rest}", fapi_jose::b64::encode(with(header, &changes).to_string()))
    };
    let mut said = std::collections::BTreeSet::new();
    for (id, object) in [
        ("KEY-05, J-14: RSA1_5", header(json!({"alg": "RSA1_5"}))),
        ("KEY-05: dir", header(json!({"alg": "dir"}))),
        ("KEY-05: A256KW", header(json!({"alg": "A256KW"}))),
        ("KEY-05: CBC", header(json!({"enc": "A128CBC-HS256"}))),
        ("J-12: compressed", header(json!({"zip": "DEF"}))),
        ("J-06: crit", header(json!({"crit": ["exp"]}))),
        ("KEY-05: another kid", header(json!({"kid": EC.kid()}))),
        ("J-14: a tag of another", format!("{}AAAA", &good[..good.len() - 4])),
        ("J-14: no JWE", "a.b.c.d.e".to_owned()),
        ("J-14: endless", format!("{good}{}", "A".repeat(200_000))),
        ("J-14: no text", encrypt(&[0xff, 0xfe], None, RSA.public(), RSA.alg(), Content::A256Gcm).unwrap()),
    ] {
        let refused = pushed(&registry, &object).expect_err(id);
        assert_eq!(refused.code, ErrorCode::InvalidRequestObject, "{id}");
        said.insert((refused.description, refused.detail));
    }
    assert_eq!(said.len(), 1, "J-14: {said:?}");
    for (id, inside) in [
        ("RO-12: one layer", to(&EC, Content::A256Gcm, &signed())),
        ("RO-06: not signed", request_claims().to_string()),
        ("RO-06, KEY-04: signed by another", sign(mallory_key(), None, &request_claims())),
        (
            "RO-06: alg none",
            format!(
                "{}.{}.",
                fapi_jose::b64::encode(r#"{"alg":"none"}"#),
                fapi_jose::b64::encode(request_claims().to_string())
            ),
        ),
        ("RO-05", sign(app_key(), None, &with(request_claims(), &json!({"aud": "https://other.example"})))),
    ] {
        let refused = pushed(&registry, &to(&RSA, Content::A256Gcm, &inside)).expect_err(id);
        assert_eq!(refused.code, ErrorCode::InvalidRequestObject, "{id}");
    }
}

#[test]
fn a_client_that_encrypts_its_requests_sends_none_readable_through_a_browser() {
    let registry = workspace().client(|client| client.request_object.encryption = Some(PAIR)).build();
    sent(&registry, &to(&RSA, Content::A256Gcm, &signed())).expect("RO-12");
    pushed(&registry, &to(&RSA, Content::A256Gcm, &signed())).expect("RO-12");
    pushed(&registry, &signed()).expect("RO-12: what is pushed comes by TLS, to us alone");
    let readable = sent(&registry, &signed()).unwrap_err();
    assert_eq!(readable.code, ErrorCode::InvalidRequestObject, "RO-12, E-22");
    for (id, object) in [
        ("KEY-05: another algorithm", to(&EC, Content::A256Gcm, &signed())),
        ("KEY-05: another content encryption", to(&RSA, Content::A128Gcm, &signed())),
    ] {
        assert_eq!(pushed(&registry, &object).expect_err(id).code, ErrorCode::InvalidRequestObject, "{id}");
    }
}

/// RFC 9101 10.2: what is spent is what was signed, so that wrapping it anew makes no other object of it.
#[test]
fn the_same_object_in_another_envelope_is_the_same_object() {
    let registry = workspace().build();
    let object = signed();
    let digest = |object: &str| match sent(&registry, object).unwrap().delivery {
        Delivery::ByValue { digest, .. } => digest,
        Delivery::Pushed => panic!("by value"),
    };
    let plain = digest(&object);
    assert_eq!(digest(&to(&RSA, Content::A256Gcm, &object)), plain);
    assert_eq!(digest(&to(&EC, Content::A128Gcm, &object)), plain);
    assert_ne!(
        digest(&to(
            &RSA,
            Content::A256Gcm,
            &sign(app_key(), None, &with(request_claims(), &json!({"state": "2"})))
        )),
        plain
    );
}

#[test]
fn what_is_offered_is_what_has_a_key_and_is_in_force() {
    const ALG: &str = "request_object_encryption_alg_values_supported";
    const ENC: &str = "request_object_encryption_enc_values_supported";
    let said = |registry: &Registry, name: &str| crate::metadata::document(registry).get(name).cloned();
    let registry = workspace().build();
    assert_eq!(said(&registry, ALG), Some(json!(["RSA-OAEP", "ECDH-ES"])), "DSC-32, KEY-05");
    assert_eq!(said(&registry, ENC), Some(json!(["A256GCM", "A128GCM"])), "DSC-32, KEY-05");
    // Not everywhere yet: nobody is told.
    let registry = fintech().decrypting(&RSA, false).build();
    assert_eq!((said(&registry, ALG), said(&registry, ENC)), (None, None), "DSC-32");
    // Narrowed away: neither offered nor opened.
    let registry = workspace()
        .overrides(|protocol| {
            protocol.encryption.get_or_insert_default().key_management = Some(vec![KeyManagement::EcdhEs]);
        })
        .build();
    assert_eq!(said(&registry, ALG), Some(json!(["ECDH-ES"])), "DSC-32");
    let refused = pushed(&registry, &to(&RSA, Content::A256Gcm, &signed())).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRequestObject, "INV-04, KEY-05");
}
