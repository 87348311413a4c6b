//! A server's key, for tests that lie with it.

use bytes::Bytes;
use fapi_jose::{Alg, JwkSet, SigningKey};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::Parties;
use crate::flow::findings::Findings;
use crate::flow::http::Answer;

pub(super) const ISSUER: &str = "https://op.example";
pub(super) const CLIENT: &str = "app";
pub(super) const NOW: i64 = 1_700_000_000;

pub(super) struct Forge {
    key: SigningKey,
    keys: JwkSet,
}

impl Forge {
    pub(super) fn new() -> Forge {
        let key = SigningKey::generate(Alg::Es256, 0).unwrap();
        Forge { keys: JwkSet::from_keys(vec![key.public().clone()]), key }
    }

    pub(super) fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        self.key.sign(typ, claims.as_object().unwrap()).unwrap()
    }

    pub(super) fn parties(&self) -> Parties<'_> {
        Parties { issuer: ISSUER, client_id: CLIENT, keys: &self.keys, now: NOW }
    }
}

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    Answer { status, headers: map, body: Bytes::copy_from_slice(body.as_bytes()), tls: String::new() }
}

/// The claims with one of them set, or removed with `null`.
pub(super) fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut changed = claims.clone();
    let members = changed.as_object_mut().unwrap();
    if value.is_null() {
        assert!(members.remove(name).is_some(), "{name} is not there");
    } else {
        members.insert(name.to_owned(), value);
    }
    changed
}

/// The one claim that failed, and that it names this.
pub(super) fn assert_fails(findings: &Findings, why: &str) {
    let failed = findings.failed();
    assert!(failed.iter().any(|text| text.contains(why)), "{why:?} is not in {failed:#?}");
}
