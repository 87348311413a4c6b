//! From `spec.protocol` to the core's overrides, and from the rules in force back to `status.effective`.

use std::str::FromStr as _;

use fapi_core::profile::{
    ClientAuth, DpopNonce, Encryption, EncryptionOverrides, LifetimeOverrides, Lifetimes, Overrides, Pkce,
    ProfileName, RefreshIssue, RefreshOverrides, RequestDelivery, Response, Rotation, Rules,
    SenderConstraint, SubjectType,
};
use fapi_core::{Lifetime, Timestamp};
use fapi_crds as crds;
use fapi_crds::workspace as ws;
use fapi_crds::{Duration, Profile};
use fapi_jose::{Alg, Content, KeyManagement};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The profile of a Workspace.
pub(super) fn profile(profile: Profile) -> ProfileName {
    match profile {
        Profile::Fintech => ProfileName::Fintech,
        Profile::OpenBankingUK => ProfileName::OpenBankingUK,
        Profile::OpenBankingBrazil => ProfileName::OpenBankingBrazil,
        Profile::CDRAustralia => ProfileName::CDRAustralia,
        Profile::FAPI2Security => ProfileName::FAPI2Security,
        Profile::FAPI2MessageSigning => ProfileName::FAPI2MessageSigning,
    }
}

/// Field and problem.
pub(super) type Unreadable = (String, String);

/// What a Workspace narrows.
pub(super) fn overrides(protocol: Option<&ws::Protocol>) -> Result<Overrides, Unreadable> {
    let Some(said) = protocol else { return Ok(Overrides::default()) };
    Ok(Overrides {
        client_authentication: map(said.client_authentication.as_deref(), client_auth),
        sender_constraints: map(said.sender_constraints.as_deref(), sender_constraint),
        dpop_nonce: said.dpop_nonce.map(|nonce| match nonce {
            ws::DpopNonce::Never => DpopNonce::Never,
            ws::DpopNonce::Required => DpopNonce::Required,
        }),
        signing_algorithms: map(said.signing_algorithms.as_deref(), signing),
        encryption: said.encryption.as_ref().map(|encryption| EncryptionOverrides {
            key_management: map_some(encryption.key_management.as_deref(), key_management),
            content: map_some(encryption.content.as_deref(), content),
        }),
        request_delivery: said.request_delivery.map(|delivery| match delivery {
            ws::RequestDelivery::ByValueOnly => RequestDelivery::ByValueOnly,
            ws::RequestDelivery::PushedOnly => RequestDelivery::PushedOnly,
            ws::RequestDelivery::PushedOrByValue => RequestDelivery::PushedOrByValue,
        }),
        responses: map(said.responses.as_deref(), response),
        pkce: said.pkce.map(|pkce| match pkce {
            ws::Pkce::PushedOnly => Pkce::PushedOnly,
            ws::Pkce::Required => Pkce::Required,
        }),
        refresh_tokens: said.refresh_tokens.as_ref().map(refresh_tokens).transpose()?,
        subject_types: map(said.subject_types.as_deref(), subject_type),
        acr_values: said.acr_values.clone(),
        id_token_encryption: said.id_token_encryption.map(demand),
        jarm_encryption: said.jarm_encryption.map(demand),
        lifetimes: said.lifetimes.as_ref().map(lifetimes).transpose()?,
    })
}

fn refresh_tokens(said: &ws::RefreshTokens) -> Result<RefreshOverrides, Unreadable> {
    let rotation = said.rotation.as_ref();
    let until = rotation.and_then(|rotation| rotation.until.as_ref());
    let window = rotation.and_then(|rotation| rotation.retry_window.as_ref());
    let window = window.map(|window| span("protocol.refreshTokens.rotation.retryWindow", window));
    Ok(RefreshOverrides {
        issue: said.issue.map(|issue| match issue {
            ws::RefreshIssue::Always => RefreshIssue::Granted,
            ws::RefreshIssue::Never => RefreshIssue::Never,
            ws::RefreshIssue::OfflineAccess => RefreshIssue::OfflineAccess,
        }),
        rotation: rotation.map(|rotation| rotation.mode == ws::RefreshRotationMode::EachUse),
        rotation_until: until.map(|until| Timestamp::from_unix(until.0.as_second())),
        retry_window: window.transpose()?,
    })
}

fn lifetimes(said: &ws::Lifetimes) -> Result<LifetimeOverrides, Unreadable> {
    let optional = |name: &str, duration: &Option<Duration>| match duration {
        Some(duration) => span(&format!("protocol.lifetimes.{name}"), duration).map(Some),
        None => Ok(None),
    };
    Ok(LifetimeOverrides {
        authorization_code: optional("authorizationCode", &said.authorization_code)?,
        pushed_request: optional("pushedRequest", &said.pushed_request)?,
        interaction: optional("interaction", &said.interaction)?,
        request_object: optional("requestObject", &said.request_object)?,
        access_token: optional("accessToken", &said.access_token)?,
        id_token: optional("idToken", &said.id_token)?,
        refresh_token: optional("refreshToken", &said.refresh_token)?,
        grant: optional("grant", &said.grant)?,
        jarm: optional("jarm", &said.jarm)?,
        session_idle: optional("sessionIdle", &said.session_idle)?,
        session_absolute: optional("sessionAbsolute", &said.session_absolute)?,
        jwks_max_age: optional("jwksMaxAge", &said.jwks_max_age)?,
    })
}

