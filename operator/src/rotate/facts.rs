//! Where is a key in its life? The facts, as they stand on the key's Secret: labels and annotations. A fact that was written once
//! may change and is never taken away, so writing them is a merge.

use std::collections::BTreeMap;

use fapi_core::{Lifetime, Timestamp};
use fapi_crds::names::{annotation, label};
use fapi_crds::{KeyAlgorithm, KeyState, KeyUse};

/// The life of one key. A crash, a restore or a new leader continues from here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyFacts {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// The `SigningKey` it belongs to.
    pub signing_key: String,
    /// What it is for.
    pub algorithm: KeyAlgorithm,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made.
    pub generated_at: Timestamp,
    /// The `rotation.trigger` that it was made for.
    pub trigger: Option<String>,
    /// The longest max-age of a JWKS without this key that a relying party may hold: waited out before it signs. Absent: nobody
    /// holds one, since no key had ever signed when this one was published.
    pub dwell_max_age: Option<Lifetime>,
    /// The longest JWKS max-age in force since it was published: its successor waits that out.
    pub seen_max_age: Lifetime,
    /// First revision that may carry it.
    pub published_revision: Option<u64>,
    /// When the last serving pod had it in its JWKS and could sign with it.
    pub published_acked_at: Option<Timestamp>,
    /// First revision in which it may sign.
    pub activated_revision: Option<u64>,
    /// When it was told to sign.
    pub activated_at: Option<Timestamp>,
    /// When the last serving pod signed with it.
    pub activation_acked_at: Option<Timestamp>,
    /// The longest lifetime of anything signed with it.
    pub max_token_lifetime: Lifetime,
    /// First revision in which it may not sign any more.
    pub demoted_revision: Option<u64>,
    /// When the last serving pod had stopped signing with it.
    pub demotion_acked_at: Option<Timestamp>,
    /// First revision without it.
    pub removed_revision: Option<u64>,
    /// When the last serving pod had dropped it.
    pub removal_acked_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

/// The facts on a Secret cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct InvalidFacts {
    /// Label or annotation.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Annotations of a key's Secret, beside [`annotation::KID`].
pub mod fact {
    /// Algorithm.
    pub const ALGORITHM: &str = "fapi.rs/algorithm";
    /// RFC 3339.
    pub const GENERATED_AT: &str = "fapi.rs/generated-at";
    /// `rotation.trigger`.
    pub const TRIGGER: &str = "fapi.rs/trigger";
    /// Seconds.
    pub const DWELL_MAX_AGE: &str = "fapi.rs/dwell-max-age";
    /// Seconds.
    pub const SEEN_MAX_AGE: &str = "fapi.rs/seen-max-age";
    /// Counter.
    pub const PUBLISHED_REVISION: &str = "fapi.rs/published-revision";
    /// RFC 3339.
    pub const PUBLISHED_ACKED_AT: &str = "fapi.rs/published-acked-at";
    /// Counter.
    pub const ACTIVATED_REVISION: &str = "fapi.rs/activated-revision";
    /// RFC 3339.
    pub const ACTIVATED_AT: &str = "fapi.rs/activated-at";
    /// RFC 3339.
    pub const ACTIVATION_ACKED_AT: &str = "fapi.rs/activation-acked-at";
    /// Seconds.
    pub const MAX_TOKEN_LIFETIME: &str = "fapi.rs/max-token-lifetime";
    /// Counter.
    pub const DEMOTED_REVISION: &str = "fapi.rs/demoted-revision";
    /// RFC 3339.
    pub const DEMOTION_ACKED_AT: &str = "fapi.rs/demotion-acked-at";
    /// Counter.
    pub const REMOVED_REVISION: &str = "fapi.rs/removed-revision";
    /// RFC 3339.
    pub const REMOVAL_ACKED_AT: &str = "fapi.rs/removal-acked-at";
    /// RFC 3339.
    pub const REVOKED_AT: &str = "fapi.rs/revoked-at";
}

impl KeyFacts {
    /// A key that was just made.
    pub fn generated(kid: &str, signing_key: &str, algorithm: KeyAlgorithm, now: Timestamp) -> Self {
        Self {
            kid: kid.to_owned(),
            signing_key: signing_key.to_owned(),
            algorithm,
            state: KeyState::Generated,
            generated_at: now,
            trigger: None,
            dwell_max_age: None,
            seen_max_age: Lifetime::seconds(0),
            published_revision: None,
            published_acked_at: None,
            activated_revision: None,
            activated_at: None,
            activation_acked_at: None,
            max_token_lifetime: Lifetime::seconds(0),
            demoted_revision: None,
            demotion_acked_at: None,
            removed_revision: None,
            removal_acked_at: None,
            revoked_at: None,
        }
    }

