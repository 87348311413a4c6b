//! The six profiles as data. Sources: the profiles' own texts, see the clause beside each rule's test.

use fapi_jose::{Alg, Content, KeyManagement};

use super::{
    Acr, AssertionAudience, BindingCertificate, Bound, Choice, ClientAuth, ConsentKind, DpopNonce,
    Encryption, IssParameter, LifetimeBounds, Nonce, One, Pkce, Profile, ProfileName, RefreshIssue,
    RequestDelivery, RequestObject, Response, SenderConstraint, SubjectType,
};
use crate::lifetime::Lifetime;

const fn bound(rule: &'static str, min: Lifetime, max: Lifetime, default: Lifetime) -> Bound {
    Bound { rule, min, max, default }
}

const fn s(seconds: i64) -> Lifetime {
    Lifetime::seconds(seconds)
}

const HOUR: RequestObject = RequestObject::SignedRequired { window: Lifetime::minutes(60) };

/// FAPI 1.0 Advanced, and what every other profile narrows or changes.
pub static FINTECH: Profile = Profile {
    name: ProfileName::Fintech,
    title: "FAPI 1.0 Advanced",
    extends: None,
    client_auth: Choice {
        rule: "F1-R02",
        allowed: &[ClientAuth::PrivateKeyJwt, ClientAuth::Tls, ClientAuth::SelfSignedTls],
        default: &[ClientAuth::PrivateKeyJwt, ClientAuth::Tls],
    },
    sender_constraint: Choice {
        rule: "F1-R01",
        allowed: &[SenderConstraint::Certificate],
        default: &[SenderConstraint::Certificate],
    },
    dpop_nonce: One { rule: "F1-R01", allowed: &[DpopNonce::Never], default: DpopNonce::Never },
    signing: Choice {
        rule: "F1-R03",
        allowed: &[Alg::Ps256, Alg::Es256],
        default: &[Alg::Ps256, Alg::Es256],
    },
    key_management: Choice {
        rule: "INV-04",
        allowed: &[
            KeyManagement::RsaOaep,
            KeyManagement::RsaOaep256,
            KeyManagement::EcdhEs,
            KeyManagement::EcdhEsA256kw,
        ],
        default: &[
            KeyManagement::RsaOaep256,
            KeyManagement::RsaOaep,
            KeyManagement::EcdhEs,
            KeyManagement::EcdhEsA256kw,
        ],
    },
    content: Choice {
        rule: "INV-04",
        allowed: &[Content::A256Gcm, Content::A128Gcm],
        default: &[Content::A256Gcm, Content::A128Gcm],
    },
    request_delivery: One {
        rule: "F1-R09",
        allowed: &[
            RequestDelivery::PushedOnly,
            RequestDelivery::PushedOrByValue,
            RequestDelivery::ByValueOnly,
        ],
        default: RequestDelivery::PushedOnly,
    },
    request_object: HOUR,
    responses: Choice {
        rule: "F1-R04",
        allowed: &[Response::CodeJarm, Response::CodeIdToken],
        default: &[Response::CodeJarm],
    },
    pkce: One { rule: "F1-R07", allowed: &[Pkce::Required, Pkce::PushedOnly], default: Pkce::Required },
    assertion_audience: AssertionAudience::IssuerOrEndpoint,
    nonce: Nonce::RequiredWithOpenid,
    refresh_issue: One {
        rule: "REF-01",
        allowed: &[RefreshIssue::Granted, RefreshIssue::OfflineAccess, RefreshIssue::Never],
        default: RefreshIssue::Granted,
    },
    refresh_rotation: One { rule: "REF-07", allowed: &[false, true], default: false },
    refresh_migration: false,
    subject_types: Choice {
        rule: "DSC-27",
        allowed: &[SubjectType::Pairwise, SubjectType::Public],
        default: &[SubjectType::Pairwise],
    },
    acr: Acr { rule: "UIN-06", default: &[], required: &[], always: false },
    id_token_encryption: One {
        rule: "IDT-09",
        allowed: &[Encryption::Off, Encryption::Optional, Encryption::Required],
        default: Encryption::Optional,
    },
    jarm_encryption: One {
        rule: "RSP-09",
        allowed: &[Encryption::Off, Encryption::Optional, Encryption::Required],
        default: Encryption::Optional,
    },
    binding_certificate: BindingCertificate::Any,
    iss_parameter: IssParameter::Sent,
    consent: ConsentKind::Generic,
    claims: &[],
    intent_scopes: &[],
    clients_introspect_access_tokens: true,
    signed_introspection: false,
    lifetimes: FINTECH_LIFETIMES,
};

