//! Which key is tried, and what is refused before any key is.

use fapi_jose::{
    Alg, DecryptionKey, JoseError, JwkError, JwkSet, KeyManagement, SigningKey, Unverified, Verified, b64,
};
use serde_json::{Value, json};

use crate::attacker::{claims, es256, forge, part, published, sign_raw, signing_key, with_part, with_text};

fn payload() -> String {
    json!(claims()).to_string()
}

fn set(keys: &Value) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a set")
}

fn public(key: &SigningKey, changes: &Value) -> Value {
    let mut public = key.public().to_json();
    for (name, value) in changes.as_object().expect("an object") {
        let members = public.as_object_mut().expect("an object");
        if value.is_null() {
            members.remove(name)
        } else {
            members.insert(name.clone(), value.clone())
        };
    }
    public
}

fn verify(token: &str, keys: &JwkSet) -> Result<Verified, JoseError> {
    Unverified::parse(token)?.verify(keys, Alg::ALL)
}

#[test]
fn only_the_algorithms_that_the_caller_allows_verify() {
    for alg in Alg::ALL {
        let key = signing_key(*alg);
        let token = key.sign(None, &claims()).unwrap();
        for allowed in Alg::ALL {
            let outcome = Unverified::parse(&token).unwrap().verify(&published(&[&key]), &[*allowed]);
            if alg == allowed {
                outcome.unwrap();
            } else {
                assert_eq!(outcome.unwrap_err(), JoseError::AlgorithmNotAllowed(*alg));
            }
            let outcome = Unverified::parse(&token).unwrap().verify_with(key.public(), &[*allowed]);
            assert_eq!(outcome.is_ok(), alg == allowed);
        }
        assert!(Unverified::parse(&token).unwrap().verify(&published(&[&key]), &[]).is_err());
    }
}