    /// Labels for the key's Secrets, beside the common ones.
    pub fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (label::SIGNING_KEY.to_owned(), self.signing_key.clone()),
            (label::KEY_STATE.to_owned(), state_name(self.state).to_owned()),
        ])
    }

    /// Annotations for the key's Secret.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                map.insert(name.to_owned(), value);
            }
        };
        put(annotation::KID, Some(self.kid.clone()));
        put(fact::ALGORITHM, Some(algorithm_name(self.algorithm).to_owned()));
        put(fact::GENERATED_AT, Some(self.generated_at.to_string()));
        put(fact::TRIGGER, self.trigger.clone());
        put(fact::DWELL_MAX_AGE, self.dwell_max_age.map(|age| age.as_seconds().to_string()));
        put(fact::SEEN_MAX_AGE, Some(self.seen_max_age.as_seconds().to_string()));
        put(fact::MAX_TOKEN_LIFETIME, Some(self.max_token_lifetime.as_seconds().to_string()));
        for (name, value) in [
            (fact::PUBLISHED_REVISION, self.published_revision),
            (fact::ACTIVATED_REVISION, self.activated_revision),
            (fact::DEMOTED_REVISION, self.demoted_revision),
            (fact::REMOVED_REVISION, self.removed_revision),
        ] {
            put(name, value.map(|revision| revision.to_string()));
        }
        for (name, value) in [
            (fact::PUBLISHED_ACKED_AT, self.published_acked_at),
            (fact::ACTIVATED_AT, self.activated_at),
            (fact::ACTIVATION_ACKED_AT, self.activation_acked_at),
            (fact::DEMOTION_ACKED_AT, self.demotion_acked_at),
            (fact::REMOVAL_ACKED_AT, self.removal_acked_at),
            (fact::REVOKED_AT, self.revoked_at),
        ] {
            put(name, value.map(|time| time.to_string()));
        }
        map
    }

    /// Reads the facts back. Labels and annotations that are not ours are ignored; a value of ours that cannot be read is an
    /// error, so that a damaged fact never passes for one that has not happened yet.
    ///
    /// # Errors
    /// The first label or annotation that is missing or malformed.
    pub fn parse(
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Self, InvalidFacts> {
        let read = Reader { labels, annotations };
        let state = parse_state(read.label(label::KEY_STATE)?)
            .ok_or(InvalidFacts { name: label::KEY_STATE, problem: "is no state of a key" })?;
        let algorithm = parse_algorithm(read.annotation(fact::ALGORITHM)?)
            .ok_or(InvalidFacts { name: fact::ALGORITHM, problem: "is no algorithm" })?;
        let kid = read.annotation(annotation::KID)?;
        if crate::names::Thumbprint::of_kid(kid).is_none() {
            return Err(InvalidFacts { name: annotation::KID, problem: "is no RFC 7638 thumbprint" });
        }
        Ok(Self {
            kid: kid.to_owned(),
            signing_key: read.label(label::SIGNING_KEY)?.to_owned(),
            algorithm,
            state,
            generated_at: read
                .time(fact::GENERATED_AT)?
                .ok_or(InvalidFacts { name: fact::GENERATED_AT, problem: "is missing" })?,
            trigger: annotations.get(fact::TRIGGER).cloned(),
            dwell_max_age: match annotations.get(fact::DWELL_MAX_AGE) {
                Some(_) => Some(read.seconds(fact::DWELL_MAX_AGE)?),
                None => None,
            },
            seen_max_age: read.seconds(fact::SEEN_MAX_AGE)?,
            published_revision: read.revision(fact::PUBLISHED_REVISION)?,
            published_acked_at: read.time(fact::PUBLISHED_ACKED_AT)?,
            activated_revision: read.revision(fact::ACTIVATED_REVISION)?,
            activated_at: read.time(fact::ACTIVATED_AT)?,
            activation_acked_at: read.time(fact::ACTIVATION_ACKED_AT)?,
            max_token_lifetime: read.seconds(fact::MAX_TOKEN_LIFETIME)?,
            demoted_revision: read.revision(fact::DEMOTED_REVISION)?,
            demotion_acked_at: read.time(fact::DEMOTION_ACKED_AT)?,
            removed_revision: read.revision(fact::REMOVED_REVISION)?,
            removal_acked_at: read.time(fact::REMOVAL_ACKED_AT)?,
            revoked_at: read.time(fact::REVOKED_AT)?,
        })
    }

    /// Whether its private half is still needed: if not, its private Secret is deleted.
    pub fn needs_private(&self) -> bool {
        match self.state {
            KeyState::Generated | KeyState::Published | KeyState::Active => true,
            // What was encrypted to it may still come.
            KeyState::Retiring if self.algorithm.key_use() == KeyUse::Enc => true,
            KeyState::Retiring => self.demotion_acked_at.is_none(),
            KeyState::Retired | KeyState::Revoked => false,
        }
    }
}