/// A duration in seconds.
pub(super) fn span(field: &str, duration: &Duration) -> Result<Lifetime, Unreadable> {
    duration.seconds().map(Lifetime::seconds).map_err(|error| (field.to_owned(), error.to_string()))
}

/// The settings in force, as `status.effective` shows them.
pub(super) fn effective(rules: &Rules) -> ws::Protocol {
    ws::Protocol {
        client_authentication: Some(each(&rules.client_auth, |method| match method {
            ClientAuth::PrivateKeyJwt => crds::ClientAuthMethod::PrivateKeyJwt,
            ClientAuth::Tls => crds::ClientAuthMethod::TlsClientAuth,
            ClientAuth::SelfSignedTls => crds::ClientAuthMethod::SelfSignedTlsClientAuth,
        })),
        sender_constraints: Some(each(&rules.sender_constraint, |constraint| match constraint {
            SenderConstraint::Certificate => crds::SenderConstraint::Mtls,
            SenderConstraint::DPoP => crds::SenderConstraint::DPoP,
        })),
        dpop_nonce: rules.offers_dpop().then_some(match rules.dpop_nonce {
            DpopNonce::Never => ws::DpopNonce::Never,
            DpopNonce::Required => ws::DpopNonce::Required,
        }),
        signing_algorithms: Some(each(&rules.signing, |alg| match alg {
            Alg::Ps256 => crds::SigningAlgorithm::Ps256,
            Alg::Es256 => crds::SigningAlgorithm::Es256,
            Alg::EdDsa => crds::SigningAlgorithm::EdDsa,
        })),
        encryption: Some(effective_encryption(rules)),
        request_delivery: Some(match rules.request_delivery {
            RequestDelivery::ByValueOnly => ws::RequestDelivery::ByValueOnly,
            RequestDelivery::PushedOnly => ws::RequestDelivery::PushedOnly,
            RequestDelivery::PushedOrByValue => ws::RequestDelivery::PushedOrByValue,
        }),
        responses: Some(each(&rules.responses, |response| match response {
            Response::Code => ws::ResponseKind::Code,
            Response::CodeIdToken => ws::ResponseKind::CodeIdToken,
            Response::CodeJarm => ws::ResponseKind::CodeJarm,
        })),
        pkce: match rules.pkce {
            Pkce::Required => Some(ws::Pkce::Required),
            Pkce::PushedOnly => Some(ws::Pkce::PushedOnly),
            Pkce::Tolerated => None,
        },
        refresh_tokens: Some(effective_refresh(rules)),
        subject_types: Some(each(&rules.subject_types, |subject| match subject {
            SubjectType::Public => crds::SubjectType::Public,
            SubjectType::Pairwise => crds::SubjectType::Pairwise,
        })),
        acr_values: (!rules.acr_values.is_empty()).then(|| rules.acr_values.clone()),
        id_token_encryption: Some(demanded(rules.id_token_encryption)),
        jarm_encryption: Some(demanded(rules.jarm_encryption)),
        lifetimes: Some(effective_lifetimes(&rules.lifetimes)),
    }
}

fn each<A: Copy, B>(values: &[A], convert: impl Fn(A) -> B) -> Vec<B> {
    values.iter().copied().map(convert).collect()
}

fn effective_encryption(rules: &Rules) -> ws::EncryptionAlgorithms {
    ws::EncryptionAlgorithms {
        key_management: Some(each(&rules.key_management, |alg| match alg {
            KeyManagement::RsaOaep => crds::KeyManagement::RsaOaep,
            KeyManagement::RsaOaep256 => crds::KeyManagement::RsaOaep256,
            KeyManagement::EcdhEs => crds::KeyManagement::EcdhEs,
            KeyManagement::EcdhEsA256kw => crds::KeyManagement::EcdhEsA256Kw,
        })),
        content: Some(each(&rules.content, |enc| match enc {
            Content::A128Gcm => crds::ContentEncryption::A128Gcm,
            Content::A256Gcm => crds::ContentEncryption::A256Gcm,
        })),
    }
}

fn effective_refresh(rules: &Rules) -> ws::RefreshTokens {
    let rotation = match rules.refresh_rotation {
        None => ws::RefreshRotation { mode: ws::RefreshRotationMode::Never, until: None, retry_window: None },
        Some(Rotation { until, retry }) => ws::RefreshRotation {
            mode: ws::RefreshRotationMode::EachUse,
            until: until.and_then(|until| jiff::Timestamp::from_second(until.as_unix()).ok()).map(Time),
            retry_window: u32::try_from(retry.as_seconds()).ok().map(Duration::from_seconds),
        },
    };
    ws::RefreshTokens {
        issue: match rules.refresh_issue {
            RefreshIssue::Granted => Some(ws::RefreshIssue::Always),
            RefreshIssue::OfflineAccess => Some(ws::RefreshIssue::OfflineAccess),
            RefreshIssue::Never => Some(ws::RefreshIssue::Never),
            // Follows from the consent; nobody can write it.
            RefreshIssue::Consent => None,
        },
        rotation: Some(rotation),
    }
}

