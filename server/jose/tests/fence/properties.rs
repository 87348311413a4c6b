//! Whatever arrives, nothing panics, and nothing changed passes.

use std::sync::LazyLock;

use fapi_jose::{
    Alg, Claims, Content, DecryptionKey, JwkSet, KeyManagement, SigningKey, Unverified, b64, encrypt,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::attacker::{claims, published, signing_key, with_part};

static KEYS: LazyLock<Vec<SigningKey>> =
    LazyLock::new(|| Alg::ALL.iter().map(|alg| signing_key(*alg)).collect());

static DECRYPTION_KEYS: LazyLock<Vec<DecryptionKey>> = LazyLock::new(|| {
    KeyManagement::ALL.iter().map(|alg| DecryptionKey::generate(*alg, 2048).expect("a key")).collect()
});

/// What an attacker does to a text: at some place, something else.
#[derive(Clone, Debug)]
enum Change {
    Replace(prop::sample::Index, char),
    Insert(prop::sample::Index, String),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Header(&'static str, Value),
    Part(prop::sample::Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let names = vec![
        "alg", "enc", "kid", "typ", "cty", "crit", "zip", "epk", "apu", "apv", "jwk", "p2c", "x5t", "iv",
    ];
    let value = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "[A-Za-z0-9_-]{0,20}".prop_map(Value::from),
        Just(json!([])),
        Just(json!(["exp"])),
        Just(json!({})),
        Just(json!({ "kty": "EC", "crv": "P-256", "x": "", "y": "" })),
        Just(json!({ "kty": "OKP", "crv": "X25519", "x": "AA" })),
        prop::sample::select(vec![
            "none",
            "PS256",
            "ES256",
            "RSA-OAEP",
            "ECDH-ES",
            "ECDH-ES+A256KW",
            "A128GCM",
            "DEF"
        ])
        .prop_map(Value::from),
    ];
    prop_oneof![
        (any::<prop::sample::Index>(), "[A-Za-z0-9_.=é-]")
            .prop_map(|(at, text)| { Change::Replace(at, text.chars().next().unwrap_or('A')) }),
        (any::<prop::sample::Index>(), "[A-Za-z0-9_.\u{0}-]{1,9}")
            .prop_map(|(at, text)| Change::Insert(at, text)),
        (any::<prop::sample::Index>(), 1..40_usize).prop_map(|(at, len)| Change::Remove(at, len)),
        (any::<prop::sample::Index>(), 1..40_usize).prop_map(|(at, len)| Change::Repeat(at, len)),
        (prop::sample::select(names), value).prop_map(|(name, value)| Change::Header(name, value)),
        (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..50))
            .prop_map(|(at, bytes)| Change::Part(at, bytes)),
    ]
}

/// Tokens are ASCII until a change makes them otherwise, and only one change is made.
fn apply(token: &str, change: &Change) -> String {
    let range = |at: &prop::sample::Index, len: usize| {
        let start = at.index(token.len());
        start..token.len().min(start + len)
    };
    let mut changed = token.to_owned();
    match change {
        Change::Replace(at, with) => changed.replace_range(range(at, 1), &with.to_string()),
        Change::Insert(at, text) => changed.insert_str(at.index(token.len() + 1), text),
        Change::Remove(at, len) => changed.replace_range(range(at, *len), ""),
        Change::Repeat(at, len) => {
            let piece = token.get(range(at, *len)).expect("ASCII").to_owned();
            changed.insert_str(at.index(token.len()), &piece);
        }
        Change::Header(name, value) => {
            let header = b64::decode(token.split('.').next().expect("a header")).expect("base64url");
            let mut header: Value = serde_json::from_slice(&header).expect("JSON");
            header.as_object_mut().expect("an object").insert((*name).to_owned(), value.clone());
            changed = with_part(token, 0, header.to_string());
        }
        Change::Part(at, bytes) => changed = with_part(token, at.index(token.split('.').count()), bytes),
    }
    changed
}

proptest! {
    #[test]
    fn arbitrary_text_is_no_token(text in any::<String>(), dotted in "[A-Za-z0-9_.-]{0,80}") {
        for text in [text, dotted] {
            let _ = Unverified::parse(&text);
            let _ = Unverified::parse_dpop(&text);
            for key in DECRYPTION_KEYS.iter() {
                prop_assert!(key.decrypt(&text, Content::ALL).is_err());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_key_and_no_claims(bytes: Vec<u8>, text in any::<String>()) {
        let _ = Claims::parse(&bytes);
        let _ = JwkSet::parse(&bytes);
        prop_assert!(SigningKey::from_jwk(&text).is_err());
        prop_assert!(DecryptionKey::from_jwk(&text).is_err());
        for alg in Alg::ALL {
            prop_assert!(SigningKey::from_pkcs8_der(*alg, &bytes).is_err());
            prop_assert!(SigningKey::from_pkcs8_pem(*alg, &bytes).is_err());
        }
    }

    #[test]
    fn a_changed_token_never_verifies(which in 0..3_usize, change in change()) {
        let key = &KEYS[which];
        let token = key.sign(Some("JWT"), &claims()).unwrap();
        let changed = apply(&token, &change);
        let verify = |token: &str| Unverified::parse(token)?.verify(&published(&[key]), Alg::ALL);
        prop_assert_eq!(verify(&changed).is_ok(), changed == token, "{}", changed);

        let proof = key.sign_dpop(&claims()).unwrap();
        let changed = apply(&proof, &change);
        let verify = |token: &str| {
            let (proof, embedded) = Unverified::parse_dpop(token)?;
            proof.verify_with(&embedded, Alg::ALL)
        };
        prop_assert_eq!(verify(&changed).is_ok(), changed == proof, "{}", changed);
    }

    #[test]
    fn a_changed_ciphertext_is_never_opened(which in 0..4_usize, change in change()) {
        let key = &DECRYPTION_KEYS[which];
        let token = encrypt(b"secret", Some("JWT"), key.public(), key.alg(), Content::A256Gcm).unwrap();
        prop_assert_eq!(key.decrypt(&token, Content::ALL).unwrap(), b"secret");
        let changed = apply(&token, &change);
        prop_assert_eq!(key.decrypt(&changed, Content::ALL).is_ok(), changed == token, "{}", changed);
    }

    #[test]
    fn whatever_is_encrypted_comes_out_again(which in 0..4_usize, payload: Vec<u8>, small: bool) {
        let key = &DECRYPTION_KEYS[which];
        let enc = if small { Content::A128Gcm } else { Content::A256Gcm };
        let token = encrypt(&payload, None, key.public(), key.alg(), enc).unwrap();
        prop_assert_eq!(key.decrypt(&token, &[enc]).unwrap(), payload);
    }

    #[test]
    fn a_changed_private_key_is_refused_or_the_same(which in 0..3_usize, at: prop::sample::Index, with in "[A-Za-z0-9_-]") {
        let key = &KEYS[which];
        let text = key.to_private_jwk();
        let mut changed = text.to_string();
        let start = at.index(changed.len());
        changed.replace_range(start..=start, &with);
        if let Ok(read) = SigningKey::from_jwk(&changed) {
            // A letter of kid, or of a name that may be missing.
            prop_assert_eq!(read.public(), key.public());
        }
    }

    #[test]
    fn whatever_is_signed_is_read_alike(which in 0..3_usize, sub in any::<String>(), number: i64, typ in "[a-z+]{0,9}") {
        let key = &KEYS[which];
        let claims = json!({ "sub": sub, "n": number, "nested": { "a": [sub, null, true] } });
        let token = key.sign(Some(&typ), claims.as_object().unwrap()).unwrap();
        let verified = Unverified::parse(&token).unwrap().verify(&published(&[key]), Alg::ALL).unwrap();
        prop_assert_eq!(Value::Object(verified.claims.into_map()), claims);
        prop_assert_eq!(verified.typ, Some(typ));
    }
}
