//! Signatures that are almost right.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RSA_PSS_SHA256, RsaKeyPair, RsaPssSaltLength,
    RsaSignatureEncoding,
};
use fapi_jose::{Alg, JoseError, SigningKey, Unverified, Verified, b64};
use josekit::jwk::KeyPair as _;
use josekit::jwk::alg::rsa::RsaKeyPair as JosekitRsa;
use serde_json::{Value, json};

use crate::attacker::{
    claims, es256, forge, josekit_key, part, published, signing_key, with_part, with_text,
};

/// The order of the group of P-256.
const ORDER: &[u8; 32] = b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\
                           \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";

fn verify(token: &str, key: &SigningKey) -> Result<Verified, JoseError> {
    Unverified::parse(token)?.verify(&published(&[key]), Alg::ALL)
}

/// RFC 7518 3.5: the salt is as long as the hash.
#[test]
fn a_pss_signature_with_another_salt_length_is_refused() {
    let key = signing_key(Alg::Ps256);
    let der = JosekitRsa::from_jwk(&josekit_key(&key)).unwrap().to_der_private_key();
    let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
    let sign = |salt: &'static RsaSignatureEncoding| {
        let unsigned = forge(r#"{"alg":"PS256"}"#, json!(claims()).to_string(), "");
        let mut signature = vec![0; pair.public_modulus_len()];
        let message = unsigned.trim_end_matches('.').as_bytes();
        pair.sign(salt, &SystemRandom::new(), message, &mut signature).unwrap();
        with_part(&unsigned, 2, signature)
    };
    verify(&sign(&RSA_PSS_SHA256), &key).unwrap();
    for token in [
        sign(&const { RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(0)) }),
        sign(&const { RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(20)) }),
        sign(&const { RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(33)) }),
    ] {
        assert_eq!(verify(&token, &key).unwrap_err(), JoseError::BadSignature);
    }
}

/// J-16
#[test]
fn an_ecdsa_signature_is_two_numbers_of_32_bytes_within_range() {
    let key = es256();
    let honest = key.sign(None, &claims()).unwrap();
    let signature = part(&honest, 2);
    assert_eq!(signature.len(), 64);
    let (r, s) = signature.split_at(32);
    let (zero, one, max) = (
        [0; 32],
        {
            let mut one = [0; 32];
            one[31] = 1;
            one
        },
        [0xff; 32],
    );

    let mut bad: Vec<Vec<u8>> = vec![Vec::new(), vec![0; 64], vec![0; 63], vec![0; 65], r.to_vec()];
    for (left, right) in
        [(&zero[..], s), (r, &zero[..]), (ORDER, s), (r, ORDER), (ORDER, ORDER), (&max, s), (r, &max)]
    {
        bad.push([left, right].concat());
    }
    bad.push([one, one].concat());
    bad.push([s, r].concat());
    bad.push(signature[..63].to_vec());
    bad.push([&signature[..], &[0]].concat());
    bad.push([&[0], &signature[..]].concat());
    bad.push([&[0], r, &[0], s].concat());

    let pair = EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &b64::decode(josekit_key(&key).parameter("d").unwrap().as_str().unwrap()).unwrap(),
        &[&[4], &coordinate(&key, "x")[..], &coordinate(&key, "y")].concat(),
    )
    .unwrap();
    let message = honest.rsplit_once('.').unwrap().0;
    bad.push(pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec());

    for signature in bad {
        let token = with_part(&honest, 2, &signature);
        assert_eq!(verify(&token, &key).unwrap_err(), JoseError::BadSignature, "{} bytes", signature.len());
    }
    verify(&honest, &key).unwrap();
}

fn coordinate(key: &SigningKey, name: &str) -> Vec<u8> {
    let public = key.public().to_json();
    let text = public.get(name).and_then(Value::as_str).expect("a coordinate");
    b64::decode(text).expect("base64url")
}

#[test]
fn one_changed_byte_anywhere_breaks_the_signature() {
    for alg in Alg::ALL {
        let key = signing_key(*alg);
        let honest = key.sign(None, &claims()).unwrap();
        verify(&honest, &key).unwrap();
        let other =
            key.sign(None, &serde_json::Map::from_iter([("sub".to_owned(), json!("mallory"))])).unwrap();

        let swapped = with_text(&honest, 1, other.split('.').nth(1).unwrap());
        assert_eq!(verify(&swapped, &key).unwrap_err(), JoseError::BadSignature);
        let retyped =
            with_part(&honest, 0, format!(r#"{{"alg":"{alg}","kid":"{}","typ":"at+jwt"}}"#, key.kid()));
        assert_eq!(verify(&retyped, &key).unwrap_err(), JoseError::BadSignature);

        let signature = part(&honest, 2);
        for len in [0, 1, signature.len() - 1] {
            let cut = with_part(&honest, 2, &signature[..len]);
            assert_eq!(verify(&cut, &key).unwrap_err(), JoseError::BadSignature);
        }
        let longer = with_part(&honest, 2, [&signature[..], &[0]].concat());
        assert_eq!(verify(&longer, &key).unwrap_err(), JoseError::BadSignature);
        for index in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[index] ^= 1;
            assert_eq!(verify(&with_part(&honest, 2, flipped), &key).unwrap_err(), JoseError::BadSignature);
        }
    }
}

/// Why a replay is remembered by [`Verified::digest`], not by the text of the token.
#[test]
fn the_second_spelling_of_an_ecdsa_token_has_the_same_digest() {
    let key = es256();
    let honest = key.sign(None, &claims()).unwrap();
    let signature = part(&honest, 2);
    let mut negated = vec![0_u8; 32];
    let mut borrow = 0_i16;
    for index in (0..32).rev() {
        let difference = i16::from(ORDER[index]) - i16::from(signature[32 + index]) - borrow;
        borrow = i16::from(difference < 0);
        negated[index] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let twin = with_part(&honest, 2, [&signature[..32], &negated].concat());
    assert_ne!(twin, honest);
    let (one, other) = (verify(&honest, &key).unwrap(), verify(&twin, &key).unwrap());
    assert_eq!(one.digest(), other.digest());
    let third = key.sign(Some("JWT"), &claims()).unwrap();
    assert_ne!(one.digest(), verify(&third, &key).unwrap().digest());
}
