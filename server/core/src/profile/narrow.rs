//! Overrides may narrow a profile, never widen it.

use std::fmt::Display;

use super::{
    Bound, Choice, LifetimeBounds, Lifetimes, One, Overrides, Profile, RefreshIssue, RefreshOverrides,
    Response, Rotation, Rules, SenderConstraint,
};
use crate::lifetime::Lifetime;

/// How long a replaced refresh token works where nothing is said: as long as a lost answer is asked for again.
const RETRY: Lifetime = Lifetime::seconds(60);
/// Less would be no time at all.
const SHORTEST_RETRY: Lifetime = Lifetime::seconds(1);
/// For so long somebody who stole a replaced token may begin a line of their own with it: more would take away what replacing is
/// for.
const LONGEST_RETRY: Lifetime = Lifetime::days(1);

/// An override that would widen the profile: which rule, which field, and what may stand there instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field}: {message} ({rule})")]
pub struct Refusal {
    /// The rule's id, e.g. `F1-R02`.
    pub rule: &'static str,
    /// The field below `spec`, e.g. `protocol.clientAuthentication[1]`.
    pub field: String,
    /// What to write instead.
    pub message: String,
}

/// Lays overrides over a profile.
///
/// # Errors
/// Every override that the profile forbids, each with its rule.
pub fn narrow(profile: &'static Profile, overrides: &Overrides) -> Result<Rules, Vec<Refusal>> {
    let mut said = Said(Vec::new());
    let encryption = overrides.encryption.clone().unwrap_or_default();
    let refresh = overrides.refresh_tokens.clone().unwrap_or_default();
    let rules = Rules {
        profile,
        client_auth: said.some(
            "protocol.clientAuthentication",
            &profile.client_auth,
            overrides.client_authentication.as_deref(),
        ),
        sender_constraint: said.some(
            "protocol.senderConstraints",
            &profile.sender_constraint,
            overrides.sender_constraints.as_deref(),
        ),
        dpop_nonce: said.one("protocol.dpopNonce", &profile.dpop_nonce, overrides.dpop_nonce),
        signing: said.some(
            "protocol.signingAlgorithms",
            &profile.signing,
            overrides.signing_algorithms.as_deref(),
        ),
        key_management: said.some(
            "protocol.encryption.keyManagement",
            &profile.key_management,
            encryption.key_management.as_deref(),
        ),
        content: said.some("protocol.encryption.content", &profile.content, encryption.content.as_deref()),
        request_delivery: said.one(
            "protocol.requestDelivery",
            &profile.request_delivery,
            overrides.request_delivery,
        ),
        responses: said.some("protocol.responses", &profile.responses, overrides.responses.as_deref()),
        pkce: said.one("protocol.pkce", &profile.pkce, overrides.pkce),
        refresh_issue: said.one("protocol.refreshTokens.issue", &profile.refresh_issue, refresh.issue),
        refresh_rotation: said.rotation(profile, &refresh),
        subject_types: said.some(
            "protocol.subjectTypes",
            &profile.subject_types,
            overrides.subject_types.as_deref(),
        ),
        acr_values: said.acr(profile, overrides.acr_values.as_deref()),
        id_token_encryption: said.one(
            "protocol.idTokenEncryption",
            &profile.id_token_encryption,
            overrides.id_token_encryption,
        ),
        jarm_encryption: said.one(
            "protocol.jarmEncryption",
            &profile.jarm_encryption,
            overrides.jarm_encryption,
        ),
        lifetimes: said.lifetimes(&profile.lifetimes, overrides),
    };
    let rules = said.as_long_as_the_consent(rules, overrides);
    if said.0.is_empty() { Ok(rules) } else { Err(said.0) }
}

struct Said(Vec<Refusal>);

impl Said {
    fn refuse(&mut self, rule: &'static str, field: impl Into<String>, message: String) {
        self.0.push(Refusal { rule, field: field.into(), message });
    }

    fn some<T: Copy + PartialEq + Display>(
        &mut self,
        field: &str,
        choice: &Choice<T>,
        said: Option<&[T]>,
    ) -> Vec<T> {
        let Some(said) = said else { return choice.default.to_vec() };
        if said.is_empty() {
            self.refuse(
                choice.rule,
                field,
                format!("must not be empty: leave it out, or choose from {}", list(choice.allowed)),
            );
        }
        let mut values = Vec::new();
        for (index, value) in said.iter().enumerate() {
            if !choice.allowed.contains(value) {
                let field = format!("{field}[{index}]");
                self.refuse(
                    choice.rule,
                    field,
                    format!("{value} is not allowed by this profile: choose from {}", list(choice.allowed)),
                );
            } else if !values.contains(value) {
                values.push(*value);
            }
        }
        values
    }

    fn one<T: Copy + PartialEq + Display>(&mut self, field: &str, one: &One<T>, said: Option<T>) -> T {
        let Some(value) = said else { return one.default };
        if !one.allowed.contains(&value) {
            self.refuse(
                one.rule,
                field,
                format!("{value} is not allowed by this profile: choose from {}", list(one.allowed)),
            );
        }
        value
    }

