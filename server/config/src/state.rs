//! What has a pod loaded? The answer of `GET /internal/v1/state`, by which the operator learns that something is true.

use fapi_core::ids::Incarnation;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of one pod.
///
/// Members that are not known are ignored, unlike those of the document: an operator must understand pods of the next
/// version during a roll-out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodState {
    /// This run of this pod: another one after a restart.
    pub instance: String,
    /// Version of the server.
    pub version: String,
    /// Formats of the document that it reads.
    pub formats: Vec<u32>,
    /// Revision that it serves; absent until one is loaded.
    pub revision: Option<u64>,
    /// Its hash.
    pub hash: Option<String>,
    /// A revision that was found and refused, and why; what was loaded before goes on being served.
    pub pending: Option<Pending>,
    /// Keys in its JWKS.
    #[serde(default)]
    pub published_kids: Vec<String>,
    /// Keys that it has tried: a test message was signed and verified, or encrypted and opened.
    #[serde(default)]
    pub signable_kids: Vec<String>,
    /// Keys that it signs with.
    #[serde(default)]
    pub active_kids: Vec<String>,
    /// Names of the keys that it opens with what it or another pod has sealed; it seals with the first. None: nothing is loaded,
    /// or its version does not say.
    #[serde(default)]
    pub seal_keys: Vec<String>,
    /// What it shows and whom it trusts at the internal port. Absent: nothing is loaded, or its version does not say.
    #[serde(default)]
    pub internal: Option<InternalCertificates>,
    /// Clients in its registry.
    #[serde(default)]
    pub clients: u64,
    /// Tombstones whose rows it knows to be gone from the store.
    #[serde(default)]
    pub tombstones_done: Vec<Incarnation>,
    /// When it started.
    pub started_at: Timestamp,
    /// Its clock.
    pub now: Timestamp,
}

/// The certificates of the internal port, by their [`fingerprint`]s.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InternalCertificates {
    /// That which it shows.
    pub leaf: String,
    /// Authorities whose certificates it lets in.
    pub authorities: Vec<String>,
}

/// By what pods and operator name a certificate to each other: SHA-256 of its DER, in hexadecimal.
pub fn fingerprint(der: &[u8]) -> String {
    crate::manifest::hash(der)
}

/// A revision that a pod refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// Which, if the manifest could be read.
    pub revision: Option<u64>,
    /// Why; names files and places, never content.
    pub error: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_of_the_next_version_is_understood() {
        let text = r#"{"instance":"a","version":"0.2.0","formats":[1,2],"revision":7,"hash":"00","pending":null,
            "publishedKids":["k"],"signableKids":["k"],"activeKids":["k"],"sealKeys":["s"],
            "internal":{"leaf":"aa","authorities":["bb"]},"clients":2,"tombstonesDone":["i"],
            "startedAt":"2026-01-01T00:00:00Z","now":"2026-01-01T00:00:01Z","somethingNew":true}"#;
        let state: PodState = serde_json::from_str(text).unwrap();
        assert_eq!(state.revision, Some(7));
        assert_eq!(serde_json::from_str::<PodState>(&serde_json::to_string(&state).unwrap()).unwrap(), state);
    }

    #[test]
    fn a_pod_of_the_version_before_confirms_nothing_that_it_does_not_say() {
        let text = r#"{"instance":"a","version":"0.0.9","formats":[1],"revision":7,"hash":"00","pending":null,
            "startedAt":"2026-01-01T00:00:00Z","now":"2026-01-01T00:00:01Z"}"#;
        let state: PodState = serde_json::from_str(text).unwrap();
        assert_eq!((state.seal_keys, state.internal), (Vec::new(), None));
    }
}
