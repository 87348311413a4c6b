//! Public keys that are weak, wrong or not public; and sets of them.

use fapi_jose::{Alg, JwkError, JwkSet, JwkSetError, KeyManagement, PublicJwk, Use, b64};
use serde_json::{Value, json};

use crate::attacker::{es256, signing_key};

fn read(value: &Value) -> Result<PublicJwk, JwkError> {
    PublicJwk::from_json(value)
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    json!({ "kty": "RSA", "n": b64::encode(n), "e": b64::encode(e) })
}

/// A modulus of a strong key, to be weakened.
fn modulus() -> Vec<u8> {
    let public = signing_key(Alg::Ps256).public().to_json();
    b64::decode(public.get("n").and_then(Value::as_str).expect("n")).expect("base64url")
}

/// 65537 to the power of 128, 2049 bits: modulo every prime a power of 65537, as the moduli of ROCA are.
fn roca() -> Vec<u8> {
    let mut number = vec![1_u8];
    for _ in 0..128 {
        // n * 65537 = n * 65536 + n
        let shifted: Vec<u8> = number.iter().copied().chain([0, 0]).collect();
        let mut carry = 0_u16;
        let padded = std::iter::repeat_n(&0, 2).chain(&number);
        let columns: Vec<(u8, u8)> = shifted.iter().copied().zip(padded.copied()).collect();
        let mut sum: Vec<u8> = columns
            .iter()
            .rev()
            .map(|(one, other)| {
                let column = u16::from(*one) + u16::from(*other) + carry;
                carry = column >> 8;
                u8::try_from(column & 0xff).expect("a byte")
            })
            .collect();
        if carry > 0 {
            sum.push(1);
        }
        sum.reverse();
        number = sum;
    }
    number
}

/// J-17
#[test]
fn weak_rsa_keys_are_refused() {
    let n = modulus();
    read(&rsa(&n, &[1, 0, 1])).unwrap();
    read(&rsa(&n, &[1, 0, 0, 0, 1])).unwrap();

    let weak = |value: &Value| matches!(read(value), Err(JwkError::WeakKey(_)));
    for bits in [512, 1024, 2041, 2047] {
        let mut short = n[n.len() - bits / 8 - usize::from(bits % 8 > 0)..].to_vec();
        short[0] = if bits % 8 == 0 { 0x80 } else { 1 << (bits % 8 - 1) };
        let too_short = JwkError::WeakKey("RSA needs a modulus of at least 2048 bits");
        assert_eq!(read(&rsa(&short, &[1, 0, 1])), Err(too_short), "{bits} bits");
    }
    for e in [&[1][..], &[3], &[17], &[0xff, 0xff], &[1, 0, 0], &[1, 0, 2]] {
        assert!(weak(&rsa(&n, e)), "e = {e:?}");
    }
    let mut even = n.clone();
    *even.last_mut().unwrap() &= 0xfe;
    assert!(weak(&rsa(&even, &[1, 0, 1])));
    let mut power = vec![0; 256];
    power[0] = 0x80;
    assert!(weak(&rsa(&power, &[1, 0, 1])));
    assert!(weak(&rsa(&[0xff; 256], &[1, 0, 1])), "2^2048 - 1 is divisible by 3");
    assert_eq!(
        read(&rsa(&roca(), &[1, 0, 1])).unwrap_err().to_string(),
        "the key is too weak: the RSA modulus has the fingerprint of ROCA (CVE-2017-15361)"
    );

    for bad in [
        rsa(&[&[0][..], &n].concat(), &[1, 0, 1]),
        rsa(&n, &[0, 1, 0, 1]),
        rsa(&[], &[1, 0, 1]),
        rsa(&[0; 256], &[1, 0, 1]),
        rsa(&n, &[]),
        rsa(&n, &[0xff; 9]),
        rsa(&n, &[4, 0, 0, 0, 1]),
        rsa(&[0xfb; 1025], &[1, 0, 1]),
    ] {
        assert!(matches!(read(&bad), Err(JwkError::BadMember("n" | "e"))), "{bad}");
    }
}