const FINTECH_LIFETIMES: LifetimeBounds = LifetimeBounds {
    authorization_code: bound("RSP-15", s(5), s(60), s(60)),
    pushed_request: bound("PAR-03", s(10), s(599), s(60)),
    interaction: bound("AUT-17", s(60), Lifetime::minutes(30), Lifetime::minutes(10)),
    request_object: bound("F1-R06", s(60), Lifetime::minutes(60), Lifetime::minutes(60)),
    access_token: bound("TOK-10", s(60), s(3600), s(300)),
    id_token: bound("IDT-01", s(60), s(3600), s(300)),
    refresh_token: bound("REF-01", s(300), Lifetime::days(3650), Lifetime::days(30)),
    grant: bound("REF-12", s(300), Lifetime::days(3650), Lifetime::days(90)),
    jarm: bound("RSP-07", s(60), s(600), s(300)),
    session_idle: bound("OIC-04", s(60), Lifetime::days(1), Lifetime::minutes(15)),
    session_absolute: bound("OIC-04", s(60), Lifetime::days(30), Lifetime::minutes(720)),
    jwks_max_age: bound("KEY-09", s(1), Lifetime::days(1), Lifetime::minutes(15)),
};

/// Open Banking UK v4.0: hybrid flow, by value, no PAR and no JARM.
pub static OPEN_BANKING_UK: Profile = Profile {
    name: ProfileName::OpenBankingUK,
    title: "Open Banking UK v4.0 on FAPI 1.0 Advanced",
    extends: Some(&FINTECH),
    client_auth: Choice {
        rule: "F1-R02",
        allowed: &[ClientAuth::PrivateKeyJwt, ClientAuth::Tls],
        default: &[ClientAuth::PrivateKeyJwt, ClientAuth::Tls],
    },
    signing: Choice { rule: "F1-R03", allowed: &[Alg::Ps256, Alg::Es256], default: &[Alg::Ps256] },
    request_delivery: One {
        rule: "UK-R01",
        allowed: &[RequestDelivery::ByValueOnly],
        default: RequestDelivery::ByValueOnly,
    },
    responses: Choice {
        rule: "UK-R02",
        allowed: &[Response::CodeIdToken],
        default: &[Response::CodeIdToken],
    },
    pkce: One { rule: "F1-R07", allowed: &[Pkce::PushedOnly, Pkce::Required], default: Pkce::PushedOnly },
    refresh_issue: One {
        rule: "UK-R08",
        allowed: &[RefreshIssue::Consent, RefreshIssue::Never],
        default: RefreshIssue::Consent,
    },
    refresh_rotation: One { rule: "REF-07", allowed: &[false], default: false },
    acr: Acr {
        rule: "UK-R04",
        default: &["urn:openbanking:psd2:sca", "urn:openbanking:psd2:ca"],
        required: &["urn:openbanking:psd2:sca"],
        always: false,
    },
    jarm_encryption: One { rule: "UK-R01", allowed: &[Encryption::Off], default: Encryption::Off },
    binding_certificate: BindingCertificate::Anchored,
    consent: ConsentKind::UkIntent,
    claims: &["acr", "openbanking_intent_id"],
    intent_scopes: &["accounts", "payments", "fundsconfirmations"],
    lifetimes: LifetimeBounds {
        // A consent ends when it says so, which it need not: nothing of ours may end it sooner.
        grant: bound("UK-R08", s(300), Lifetime::days(3650), Lifetime::days(3650)),
        ..FINTECH_LIFETIMES
    },
    ..FINTECH
};

