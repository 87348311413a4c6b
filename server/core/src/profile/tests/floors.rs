use std::fmt::Debug;

use super::*;
use crate::profile::ProfileName::*;

/// `profiles_are_complete`: whatever a profile says when nobody says anything is within its own floor.
#[test]
fn profiles_are_complete() {
    for name in ProfileName::ALL {
        let it = name.profile();
        assert_eq!(it.name, name);
        assert_eq!(name.as_str().parse(), Ok(name));
        choice(name, &it.client_auth);
        choice(name, &it.sender_constraint);
        choice(name, &it.signing);
        choice(name, &it.key_management);
        choice(name, &it.content);
        choice(name, &it.responses);
        choice(name, &it.subject_types);
        one(name, &it.request_delivery);
        one(name, &it.dpop_nonce);
        one(name, &it.pkce);
        one(name, &it.refresh_issue);
        one(name, &it.refresh_rotation);
        one(name, &it.id_token_encryption);
        one(name, &it.jarm_encryption);
        for (field, bound) in bounds(it) {
            assert!(bound.min <= bound.default && bound.default <= bound.max, "{name} {field}");
            assert!(Lifetime::seconds(0) < bound.min && !bound.rule.is_empty(), "{name} {field}");
        }
        assert!(it.acr.required.iter().all(|required| it.acr.default.contains(required)), "{name}");
        assert_eq!(it.request_object.window(), Lifetime::minutes(60), "{name}");
        assert!(it.lifetimes.request_object.max <= it.request_object.window(), "{name}");
        assert_eq!(it.rules_by_default(), rules(name).summary(), "{name}");
    }
    assert_eq!("Custom".parse::<ProfileName>(), Err(UnknownProfile));
}

fn choice<T: PartialEq + Debug>(name: ProfileName, choice: &Choice<T>) {
    assert!(!choice.default.is_empty() && !choice.rule.is_empty(), "{name} {choice:?}");
    assert!(choice.default.iter().all(|value| choice.allowed.contains(value)), "{name} {choice:?}");
    let distinct = |values: &[T]| (1..values.len()).all(|at| !values[..at].contains(&values[at]));
    assert!(distinct(choice.default) && distinct(choice.allowed), "{name} {choice:?}");
}

fn one<T: PartialEq + Debug>(name: ProfileName, one: &One<T>) {
    assert!(one.allowed.contains(&one.default) && !one.rule.is_empty(), "{name} {one:?}");
}

/// The parts of a profile that [`Rules`] holds by value.
type Summary = (
    Vec<ClientAuth>,
    Vec<SenderConstraint>,
    Vec<Alg>,
    RequestDelivery,
    Vec<Response>,
    Pkce,
    Vec<SubjectType>,
);

impl Profile {
    fn rules_by_default(&self) -> Summary {
        (
            self.client_auth.default.to_vec(),
            self.sender_constraint.default.to_vec(),
            self.signing.default.to_vec(),
            self.request_delivery.default,
            self.responses.default.to_vec(),
            self.pkce.default,
            self.subject_types.default.to_vec(),
        )
    }
}

impl Rules {
    fn summary(&self) -> Summary {
        (
            self.client_auth.clone(),
            self.sender_constraint.clone(),
            self.signing.clone(),
            self.request_delivery,
            self.responses.clone(),
            self.pkce,
            self.subject_types.clone(),
        )
    }
}