/// J-15, J-17
#[test]
fn points_off_the_curve_and_of_small_order_are_refused() {
    let good = es256().public().to_json();
    let (x, y) = (good["x"].clone(), good["y"].clone());
    read(&json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })).unwrap();
    for (x, y) in
        [(y.clone(), x.clone()), (x.clone(), x.clone()), (json!("A".repeat(43)), json!("A".repeat(43)))]
    {
        assert_eq!(
            read(&json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })).unwrap_err(),
            JwkError::OffCurve
        );
    }
    for (crv, len) in [("P-384", 48), ("P-521", 66)] {
        let zero = b64::encode(vec![0; len]);
        assert_eq!(
            read(&json!({ "kty": "EC", "crv": crv, "x": zero, "y": zero })).unwrap_err(),
            JwkError::OffCurve
        );
    }

    let p = |low: u8, sign: u8| {
        let mut bytes = [0xff; 32];
        bytes[0] = low;
        bytes[31] = 0x7f | sign;
        bytes
    };
    let small = |low: u8, sign: u8| {
        let mut bytes = [0; 32];
        bytes[0] = low;
        bytes[31] = sign;
        bytes
    };
    let mut eight = *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\
                       \x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a";
    let mut points = vec![eight];
    eight[31] |= 0x80;
    points.push(eight);
    for sign in [0, 0x80] {
        points.extend([small(0, sign), small(1, sign), p(0xec, sign), p(0xed, sign), p(0xee, sign)]);
    }
    for point in points {
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": b64::encode(point) });
        assert!(matches!(read(&key), Err(JwkError::WeakKey(_))), "{point:x?}");
    }
    for point in [small(0, 0), small(1, 0), p(0xec, 0), p(0xed, 0), p(0xee, 0)] {
        let key = json!({ "kty": "OKP", "crv": "X25519", "x": b64::encode(point) });
        assert!(matches!(read(&key), Err(JwkError::WeakKey(_))), "{point:x?}");
    }
    read(&signing_key(Alg::EdDsa).public().to_json()).unwrap();
}

#[test]
fn a_member_of_the_wrong_form_is_named() {
    let good = es256().public().to_json();
    for (name, value, expected) in [
        ("kty", json!(null), JwkError::BadMember("kty")),
        ("kty", json!("ec"), JwkError::UnknownKeyType),
        ("crv", json!(256), JwkError::BadMember("crv")),
        ("crv", json!("P-192"), JwkError::UnknownCurve),
        ("x", json!(null), JwkError::BadMember("x")),
        ("x", json!("AAAA"), JwkError::BadMember("x")),
        ("x", json!(format!("{}=", good["x"].as_str().unwrap())), JwkError::BadMember("x")),
        ("y", json!("+/+/"), JwkError::BadMember("y")),
        ("kid", json!(""), JwkError::BadMember("kid")),
        ("kid", json!("k".repeat(129)), JwkError::BadMember("kid")),
        ("kid", json!(7), JwkError::BadMember("kid")),
        ("use", json!(["sig"]), JwkError::BadMember("use")),
        ("alg", json!(null), JwkError::BadMember("alg")),
        ("key_ops", json!("verify"), JwkError::BadMember("key_ops")),
        ("key_ops", json!([1]), JwkError::BadMember("key_ops")),
        ("key_ops", json!(["verify", "verify"]), JwkError::BadMember("key_ops")),
        ("x5c", json!([]), JwkError::BadMember("x5c")),
        ("x5c", json!(["MI-_"]), JwkError::BadMember("x5c")),
        ("x5c", json!([""]), JwkError::BadMember("x5c")),
        ("x5c", json!(vec!["MIIB"; 11]), JwkError::BadMember("x5c")),
        ("x5t", json!("="), JwkError::BadMember("x5t")),
        ("x5t#S256", json!("="), JwkError::BadMember("x5t#S256")),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert_eq!(read(&bad), Err(expected), "{bad}");
    }
    for (name, expected) in [("kty", "kty"), ("crv", "crv"), ("x", "x"), ("y", "y")] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(name);
        assert_eq!(read(&bad), Err(JwkError::MissingMember(expected)));
    }
    assert_eq!(read(&json!("key")), Err(JwkError::NotAnObject));
    // As long as is allowed.
    for (name, value) in [("kid", json!("k".repeat(128))), ("x5c", json!(vec!["MIIB"; 10]))] {
        let mut longest = good.clone();
        longest[name] = value;
        assert!(read(&longest).is_ok(), "{name}");
    }
}

#[test]
fn what_we_do_not_know_is_dropped_and_the_certificate_kept() {
    let mut key = es256().public().to_json();
    let plain = key.clone();
    key["x5c"] = json!(["MIIB", "MIIC"]);
    key["comment"] = json!({ "from": "a directory" });
    key["use"] = json!("tls");
    let read = read(&key).unwrap();
    assert_eq!(read.x5c(), [vec![0x30, 0x82, 1], vec![0x30, 0x82, 2]]);
    assert_eq!(read.use_(), Some(Use::Other));
    assert!(!read.fits(Alg::Es256) && !read.fits_encryption(KeyManagement::EcdhEs));
    assert_eq!(read.to_json().get("comment"), None);
    assert_eq!(PublicJwk::from_json(&read.to_json()).unwrap(), read);
    assert_eq!(read.thumbprint(), PublicJwk::from_json(&plain).unwrap().thumbprint());
}

