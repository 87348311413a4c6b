use std::fmt::Debug;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

prop_compose! {
    fn lifetimes()(spans in prop::collection::vec(option::of(-10_i64..400_000_000), 12), small in prop::collection::vec(option::of(-2_i64..4_000), 12), use_small in any::<bool>()) -> LifetimeOverrides {
        let spans = if use_small { small } else { spans };
        let at = |index: usize| spans[index].map(Lifetime::seconds);
        LifetimeOverrides {
            authorization_code: at(0), pushed_request: at(1), interaction: at(2), request_object: at(3), access_token: at(4), id_token: at(5),
            refresh_token: at(6), grant: at(7), jarm: at(8), session_idle: at(9), session_absolute: at(10), jwks_max_age: at(11),
        }
    }
}

fn some<T: Clone + Debug + 'static>(values: &[T]) -> impl Strategy<Value = Option<Vec<T>>> + use<T> {
    option::weighted(0.3, subsequence(values.to_vec(), 0..=values.len()).prop_shuffle())
}

fn one<T: Clone + Debug + 'static>(values: &[T]) -> impl Strategy<Value = Option<T>> + use<T> {
    option::weighted(0.3, select(values.to_vec()))
}

const ENCRYPTION: [Encryption; 3] = [Encryption::Off, Encryption::Optional, Encryption::Required];

