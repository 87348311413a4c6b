//! Ciphertexts that must not be opened, and that must all get the same answer.

use fapi_jose::{Content, DecryptionKey, JoseError, KeyManagement, encrypt};
use josekit::jwe::alg::rsaes::RsaesJweAlgorithm;
use josekit::jwe::{self, JweContext, JweEncrypter, JweHeader};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ecx::EcxCurve;
use serde_json::{Map, Value, json};

use crate::attacker::{part, with_part, with_text};

fn decryption_key(alg: KeyManagement) -> DecryptionKey {
    DecryptionKey::generate(alg, 2048).expect("a key")
}

fn refused(key: &DecryptionKey, token: &str) {
    assert_eq!(key.decrypt(token, Content::ALL), Err(JoseError::CannotDecrypt), "{token}");
}

/// The public key as josekit reads it, without `alg`, so that it can be misused.
fn josekit_public(key: &DecryptionKey) -> Jwk {
    let Value::Object(mut members) = key.public().to_json() else { unreachable!() };
    members.retain(|name, _| !["alg", "use", "kid"].contains(&name.as_str()));
    Jwk::from_map(members).expect("a JWK")
}

/// A token that josekit makes as it is told, with nothing switched off.
fn by_josekit(encrypter: &dyn JweEncrypter, header: &Value, payload: &[u8]) -> String {
    let members: Map<String, Value> = header.as_object().expect("an object").clone();
    let header = JweHeader::from_map(members).expect("a header");
    JweContext::new().serialize_compact(payload, &header, encrypter).expect("a token")
}

fn honest(key: &DecryptionKey, enc: Content) -> String {
    encrypt(b"secret", Some("JWT"), key.public(), key.alg(), enc).expect("a token")
}

#[test]
fn a_token_of_another_make_is_read() {
    let key = decryption_key(KeyManagement::RsaOaep);
    let encrypter = jwe::RSA_OAEP.encrypter_from_jwk(&josekit_public(&key)).unwrap();
    let token = by_josekit(&encrypter, &json!({ "enc": "A256GCM" }), b"no kid");
    assert_eq!(key.decrypt(&token, &[Content::A256Gcm]).unwrap(), b"no kid");
    let token =
        by_josekit(&encrypter, &json!({ "enc": "A256GCM", "kid": key.kid(), "typ": "JWT" }), b"with kid");
    assert_eq!(key.decrypt(&token, &[Content::A256Gcm]).unwrap(), b"with kid");

    let key = decryption_key(KeyManagement::EcdhEs);
    let encrypter = jwe::ECDH_ES.encrypter_from_jwk(&josekit_public(&key)).unwrap();
    let token =
        by_josekit(&encrypter, &json!({ "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i" }), b"parties");
    assert_eq!(key.decrypt(&token, Content::ALL).unwrap(), b"parties");
}

#[test]
fn a_key_on_x25519_decrypts() {
    for alg in [KeyManagement::EcdhEs, KeyManagement::EcdhEsA256kw] {
        let mut jwk = Jwk::generate_ecx_key(EcxCurve::X25519).unwrap();
        jwk.set_algorithm(alg.as_str());
        let key = DecryptionKey::from_jwk(&jwk.to_string()).unwrap();
        let token = honest(&key, Content::A256Gcm);
        assert_eq!(key.decrypt(&token, Content::ALL).unwrap(), b"secret");

        // RFC 7748 6.1: all-zero output of the agreement.
        let mut header: Value = serde_json::from_slice(&part(&token, 0)).unwrap();
        header["epk"]["x"] = json!("A".repeat(43));
        refused(&key, &with_part(&token, 0, header.to_string()));
    }
}

/// The library takes a GCM tag of any length: one byte is guessed in 256 tries.
#[test]
fn a_shortened_tag_is_refused() {
    for alg in KeyManagement::ALL {
        let key = decryption_key(*alg);
        let token = honest(&key, Content::A256Gcm);
        let tag = part(&token, 4);
        assert_eq!(tag.len(), 16);
        for len in 0..16 {
            refused(&key, &with_part(&token, 4, &tag[..len]));
        }
        refused(&key, &with_part(&token, 4, [&tag[..], &[0]].concat()));
        for guess in 0..=255 {
            refused(&key, &with_part(&token, 4, [guess]));
        }
        assert_eq!(key.decrypt(&token, Content::ALL).unwrap(), b"secret");
    }
}