struct Reader<'a> {
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    fn label(&self, name: &'static str) -> Result<&'a str, InvalidFacts> {
        self.labels.get(name).map(String::as_str).ok_or(InvalidFacts { name, problem: "is missing" })
    }

    fn annotation(&self, name: &'static str) -> Result<&'a str, InvalidFacts> {
        self.annotations.get(name).map(String::as_str).ok_or(InvalidFacts { name, problem: "is missing" })
    }

    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, InvalidFacts> {
        let Some(text) = self.annotations.get(name) else { return Ok(None) };
        let time: jiff::Timestamp =
            text.parse().map_err(|_| InvalidFacts { name, problem: "is no time as RFC 3339 writes it" })?;
        Ok(Some(Timestamp::from_unix(time.as_second())))
    }

    fn revision(&self, name: &'static str) -> Result<Option<u64>, InvalidFacts> {
        let Some(text) = self.annotations.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| InvalidFacts { name, problem: "is no counter" })
    }

    fn seconds(&self, name: &'static str) -> Result<Lifetime, InvalidFacts> {
        let seconds: u32 = self
            .annotation(name)?
            .parse()
            .map_err(|_| InvalidFacts { name, problem: "is no number of seconds" })?;
        Ok(Lifetime::seconds(i64::from(seconds)))
    }
}

const STATES: [(KeyState, &str); 6] = [
    (KeyState::Generated, "Generated"),
    (KeyState::Published, "Published"),
    (KeyState::Active, "Active"),
    (KeyState::Retiring, "Retiring"),
    (KeyState::Retired, "Retired"),
    (KeyState::Revoked, "Revoked"),
];

fn state_name(state: KeyState) -> &'static str {
    STATES.iter().find(|(known, _)| *known == state).map_or("", |(_, name)| name)
}

fn parse_state(name: &str) -> Option<KeyState> {
    STATES.iter().find(|(_, known)| *known == name).map(|(state, _)| *state)
}

const ALGORITHMS: [(KeyAlgorithm, &str); 7] = [
    (KeyAlgorithm::EcdhEs, "ECDH-ES"),
    (KeyAlgorithm::EcdhEsA256Kw, "ECDH-ES+A256KW"),
    (KeyAlgorithm::Es256, "ES256"),
    (KeyAlgorithm::EdDsa, "EdDSA"),
    (KeyAlgorithm::Ps256, "PS256"),
    (KeyAlgorithm::RsaOaep, "RSA-OAEP"),
    (KeyAlgorithm::RsaOaep256, "RSA-OAEP-256"),
];

/// As JWA names it.
pub fn algorithm_name(algorithm: KeyAlgorithm) -> &'static str {
    ALGORITHMS.iter().find(|(known, _)| *known == algorithm).map_or("", |(_, name)| name)
}

fn parse_algorithm(name: &str) -> Option<KeyAlgorithm> {
    ALGORITHMS.iter().find(|(_, known)| *known == name).map(|(algorithm, _)| *algorithm)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kid() -> String {
        fapi_jose::b64::encode([1; 32])
    }

    fn any_time() -> impl Strategy<Value = Option<Timestamp>> {
        prop::option::of((0..4_000_000_000_i64).prop_map(Timestamp::from_unix))
    }

    prop_compose! {
        fn any_facts()(
            state in prop::sample::select(STATES.to_vec()),
            algorithm in prop::sample::select(ALGORITHMS.to_vec()),
            times in prop::array::uniform6(any_time()),
            revisions in prop::array::uniform4(prop::option::of(any::<u64>())),
            seconds in prop::array::uniform3(0..90_000_i64),
            trigger in prop::option::of(".{1,20}"),
            dwell_given in any::<bool>(),
        ) -> KeyFacts {
            let [published_acked_at, activated_at, activation_acked_at, demotion_acked_at, removal_acked_at, revoked_at] = times;
            let [published_revision, activated_revision, demoted_revision, removed_revision] = revisions;
            let [dwell, seen, token] = seconds.map(Lifetime::seconds);
            KeyFacts {
                state: state.0,
                trigger,
                dwell_max_age: dwell_given.then_some(dwell),
                seen_max_age: seen,
                max_token_lifetime: token,
                published_revision,
                published_acked_at,
                activated_revision,
                activated_at,
                activation_acked_at,
                demoted_revision,
                demotion_acked_at,
                removed_revision,
                removal_acked_at,
                revoked_at,
                ..KeyFacts::generated(&kid(), "retail-sig-ps256", algorithm.0, Timestamp::from_unix(1_700_000_000))
            }
        }
    }

    proptest! {
        #[test]
        fn facts_are_read_back_whatever_else_is_on_the_secret(facts in any_facts()) {
            let (mut labels, mut annotations) = (facts.labels(), facts.annotations());
            labels.insert("team".to_owned(), "payments".to_owned());
            annotations.insert("fapi.rs/of-a-later-version".to_owned(), "x".to_owned());
            prop_assert_eq!(KeyFacts::parse(&labels, &annotations).unwrap(), facts);
        }
    }

    #[test]
    fn a_damaged_fact_is_not_taken_for_one_that_has_not_happened() {
        let facts = KeyFacts {
            published_acked_at: Some(Timestamp::from_unix(5)),
            published_revision: Some(1),
            ..KeyFacts::generated(&kid(), "s", KeyAlgorithm::Ps256, Timestamp::from_unix(0))
        };
        for (name, value) in facts.annotations() {
            let mut damaged = facts.annotations();
            damaged.insert(name.clone(), format!("{value}?"));
            let error = KeyFacts::parse(&facts.labels(), &damaged).unwrap_err();
            assert_eq!(error.name, name);
        }
    }
}