prop_compose! {
    fn overrides()(
        client_authentication in some(&[ClientAuth::PrivateKeyJwt, ClientAuth::Tls, ClientAuth::SelfSignedTls]),
        sender_constraints in some(&[SenderConstraint::Certificate, SenderConstraint::DPoP]),
        signing_algorithms in some(&[Alg::Ps256, Alg::Es256, Alg::EdDsa]),
        key_management in some(&[KeyManagement::RsaOaep, KeyManagement::RsaOaep256, KeyManagement::EcdhEs, KeyManagement::EcdhEsA256kw]),
        content in some(&[Content::A128Gcm, Content::A256Gcm]),
        responses in some(&[Response::CodeJarm, Response::CodeIdToken, Response::Code]),
        subject_types in some(&[SubjectType::Public, SubjectType::Pairwise]),
        acr_values in some(&["urn:brasil:openbanking:loa2", "urn:openbanking:psd2:sca", "urn:cds.au:cdr:2", "other", "two words"]),
        (dpop_nonce, request_delivery, pkce) in (
            one(&[DpopNonce::Never, DpopNonce::Required]),
            one(&[RequestDelivery::PushedOnly, RequestDelivery::PushedOrByValue, RequestDelivery::ByValueOnly]),
            one(&[Pkce::Required, Pkce::PushedOnly, Pkce::Tolerated]),
        ),
        (issue, rotation) in (
            one(&[RefreshIssue::Granted, RefreshIssue::OfflineAccess, RefreshIssue::Consent, RefreshIssue::Never]),
            one(&[true, false]),
        ),
        (id_token_encryption, jarm_encryption) in (one(&ENCRYPTION), one(&ENCRYPTION)),
        lifetimes in option::weighted(0.3, lifetimes()),
    ) -> Overrides {
        Overrides {
            client_authentication, sender_constraints, dpop_nonce, signing_algorithms,
            encryption: Some(EncryptionOverrides { key_management, content }),
            request_delivery, responses, pkce,
            refresh_tokens: Some(RefreshOverrides { issue, rotation, ..RefreshOverrides::default() }),
            subject_types,
            acr_values: acr_values.map(|values| values.iter().map(ToString::to_string).collect()),
            id_token_encryption, jarm_encryption, lifetimes,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    /// Whatever anybody writes: the rules in force are within the floor, or there are none.
    #[test]
    fn no_overrides_leave_the_floor(overrides in overrides(), which in 0..6_usize) {
        let profile = ProfileName::ALL[which].profile();
        match narrow(profile, &overrides) {
            Ok(rules) => {
                within(profile, &rules)?;
                prop_assert!(permitted(profile, &overrides));
            }
            Err(refused) => {
                prop_assert!(!refused.is_empty() && !permitted(profile, &overrides));
                for refusal in refused {
                    prop_assert!(!refusal.rule.is_empty() && refusal.field.starts_with("protocol.") && !refusal.message.is_empty());
                }
            }
        }
    }

    /// What a person writes is what they get, in their order.
    #[test]
    fn what_is_allowed_is_in_force(overrides in overrides(), which in 0..6_usize) {
        let profile = ProfileName::ALL[which].profile();
        if let Ok(rules) = narrow(profile, &overrides) {
            prop_assert_eq!(rules.signing.as_slice(), overrides.signing_algorithms.as_deref().unwrap_or(profile.signing.default));
            prop_assert_eq!(rules.responses.as_slice(), overrides.responses.as_deref().unwrap_or(profile.responses.default));
            prop_assert_eq!(rules.pkce, overrides.pkce.unwrap_or(profile.pkce.default));
            let written = serde_json::to_string(&overrides).unwrap();
            prop_assert_eq!(serde_json::from_str::<Overrides>(&written).unwrap(), overrides);
        }
    }
}

fn within(profile: &Profile, rules: &Rules) -> Result<(), TestCaseError> {
    fn subset<T: PartialEq>(values: &[T], choice: &Choice<T>) -> bool {
        !values.is_empty() && values.iter().all(|value| choice.allowed.contains(value))
    }
    prop_assert!(subset(&rules.client_auth, &profile.client_auth));
    prop_assert!(subset(&rules.sender_constraint, &profile.sender_constraint));
    prop_assert!(subset(&rules.signing, &profile.signing));
    prop_assert!(subset(&rules.key_management, &profile.key_management));
    prop_assert!(subset(&rules.content, &profile.content));
    prop_assert!(subset(&rules.responses, &profile.responses));
    prop_assert!(subset(&rules.subject_types, &profile.subject_types));
    prop_assert!(profile.request_delivery.allowed.contains(&rules.request_delivery));
    prop_assert!(profile.dpop_nonce.allowed.contains(&rules.dpop_nonce));
    prop_assert!(profile.pkce.allowed.contains(&rules.pkce));
    prop_assert!(profile.refresh_issue.allowed.contains(&rules.refresh_issue));
    prop_assert!(profile.refresh_rotation.allowed.contains(&rules.refresh_rotation.is_some()));
    prop_assert!(profile.id_token_encryption.allowed.contains(&rules.id_token_encryption));
    prop_assert!(profile.jarm_encryption.allowed.contains(&rules.jarm_encryption));
    prop_assert!(
        profile.acr.required.iter().all(|required| rules.acr_values.iter().any(|value| value == required))
    );
    for ((field, bound), span) in bounds(profile).into_iter().zip(spans(&rules.lifetimes)) {
        prop_assert!(bound.min <= span && span <= bound.max, "{} {}", field, span);
    }
    prop_assert!(rules.request_object().window() <= profile.request_object.window());
    Ok(())
}

/// The same question, asked of what was written: written independently of `narrow`.
fn permitted(profile: &Profile, said: &Overrides) -> bool {
    fn some<T: PartialEq>(said: Option<&Vec<T>>, choice: &Choice<T>) -> bool {
        said.is_none_or(|said| !said.is_empty() && said.iter().all(|value| choice.allowed.contains(value)))
    }
    fn one<T: PartialEq>(said: Option<T>, one: &One<T>) -> bool {
        said.is_none_or(|said| one.allowed.contains(&said))
    }
    let encryption = said.encryption.clone().unwrap_or_default();
    let refresh = said.refresh_tokens.clone().unwrap_or_default();
    let time = said.lifetimes.clone().unwrap_or_default();
    let times = [
        time.authorization_code,
        time.pushed_request,
        time.interaction,
        time.request_object,
        time.access_token,
        time.id_token,
        time.refresh_token,
        time.grant,
        time.jarm,
        time.session_idle,
        time.session_absolute,
        time.jwks_max_age,
    ];
    let bound_to_consent = refresh.issue.unwrap_or(profile.refresh_issue.default) == RefreshIssue::Consent;
    let acr_fits = said.acr_values.as_ref().is_none_or(|said| {
        profile.acr.required.iter().all(|required| said.iter().any(|value| value == required))
            && !said.iter().any(|value| value.contains(' '))
    });
    some(said.client_authentication.as_ref(), &profile.client_auth)
        && some(said.sender_constraints.as_ref(), &profile.sender_constraint)
        && some(said.signing_algorithms.as_ref(), &profile.signing)
        && some(encryption.key_management.as_ref(), &profile.key_management)
        && some(encryption.content.as_ref(), &profile.content)
        && some(said.responses.as_ref(), &profile.responses)
        && some(said.subject_types.as_ref(), &profile.subject_types)
        && one(said.request_delivery, &profile.request_delivery)
        && one(said.dpop_nonce, &profile.dpop_nonce)
        && one(said.pkce, &profile.pkce)
        && one(refresh.issue, &profile.refresh_issue)
        && one(refresh.rotation, &profile.refresh_rotation)
        && one(said.id_token_encryption, &profile.id_token_encryption)
        && one(said.jarm_encryption, &profile.jarm_encryption)
        && acr_fits
        && !(bound_to_consent && time.refresh_token.is_some())
        && bounds(profile)
            .iter()
            .zip(times)
            .all(|((_, bound), said)| said.is_none_or(|said| (bound.min..=bound.max).contains(&said)))
}