/// The library panics on an empty IV.
#[test]
fn an_iv_of_another_length_is_refused() {
    let key = decryption_key(KeyManagement::EcdhEs);
    let token = honest(&key, Content::A256Gcm);
    for len in (0..12).chain(13..=17) {
        refused(&key, &with_part(&token, 2, vec![7; len]));
    }
    refused(&key, &with_part(&token, 2, [7; 12]));
}

/// The library panics on a wrapped key of 1 to 7 bytes.
#[test]
fn an_encrypted_key_of_another_length_is_refused() {
    for alg in KeyManagement::ALL {
        let key = decryption_key(*alg);
        for enc in Content::ALL {
            let token = honest(&key, *enc);
            let right = part(&token, 1).len();
            for len in (0..=50).chain(254..=258).filter(|len| *len != right) {
                refused(&key, &with_part(&token, 1, vec![7; len]));
            }
            if right > 0 {
                // J-14: of the right length, but not a key.
                refused(&key, &with_part(&token, 1, vec![7; right]));
                refused(&key, &with_part(&token, 1, vec![0; right]));
            }
        }
    }
}

/// J-12
#[test]
fn a_compressed_token_is_refused_before_it_is_inflated() {
    let key = decryption_key(KeyManagement::EcdhEs);
    let encrypter = jwe::ECDH_ES.encrypter_from_jwk(&josekit_public(&key)).unwrap();
    let bomb = by_josekit(&encrypter, &json!({ "enc": "A256GCM", "zip": "DEF" }), &vec![0; 8 << 20]);
    assert!(bomb.len() < 64 * 1024, "short enough for the limits: {}", bomb.len());
    refused(&key, &bomb);
    refused(&key, &by_josekit(&encrypter, &json!({ "enc": "A256GCM", "zip": "DEF" }), b"{}"));
    let plain = by_josekit(&encrypter, &json!({ "enc": "A256GCM" }), b"{}");
    assert_eq!(key.decrypt(&plain, Content::ALL).unwrap(), b"{}");
}

/// J-05, J-06: the library overlooks `crit` in a JWE.
#[test]
fn header_parameters_that_we_do_not_act_upon_are_refused() {
    let key = decryption_key(KeyManagement::EcdhEs);
    let encrypter = jwe::ECDH_ES.encrypter_from_jwk(&josekit_public(&key)).unwrap();
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("jku", json!("https://mallory.example")),
        ("x5u", json!("https://mallory.example")),
        ("jwk", key.public().to_json()),
        ("x5c", json!(["MIIB"])),
    ] {
        let token = by_josekit(&encrypter, &json!({ "enc": "A256GCM", name: value }), b"{}");
        refused(&key, &token);
    }
    let other = decryption_key(KeyManagement::EcdhEs);
    refused(&key, &by_josekit(&encrypter, &json!({ "enc": "A256GCM", "kid": other.kid() }), b"{}"));
}

/// CBC is decrypted before its MAC is checked: a padding oracle.
#[test]
fn content_encryption_that_is_not_allowed_is_refused() {
    let key = decryption_key(KeyManagement::EcdhEs);
    let encrypter = jwe::ECDH_ES.encrypter_from_jwk(&josekit_public(&key)).unwrap();
    for enc in ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A192GCM"] {
        refused(&key, &by_josekit(&encrypter, &json!({ "enc": enc }), b"{}"));
    }
    let small = honest(&key, Content::A128Gcm);
    assert_eq!(key.decrypt(&small, &[Content::A256Gcm]).unwrap_err(), JoseError::CannotDecrypt);
    assert_eq!(key.decrypt(&small, &[]).unwrap_err(), JoseError::CannotDecrypt);
    assert_eq!(key.decrypt(&small, &[Content::A128Gcm]).unwrap(), b"secret");
}