    /// `REF-07`: where rotation is free, as is said; where it is forbidden, for a migration at most.
    fn rotation(&mut self, profile: &Profile, said: &RefreshOverrides) -> Option<Rotation> {
        const FIELD: &str = "protocol.refreshTokens.rotation";
        let rule = profile.refresh_rotation.rule;
        let (until, window) = (said.rotation_until, said.retry_window);
        if said.rotation == Some(true) && profile.refresh_migration {
            if until.is_none() || window.is_none() {
                let message = "is for a migration only: write until and retryWindow, or mode: Never";
                self.refuse(rule, FIELD, message.to_owned());
            }
        } else if !self.one(FIELD, &profile.refresh_rotation, said.rotation) {
            if until.is_some() || window.is_some() {
                let message = "until and retryWindow belong to mode EachUse: leave them out";
                self.refuse(rule, FIELD, message.to_owned());
            }
            return None;
        }
        let retry = window.unwrap_or(RETRY);
        if retry < SHORTEST_RETRY || retry > LONGEST_RETRY {
            let message = format!("{retry} is out of bounds: write {SHORTEST_RETRY} to {LONGEST_RETRY}");
            self.refuse(rule, format!("{FIELD}.retryWindow"), message);
        }
        Some(Rotation { until, retry })
    }

    fn acr(&mut self, profile: &Profile, said: Option<&[String]>) -> Vec<String> {
        let Some(values) = said else { return profile.acr.default.iter().map(ToString::to_string).collect() };
        for (index, value) in values.iter().enumerate() {
            // `acr_values` is a list separated by spaces (OpenID Connect Core 3.1.2.1).
            let is_one =
                (1..=256).contains(&value.len()) && value.bytes().all(|b| (0x21..=0x7e).contains(&b));
            if !is_one || values.iter().take(index).any(|earlier| earlier == value) {
                let field = format!("protocol.acrValues[{index}]");
                let message = "write each value once: 1 to 256 printable ASCII characters without spaces";
                self.refuse(profile.acr.rule, field, message.to_owned());
            }
        }
        for required in profile.acr.required {
            if !values.iter().any(|value| value == required) {
                self.refuse(profile.acr.rule, "protocol.acrValues", format!("must contain {required}"));
            }
        }
        values.to_vec()
    }

    fn span(&mut self, field: &str, bound: &Bound, said: Option<Lifetime>) -> Lifetime {
        let Some(value) = said else { return bound.default };
        if value < bound.min || value > bound.max {
            let field = format!("protocol.lifetimes.{field}");
            self.refuse(
                bound.rule,
                field,
                format!("{value} is out of bounds: write {} to {}", bound.min, bound.max),
            );
        }
        value
    }

    /// Where refresh tokens last as long as the consent, there is no lifetime of their own to configure.
    fn as_long_as_the_consent(&mut self, mut rules: Rules, overrides: &Overrides) -> Rules {
        if rules.refresh_issue == RefreshIssue::Consent {
            if overrides.lifetimes.as_ref().is_some_and(|said| said.refresh_token.is_some()) {
                let rule = rules.profile().refresh_issue.rule;
                let message = "refresh tokens last as long as the consent: leave it out, and set grant";
                self.refuse(rule, "protocol.lifetimes.refreshToken", message.to_owned());
            }
            rules.lifetimes.refresh_token = rules.lifetimes.grant;
        }
        rules
    }

    fn lifetimes(&mut self, bounds: &LifetimeBounds, overrides: &Overrides) -> Lifetimes {
        let said = overrides.lifetimes.clone().unwrap_or_default();
        Lifetimes {
            authorization_code: self.span(
                "authorizationCode",
                &bounds.authorization_code,
                said.authorization_code,
            ),
            pushed_request: self.span("pushedRequest", &bounds.pushed_request, said.pushed_request),
            interaction: self.span("interaction", &bounds.interaction, said.interaction),
            request_object: self.span("requestObject", &bounds.request_object, said.request_object),
            access_token: self.span("accessToken", &bounds.access_token, said.access_token),
            id_token: self.span("idToken", &bounds.id_token, said.id_token),
            refresh_token: self.span("refreshToken", &bounds.refresh_token, said.refresh_token),
            grant: self.span("grant", &bounds.grant, said.grant),
            jarm: self.span("jarm", &bounds.jarm, said.jarm),
            session_idle: self.span("sessionIdle", &bounds.session_idle, said.session_idle),
            session_absolute: self.span("sessionAbsolute", &bounds.session_absolute, said.session_absolute),
            jwks_max_age: self.span("jwksMaxAge", &bounds.jwks_max_age, said.jwks_max_age),
        }
    }
}

fn list<T: Display>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What can be asked of [`Rules`] beyond single axes.
impl Rules {
    /// Whether tokens may be bound to certificates: then metadata says so (`DSC-21`).
    pub fn binds_certificates(&self) -> bool {
        self.sender_constraint.contains(&SenderConstraint::Certificate)
    }

    /// Whether tokens may be bound to `DPoP` keys: then metadata says so (`DSC-23`).
    pub fn offers_dpop(&self) -> bool {
        self.sender_constraint.contains(&SenderConstraint::DPoP)
    }

    /// Whether any response is a JWT (JARM).
    pub fn offers_jarm(&self) -> bool {
        self.responses.contains(&Response::CodeJarm)
    }
}