/// `spec/profiles.md` 2: a child may only narrow its parent, on every axis.
#[test]
fn a_child_is_narrower_than_its_parent_on_every_axis() {
    let families =
        ProfileName::ALL.into_iter().filter_map(|name| Some((name.profile(), name.profile().extends?)));
    let families: Vec<_> = families.collect();
    assert_eq!(families.len(), 4);
    for (child, parent) in families {
        let name = child.name;
        subset(name, child.client_auth.allowed, parent.client_auth.allowed);
        subset(name, child.sender_constraint.allowed, parent.sender_constraint.allowed);
        subset(name, child.signing.allowed, parent.signing.allowed);
        subset(name, child.key_management.allowed, parent.key_management.allowed);
        subset(name, child.content.allowed, parent.content.allowed);
        subset(name, child.responses.allowed, parent.responses.allowed);
        subset(name, child.subject_types.allowed, parent.subject_types.allowed);
        subset(name, child.request_delivery.allowed, parent.request_delivery.allowed);
        subset(name, child.dpop_nonce.allowed, parent.dpop_nonce.allowed);
        subset(name, child.pkce.allowed, parent.pkce.allowed);
        subset(name, child.refresh_rotation.allowed, parent.refresh_rotation.allowed);
        subset(name, child.id_token_encryption.allowed, parent.id_token_encryption.allowed);
        subset(name, child.jarm_encryption.allowed, parent.jarm_encryption.allowed);
        subset(name, parent.acr.required, child.acr.required);
        subset(name, parent.claims, child.claims);
        subset(name, parent.intent_scopes, child.intent_scopes);
        // As long as the consent lasts is less than to everybody.
        let issues = child.refresh_issue.allowed.iter().map(|issue| match issue {
            RefreshIssue::Consent => RefreshIssue::Granted,
            other => *other,
        });
        subset(name, &issues.collect::<Vec<_>>(), parent.refresh_issue.allowed);
        for ((field, child), (_, parent)) in bounds(child).into_iter().zip(bounds(parent)) {
            assert!(parent.min <= child.min && child.max <= parent.max, "{name} {field}");
        }
        assert!(child.request_object.window() <= parent.request_object.window(), "{name}");
        let signed =
            |profile: &Profile| matches!(profile.request_object, RequestObject::SignedRequired { .. });
        assert!(signed(child) || !signed(parent), "{name}");
        assert!(child.acr.always || !parent.acr.always, "{name}");
        let unless = |demands: bool, parent_demands: bool| assert!(demands || !parent_demands, "{name}");
        unless(
            child.assertion_audience == AssertionAudience::IssuerOnly,
            parent.assertion_audience == AssertionAudience::IssuerOnly,
        );
        unless(child.nonce == Nonce::RequiredWithOpenid, parent.nonce == Nonce::RequiredWithOpenid);
        unless(
            child.binding_certificate == BindingCertificate::Anchored,
            parent.binding_certificate == BindingCertificate::Anchored,
        );
        unless(child.iss_parameter == IssParameter::Required, parent.iss_parameter == IssParameter::Required);
        unless(!child.clients_introspect_access_tokens, !parent.clients_introspect_access_tokens);
    }
}

fn subset<T: PartialEq + Debug>(name: ProfileName, narrow: &[T], wide: &[T]) {
    assert!(narrow.iter().all(|value| wide.contains(value)), "{name}: {narrow:?} in {wide:?}");
}

/// What no text leaves to configuration.
#[test]
fn what_cannot_be_configured_is_as_the_texts_say() {
    use ConsentKind::{BrazilConsent, CdrArrangement, Generic, UkIntent};
    for name in [Fintech, OpenBankingUK, OpenBankingBrazil, CDRAustralia] {
        let rules = rules(name);
        assert!(matches!(rules.request_object(), RequestObject::SignedRequired { .. }), "F1-R05 {name}");
        assert_eq!(rules.sender_constraint, [SenderConstraint::Certificate], "F1-R01, INV-02 {name}");
        assert!(rules.binds_certificates(), "INV-21 {name}");
        assert_eq!(rules.nonce(), Nonce::RequiredWithOpenid, "{name}");
        assert_eq!(rules.assertion_audience(), AssertionAudience::IssuerOrEndpoint, "CA-07a {name}");
        let anchored = rules.binding_certificate() == BindingCertificate::Anchored;
        assert_eq!(anchored, name != Fintech, "MTL-08, AU-R10 {name}");
    }
    for name in [FAPI2Security, FAPI2MessageSigning] {
        let rules = rules(name);
        assert_eq!(rules.assertion_audience(), AssertionAudience::IssuerOnly, "F2-R04, CA-07b {name}");
        assert_eq!(rules.iss_parameter(), IssParameter::Required, "F2-R08 {name}");
        assert_eq!(rules.nonce(), Nonce::Optional, "{name}");
    }
    assert!(
        matches!(rules(FAPI2MessageSigning).request_object(), RequestObject::SignedRequired { .. }),
        "MS-R01"
    );
    assert!(matches!(rules(FAPI2Security).request_object(), RequestObject::SignedOptional { .. }));
    assert!(FAPI2_MESSAGE_SIGNING.signed_introspection && !FAPI2_SECURITY.signed_introspection);
    for name in ProfileName::ALL {
        assert_eq!(name.profile().clients_introspect_access_tokens, name != CDRAustralia, "AU-R08 {name}");
        assert!(!name.profile().refresh_rotation.default, "REF-07 {name}");
    }
    let kinds = ProfileName::ALL.map(|name| name.profile().consent);
    assert_eq!(kinds, [Generic, UkIntent, BrazilConsent, CdrArrangement, Generic, Generic]);
}