/// KEY-06, KEY-07
#[test]
fn the_kid_chooses_among_the_keys_that_fit() {
    let (bank, other, ed, mallory) = (es256(), es256(), signing_key(Alg::EdDsa), es256());
    let token = bank.sign(None, &claims()).unwrap();
    verify(&token, &published(&[&other, &bank, &ed])).unwrap();
    assert_eq!(verify(&token, &published(&[&other, &ed])).unwrap_err(), JoseError::KeyNotFound);
    assert_eq!(verify(&token, &JwkSet::default()).unwrap_err(), JoseError::KeyNotFound);

    // One kid, two types: the one that fits is tried.
    let both = set(&json!([public(&ed, &json!({ "kid": "a" })), public(&bank, &json!({ "kid": "a" }))]));
    verify(&sign_raw(&bank, r#"{"alg":"ES256","kid":"a"}"#, payload()), &both).unwrap();
    verify(&sign_raw(&ed, r#"{"alg":"EdDSA","kid":"a"}"#, payload()), &both).unwrap();
    let forged = verify(&sign_raw(&mallory, r#"{"alg":"ES256","kid":"a"}"#, payload()), &both);
    assert_eq!(forged.unwrap_err(), JoseError::BadSignature);

    // The right key under the name of another, and a key without a name.
    let renamed = sign_raw(&bank, &json!({ "alg": "ES256", "kid": other.kid() }).to_string(), payload());
    assert_eq!(verify(&renamed, &published(&[&bank, &other])).unwrap_err(), JoseError::BadSignature);
    let nameless = set(&json!([public(&bank, &json!({ "kid": null }))]));
    assert_eq!(verify(&token, &nameless).unwrap_err(), JoseError::KeyNotFound);
}

/// RFC 9864 2.2; KEY-04
#[test]
fn a_token_may_call_eddsa_on_ed25519_by_its_new_name_and_no_other_token_may() {
    let (ed, bank, mallory) = (signing_key(Alg::EdDsa), es256(), signing_key(Alg::EdDsa));
    let named = |key: &SigningKey, signer: &SigningKey| {
        sign_raw(signer, &json!({ "alg": "Ed25519", "kid": key.kid() }).to_string(), payload())
    };
    let verified = verify(&named(&ed, &ed), &published(&[&ed])).unwrap();
    assert_eq!(verified.alg, Alg::EdDsa);
    // Also a key that says so itself, and by either name.
    for alg in ["Ed25519", "EdDSA"] {
        let keys = set(&json!([public(&ed, &json!({ "alg": alg }))]));
        verify(&named(&ed, &ed), &keys).unwrap();
        verify(&ed.sign(None, &claims()).unwrap(), &keys).unwrap();
    }

    assert_eq!(verify(&named(&ed, &mallory), &published(&[&ed])).unwrap_err(), JoseError::BadSignature);
    assert_eq!(verify(&named(&bank, &bank), &published(&[&bank])).unwrap_err(), JoseError::KeyNotFound);
    let outcome = Unverified::parse(&named(&ed, &ed)).unwrap().verify(&published(&[&ed]), &[Alg::Es256]);
    assert_eq!(outcome.unwrap_err(), JoseError::AlgorithmNotAllowed(Alg::EdDsa));
}

#[test]
fn without_a_kid_every_key_that_fits_is_tried_up_to_eight() {
    let bank = es256();
    let token = sign_raw(&bank, r#"{"alg":"ES256"}"#, payload());
    let with_others = |count: usize| {
        let mut keys: Vec<SigningKey> = (0..count).map(|_| es256()).collect();
        keys.push(bank.clone());
        published(&keys.iter().collect::<Vec<_>>())
    };
    assert_eq!(verify(&token, &with_others(0)).unwrap().kid, None);
    verify(&token, &with_others(7)).unwrap();
    assert_eq!(verify(&token, &with_others(8)).unwrap_err(), JoseError::BadSignature);
    verify(&token, &set(&json!([public(&bank, &json!({ "kid": null }))]))).unwrap();
    assert_eq!(verify(&token, &published(&[&signing_key(Alg::EdDsa)])).unwrap_err(), JoseError::KeyNotFound);
}

/// J-18: RFC 7517 4.2 to 4.4
#[test]
fn a_key_for_something_else_is_not_tried() {
    let bank = es256();
    for header in [json!({ "alg": "ES256", "kid": bank.kid() }), json!({ "alg": "ES256" })] {
        let token = sign_raw(&bank, &header.to_string(), payload());
        for changes in [
            json!({ "use": "enc", "alg": null }),
            json!({ "use": "tls" }),
            json!({ "alg": "ES384" }),
            json!({ "alg": "ECDH-ES" }),
            json!({ "alg": "PS256" }),
            json!({ "key_ops": ["deriveKey"] }),
            json!({ "key_ops": ["sign"] }),
            json!({ "key_ops": [] }),
        ] {
            let keys = set(&json!([public(&bank, &changes)]));
            assert_eq!(verify(&token, &keys).unwrap_err(), JoseError::KeyNotFound, "{changes}");
            let outcome = Unverified::parse(&token).unwrap().verify_with(&keys.keys()[0], Alg::ALL);
            assert_eq!(outcome.unwrap_err(), JoseError::KeyNotFound, "{changes}");
        }
        for changes in [
            json!({}),
            json!({ "use": null, "alg": null }),
            json!({ "key_ops": ["verify"] }),
            json!({ "key_ops": ["sign", "verify"], "use": null }),
        ] {
            verify(&token, &set(&json!([public(&bank, &changes)]))).unwrap();
        }
    }
}

#[test]
fn a_token_is_encrypted_to_the_key_that_is_meant_for_it() {
    let alg = KeyManagement::EcdhEs;
    let (signing, enc, plain) = (es256(), DecryptionKey::generate(alg, 2048).unwrap(), es256());
    let undecided = public(&plain, &json!({ "use": null, "alg": null }));
    let choose = |keys: Value, alg| set(&keys).encryption_key(alg).map(|key| key.thumbprint().to_owned());

    let all = json!([signing.public(), undecided, enc.public()]);
    assert_eq!(choose(all.clone(), alg).as_deref(), Some(enc.kid()));
    assert_eq!(choose(json!([signing.public(), undecided]), alg).as_deref(), Some(plain.kid()));
    // J-21: no key, no encryption; what then happens is not to send it in the clear.
    assert_eq!(choose(json!([signing.public()]), alg), None);
    assert_eq!(choose(all, KeyManagement::RsaOaep), None);
    assert_eq!(choose(json!([public(&plain, &json!({ "alg": null }))]), alg), None, "its use says sig");
    assert_eq!(choose(json!([enc.public()]), KeyManagement::EcdhEsA256kw), None, "its alg says ECDH-ES");
    let refused = fapi_jose::encrypt(b"", None, signing.public(), alg, fapi_jose::Content::A256Gcm);
    assert_eq!(refused.unwrap_err(), JoseError::CannotEncrypt);
    for (operation, fits) in [("deriveKey", true), ("deriveBits", true), ("verify", false)] {
        let key = public(&plain, &json!({ "use": null, "alg": null, "key_ops": [operation] }));
        assert_eq!(set(&json!([key])).encryption_key(alg).is_some(), fits);
    }
}

/// RFC 9449 4.2 and 4.3
#[test]
fn the_key_of_a_proof_must_be_public_strong_and_its_own() {
    let key = es256();
    let proof = |jwk: &Value| {
        sign_raw(&key, &json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk }).to_string(), "{}")
    };
    let refused = |jwk: &Value| Unverified::parse_dpop(&proof(jwk)).map(|_| ()).unwrap_err();

    let (honest, embedded) = Unverified::parse_dpop(&proof(&key.public().to_json())).unwrap();
    honest.verify_with(&embedded, Alg::ALL).unwrap();

    let private: Value = serde_json::from_str(&key.to_private_jwk()).unwrap();
    assert_eq!(refused(&private), JoseError::EmbeddedKey(JwkError::PrivateMember("d")));
    assert_eq!(
        refused(&json!({ "kty": "oct", "k": "AAAA" })),
        JoseError::EmbeddedKey(JwkError::PrivateMember("k"))
    );
    assert_eq!(refused(&json!({})), JoseError::EmbeddedKey(JwkError::MissingMember("kty")));
    assert_eq!(refused(&json!("jwk")), JoseError::EmbeddedKey(JwkError::NotAnObject));
    let weak = json!({ "kty": "RSA", "n": b64::encode([0xfb; 128]), "e": "AQAB" });
    assert!(matches!(refused(&weak), JoseError::EmbeddedKey(JwkError::WeakKey(_))));
    let without = sign_raw(&key, r#"{"alg":"ES256"}"#, "{}");
    assert_eq!(Unverified::parse_dpop(&without).unwrap_err(), JoseError::BadHeader("jwk"));
    let pointed = sign_raw(
        &key,
        &json!({ "alg": "ES256", "jwk": key.public(), "jku": "https://a.example" }).to_string(),
        "{}",
    );
    assert_eq!(Unverified::parse_dpop(&pointed).unwrap_err(), JoseError::ForbiddenHeader("jku"));

    for other in [es256().public().to_json(), signing_key(Alg::EdDsa).public().to_json()] {
        let (proof, embedded) = Unverified::parse_dpop(&proof(&other)).unwrap();
        assert!(proof.verify_with(&embedded, Alg::ALL).is_err(), "signed by another key");
    }
}

/// J-04, J-08, J-09, J-10
#[test]
fn limits_and_form_come_first() {
    let key = es256();
    let honest = key.sign(None, &claims()).unwrap();
    let parse = |token: &str| Unverified::parse(token).map(|_| ());

    let longest = |len: usize| {
        let text = "A".repeat(len - honest.len() + honest.split('.').nth(1).unwrap().len());
        with_text(&honest, 1, &text)
    };
    assert_eq!(longest(64 * 1024).len(), 64 * 1024);
    assert_eq!(parse(&longest(64 * 1024)), Ok(()));
    assert_eq!(parse(&longest(64 * 1024 + 4)), Err(JoseError::TooLarge));
    assert_eq!(parse(&"A".repeat(1 << 20)), Err(JoseError::TooLarge));
    let header = |len: usize| format!(r#"{{"alg":"ES256","pad":"{}"}}"#, "p".repeat(len - 24));
    assert_eq!(header(4096).len(), 4096);
    assert_eq!(parse(&forge(&header(4096), "{}", "")), Ok(()));
    assert_eq!(parse(&forge(&header(4097), "{}", "")), Err(JoseError::TooLarge));
    assert_eq!(parse(&forge(&header(9000), "{}", "")), Err(JoseError::TooLarge));
    // What is too long is not even decoded, and what may fit is.
    let undecodable = |len: usize| format!("{}..", "%".repeat(len));
    assert_eq!(parse(&undecodable(5464)), Err(JoseError::NotBase64Url));
    assert_eq!(parse(&undecodable(5465)), Err(JoseError::TooLarge));
    assert_eq!(parse(&undecodable(5500)), Err(JoseError::TooLarge));

    for bad in ["", ".", "a", "a.b", "a.b.c.d", "....", &format!("{honest}."), &format!("{honest}.{honest}")]
    {
        assert_eq!(parse(bad), Err(JoseError::NotCompact), "{bad}");
    }
    for index in 0..3 {
        let text = honest.split('.').nth(index).unwrap();
        for bad in [
            format!("{text}="),
            format!(" {text}"),
            format!("{text}\n"),
            format!("{text}%"),
            text.replace(|_| true, "+"),
            "A".into(),
        ] {
            assert_eq!(parse(&with_text(&honest, index, &bad)), Err(JoseError::NotBase64Url), "{bad}");
        }
    }
    // The last character of a P-256 signature carries four bits that must be zero.
    let last = honest.len() - 1;
    let spare: Vec<String> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .map(|end| format!("{}{end}", &honest[..last]))
        .collect();
    assert_eq!(spare.iter().filter(|token| parse(token).is_ok()).count(), 4);
    assert_eq!(spare.iter().filter(|token| verify(token, &published(&[&key])).is_ok()).count(), 1);

    let nested =
        |levels: usize| format!(r#"{{"alg":"ES256","a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!(parse(&forge(&nested(15), "{}", "")), Ok(()));
    assert_eq!(parse(&forge(&nested(16), "{}", "")), Err(JoseError::BadJson));
    let deep = sign_raw(
        &key,
        r#"{"alg":"ES256"}"#,
        format!(r#"{{"a":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000)),
    );
    assert_eq!(verify(&deep, &published(&[&key])).unwrap_err(), JoseError::BadJson);

    for (header, expected) in [
        (json!({ "alg": "ES256", "kid": "k".repeat(129) }), "kid"),
        (json!({ "alg": "ES256", "kid": null }), "kid"),
        (json!({ "alg": "ES256", "kid": ["a"] }), "kid"),
        (json!({ "alg": "ES256", "typ": 1 }), "typ"),
    ] {
        assert_eq!(parse(&forge(&header.to_string(), "{}", "")), Err(JoseError::BadHeader(expected)));
    }
    for kid in ["../../etc/passwd", "' OR 1=1 --", "\u{0}", "", &"k".repeat(128)] {
        let token = sign_raw(&key, &json!({ "alg": "ES256", "kid": kid }).to_string(), payload());
        assert_eq!(verify(&token, &published(&[&key])).unwrap_err(), JoseError::KeyNotFound);
    }
    assert_eq!(
        parse(&with_part(&honest, 0, [&part(&honest, 0)[..], b" {}"].concat())),
        Err(JoseError::BadJson)
    );
    assert_eq!(parse(&forge("[]", "{}", "")), Err(JoseError::BadJson));
}
