//! Private keys: where they come from, and which are refused.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fapi_jose::{Alg, DecryptionKey, JwkError, KeyError, KeyManagement, SigningKey, Unverified, b64};
use josekit::jwk::Jwk;
use josekit::jwk::KeyPair as _;
use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jwk::alg::ecx::EcxCurve;
use josekit::jwk::alg::ed::EdKeyPair;
use josekit::jwk::alg::rsa::RsaKeyPair;
use serde_json::{Value, json};

use crate::attacker::{claims, es256, josekit_key, signing_key};

fn private(key: &SigningKey) -> Value {
    serde_json::from_str(&key.to_private_jwk()).expect("a JWK")
}

fn read(value: &Value) -> Result<SigningKey, KeyError> {
    SigningKey::from_jwk(&value.to_string())
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// J-19
#[test]
fn halves_that_do_not_belong_together_are_refused() {
    for alg in Alg::ALL {
        let (one, other) = (private(&signing_key(*alg)), private(&signing_key(*alg)));
        read(&one).unwrap();
        for name in ["n", "d", "p", "q", "dp", "dq", "qi"] {
            if one.get(name).is_some() {
                let mut mixed = one.clone();
                mixed[name] = other[name].clone();
                assert_eq!(read(&mixed).unwrap_err(), KeyError::Mismatch, "{alg} {name}");
            }
        }
        if one.get("x").is_some() {
            let mut mixed = one.clone();
            mixed["d"] = other["d"].clone();
            assert_eq!(read(&mixed).unwrap_err(), KeyError::Mismatch);
            let mut mixed = other.clone();
            mixed["d"] = one["d"].clone();
            assert_eq!(read(&mixed).unwrap_err(), KeyError::Mismatch);
        }
    }
    for alg in [KeyManagement::EcdhEs, KeyManagement::EcdhEsA256kw] {
        let x25519 = || -> Value {
            let mut jwk = Jwk::generate_ecx_key(EcxCurve::X25519).unwrap();
            jwk.set_algorithm(alg.as_str());
            serde_json::to_value(jwk.as_ref()).unwrap()
        };
        let p256 =
            || serde_json::from_str(&DecryptionKey::generate(alg, 2048).unwrap().to_private_jwk()).unwrap();
        for (mut one, other) in [(x25519(), x25519()), (p256(), p256())] {
            DecryptionKey::from_jwk(&one.to_string()).unwrap();
            one["d"] = other["d"].clone();
            assert_eq!(DecryptionKey::from_jwk(&one.to_string()).unwrap_err(), KeyError::Mismatch);
        }
    }
}

#[test]
fn a_malformed_private_key_is_refused_and_says_why() {
    let good = private(&es256());
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        read(&key).unwrap_err()
    };
    assert_eq!(changed("d", json!(null)), KeyError::BadJson);
    assert_eq!(changed("d", json!("AAAA")), JwkError::BadMember("d").into());
    assert_eq!(changed("d", json!(b64::encode([0; 32]))), KeyError::Mismatch);
    assert_eq!(changed("d", json!(b64::encode([0xff; 32]))), KeyError::Mismatch);
    assert_eq!(changed("x", json!(b64::encode([0; 32]))), JwkError::OffCurve.into());
    assert_eq!(changed("use", json!("enc")), KeyError::WrongPurpose("use"));
    assert_eq!(changed("alg", json!("ES384")), KeyError::WrongPurpose("alg"));
    assert_eq!(changed("key_ops", json!(["verify"])), KeyError::WrongPurpose("key_ops"));
    assert_eq!(changed("kty", json!("oct")), JwkError::UnknownKeyType.into());
    assert_eq!(changed("crv", json!("P-384")), JwkError::BadMember("x").into());
    assert_eq!(read(&es256().public().to_json()).unwrap_err(), JwkError::MissingMember("d").into());
    assert_eq!(SigningKey::from_jwk("{").unwrap_err(), KeyError::BadJson);
    assert_eq!(SigningKey::from_jwk("[]").unwrap_err(), KeyError::BadJson);
    let twice = good.to_string().replacen('{', r#"{"d":"AAAA","#, 1);
    assert_eq!(SigningKey::from_jwk(&twice).unwrap_err(), KeyError::BadJson);
    assert_eq!(SigningKey::from_jwk(&" ".repeat(65 * 1024)).unwrap_err(), KeyError::TooLarge);

    let agreement = Jwk::generate_ecx_key(EcxCurve::X25519).unwrap();
    let error = SigningKey::from_jwk(&agreement.to_string()).unwrap_err();
    assert_eq!(error.to_string(), "the key does not suit EdDSA, which needs an OKP key on Ed25519");
    let mut rsa = private(&signing_key(Alg::Ps256));
    rsa["alg"] = json!("RS256");
    assert_eq!(read(&rsa).unwrap_err(), KeyError::WrongPurpose("alg"));
    rsa.as_object_mut().unwrap().remove("alg");
    rsa.as_object_mut().unwrap().remove("qi");
    assert_eq!(read(&rsa).unwrap_err(), JwkError::MissingMember("qi").into());
}

/// J-17: RSA as josekit would make it.
#[test]
fn a_weak_private_key_is_refused() {
    let weak = Jwk::generate_rsa_key(1024).unwrap().to_string();
    assert!(matches!(SigningKey::from_jwk(&weak), Err(KeyError::Refused(JwkError::WeakKey(_)))));
    let der = RsaKeyPair::generate(1024).unwrap().to_der_private_key();
    assert!(SigningKey::from_pkcs8_der(Alg::Ps256, &der).is_err());
    let strong = RsaKeyPair::generate(2048).unwrap().to_der_private_key();
    SigningKey::from_pkcs8_der(Alg::Ps256, &strong).unwrap();
    for bits in [0, 1024, 2047, 2056, 8192] {
        assert_eq!(SigningKey::generate(Alg::Ps256, bits).unwrap_err(), KeyError::RsaSize);
        assert_eq!(DecryptionKey::generate(KeyManagement::RsaOaep, bits).unwrap_err(), KeyError::RsaSize);
    }
}

/// The kid is the thumbprint (RFC 7638), whatever the file said.
#[test]
fn a_key_is_named_by_its_thumbprint() {
    let key = es256();
    let mut other_name = private(&key);
    other_name["kid"] = json!("my-key");
    other_name.as_object_mut().unwrap().remove("alg");
    let read = read(&other_name).unwrap();
    assert_eq!(read.kid(), key.kid());
    assert_eq!(read.public().kid(), Some(key.kid()));
    assert_eq!(read.public().alg(), Some("ES256"));
    assert_eq!(private(&read), private(&key));
}

/// J-25, and josekit's PEM readers that refuse ordinary RSA files.
#[test]
fn keys_are_imported_from_der_and_pem() {
    let rsa = signing_key(Alg::Ps256);
    let factors = RsaKeyPair::from_jwk(&josekit_key(&rsa)).unwrap();
    let ec = es256();
    let weierstrass = EcKeyPair::from_jwk(&josekit_key(&ec)).unwrap();
    let ed = signing_key(Alg::EdDsa);
    let edwards = EdKeyPair::from_jwk(&josekit_key(&ed)).unwrap();

    for (key, der) in [
        (&rsa, factors.to_der_private_key()),
        (&rsa, factors.to_raw_private_key()),
        (&ec, weierstrass.to_der_private_key()),
        (&ec, weierstrass.to_raw_private_key()),
        (&ed, edwards.to_der_private_key()),
    ] {
        let read = SigningKey::from_pkcs8_der(key.alg(), &der).unwrap();
        assert_eq!(read.public(), key.public());
        assert_eq!(private(&read), private(key));
    }
    for (key, text) in [
        (&rsa, factors.to_pem_private_key()),
        (&rsa, factors.to_traditional_pem_private_key()),
        (&ec, weierstrass.to_pem_private_key()),
        (&ec, weierstrass.to_traditional_pem_private_key()),
        (&ed, edwards.to_pem_private_key()),
    ] {
        let read = SigningKey::from_pkcs8_pem(key.alg(), &text).unwrap();
        assert_eq!(read.public(), key.public());
        let unix = String::from_utf8(text).unwrap();
        let mixed =
            format!("leading words\r\n{}{}", pem("CERTIFICATE", b"0"), unix.replacen('\n', "\r\n", 2));
        assert_eq!(SigningKey::from_pkcs8_pem(key.alg(), mixed.as_bytes()).unwrap().kid(), key.kid());
    }
    let own = Ed25519KeyPair::generate().unwrap();
    SigningKey::from_pkcs8_der(Alg::EdDsa, own.to_pkcs8().unwrap().as_ref()).unwrap();
    SigningKey::from_pkcs8_der(Alg::EdDsa, own.to_pkcs8v1().unwrap().as_ref()).unwrap();
    let own = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der = own.private_key().as_der().unwrap();
    let key = SigningKey::from_pkcs8_der(Alg::Es256, der.as_ref()).unwrap();
    let token = key.sign(None, &claims()).unwrap();
    Unverified::parse(&token).unwrap().verify_with(key.public(), &[Alg::Es256]).unwrap();
}

/// J-17, J-25: what somebody brings along is a PEM file or a JWK, for the algorithm that is asked for and no other.
#[test]
fn a_key_that_is_brought_along_is_read_from_pem_or_a_jwk() {
    let key = es256();
    let text = pem("PRIVATE KEY", &EcKeyPair::from_jwk(&josekit_key(&key)).unwrap().to_der_private_key());
    let jwk = format!("\n {}", &*key.to_private_jwk());
    for given in [&text, &jwk] {
        let read = SigningKey::from_pem_or_jwk(Alg::Es256, given.as_bytes()).unwrap();
        assert_eq!((read.kid(), read.alg()), (key.kid(), Alg::Es256));
        let other = SigningKey::from_pem_or_jwk(Alg::Ps256, given.as_bytes()).unwrap_err();
        assert_eq!(
            other.to_string(),
            "the key does not suit PS256, which needs an RSA key of 2048 bits or more"
        );
    }
    // It says that it signs.
    let opens = DecryptionKey::from_pem_or_jwk(KeyManagement::EcdhEs, jwk.as_bytes()).unwrap_err();
    assert_eq!(opens, KeyError::WrongPurpose("use"));
    // A file does not say what it is for.
    let opens = DecryptionKey::from_pem_or_jwk(KeyManagement::EcdhEs, text.as_bytes()).unwrap();
    assert_eq!((opens.kid(), opens.alg()), (key.kid(), KeyManagement::EcdhEs));
    let mut bare: Value = serde_json::from_str(&opens.to_private_jwk()).unwrap();
    bare.as_object_mut().unwrap().remove("alg").unwrap();
    let bare = bare.to_string();
    assert!(DecryptionKey::from_pem_or_jwk(KeyManagement::EcdhEsA256kw, bare.as_bytes()).is_ok());
    assert!(DecryptionKey::from_pem_or_jwk(KeyManagement::RsaOaep256, text.as_bytes()).is_err());
    for bad in ["", "{", "{}", "[]", "\u{feff}", "{\"keys\": []}"] {
        assert!(SigningKey::from_pem_or_jwk(Alg::Es256, bad.as_bytes()).is_err(), "{bad}");
    }
    assert_eq!(SigningKey::from_pem_or_jwk(Alg::Es256, b"{\xff}").unwrap_err(), KeyError::BadJson);
}

/// J-25
#[test]
fn other_files_are_refused() {
    let key = es256();
    let der = EcKeyPair::from_jwk(&josekit_key(&key)).unwrap().to_der_private_key();
    let good = pem("PRIVATE KEY", &der);
    SigningKey::from_pkcs8_pem(Alg::Es256, good.as_bytes()).unwrap();
    for bad in [
        String::new(),
        good.replace("PRIVATE", "PUBLIC"),
        pem("ENCRYPTED PRIVATE KEY", &der),
        pem("CERTIFICATE", &der),
        format!("{good}{good}"),
        good.replace("-----END", "-----EN"),
        good.replace('\n', ""),
    ] {
        assert_eq!(
            SigningKey::from_pkcs8_pem(Alg::Es256, bad.as_bytes()).unwrap_err(),
            KeyError::BadFile,
            "{bad}"
        );
    }
    assert_eq!(
        SigningKey::from_pkcs8_pem(Alg::Es256, &vec![b'\n'; 1 << 20]).unwrap_err(),
        KeyError::TooLarge
    );
    assert_eq!(SigningKey::from_pkcs8_der(Alg::Es256, &vec![0x30; 1 << 20]).unwrap_err(), KeyError::TooLarge);
    for alg in [Alg::Ps256, Alg::EdDsa] {
        assert!(matches!(SigningKey::from_pkcs8_der(alg, &der), Err(KeyError::WrongKind { .. })));
    }
    for len in 0..der.len() {
        assert!(SigningKey::from_pkcs8_der(Alg::Es256, &der[..len]).is_err());
    }
    assert!(SigningKey::from_pkcs8_der(Alg::Es256, &[&der[..], &[0]].concat()).is_err(), "trailing garbage");
    let secp256k1 =
        EcKeyPair::generate(josekit::jwk::alg::ec::EcCurve::Secp256k1).unwrap().to_der_private_key();
    let error = SigningKey::from_pkcs8_der(Alg::Es256, &secp256k1).unwrap_err();
    assert_eq!(error.to_string(), "the key does not suit ES256, which needs an EC key on P-256");
}

#[test]
fn a_decryption_key_says_what_it_is_for() {
    let key = DecryptionKey::generate(KeyManagement::EcdhEs, 2048).unwrap();
    let good: Value = serde_json::from_str(&key.to_private_jwk()).unwrap();
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        if value.is_null() {
            key.as_object_mut().unwrap().remove(name);
        } else {
            key[name] = value;
        }
        DecryptionKey::from_jwk(&key.to_string())
    };
    assert_eq!(changed("kid", json!("other")).unwrap().kid(), key.kid());
    assert_eq!(changed("use", json!(null)).unwrap().public(), key.public());
    assert_eq!(changed("alg", json!("ECDH-ES+A256KW")).unwrap().alg(), KeyManagement::EcdhEsA256kw);
    assert_eq!(changed("alg", json!(null)).unwrap_err(), KeyError::WrongPurpose("alg"));
    assert_eq!(changed("alg", json!("ECDH-ES+A128KW")).unwrap_err(), KeyError::WrongPurpose("alg"));
    let error = changed("alg", json!("RSA-OAEP")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the key does not suit RSA-OAEP, which needs an RSA key of 2048 bits or more"
    );
    let rsa = private(&signing_key(Alg::Ps256)).to_string().replace(r#""PS256""#, r#""ECDH-ES""#);
    let error = DecryptionKey::from_jwk(&rsa.replace(r#""sig""#, r#""enc""#)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the key does not suit ECDH-ES, which needs an EC key on P-256 or an OKP key on X25519"
    );
    assert_eq!(changed("use", json!("sig")).unwrap_err(), KeyError::WrongPurpose("use"));
    assert_eq!(changed("key_ops", json!(["sign"])).unwrap_err(), KeyError::WrongPurpose("key_ops"));
    let signing = es256().to_private_jwk();
    assert_eq!(DecryptionKey::from_jwk(&signing).unwrap_err(), KeyError::WrongPurpose("alg"));
}
