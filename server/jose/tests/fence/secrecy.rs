//! Nothing private comes out where it should not.

use fapi_jose::{
    Alg, Claims, Content, DecryptionKey, JwkSet, KeyManagement, PublicJwk, SigningKey, Unverified,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::attacker::{claims, es256, published, signing_key};

/// Every string in the private JWK that is not in the public one.
fn secrets(private: &str, public: &PublicJwk) -> Vec<String> {
    let private: Map<String, Value> = serde_json::from_str(private).expect("a JWK");
    let public = public.to_json();
    let hidden = private.into_iter().filter(|(name, _)| public.get(name).is_none());
    hidden.map(|(_, value)| value.as_str().expect("a string").to_owned()).collect()
}

#[test]
fn debug_shows_names_and_no_key_token_or_claim() {
    let mut shown = Vec::new();
    let mut hidden = Vec::new();
    for alg in Alg::ALL {
        let key = signing_key(*alg);
        hidden.extend(secrets(&key.to_private_jwk(), key.public()));
        shown.extend([
            format!("{key:?}"),
            format!("{:#?}", key.public()),
            format!("{:?}", published(&[&key])),
        ]);

        let token = key.sign(Some("JWT"), &claims()).unwrap();
        let unverified = Unverified::parse(&token).unwrap();
        shown.push(format!("{unverified:?}"));
        shown.push(format!("{:?}", unverified.clone().verify(&JwkSet::default(), &[*alg])));
        shown.push(format!("{:?}", unverified.verify(&published(&[&key]), &[*alg]).unwrap()));
        shown.push(format!("{:?}", Claims::from_map(claims())));
        hidden.push(token.rsplit('.').next().unwrap().to_owned());
        hidden.push("https://op.example".to_owned());
        assert!(format!("{key:?}").contains(key.kid()));
    }
    for alg in KeyManagement::ALL {
        let key = DecryptionKey::generate(*alg, 2048).unwrap();
        hidden.extend(secrets(&key.to_private_jwk(), key.public()));
        shown.push(format!("{key:?} {:?}", key.decrypt("a.b.c.d.e", Content::ALL)));
    }
    assert!(hidden.len() > 20);
    for text in &shown {
        for secret in &hidden {
            assert!(!text.contains(secret.as_str()), "{text} shows {secret}");
        }
    }
}

#[test]
fn errors_do_not_repeat_what_was_sent() {
    let private = es256().to_private_jwk();
    let secret = secrets(&private, es256().public()).pop().unwrap();
    let mut texts = Vec::new();
    for broken in [
        private.replacen('{', "{{", 1),
        private.replace("P-256", "P-384"),
        private.replace("\"EC\"", "\"RSA\""),
    ] {
        let error = SigningKey::from_jwk(&broken).unwrap_err();
        texts.push(format!("{error} {error:?}"));
    }
    let error = JwkSet::parse(format!(r#"{{"keys":[{}]}}"#, *private).as_bytes()).unwrap_err();
    texts.push(format!("{error} {error:?}"));
    let error = Unverified::parse("<script>.x.y").unwrap_err();
    texts.push(format!("{error} {error:?}"));
    assert!(texts.iter().all(|text| !text.contains(&secret) && !text.contains("script")), "{texts:?}");
}

#[test]
fn claims_are_named_and_not_shown() {
    let claims = Claims::parse(br#"{"sub":"alice","cpf":"123"}"#).unwrap();
    assert_eq!(format!("{claims:?}"), r#"Claims["sub", "cpf"]"#);
}

fn private_names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let here = members
                .keys()
                .filter(|name| ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].contains(&name.as_str()));
            here.cloned().chain(members.values().flat_map(private_names)).collect()
        }
        Value::Array(items) => items.iter().flat_map(private_names).collect(),
        _ => Vec::new(),
    }
}

/// J-20
#[test]
fn a_published_set_has_no_private_member() {
    let pool: Vec<(Value, PublicJwk)> = Alg::ALL
        .iter()
        .map(|alg| signing_key(*alg))
        .map(|key| (serde_json::from_str(&key.to_private_jwk()).unwrap(), key.public().clone()))
        .chain(KeyManagement::ALL.iter().map(|alg| {
            let key = DecryptionKey::generate(*alg, 2048).unwrap();
            (serde_json::from_str(&key.to_private_jwk()).unwrap(), key.public().clone())
        }))
        .collect();
    let extra =
        prop::sample::select(vec!["D", "d ", "oth", "x5c", "private", "ext", "k", "d", "dp", "nested"]);
    let pick = (0..pool.len(), any::<bool>(), prop::option::of(extra));
    proptest!(|(picks in prop::collection::vec(pick, 0..8))| {
        let mut given = Vec::new();
        let mut parsed = Vec::new();
        for (index, private, extra) in picks {
            let (secret, public) = &pool[index];
            parsed.push(public.clone());
            let mut key = if private { secret.clone() } else { public.to_json() };
            if let Some(name) = extra {
                key[name] = json!({ "d": "AAAA" });
            }
            given.push(key);
        }
        // Whether it is read or refused, nothing private is published.
        let document = json!({ "keys": given });
        match JwkSet::parse(document.to_string().as_bytes()) {
            Ok(set) => prop_assert_eq!(private_names(&set.to_json()), Vec::<String>::new()),
            Err(_) => prop_assert!(!private_names(&document).is_empty() || given.len() > 1 || document.to_string().contains("x5c")),
        }
        let set = JwkSet::from_keys(parsed);
        prop_assert_eq!(private_names(&set.to_json()), Vec::<String>::new());
        let text = serde_json::to_string(&set).unwrap();
        for (secret, public) in &pool {
            for hidden in secrets(&secret.to_string(), public) {
                prop_assert!(!text.contains(&hidden));
            }
        }
    });
}
