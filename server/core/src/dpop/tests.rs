//! Proofs that show possession, and those that do not (requirements section 14).

use std::sync::LazyLock;

use fapi_jose::{Alg, SigningKey, b64, sha256};
use serde_json::{Value, json};

use super::{Call, KeyThumbprint, LONGEST_NONCE, NonceRule, Proof, verify};
use crate::fixture::{NOON, app_key, mallory_key, proof_claims, sign, sign_raw, with};
use crate::lifetime::{Lifetime, Timestamp};
use crate::rejection::{ErrorCode, Rejection};

const TOKEN: Call<'static> = Call { method: "POST", url: "https://mtls.auth.bank.example/token" };
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Es256, 2048).unwrap());

fn signed(changes: &Value) -> String {
    KEY.sign_dpop(with(proof_claims(TOKEN), changes).as_object().unwrap()).unwrap()
}

fn shown_at(proof: &str, now: Timestamp) -> Result<Proof, Rejection> {
    verify(&[proof.to_owned()], TOKEN, None, Alg::ALL, NonceRule::NotAsked, now)
}

fn shown(proof: &str) -> Result<Proof, Rejection> {
    shown_at(proof, NOON)
}

/// The proof is accepted.
fn good(outcome: Result<Proof, Rejection>, id: &str) {
    outcome.map_or_else(|why| panic!("{id}: {why}"), drop);
}

fn code(outcome: Result<Proof, Rejection>, id: &str) -> ErrorCode {
    outcome.expect_err(id).code
}

#[test]
fn a_proof_shows_which_key_the_caller_holds() {
    for key in [&*KEY, app_key(), &SigningKey::generate(Alg::EdDsa, 2048).unwrap()] {
        let proof = key.sign_dpop(proof_claims(TOKEN).as_object().unwrap()).unwrap();
        let held = shown(&proof).unwrap().admit(true).unwrap();
        assert_eq!(held.thumbprint().as_str(), key.public().thumbprint(), "DPO-02 {}", key.alg());
    }
    let header = json!({"typ": "DPOP+JWT", "alg": "ES256", "jwk": KEY.public().to_json(), "extra": 1});
    let claims = with(proof_claims(TOKEN), &json!({"extra": [], "sub": "x", "nonce": "x"}));
    good(shown(&sign_raw(&KEY, &header, &claims)), "DPO-06: what is unknown is ignored");
}

#[test]
fn there_is_exactly_one_proof() {
    let proof = signed(&json!({}));
    let all = |headers: &[String]| verify(headers, TOKEN, None, Alg::ALL, NonceRule::NotAsked, NOON);
    for (id, headers) in [
        ("DPO-09, T-08", vec![]),
        ("DPO-01", vec![proof.clone(), proof.clone()]),
        ("DPO-01", vec![format!("{proof}, {proof}")]),
        ("DPO-09, T-08", vec![String::new()]),
    ] {
        assert_eq!(code(all(&headers), id), ErrorCode::InvalidDpopProof, "{id}");
    }
    assert!(all(&[proof]).is_ok());
}