fn effective_lifetimes(lifetimes: &Lifetimes) -> ws::Lifetimes {
    let written = |span: Lifetime| u32::try_from(span.as_seconds()).ok().map(Duration::from_seconds);
    ws::Lifetimes {
        authorization_code: written(lifetimes.authorization_code),
        pushed_request: written(lifetimes.pushed_request),
        interaction: written(lifetimes.interaction),
        request_object: written(lifetimes.request_object),
        access_token: written(lifetimes.access_token),
        id_token: written(lifetimes.id_token),
        refresh_token: written(lifetimes.refresh_token),
        grant: written(lifetimes.grant),
        jarm: written(lifetimes.jarm),
        session_idle: written(lifetimes.session_idle),
        session_absolute: written(lifetimes.session_absolute),
        jwks_max_age: written(lifetimes.jwks_max_age),
    }
}

fn map<A: Copy, B>(values: Option<&[A]>, convert: impl Fn(A) -> B) -> Option<Vec<B>> {
    values.map(|values| values.iter().copied().map(convert).collect())
}

/// Values that the core does not know were refused as not supported: here they are only left out.
fn map_some<A: Copy, B>(values: Option<&[A]>, convert: impl Fn(A) -> Option<B>) -> Option<Vec<B>> {
    values.map(|values| values.iter().copied().filter_map(convert).collect())
}

pub(super) fn client_auth(method: crds::ClientAuthMethod) -> ClientAuth {
    match method {
        crds::ClientAuthMethod::PrivateKeyJwt => ClientAuth::PrivateKeyJwt,
        crds::ClientAuthMethod::TlsClientAuth => ClientAuth::Tls,
        crds::ClientAuthMethod::SelfSignedTlsClientAuth => ClientAuth::SelfSignedTls,
    }
}

pub(super) fn response(response: ws::ResponseKind) -> Response {
    match response {
        ws::ResponseKind::Code => Response::Code,
        ws::ResponseKind::CodeIdToken => Response::CodeIdToken,
        ws::ResponseKind::CodeJarm => Response::CodeJarm,
    }
}

pub(super) fn sender_constraint(constraint: crds::SenderConstraint) -> SenderConstraint {
    match constraint {
        crds::SenderConstraint::DPoP => SenderConstraint::DPoP,
        crds::SenderConstraint::Mtls => SenderConstraint::Certificate,
    }
}

pub(super) fn signing(alg: crds::SigningAlgorithm) -> Alg {
    match alg {
        crds::SigningAlgorithm::Es256 => Alg::Es256,
        crds::SigningAlgorithm::EdDsa => Alg::EdDsa,
        crds::SigningAlgorithm::Ps256 => Alg::Ps256,
    }
}

pub(super) fn subject_type(subject: crds::SubjectType) -> SubjectType {
    match subject {
        crds::SubjectType::Pairwise => SubjectType::Pairwise,
        crds::SubjectType::Public => SubjectType::Public,
    }
}

pub(super) fn key_management(alg: crds::KeyManagement) -> Option<KeyManagement> {
    match alg {
        crds::KeyManagement::EcdhEs => Some(KeyManagement::EcdhEs),
        crds::KeyManagement::EcdhEsA128Kw => None,
        crds::KeyManagement::EcdhEsA256Kw => Some(KeyManagement::EcdhEsA256kw),
        crds::KeyManagement::RsaOaep => Some(KeyManagement::RsaOaep),
        crds::KeyManagement::RsaOaep256 => Some(KeyManagement::RsaOaep256),
    }
}

pub(super) fn content(enc: crds::ContentEncryption) -> Option<Content> {
    match enc {
        crds::ContentEncryption::A128CbcHs256 => None,
        crds::ContentEncryption::A128Gcm => Some(Content::A128Gcm),
        crds::ContentEncryption::A256Gcm => Some(Content::A256Gcm),
    }
}

/// The signature algorithm of a key line, if it signs.
pub(super) fn line_algorithm(algorithm: crds::KeyAlgorithm) -> Option<Alg> {
    Alg::from_str(crate::rotate::algorithm_name(algorithm)).ok()
}

fn demand(demand: ws::EncryptionDemand) -> Encryption {
    match demand {
        ws::EncryptionDemand::Never => Encryption::Off,
        ws::EncryptionDemand::Optional => Encryption::Optional,
        ws::EncryptionDemand::Required => Encryption::Required,
    }
}

fn demanded(demand: Encryption) -> ws::EncryptionDemand {
    match demand {
        Encryption::Off => ws::EncryptionDemand::Never,
        Encryption::Optional => ws::EncryptionDemand::Optional,
        Encryption::Required => ws::EncryptionDemand::Required,
    }
}