/// J-13, J-14
#[test]
fn key_management_that_is_not_the_key_s_own_is_refused() {
    let key = decryption_key(KeyManagement::RsaOaep);
    let public = josekit_public(&key);
    #[expect(deprecated, reason = "what an attacker would choose")]
    let old = RsaesJweAlgorithm::Rsa1_5.encrypter_from_jwk(&public).unwrap();
    let sha256 = jwe::RSA_OAEP_256.encrypter_from_jwk(&public).unwrap();
    let sha384 = jwe::RSA_OAEP_384.encrypter_from_jwk(&public).unwrap();
    for encrypter in [&old as &dyn JweEncrypter, &sha256, &sha384] {
        refused(&key, &by_josekit(encrypter, &json!({ "enc": "A256GCM" }), b"{}"));
    }

    let direct = jwe::Dir.encrypter_from_bytes([7; 32]).unwrap();
    refused(&key, &by_josekit(&direct, &json!({ "enc": "A256GCM" }), b"{}"));
    let token = honest(&key, Content::A256Gcm);
    for header in [
        json!({ "alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2s": "AAAAAAAAAAA", "p2c": 2_147_483_647 }),
        json!({ "alg": "dir", "enc": "A256GCM" }),
        json!({ "alg": "none", "enc": "A256GCM" }),
        json!({ "alg": "rsa-oaep", "enc": "A256GCM" }),
        json!({ "alg": ["RSA-OAEP"], "enc": "A256GCM" }),
        json!({ "enc": "A256GCM" }),
        json!({ "alg": "RSA-OAEP" }),
        json!({ "alg": "RSA-OAEP", "enc": null }),
        json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "kid": 1 }),
        json!([]),
    ] {
        refused(&key, &with_part(&token, 0, header.to_string()));
    }
    assert_eq!(key.decrypt(&token, Content::ALL).unwrap(), b"secret");
}

#[test]
fn a_token_in_another_form_is_refused() {
    let key = decryption_key(KeyManagement::EcdhEs);
    let token = honest(&key, Content::A256Gcm);
    let doubled = String::from_utf8(part(&token, 0)).unwrap().replacen('{', r#"{"alg":"none","#, 1);
    for other in [
        String::new(),
        ".".to_owned(),
        "....".to_owned(),
        ".....".to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token} "),
        format!("{token}="),
        token.replace('.', "\n"),
        with_text(&token, 0, ""),
        with_text(&token, 3, "A"),
        with_part(&token, 0, doubled),
        with_part(&token, 3, vec![0; 64 * 1024]),
        with_part(&token, 0, format!("{}{}", " ".repeat(5000), String::from_utf8(part(&token, 0)).unwrap())),
        with_part(&token, 3, ""),
        "{}".to_owned(),
    ] {
        refused(&key, &other);
    }
    refused(&decryption_key(KeyManagement::EcdhEs), &token);
    assert_eq!(key.decrypt(&token, Content::ALL).unwrap(), b"secret");
}

/// J-15
#[test]
fn an_ephemeral_key_off_the_curve_or_on_another_is_refused() {
    for alg in [KeyManagement::EcdhEs, KeyManagement::EcdhEsA256kw] {
        let key = decryption_key(alg);
        let token = honest(&key, Content::A256Gcm);
        let header: Value = serde_json::from_slice(&part(&token, 0)).unwrap();
        let (x, y) = (header["epk"]["x"].clone(), header["epk"]["y"].clone());
        let zero = "A".repeat(43);
        for epk in [
            json!(null),
            json!({}),
            json!("epk"),
            json!({ "kty": "EC", "crv": "P-256", "x": y, "y": x }),
            json!({ "kty": "EC", "crv": "P-256", "x": zero, "y": zero }),
            json!({ "kty": "EC", "crv": "P-256", "x": x, "y": zero }),
            json!({ "kty": "EC", "crv": "P-256", "x": "", "y": "" }),
            json!({ "kty": "EC", "crv": "P-256", "x": x }),
            json!({ "kty": "EC", "crv": "P-384", "x": x, "y": y }),
            json!({ "kty": "EC", "crv": "secp256k1", "x": x, "y": y }),
            json!({ "kty": "EC", "x": x, "y": y }),
            json!({ "kty": "OKP", "crv": "X25519", "x": x }),
            json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "d": x }),
            json!({ "kty": "RSA", "n": x, "e": "AQAB" }),
        ] {
            let mut changed = header.clone();
            changed["epk"] = epk;
            refused(&key, &with_part(&token, 0, changed.to_string()));
        }
        let mut without = header.clone();
        without.as_object_mut().unwrap().remove("epk");
        refused(&key, &with_part(&token, 0, without.to_string()));
        assert_eq!(key.decrypt(&token, Content::ALL).unwrap(), b"secret");
    }
}
