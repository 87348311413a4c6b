//! The examples of the RFCs whose algorithms are ours. Keys in here are printed in the RFCs and protect nothing.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use fapi_jose::{Alg, Content, DecryptionKey, JoseError, JwkError, JwkSet, PublicJwk, Unverified, b64};
use serde_json::{Value, json};

use crate::attacker::with_text;

const JOE: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const RFC_7638_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKR\
     XjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA\
     ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz\
     KnqDKgw";

fn key(value: &Value) -> PublicJwk {
    PublicJwk::from_json(value).expect("a key of an RFC")
}

/// RFC 7515 A.3
#[test]
fn the_es256_example_verifies() {
    let key = key(&json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }));
    let token = format!(
        "eyJhbGciOiJFUzI1NiJ9.{JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    );
    let verified = Unverified::parse(&token).unwrap().verify_with(&key, &[Alg::Es256]).unwrap();
    assert_eq!(verified.claims.string("iss").unwrap(), Some("joe"));
    assert_eq!(verified.claims.time("exp").unwrap(), Some(1_300_819_380));
    assert_eq!(verified.claims.get("http://example.com/is_root"), Some(&json!(true)));

    let changed = with_text(&token, 1, "eyJpc3MiOiJqb2UifQ");
    let error = Unverified::parse(&changed).unwrap().verify_with(&key, &[Alg::Es256]).unwrap_err();
    assert_eq!(error, JoseError::BadSignature);
}

/// RFC 7515 A.1, A.2, A.4 and A.5: HS256, RS256, ES512 and none.
#[test]
fn the_examples_with_other_algorithms_are_refused() {
    for (header, alg) in [
        ("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "HS256"),
        ("eyJhbGciOiJSUzI1NiJ9", "RS256"),
        ("eyJhbGciOiJFUzUxMiJ9", "ES512"),
        ("eyJhbGciOiJub25lIn0", "none"),
    ] {
        assert!(String::from_utf8(b64::decode(header).unwrap()).unwrap().contains(alg));
        for signature in ["", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"] {
            let token = format!("{header}.{JOE}.{signature}");
            assert_eq!(Unverified::parse(&token).unwrap_err(), JoseError::UnknownAlgorithm);
        }
    }
}

/// RFC 8037 A.4: its payload is a sentence, so what comes after the signature refuses it; and nothing before.
#[test]
fn the_ed25519_example_verifies() {
    let key =
        key(&json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }));
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWb\
                 hijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let verify = |token: &str| Unverified::parse(token)?.verify_with(&key, &[Alg::EdDsa]);
    assert_eq!(verify(token).unwrap_err(), JoseError::BadJson);
    assert_eq!(verify(&with_text(token, 1, "e30")).unwrap_err(), JoseError::BadSignature);
}