/// Open Finance Brasil (FAPI-BR v2): PAR, `private_key_jwt`, hybrid flow, every ID Token encrypted.
pub static OPEN_BANKING_BRAZIL: Profile = Profile {
    name: ProfileName::OpenBankingBrazil,
    title: "Open Finance Brasil (FAPI-BR v2) on FAPI 1.0 Advanced",
    extends: Some(&FINTECH),
    client_auth: Choice {
        rule: "BR-R01",
        allowed: &[ClientAuth::PrivateKeyJwt],
        default: &[ClientAuth::PrivateKeyJwt],
    },
    signing: Choice { rule: "BR-R02", allowed: &[Alg::Ps256], default: &[Alg::Ps256] },
    key_management: Choice {
        rule: "BR-R02",
        allowed: &[KeyManagement::RsaOaep],
        default: &[KeyManagement::RsaOaep],
    },
    content: Choice { rule: "BR-R02", allowed: &[Content::A256Gcm], default: &[Content::A256Gcm] },
    request_delivery: One {
        rule: "BR-R03",
        allowed: &[RequestDelivery::PushedOnly],
        default: RequestDelivery::PushedOnly,
    },
    responses: Choice {
        rule: "BR-R04",
        allowed: &[Response::CodeIdToken],
        default: &[Response::CodeIdToken],
    },
    pkce: One { rule: "BR-R03", allowed: &[Pkce::Required], default: Pkce::Required },
    refresh_issue: One { rule: "BR-R07", allowed: &[RefreshIssue::Consent], default: RefreshIssue::Consent },
    refresh_rotation: One { rule: "BR-R07", allowed: &[false], default: false },
    subject_types: Choice {
        rule: "BR-R08",
        allowed: &[SubjectType::Public],
        default: &[SubjectType::Public],
    },
    acr: Acr {
        rule: "BR-R09",
        default: &["urn:brasil:openbanking:loa2", "urn:brasil:openbanking:loa3"],
        required: &["urn:brasil:openbanking:loa2"],
        always: true,
    },
    id_token_encryption: One {
        rule: "BR-R05",
        allowed: &[Encryption::Required],
        default: Encryption::Required,
    },
    jarm_encryption: One { rule: "BR-R04", allowed: &[Encryption::Off], default: Encryption::Off },
    binding_certificate: BindingCertificate::Anchored,
    consent: ConsentKind::BrazilConsent,
    claims: &["acr"],
    intent_scopes: &[
        "accounts",
        "bank-fixed-incomes",
        "credit-cards-accounts",
        "credit-fixed-incomes",
        "customers",
        "exchanges",
        "financings",
        "funds",
        "invoice-financings",
        "loans",
        "payments",
        "recurring-payments",
        "resources",
        "treasure-titles",
        "unarranged-accounts-overdraft",
        "variable-incomes",
    ],
    lifetimes: LifetimeBounds {
        pushed_request: bound("BR-R15", s(60), s(599), s(60)),
        access_token: bound("BR-R06", s(300), s(900), s(600)),
        // A consent to share data lasts up to a year, and its refresh token with it.
        grant: bound("BR-R07", s(300), Lifetime::days(3650), Lifetime::days(365)),
        ..FINTECH_LIFETIMES
    },
    ..FINTECH
};

/// Consumer Data Standards Australia 1.36: PAR, `private_key_jwt`, JARM, pairwise subjects.
pub static CDR_AUSTRALIA: Profile = Profile {
    name: ProfileName::CDRAustralia,
    title: "Consumer Data Standards Australia 1.36 on FAPI 1.0 Advanced",
    extends: Some(&FINTECH),
    client_auth: Choice {
        rule: "AU-R01",
        allowed: &[ClientAuth::PrivateKeyJwt],
        default: &[ClientAuth::PrivateKeyJwt],
    },
    signing: Choice { rule: "F1-R03", allowed: &[Alg::Ps256, Alg::Es256], default: &[Alg::Ps256] },
    key_management: Choice {
        rule: "INV-04",
        allowed: &[KeyManagement::RsaOaep256, KeyManagement::RsaOaep],
        default: &[KeyManagement::RsaOaep256, KeyManagement::RsaOaep],
    },
    // CDS names A256GCM and A128CBC-HS256, and wants one of them offered; CBC is nothing of ours.
    content: Choice { rule: "INV-04", allowed: &[Content::A256Gcm], default: &[Content::A256Gcm] },
    request_delivery: One {
        rule: "AU-R03",
        allowed: &[RequestDelivery::PushedOnly],
        default: RequestDelivery::PushedOnly,
    },
    responses: Choice { rule: "AU-R02", allowed: &[Response::CodeJarm], default: &[Response::CodeJarm] },
    pkce: One { rule: "AU-R03", allowed: &[Pkce::Required], default: Pkce::Required },
    refresh_issue: One { rule: "AU-R06", allowed: &[RefreshIssue::Consent], default: RefreshIssue::Consent },
    refresh_rotation: One { rule: "AU-R06", allowed: &[false], default: false },
    subject_types: Choice {
        rule: "AU-R04",
        allowed: &[SubjectType::Pairwise],
        default: &[SubjectType::Pairwise],
    },
    acr: Acr {
        rule: "DSC-29",
        default: &["urn:cds.au:cdr:2", "urn:cds.au:cdr:3"],
        required: &["urn:cds.au:cdr:2"],
        always: true,
    },
    id_token_encryption: One { rule: "AU-R07", allowed: &[Encryption::Off], default: Encryption::Off },
    jarm_encryption: One {
        rule: "AU-R02",
        allowed: &[Encryption::Off, Encryption::Optional],
        default: Encryption::Off,
    },
    binding_certificate: BindingCertificate::Anchored,
    consent: ConsentKind::CdrArrangement,
    claims: &["acr", "auth_time", "name", "given_name", "family_name", "updated_at", "sharing_duration"],
    clients_introspect_access_tokens: false,
    lifetimes: LifetimeBounds {
        pushed_request: bound("AU-R03", s(10), s(90), s(60)),
        access_token: bound("AU-R05", s(120), s(600), s(300)),
        refresh_token: bound("AU-R12", s(300), Lifetime::days(365), Lifetime::days(365)),
        grant: bound("AU-R12", s(300), Lifetime::days(365), Lifetime::days(365)),
        ..FINTECH_LIFETIMES
    },
    ..FINTECH
};