#[test]
fn a_proof_is_a_jws_by_the_public_key_in_its_header() {
    let claims = proof_claims(TOKEN);
    let public = KEY.public().to_json();
    let private: Value = serde_json::from_str(&KEY.to_private_jwk()).unwrap();
    let header = |changes: Value| with(json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": public}), &changes);
    let none = |alg: &str| {
        let header = header(json!({ "alg": alg })).to_string();
        format!("{}.{}.", b64::encode(header), b64::encode(claims.to_string()))
    };
    let honest = sign_raw(&KEY, &header(json!({})), &claims);
    let broken = format!("{}AAAA", honest.get(..honest.len() - 4).unwrap());
    for (id, proof) in [
        ("DPO-02", sign_raw(&KEY, &header(json!({"typ": null})), &claims)),
        ("DPO-02", sign_raw(&KEY, &header(json!({"typ": "jwt"})), &claims)),
        ("DPO-02, J-05", sign_raw(&KEY, &header(json!({"jwk": null})), &claims)),
        ("DPO-02, KEY-06", sign_raw(&KEY, &header(json!({"jwk": private})), &claims)),
        (
            "DPO-02, J-02",
            sign_raw(&KEY, &header(json!({"jwk": {"kty": "oct", "k": "AAAA"}, "alg": "HS256"})), &claims),
        ),
        ("DPO-02, J-03", sign_raw(&KEY, &header(json!({"alg": "RS256"})), &claims)),
        ("DPO-02", sign_raw(&KEY, &header(json!({"alg": "PS256"})), &claims)),
        ("DPO-02, J-06", sign_raw(&KEY, &header(json!({"crit": ["b64"]})), &claims)),
        ("DPO-02, J-01", none("none")),
        ("DPO-02, J-01", none("nOnE")),
        ("DPO-02", broken),
        ("DPO-02", sign_raw(&KEY, &header(json!({"jwk": mallory_key().public().to_json()})), &claims)),
        // A client assertion or an access token is no proof (RFC 8725 3.11).
        ("DPO-02, CA-08", sign(&KEY, Some("dpop+jwt"), &claims)),
        ("DPO-02, J-10", "rubbish".to_owned()),
    ] {
        assert_eq!(code(shown(&proof), id), ErrorCode::InvalidDpopProof, "{id} {proof}");
    }
    good(shown(&honest), "DPO-02");
    let narrowed = verify(&[honest], TOKEN, None, &[Alg::Ps256], NonceRule::NotAsked, NOON);
    assert_eq!(
        code(narrowed, "DPO-02"),
        ErrorCode::InvalidDpopProof,
        "DPO-02: not an algorithm of this server"
    );
}

#[test]
fn every_claim_of_a_proof_is_needed_and_typed() {
    for (id, changes) in [
        ("DPO-03", json!({"jti": null})),
        ("DPO-03", json!({"jti": ""})),
        ("DPO-03", json!({"jti": "x".repeat(256)})),
        ("DPO-03, J-08", json!({"jti": 1})),
        ("DPO-03", json!({"htm": null})),
        ("DPO-03", json!({"htu": null})),
        ("DPO-03, J-08", json!({"htu": [TOKEN.url]})),
        ("DPO-03", json!({"iat": null})),
        ("DPO-03, J-08", json!({"iat": "now"})),
        ("DPO-04", json!({"htm": "PUT"})),
        ("DPO-04", json!({"htm": "post"})),
        ("DPO-06, J-08", json!({"exp": "later"})),
    ] {
        assert_eq!(code(shown(&signed(&changes)), id), ErrorCode::InvalidDpopProof, "{id} {changes}");
    }
}

#[test]
fn a_proof_is_for_one_place() {
    for htu in [
        "https://mtls.auth.bank.example/token",
        "https://mtls.auth.bank.example/token?a=b",
        "https://mtls.auth.bank.example/token#f",
        "https://MTLS.auth.BANK.example/token",
        "HTTPS://mtls.auth.bank.example/token",
        "https://mtls.auth.bank.example:443/token",
        "https://mtls.auth.bank.example/x/../token",
    ] {
        good(shown(&signed(&json!({ "htu": htu }))), &format!("DPO-05 {htu}"));
    }
    for bad in [
        "https://mtls.auth.bank.example/par",
        "https://mtls.auth.bank.example/token/",
        "https://mtls.auth.bank.example/Token",
        "https://mtls.auth.bank.example",
        "https://mtls.auth.bank.example:8443/token",
        "https://auth.bank.example/token",
        "https://mtls.auth.bank.example.evil/token",
        "https://user@mtls.auth.bank.example/token",
        "http://mtls.auth.bank.example/token",
        "https:/mtls.auth.bank.example/token",
        "https:\\\\mtls.auth.bank.example/token",
        "https://mtls.auth.bank.example/\ttoken",
        " https://mtls.auth.bank.example/token",
        "/token",
        "",
    ] {
        let outcome = shown(&signed(&json!({ "htu": bad })));
        assert_eq!(code(outcome, bad), ErrorCode::InvalidDpopProof, "DPO-05 {bad:?}");
    }
}

#[test]
fn a_proof_is_made_for_now() {
    let at = |seconds: i64| json!({ "iat": NOON.as_unix() + seconds });
    for seconds in [-60, -10, -8, 0, 8, 10, 30] {
        good(shown(&signed(&at(seconds))), &format!("DPO-06, F2-R09 {seconds}"));
    }
    for seconds in [-3600, -61, 31, 61, 3600, i64::MAX / 2] {
        let outcome = shown(&signed(&at(seconds)));
        assert_eq!(code(outcome, "DPO-06"), ErrorCode::InvalidDpopProof, "DPO-06, J-23 {seconds}");
    }
    let now = NOON.as_unix();
    good(shown(&signed(&json!({"nbf": now + 8, "exp": now + 8}))), "DPO-06: tolerated");
    for changes in [json!({"exp": now - 31}), json!({"nbf": now + 61})] {
        assert_eq!(code(shown(&signed(&changes)), "DPO-06"), ErrorCode::InvalidDpopProof, "DPO-06 {changes}");
    }
}

#[test]
fn a_proof_is_good_once() {
    let proof = signed(&json!({}));
    let first = shown(&proof).unwrap();
    let replay = first.replay().clone();
    assert_eq!(shown(&proof).unwrap().replay(), &replay, "the same proof is the same");
    assert_ne!(shown(&signed(&json!({"jti": "another"}))).unwrap().replay().digest, replay.digest);
    assert_eq!(code(first.admit(false).map(|_| panic!("DPO-08")), "DPO-08"), ErrorCode::InvalidDpopProof);
    // J-24: it is remembered until it fails by itself.
    assert!(shown_at(&proof, replay.until).is_err(), "DPO-08, J-24");
}

#[test]
fn a_proof_beside_a_token_is_for_that_token() {
    let used = |changes: &Value| {
        let headers = [signed(changes)];
        verify(&headers, TOKEN, Some("the token"), Alg::ALL, NonceRule::NotAsked, NOON)
    };
    good(used(&json!({"ath": b64::encode(sha256("the token"))})), "DPO-07");
    for changes in [json!({}), json!({"ath": b64::encode(sha256("another"))}), json!({"ath": "the token"})] {
        assert_eq!(code(used(&changes), "DPO-07"), ErrorCode::InvalidDpopProof, "DPO-03, DPO-07 {changes}");
    }
}

#[test]
fn where_a_nonce_is_needed_the_nonce_decides_and_not_the_clock() {
    let ours = |nonce: &str| nonce == "ours";
    let used = |changes: &Value| {
        let headers = [signed(changes)];
        verify(&headers, TOKEN, None, Alg::ALL, NonceRule::Required(&ours), NOON)
    };
    for changes in [json!({}), json!({"nonce": "old"}), json!({"nonce": 1})] {
        assert_eq!(code(used(&changes), "DPO-11"), ErrorCode::UseDpopNonce, "DPO-11 {changes}");
    }
    let proof = used(&json!({"nonce": "ours", "iat": NOON.as_unix() - 3600})).expect("DPO-06, DPO-11");
    assert!(
        proof.replay().until >= NOON + LONGEST_NONCE,
        "J-24: remembered for as long as the nonce is good"
    );
    let elsewhere = used(&json!({"nonce": "ours", "htu": "https://mtls.auth.bank.example/par"}));
    assert_eq!(code(elsewhere, "DPO-05"), ErrorCode::InvalidDpopProof, "a nonce heals the clock alone");
    assert!(Lifetime::minutes(10) >= LONGEST_NONCE);
}

#[test]
fn a_thumbprint_is_32_bytes() {
    assert!(KeyThumbprint::parse(KEY.public().thumbprint()).is_some(), "DPO-12");
    for bad in ["", "x", "AAAA", &"A".repeat(44), &format!("{}=", "A".repeat(43)), &"B".repeat(43)] {
        assert_eq!(KeyThumbprint::parse(bad), None, "DPO-12 {bad}");
    }
}