/// J-18
#[test]
fn private_and_symmetric_keys_are_refused_whatever_else_they_are() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for mut key in
            [es256().public().to_json(), json!({ "kty": "oct" }), json!({ "kty": "new" }), json!({})]
        {
            key[name] = json!("AAAA");
            assert_eq!(read(&key), Err(JwkError::PrivateMember(name)), "{key}");
            let set = json!({ "keys": [es256().public().to_json(), key] }).to_string();
            let error = JwkSet::parse(set.as_bytes()).unwrap_err();
            let expected = JwkError::PrivateMember(name);
            assert!(matches!(error, JwkSetError::Key { index: 1, error, .. } if error == expected));
        }
    }
}

/// J-18
#[test]
fn a_set_is_read_key_by_key() {
    let (one, other) = (es256().public().to_json(), es256().public().to_json());
    let parse = |value: Value| JwkSet::parse(value.to_string().as_bytes());

    let unknown = json!([{ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }, { "kty": "EC", "crv": "P-192" }, one, other]);
    assert_eq!(parse(json!({ "keys": unknown })).unwrap().keys().len(), 2, "unknown types are skipped");
    assert_eq!(parse(json!({ "keys": [] })).unwrap(), JwkSet::default());

    let mut broken = one.clone();
    broken.as_object_mut().unwrap().remove("y");
    let error = parse(json!({ "keys": [other, broken] })).unwrap_err();
    let kid = one["kid"].as_str().unwrap();
    assert_eq!(error.to_string(), format!("keys[1] (kid {kid:?}): the key lacks the member \"y\""));

    for other in [json!({}), json!([]), json!({ "keys": {} }), json!({ "keys": null }), json!(null)] {
        assert_eq!(parse(other).unwrap_err(), JwkSetError::NotASet);
    }
    assert_eq!(JwkSet::parse(b"{\"keys\":\n[}").unwrap_err(), JwkSetError::BadJson { line: 2, column: 2 });
    assert!(matches!(JwkSet::parse(br#"{"keys":[],"keys":[]}"#), Err(JwkSetError::BadJson { .. })));
    assert_eq!(JwkSet::parse(&vec![b' '; 512 * 1024 + 1]).unwrap_err(), JwkSetError::TooLarge);
    let longest = [br#"{"keys":[]}"#.as_slice(), &vec![b' '; 512 * 1024 - 11]].concat();
    assert_eq!(JwkSet::parse(&longest).unwrap(), JwkSet::default());

    let many = |count: usize| json!({ "keys": vec![json!({ "kty": "new" }); count] });
    assert!(parse(many(32)).is_ok());
    assert_eq!(parse(many(33)).unwrap_err(), JwkSetError::TooManyKeys(33));
    assert_eq!(parse(many(10_000)).unwrap_err(), JwkSetError::TooManyKeys(10_000));
}

/// J-04, KEY-07: FAPI 1.0 Part 2 8.9
#[test]
fn one_kid_names_one_key_of_a_kind() {
    let called = |key: &PublicJwk, kid: &str| {
        let mut key = key.to_json();
        key["kid"] = json!(kid);
        key
    };
    let (one, other, ed) = (es256(), es256(), signing_key(Alg::EdDsa));
    let set = |keys: Value| JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes());

    let twice = set(json!([called(one.public(), "a"), called(other.public(), "a")]));
    assert_eq!(twice.unwrap_err(), JwkSetError::DuplicateKid { index: 1, kid: "a".into() });
    set(json!([called(one.public(), "a"), called(other.public(), "b")])).unwrap();
    set(json!([called(one.public(), "a"), called(ed.public(), "a")])).unwrap();
    let mut enc = called(other.public(), "a");
    enc["use"] = json!("enc");
    enc["alg"] = json!("ECDH-ES");
    set(json!([called(one.public(), "a"), enc])).unwrap();
}

#[test]
fn a_set_is_the_same_after_a_round_trip_through_serde() {
    let set = JwkSet::from_keys(vec![es256().public().clone(), signing_key(Alg::EdDsa).public().clone()]);
    let text = serde_json::to_string(&set).unwrap();
    assert_eq!(serde_json::from_str::<JwkSet>(&text).unwrap(), set);
    assert_eq!(serde_json::to_value(&set).unwrap(), set.to_json());
    let key = &set.keys()[0];
    assert_eq!(&serde_json::from_value::<PublicJwk>(serde_json::to_value(key).unwrap()).unwrap(), key);
    assert!(serde_json::from_str::<JwkSet>(&text.replacen("\"kty\"", "\"d\":\"AA\",\"kty\"", 1)).is_err());
    assert_eq!(JwkSet::from_keys(vec![key.clone(), key.clone()]).keys().len(), 1);
}