/// RFC 7638 3.1 and RFC 8037 A.3
#[test]
fn thumbprints_match_the_examples() {
    let rsa = json!({ "kty": "RSA", "n": RFC_7638_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    assert_eq!(key(&rsa).thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let ed = json!({ "crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "sig" });
    assert_eq!(key(&ed).thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

/// RFC 7517 A.1 and A.2
#[test]
fn the_public_set_is_read_and_the_private_one_refused() {
    let mut set = json!({ "keys": [
        {
            "kty": "EC", "crv": "P-256", "use": "enc", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        },
        { "kty": "RSA", "n": RFC_7638_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" },
    ] });
    let read = JwkSet::parse(set.to_string().as_bytes()).unwrap();
    assert_eq!(read.to_json()["keys"].as_array().unwrap().len(), 2);
    assert!(
        Alg::ALL.iter().all(|alg| read.keys().iter().all(|key| !key.fits(*alg))),
        "one is enc, the other RS256"
    );

    set["keys"][0]["d"] = json!("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE");
    let error = JwkSet::parse(set.to_string().as_bytes()).unwrap_err();
    assert_eq!(
        error,
        fapi_jose::JwkSetError::Key { index: 0, kid: Some("1".into()), error: JwkError::PrivateMember("d") }
    );
}

/// RFC 7516 A.1
#[test]
fn the_rsa_oaep_example_is_decrypted() {
    let private = json!({
        "kty": "RSA", "alg": "RSA-OAEP", "e": "AQAB",
        "n": "oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI1DgjT9LewND8MW2K\
              rf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-QChLOln0_mtUZwf\
              sRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw",
        "d": "kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpwR_M9gV8n9Hrh2anT\
              pTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfCs6_LehBwtxHIyh8Ripy40p24moOAbgxVw3r\
              xT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ",
        "p": "1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPjXv_hI2_1eTSPVZfz\
              L0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0",
        "q": "wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew00J28cRUoeBB_jKI1oma0Orv1\
              T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc",
        "dp": "ZK-YwE7diUh0qR1tR7w8WHtolDx3MZ_OTowiFvgfeQ3SiresXjm9gZ5KLhMXvo-uz-KUJWDxS5pFQ_M0evdo1dKiRTjVw_x4NyqyXPM5nULPkcp\
               U827rnpZzAJKpdhWAgqrXGKAECQH0Xt4taznjnd_zVpAmZZq60WPMBMfKcuE",
        "dq": "Dq0gfgJ1DdFGXiLvQEZnuKEN0UUmsJBxkjydc3j4ZYdBiMRAy86x0vHCjywcMlYYg4yoC4YZa9hNVcsjqA3FeiL19rk8g6Qn29Tt0cj8qqyFpz9\
               vNDBUfCAiJVeESOjJDZPYHdHY8v1b-o-Z2X5tvLx-TCekf7oxyeKDUqKWjis",
        "qi": "VIMpMYbPf47dT1w_zDUXfPimsSegnMOA1zTaX7aGk_8urY6R8-ZW1FxU7AlWAyLWybqq6t16VFd7hQd0y6flUK4SlOydB61gwanOsXGOAOv82cH\
               q0E3eL4HrtZkUuKvnPrMnsUUFlfUdybVzxyjz9JF_XyaY14ardLSjf4L_FNY",
    });
    let key = DecryptionKey::from_jwk(&private.to_string()).unwrap();
    let token = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03J\
        GeipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb7\
        6FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2L\
        awVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiw\
        kIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ";
    let plain = key.decrypt(token, &[Content::A256Gcm]).unwrap();
    assert_eq!(plain, b"The true sign of intelligence is not knowledge but imagination.");
}

/// RFC 7518 appendix C: the agreed key is `VqqN6vgjbSBcIijNcacQGg`. A token encrypted with it, and with the header of the
/// example, is read by Bob.
#[test]
fn the_ecdh_es_example_agrees_on_its_key() {
    let bob = json!({
        "kty": "EC", "crv": "P-256", "alg": "ECDH-ES",
        "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
        "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
    });
    let bob = DecryptionKey::from_jwk(&bob.to_string()).unwrap();
    let header = json!({
        "alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i",
        "epk": {
            "kty": "EC", "crv": "P-256",
            "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0", "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
        },
    });

    let agreed = b64::decode("VqqN6vgjbSBcIijNcacQGg").unwrap();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &agreed).unwrap());
    let header = b64::encode(header.to_string());
    let mut text = b"Hello Bob".to_vec();
    let nonce = Nonce::assume_unique_for_key([3; 12]);
    let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(header.as_bytes()), &mut text).unwrap();
    let token =
        format!("{header}..{}.{}.{}", b64::encode([3; 12]), b64::encode(&text), b64::encode(tag.as_ref()));

    assert_eq!(bob.decrypt(&token, &[Content::A128Gcm]).unwrap(), b"Hello Bob");
    let other = with_text(
        &token,
        0,
        &b64::encode(String::from_utf8(b64::decode(&header).unwrap()).unwrap().replace("Qm9i", "Qm9j")),
    );
    assert_eq!(bob.decrypt(&other, &[Content::A128Gcm]).unwrap_err(), JoseError::CannotDecrypt);
}