#[test]
fn the_claims_that_an_ecosystem_needs_are_advertised() {
    assert!(
        ["acr", "openbanking_intent_id"].iter().all(|claim| OPEN_BANKING_UK.claims.contains(claim)),
        "UK-R04"
    );
    assert!(OPEN_BANKING_BRAZIL.claims.contains(&"acr") && OPEN_BANKING_BRAZIL.acr.always, "BR-R09");
    let cdr = ["acr", "auth_time", "name", "given_name", "family_name", "updated_at"];
    assert!(cdr.iter().all(|claim| CDR_AUSTRALIA.claims.contains(claim)), "DSC-29");
}

/// What is not one of our values cannot be written at all (`INV-01`, `INV-03`, `INV-04`, `INV-14`).
#[test]
fn what_no_profile_allows_has_no_name() {
    for method in
        ["none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "tls_client_auth "]
    {
        refused_name("clientAuthentication", method, "CA-11, INV-01");
    }
    for alg in ["none", "RS256", "RS384", "RS512", "HS256", "HS512", "PS1", "ps256", "ES256K"] {
        refused_name("signingAlgorithms", alg, "INV-03, F1-R03");
    }
    for response in ["token", "id_token token", "code token", "query", "form_post"] {
        refused_name("responses", response, "INV-14, F1-R04");
    }
    for constraint in ["Bearer", "none"] {
        refused_name("senderConstraints", constraint, "INV-02, F1-R01");
    }
    for alg in ["RSA1_5", "dir", "A128KW", "A256GCMKW", "PBES2-HS256+A128KW"] {
        let json = format!(r#"{{"encryption":{{"keyManagement":["{alg}"]}}}}"#);
        assert!(serde_json::from_str::<Overrides>(&json).is_err(), "INV-04 {alg}");
    }
    for field in ["requestObject", "nonce", "issParameter", "clientAuth", "introspection"] {
        let json = format!(r#"{{"{field}":"Optional"}}"#);
        assert!(serde_json::from_str::<Overrides>(&json).is_err(), "F1-R05, MS-R01, AU-R08 {field}");
    }
    for grant_type in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", ""] {
        assert_eq!(crate::client::GrantType::parse(grant_type), None, "INV-14 {grant_type}");
    }
    let known = r#"{"clientAuthentication":["private_key_jwt"],"signingAlgorithms":["PS256"],"responses":["CodeJarm"],"senderConstraints":["MTLS"],"encryption":{"keyManagement":["RSA-OAEP-256"]}}"#;
    assert!(serde_json::from_str::<Overrides>(known).is_ok());
    assert!(crate::client::GrantType::parse("authorization_code").is_some());
}

fn refused_name(field: &str, value: &str, ids: &str) {
    let json = format!(r#"{{"{field}":["{value}"]}}"#);
    assert!(serde_json::from_str::<Overrides>(&json).is_err(), "{ids} {field} {value}");
}
