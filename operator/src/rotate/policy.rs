//! How fast may keys change? The timings of one key line, from its `SigningKey` and the rules of the Workspace.

use fapi_core::logout_token;
use fapi_core::profile::Rules;
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::signing_key::RotationMode;
use fapi_crds::{KeyAlgorithm, KeyUse, SigningKeySpec};

use super::window::Windows;

/// What the operator adds to every wait, and the least that it accepts (`spec/operator.md` 3.3, `spec/api.md` `SigningKey`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Floors {
    /// Least `rotation.interval`.
    pub interval: Lifetime,
    /// Least `lifetimes.jwksMaxAge`.
    pub jwks_max_age: Lifetime,
    /// Added to every wait for relying parties.
    pub margin: Lifetime,
    /// How far the clocks of relying parties and pods may differ from ours.
    pub clock_skew: Lifetime,
    /// How long pods may take to load a revision before the rotation counts as blocked.
    pub convergence: Lifetime,
}

impl Floors {
    /// For customers.
    pub const PRODUCTION: Self = Self {
        interval: Lifetime::minutes(60),
        jwks_max_age: Lifetime::minutes(1),
        margin: Lifetime::seconds(60),
        clock_skew: Lifetime::seconds(60),
        convergence: Lifetime::minutes(10),
    };

    /// Whether something is below what customers may rely on.
    pub fn are_lowered(&self) -> bool {
        let least = Self::PRODUCTION;
        self.interval < least.interval
            || self.jwks_max_age < least.jwks_max_age
            || self.margin < least.margin
            || self.clock_skew < least.clock_skew
    }
}

impl Default for Floors {
    fn default() -> Self {
        Self::PRODUCTION
    }
}

/// The timings of one key line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// By time, or by hand.
    pub mode: RotationMode,
    /// From one activation to the next.
    pub interval: Lifetime,
    /// How long a key is published before it signs, at least.
    pub pre_publish: Lifetime,
    /// Where a cache between us and relying parties ignores `max-age`.
    pub extra_dwell: Lifetime,
    /// How long a key stays in the JWKS after it stopped signing, at least.
    pub retain_for: Lifetime,
    /// How long relying parties may keep the JWKS.
    pub jwks_max_age: Lifetime,
    /// The longest lifetime of anything that is signed, or that others encrypt.
    pub max_token_lifetime: Lifetime,
    /// What is added to every wait.
    pub floors: Floors,
    /// When a successor may take over. What must not wait does not: the first key, and all that a revocation or a loss asks for.
    pub windows: Windows,
    /// The first key comes from elsewhere.
    pub import: bool,
    /// A change of it rotates.
    pub trigger: Option<String>,
    /// Keys that are withdrawn.
    pub revoke: Vec<String>,
    /// Retired keys to remember.
    pub history_limit: usize,
    /// Nothing but revocation.
    pub suspend: bool,
    /// Of several lines that fit, the highest signs.
    pub priority: i32,
}

impl Policy {
    /// From a `SigningKey`. Durations and windows that cannot be read were refused by the API server and by
    /// [`validate`](crate::validate::validate); should one come here all the same, the default stands in.
    pub fn new(spec: &SigningKeySpec, rules: &Rules, floors: Floors) -> Self {
        let span = |duration: &fapi_crds::Duration, default: Lifetime| {
            duration.seconds().map_or(default, Lifetime::seconds)
        };
        let zero = Lifetime::seconds(0);
        Self {
            mode: spec.rotation.mode,
            interval: span(&spec.rotation.interval, Lifetime::days(30)).max(floors.interval),
            pre_publish: span(&spec.rotation.pre_publish, Lifetime::days(1)),
            extra_dwell: span(&spec.rotation.extra_dwell, zero),
            retain_for: spec.rotation.retain_for.as_ref().map_or(zero, |duration| span(duration, zero)),
            jwks_max_age: rules.lifetimes.jwks_max_age,
            max_token_lifetime: lifetime_of_messages(spec.algorithm, rules),
            floors,
            windows: Windows::parse(&spec.rotation.windows).unwrap_or_default(),
            import: spec.import.is_some(),
            trigger: spec.rotation.trigger.clone(),
            revoke: spec.revoke.iter().map(|revocation| revocation.kid.clone()).collect(),
            history_limit: usize::try_from(spec.history_limit).unwrap_or(0),
            suspend: spec.suspend,
            priority: spec.priority,
        }
    }

    /// For keys whose `SigningKey` is gone: nothing new, and everything that exists is seen to its end.
    pub fn orphaned(algorithm: KeyAlgorithm, rules: &Rules, floors: Floors) -> Self {
        Self {
            mode: RotationMode::Manual,
            interval: Lifetime::days(30),
            pre_publish: Lifetime::days(1),
            extra_dwell: Lifetime::seconds(0),
            retain_for: Lifetime::seconds(0),
            jwks_max_age: rules.lifetimes.jwks_max_age,
            max_token_lifetime: lifetime_of_messages(algorithm, rules),
            floors,
            windows: Windows::default(),
            import: false,
            trigger: None,
            revoke: Vec::new(),
            history_limit: 0,
            suspend: false,
            priority: 0,
        }
    }

    /// How long relying parties may go on with a JWKS that they fetched from the slowest pod just before it reloaded.
    pub fn caches(&self, max_age: Lifetime) -> Lifetime {
        let zero = Timestamp::from_unix(0);
        let longest = max_age.max(self.jwks_max_age);
        (zero + longest + self.floors.clock_skew + self.floors.margin + self.extra_dwell) - zero
    }

    /// How long a key waits in the JWKS before it takes over from another, once every pod serves it (G2).
    pub fn dwell(&self, max_age: Lifetime) -> Lifetime {
        self.caches(max_age).max(self.pre_publish)
    }

    /// How long before its activation a key is made.
    pub fn lead(&self, max_age: Lifetime) -> Lifetime {
        let zero = Timestamp::from_unix(0);
        (zero + self.dwell(max_age) + self.floors.convergence) - zero
    }

    /// How long a key stays in the JWKS once no pod signs with it (G4).
    pub fn retention(&self, max_token_lifetime: Lifetime) -> Lifetime {
        let zero = Timestamp::from_unix(0);
        ((zero + max_token_lifetime + self.floors.clock_skew) - zero).max(self.retain_for)
    }
}

/// How long something lives that was made with a key: what we sign, or request objects that clients encrypt.
fn lifetime_of_messages(algorithm: KeyAlgorithm, rules: &Rules) -> Lifetime {
    match algorithm.key_use() {
        KeyUse::Sig => max_token_lifetime(rules),
        KeyUse::Enc => rules.request_object().window(),
    }
}

/// The largest lifetime of anything that we sign: ID tokens, access tokens, JARM responses, logout tokens, and signed answers of
/// userinfo and introspection, which live no longer than an access token.
pub fn max_token_lifetime(rules: &Rules) -> Lifetime {
    let lifetimes = &rules.lifetimes;
    lifetimes.access_token.max(lifetimes.id_token).max(lifetimes.jarm).max(logout_token::LIFETIME)
}