/// FAPI 2.0 Security Profile.
pub static FAPI2_SECURITY: Profile = Profile {
    name: ProfileName::FAPI2Security,
    title: "FAPI 2.0 Security Profile",
    extends: None,
    client_auth: Choice {
        rule: "INV-01",
        allowed: &[ClientAuth::PrivateKeyJwt, ClientAuth::Tls, ClientAuth::SelfSignedTls],
        default: &[ClientAuth::PrivateKeyJwt, ClientAuth::Tls],
    },
    sender_constraint: Choice {
        rule: "F2-R06",
        allowed: &[SenderConstraint::DPoP, SenderConstraint::Certificate],
        default: &[SenderConstraint::DPoP, SenderConstraint::Certificate],
    },
    dpop_nonce: One {
        rule: "DPO-11",
        allowed: &[DpopNonce::Never, DpopNonce::Required],
        default: DpopNonce::Never,
    },
    signing: Choice {
        rule: "INV-03",
        allowed: &[Alg::Ps256, Alg::Es256, Alg::EdDsa],
        default: &[Alg::Es256, Alg::Ps256, Alg::EdDsa],
    },
    request_delivery: One {
        rule: "F2-R01",
        allowed: &[RequestDelivery::PushedOnly],
        default: RequestDelivery::PushedOnly,
    },
    request_object: RequestObject::SignedOptional { window: Lifetime::minutes(60) },
    // JARM is `response_type=code` too: what Message Signing demands may be chosen here.
    responses: Choice {
        rule: "F2-R02",
        allowed: &[Response::Code, Response::CodeJarm],
        default: &[Response::Code],
    },
    pkce: One { rule: "F2-R03", allowed: &[Pkce::Required], default: Pkce::Required },
    assertion_audience: AssertionAudience::IssuerOnly,
    nonce: Nonce::Optional,
    refresh_rotation: One { rule: "F2-R07", allowed: &[false], default: false },
    refresh_migration: true,
    // FAPI 2.0 Message Signing 5.4: not recommended.
    jarm_encryption: One {
        rule: "RSP-09",
        allowed: &[Encryption::Off, Encryption::Optional, Encryption::Required],
        default: Encryption::Off,
    },
    iss_parameter: IssParameter::Required,
    lifetimes: FAPI2_LIFETIMES,
    ..FINTECH
};

/// FAPI 2.0 Message Signing: signed requests, JARM, signed introspection.
pub static FAPI2_MESSAGE_SIGNING: Profile = Profile {
    name: ProfileName::FAPI2MessageSigning,
    title: "FAPI 2.0 Message Signing",
    extends: Some(&FAPI2_SECURITY),
    request_object: HOUR,
    responses: Choice { rule: "MS-R02", allowed: &[Response::CodeJarm], default: &[Response::CodeJarm] },
    signed_introspection: true,
    lifetimes: LifetimeBounds {
        request_object: bound("MS-R03", s(60), Lifetime::minutes(60), Lifetime::minutes(60)),
        ..FAPI2_LIFETIMES
    },
    ..FAPI2_SECURITY
};

const FAPI2_LIFETIMES: LifetimeBounds = LifetimeBounds {
    authorization_code: bound("F2-R05", s(5), s(60), s(60)),
    pushed_request: bound("F2-R01", s(10), s(599), s(60)),
    ..FINTECH_LIFETIMES
};
