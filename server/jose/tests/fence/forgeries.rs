//! Tokens that must not pass, each beside the honest one it imitates.

use aws_lc_rs::hmac;
use fapi_jose::{
    Alg, Content, DecryptionKey, JoseError, KeyManagement, SigningKey, Unverified, Verified, b64, encrypt,
};
use josekit::jwk::KeyPair as _;
use josekit::jwk::alg::rsa::RsaKeyPair;
use serde_json::json;

use crate::attacker::{claims, es256, forge, josekit_key, part, published, sign_raw, signing_key, with_part};

fn verify(token: &str, key: &SigningKey) -> Result<Verified, JoseError> {
    Unverified::parse(token)?.verify(&published(&[key]), Alg::ALL)
}

/// J-01
#[test]
fn a_token_without_a_signature_is_refused_however_alg_is_spelled() {
    let key = es256();
    let honest = key.sign(None, &claims()).unwrap();
    verify(&honest, &key).unwrap();

    let spellings = [
        r#""none""#,
        r#""None""#,
        r#""NONE""#,
        r#""nOnE""#,
        r#""noNe""#,
        r#""nonE""#,
        r#""none ""#,
        r#"" none""#,
        r#""none\u0000""#,
        r#""no\u006ee""#,
        r#""none\n""#,
        r#""\tnone""#,
        r#""n\u043ene""#,
        r#""""#,
        r#"" ""#,
        r#"["none"]"#,
        "[]",
        r#"["ES256"]"#,
        r#"["none","ES256"]"#,
        "{}",
        r#"{"alg":"ES256"}"#,
        "null",
        "true",
        "false",
        "0",
        "256",
        "1.5",
        r#""es256""#,
        r#""Es256""#,
        r#""ES256 ""#,
        r#"" ES256""#,
        r#""ES256\u0000""#,
        r#""ES256K""#,
        r#""ES384""#,
        r#""ES512""#,
        r#""RS256""#,
        r#""RS384""#,
        r#""RS512""#,
        r#""PS384""#,
        r#""PS512""#,
        r#""HS256""#,
        r#""HS384""#,
        r#""HS512""#,
        r#""ed25519""#,
        r#""EDDSA""#,
        r#""eddsa""#,
        r#""Ed448""#,
        r#""RSA1_5""#,
        r#""dir""#,
        r#""A128GCM""#,
    ];
    assert!(spellings.len() >= 40);
    let payload = part(&honest, 1);
    for alg in spellings {
        let header = format!(r#"{{"alg":{alg}}}"#);
        for token in [
            forge(&header, &payload, ""),
            forge(&header, &payload, part(&honest, 2)),
            sign_raw(&key, &header, &payload),
        ] {
            let error = verify(&token, &key).unwrap_err();
            assert!(
                matches!(error, JoseError::UnknownAlgorithm | JoseError::BadHeader("alg")),
                "{alg}: {error:?}"
            );
        }
    }
    assert_eq!(verify(&sign_raw(&key, "{}", &payload), &key).unwrap_err(), JoseError::BadHeader("alg"));
}

/// J-02
#[test]
fn a_public_key_is_not_an_hmac_secret_in_any_encoding() {
    let key = signing_key(Alg::Ps256);
    verify(&key.sign(None, &claims()).unwrap(), &key).unwrap();

    let rsa = RsaKeyPair::from_jwk(&josekit_key(&key)).unwrap();
    let pem = rsa.to_pem_public_key();
    let secrets = [
        rsa.to_der_public_key(),
        rsa.to_raw_public_key(),
        pem.clone(),
        pem.trim_ascii().to_vec(),
        rsa.to_traditional_pem_public_key(),
        key.public().to_json().to_string().into_bytes(),
        published(&[&key]).to_json().to_string().into_bytes(),
        b64::decode(key.public().to_json()["n"].as_str().unwrap()).unwrap(),
        key.public().to_json()["n"].as_str().unwrap().as_bytes().to_vec(),
        key.kid().as_bytes().to_vec(),
        Vec::new(),
    ];
    for (alg, algorithm) in
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
    {
        for secret in &secrets {
            // Also with a name that is allowed: the signature is then just not one.
            for name in [alg, "PS256"] {
                let header = format!(r#"{{"alg":"{name}","kid":"{}"}}"#, key.kid());
                let unsigned = forge(&header, json!(claims()).to_string(), "");
                let message = unsigned.trim_end_matches('.');
                let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
                let error = verify(&with_part(&unsigned, 2, tag), &key).unwrap_err();
                assert!(matches!(error, JoseError::UnknownAlgorithm | JoseError::BadSignature), "{error:?}");
            }
        }
    }
}

/// J-03: with the right key, over the right message, by the wrong algorithm.
#[test]
fn rs256_by_a_genuine_rsa_key_is_refused() {
    let key = signing_key(Alg::Ps256);
    let signer = josekit::jws::RS256.signer_from_jwk(&josekit_key(&key)).unwrap();
    for (name, expected) in [("RS256", JoseError::UnknownAlgorithm), ("PS256", JoseError::BadSignature)] {
        let unsigned = forge(&format!(r#"{{"alg":"{name}"}}"#), json!(claims()).to_string(), "");
        let message = unsigned.trim_end_matches('.');
        let token =
            with_part(&unsigned, 2, josekit::jws::JwsSigner::sign(&signer, message.as_bytes()).unwrap());
        assert_eq!(verify(&token, &key).unwrap_err(), expected);
    }
}

/// J-05
#[test]
fn a_key_that_comes_with_the_token_is_refused() {
    let (key, mallory) = (es256(), es256());
    let jwk = mallory.public().to_json();
    for header in [
        json!({ "alg": "ES256", "jwk": jwk }),
        json!({ "alg": "ES256", "kid": key.kid(), "jwk": jwk }),
        json!({ "alg": "ES256", "kid": mallory.kid(), "jwk": jwk }),
        json!({ "alg": "ES256", "jku": "https://mallory.example/jwks" }),
        json!({ "alg": "ES256", "x5u": "https://mallory.example/cert" }),
        json!({ "alg": "ES256", "x5c": ["MIIB"] }),
        json!({ "alg": "ES256", "jku": null }),
    ] {
        let header = header.to_string();
        for signer in [&mallory, &key] {
            let error = verify(&sign_raw(signer, &header, json!(claims()).to_string()), &key).unwrap_err();
            assert!(matches!(error, JoseError::ForbiddenHeader("jwk" | "jku" | "x5u" | "x5c")), "{header}");
        }
    }
    verify(&sign_raw(&key, r#"{"alg":"ES256"}"#, json!(claims()).to_string()), &key).unwrap();
}

/// J-06: RFC 7515 4.1.11, RFC 7797 6
#[test]
fn critical_and_unencoded_payloads_are_refused_even_when_signed() {
    let key = es256();
    for header in [
        r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","crit":null}"#,
        r#"{"alg":"ES256","crit":"b64"}"#,
        r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"ES256","b64":true}"#,
        r#"{"alg":"ES256","cr\u0069t":["x"],"x":1}"#,
    ] {
        let error = verify(&sign_raw(&key, header, json!(claims()).to_string()), &key).unwrap_err();
        assert!(matches!(error, JoseError::ForbiddenHeader("crit" | "b64")), "{header}: {error:?}");
    }
}

/// J-07: what a parser that keeps the last one would have been told otherwise.
#[test]
fn a_signed_token_with_a_name_twice_is_refused() {
    let key = es256();
    let payload = json!(claims()).to_string();
    for header in [
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"a","kid":"a"}"#,
    ] {
        assert_eq!(verify(&sign_raw(&key, header, &payload), &key).unwrap_err(), JoseError::BadJson);
    }
    for payload in
        [r#"{"sub":"alice","sub":"bob"}"#, r#"{"cnf":{"jkt":"a","jkt":"b"}}"#, "[]", "1", "", "{", "{}x"]
    {
        let token = sign_raw(&key, r#"{"alg":"ES256"}"#, payload);
        assert_eq!(verify(&token, &key).unwrap_err(), JoseError::BadJson, "{payload}");
        assert_eq!(Unverified::parse(&token).unwrap().claimed_subject(), None);
    }
}

/// J-11
#[test]
fn a_jwe_made_with_our_public_key_is_not_taken_for_a_jws() {
    let recipient = DecryptionKey::generate(KeyManagement::EcdhEs, 2048).unwrap();
    let key = es256();
    let nested = key.sign(None, &claims()).unwrap();
    let token =
        encrypt(nested.as_bytes(), Some("JWT"), recipient.public(), KeyManagement::EcdhEs, Content::A256Gcm)
            .unwrap();
    assert_eq!(Unverified::parse(&token).unwrap_err(), JoseError::NotCompact);
    assert_eq!(Unverified::parse_dpop(&token).unwrap_err(), JoseError::NotCompact);
    assert!(recipient.decrypt(&nested, Content::ALL).is_err());
}
