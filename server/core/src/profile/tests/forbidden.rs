//! Every rule of `spec/profiles.md` that configuration could break: refused by its id, and its nearest neighbour accepted.

use super::said::*;
use super::*;
use crate::profile::ProfileName::*;

#[track_caller]
fn claim(profile: ProfileName, rule: &str, field: &str, forbidden: &Overrides, allowed: &Overrides) {
    let refused = narrow(profile.profile(), forbidden).expect_err(rule);
    let [refusal] = refused.as_slice() else { panic!("{rule}: {refused:?}") };
    assert_eq!((refusal.rule, refusal.field.as_str()), (rule, &*format!("protocol.{field}")), "{refusal}");
    assert!(!refusal.message.is_empty() && refusal.to_string().contains(rule), "{refusal}");
    if let Err(refused) = narrow(profile.profile(), allowed) {
        panic!("{rule}, its positive twin: {refused:?}");
    }
}

#[test]
fn fintech_cannot_be_relaxed() {
    use ClientAuth::SelfSignedTls;
    use Response::{Code, CodeIdToken, CodeJarm};
    use SenderConstraint::{Certificate, DPoP};
    let is = |rule, field, forbidden: Overrides, allowed| claim(Fintech, rule, field, &forbidden, &allowed);
    is("F1-R01", "senderConstraints[0]", constraints(&[DPoP]), constraints(&[Certificate]));
    is("F1-R01", "senderConstraints", constraints(&[]), constraints(&[Certificate]));
    is("F1-R02", "clientAuthentication", methods(&[]), methods(&[SelfSignedTls]));
    is(
        "F1-R03",
        "signingAlgorithms[1]",
        signing(&[Alg::Ps256, Alg::EdDsa]),
        signing(&[Alg::Es256, Alg::Ps256]),
    );
    is("F1-R04", "responses[0]", responses(&[Code]), responses(&[CodeIdToken, CodeJarm]));
    is("F1-R06", "lifetimes.requestObject", request_object(3601), request_object(3600));
    is("F1-R07", "pkce", pkce(Pkce::Tolerated), pkce(Pkce::PushedOnly));
    is("PAR-03", "lifetimes.pushedRequest", pushed_request(600), pushed_request(599));
    is("RSP-15", "lifetimes.authorizationCode", code(61), code(60));
    is("RSP-07", "lifetimes.jarm", jarm_lifetime(601), jarm_lifetime(600));
}

/// `F1-R09`: what is served is what is said. [`Rules`] answers both questions from one value; `metadata` asks them.
#[test]
fn pushed_requests_are_required_exactly_where_nothing_else_is_served() {
    for (how, par, by_value) in [
        (RequestDelivery::PushedOnly, true, false),
        (RequestDelivery::PushedOrByValue, true, true),
        (RequestDelivery::ByValueOnly, false, true),
    ] {
        let rules = narrow(&FINTECH, &delivery(how)).unwrap();
        assert_eq!((rules.offers_par(), rules.offers_by_value()), (par, by_value), "F1-R09 {how}");
    }
}

#[test]
fn open_banking_uk_cannot_be_relaxed() {
    use RequestDelivery::{ByValueOnly, PushedOnly, PushedOrByValue};
    use Response::{Code, CodeIdToken, CodeJarm};
    let is =
        |rule, field, forbidden: Overrides, allowed| claim(OpenBankingUK, rule, field, &forbidden, &allowed);
    is("UK-R01", "requestDelivery", delivery(PushedOnly), delivery(ByValueOnly));
    is("UK-R01", "requestDelivery", delivery(PushedOrByValue), delivery(ByValueOnly));
    is("UK-R01", "jarmEncryption", jarm(Encryption::Optional), jarm(Encryption::Off));
    is("UK-R02", "responses[0]", responses(&[CodeJarm]), responses(&[CodeIdToken]));
    is("UK-R02", "responses[1]", responses(&[CodeIdToken, Code]), responses(&[CodeIdToken]));
    is("UK-R04", "acrValues", acr(&["urn:openbanking:psd2:ca"]), acr(&["urn:openbanking:psd2:sca"]));
    is(
        "F1-R02",
        "clientAuthentication[0]",
        methods(&[ClientAuth::SelfSignedTls]),
        methods(&[ClientAuth::Tls]),
    );
    is("UK-R08", "lifetimes.refreshToken", refresh_token(86_400), grant(86_400));
    is("REF-07", "refreshTokens.rotation", rotation(true), rotation(false));
}

#[test]
fn open_finance_brazil_cannot_be_relaxed() {
    use ClientAuth::{PrivateKeyJwt, SelfSignedTls, Tls};
    use RequestDelivery::{ByValueOnly, PushedOnly, PushedOrByValue};
    use Response::{CodeIdToken, CodeJarm};
    let is = |rule, field, forbidden: Overrides, allowed| {
        claim(OpenBankingBrazil, rule, field, &forbidden, &allowed);
    };
    is("BR-R01", "clientAuthentication[0]", methods(&[Tls]), methods(&[PrivateKeyJwt]));
    is(
        "BR-R01",
        "clientAuthentication[1]",
        methods(&[PrivateKeyJwt, SelfSignedTls]),
        methods(&[PrivateKeyJwt]),
    );
    is("BR-R02", "signingAlgorithms[0]", signing(&[Alg::Es256]), signing(&[Alg::Ps256]));
    let field = "encryption.keyManagement[0]";
    is("BR-R02", field, key_management(KeyManagement::RsaOaep256), key_management(KeyManagement::RsaOaep));
    is("BR-R02", "encryption.content[0]", content(Content::A128Gcm), content(Content::A256Gcm));
    is("BR-R03", "requestDelivery", delivery(PushedOrByValue), delivery(PushedOnly));
    is("BR-R03", "requestDelivery", delivery(ByValueOnly), delivery(PushedOnly));
    is("BR-R03", "pkce", pkce(Pkce::PushedOnly), pkce(Pkce::Required));
    is("BR-R04", "responses[0]", responses(&[CodeJarm]), responses(&[CodeIdToken]));
    is("BR-R04", "jarmEncryption", jarm(Encryption::Required), jarm(Encryption::Off));
    is("BR-R05", "idTokenEncryption", id_token(Encryption::Optional), id_token(Encryption::Required));
    is("BR-R06", "lifetimes.accessToken", access_token(299), access_token(300));
    is("BR-R06", "lifetimes.accessToken", access_token(901), access_token(900));
    is("BR-R07", "refreshTokens.rotation", rotation(true), rotation(false));
    is("BR-R07", "refreshTokens.issue", issue(RefreshIssue::Never), issue(RefreshIssue::Consent));
    is("BR-R07", "lifetimes.refreshToken", refresh_token(86_400), grant(86_400));
    is("BR-R08", "subjectTypes[0]", subjects(&[SubjectType::Pairwise]), subjects(&[SubjectType::Public]));
    is("BR-R09", "acrValues", acr(&["urn:brasil:openbanking:loa3"]), acr(&["urn:brasil:openbanking:loa2"]));
    is("BR-R15", "lifetimes.pushedRequest", pushed_request(59), pushed_request(60));
}

#[test]
fn cdr_australia_cannot_be_relaxed() {
    use ClientAuth::{PrivateKeyJwt, Tls};
    use RequestDelivery::{ByValueOnly, PushedOnly, PushedOrByValue};
    use Response::{Code, CodeIdToken, CodeJarm};
    use SubjectType::{Pairwise, Public};
    let is =
        |rule, field, forbidden: Overrides, allowed| claim(CDRAustralia, rule, field, &forbidden, &allowed);
    is("AU-R01", "clientAuthentication[0]", methods(&[Tls]), methods(&[PrivateKeyJwt]));
    is("AU-R02", "responses[0]", responses(&[CodeIdToken]), responses(&[CodeJarm]));
    is("AU-R02", "responses[0]", responses(&[Code]), responses(&[CodeJarm]));
    is("AU-R02", "jarmEncryption", jarm(Encryption::Required), jarm(Encryption::Optional));
    is("AU-R03", "requestDelivery", delivery(PushedOrByValue), delivery(PushedOnly));
    is("AU-R03", "requestDelivery", delivery(ByValueOnly), delivery(PushedOnly));
    is("AU-R03", "pkce", pkce(Pkce::PushedOnly), pkce(Pkce::Required));
    is("AU-R03", "lifetimes.pushedRequest", pushed_request(9), pushed_request(10));
    is("AU-R03", "lifetimes.pushedRequest", pushed_request(91), pushed_request(90));
    is("AU-R04", "subjectTypes[1]", subjects(&[Pairwise, Public]), subjects(&[Pairwise]));
    is("AU-R05", "lifetimes.accessToken", access_token(119), access_token(120));
    is("AU-R05", "lifetimes.accessToken", access_token(601), access_token(600));
    is("AU-R06", "refreshTokens.rotation", rotation(true), rotation(false));
    is("AU-R06", "refreshTokens.issue", issue(RefreshIssue::Granted), issue(RefreshIssue::Consent));
    is("AU-R06", "lifetimes.refreshToken", refresh_token(86_400), grant(86_400));
    is("AU-R07", "idTokenEncryption", id_token(Encryption::Optional), id_token(Encryption::Off));
    is("AU-R12", "lifetimes.grant", grant(31_536_001), grant(31_536_000));
    is("DSC-29", "acrValues", acr(&["urn:cds.au:cdr:3"]), acr(&["urn:cds.au:cdr:2"]));
    is("INV-04", "encryption.content[0]", content(Content::A128Gcm), content(Content::A256Gcm));
}

#[test]
fn fapi_2_cannot_be_relaxed() {
    use RequestDelivery::{ByValueOnly, PushedOnly, PushedOrByValue};
    for profile in [FAPI2Security, FAPI2MessageSigning] {
        let is =
            |rule, field, forbidden: Overrides, allowed| claim(profile, rule, field, &forbidden, &allowed);
        is("F2-R01", "requestDelivery", delivery(PushedOrByValue), delivery(PushedOnly));
        is("F2-R01", "requestDelivery", delivery(ByValueOnly), delivery(PushedOnly));
        is("F2-R01", "lifetimes.pushedRequest", pushed_request(600), pushed_request(599));
        is("F2-R03", "pkce", pkce(Pkce::PushedOnly), pkce(Pkce::Required));
        is("F2-R03", "pkce", pkce(Pkce::Tolerated), pkce(Pkce::Required));
        is("F2-R05", "lifetimes.authorizationCode", code(61), code(60));
        is("F2-R06", "senderConstraints", constraints(&[]), constraints(&[SenderConstraint::DPoP]));
        is("F2-R07", "refreshTokens.rotation", rotation(true), rotation(false));
        is("F2-R07", "refreshTokens.rotation", migration(None, Some(300)), migration(Some(9), Some(300)));
        is("F2-R07", "refreshTokens.rotation", migration(Some(9), None), migration(Some(9), Some(1)));
        is(
            "F2-R07",
            "refreshTokens.rotation.retryWindow",
            migration(Some(9), Some(86_401)),
            migration(Some(9), Some(86_400)),
        );
        is("INV-01", "clientAuthentication", methods(&[]), methods(&[ClientAuth::SelfSignedTls]));
        is("INV-03", "signingAlgorithms", signing(&[]), signing(&[Alg::EdDsa]));
    }
}

#[test]
fn the_two_profiles_of_fapi_2_answer_each_in_its_way() {
    use Response::{Code, CodeIdToken, CodeJarm};
    let is = |profile, rule, field, forbidden: &[_], allowed: &[_]| {
        claim(profile, rule, field, &responses(forbidden), &responses(allowed));
    };
    is(FAPI2Security, "F2-R02", "responses[0]", &[CodeIdToken], &[Code]);
    is(FAPI2MessageSigning, "MS-R02", "responses[0]", &[Code], &[CodeJarm]);
    is(FAPI2MessageSigning, "MS-R02", "responses[1]", &[CodeJarm, CodeIdToken], &[CodeJarm]);
    let (long, hour) = (request_object(3601), request_object(3600));
    claim(FAPI2MessageSigning, "MS-R03", "lifetimes.requestObject", &long, &hour);
}

#[test]
fn an_acr_value_is_one_word() {
    for wrong in [&["urn:a urn:b"] as &[_], &[""], &["a", "a"], &["é"], &["a\n"]] {
        let refused = narrow(&FINTECH, &acr(wrong)).unwrap_err();
        assert_eq!(refused[0].rule, "UIN-06", "{wrong:?}");
    }
    assert_eq!(narrow(&FINTECH, &acr(&["urn:a", "urn:b"])).unwrap().acr_values, ["urn:a", "urn:b"]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    use ClientAuth::{PrivateKeyJwt, SelfSignedTls, Tls};
    let refused = narrowed(OpenBankingBrazil, |say| {
        *say = access_token(10);
        say.client_authentication = Some(vec![Tls, PrivateKeyJwt, SelfSignedTls]);
        say.pkce = Some(Pkce::Tolerated);
    });
    let said: Vec<String> = refused.unwrap_err().iter().map(ToString::to_string).collect();
    let [tls, self_signed, pkce, access_token] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(
        tls,
        "protocol.clientAuthentication[0]: tls_client_auth is not allowed by this profile: choose from \
         private_key_jwt (BR-R01)"
    );
    assert!(self_signed.starts_with("protocol.clientAuthentication[2]: self_signed_tls_client_auth is not"));
    assert_eq!(
        pkce,
        "protocol.pkce: Tolerated is not allowed by this profile: choose from Required (BR-R03)"
    );
    assert_eq!(
        access_token,
        "protocol.lifetimes.accessToken: 10s is out of bounds: write 5m to 15m (BR-R06)"
    );
}

/// Rotation with an end, after so many seconds, and time to try again.
fn migration(until: Option<i64>, retry: Option<i64>) -> Overrides {
    let refresh_tokens = Some(RefreshOverrides {
        rotation: Some(true),
        rotation_until: until.map(crate::lifetime::Timestamp::from_unix),
        retry_window: retry.map(Lifetime::seconds),
        ..RefreshOverrides::default()
    });
    Overrides { refresh_tokens, ..Overrides::default() }
}

/// `BR-R07`, `AU-R06`: an end does not make it right there.
#[test]
fn only_fapi_2_may_replace_refresh_tokens_for_a_migration() {
    claim(
        OpenBankingBrazil,
        "BR-R07",
        "refreshTokens.rotation",
        &migration(Some(9), Some(60)),
        &rotation(false),
    );
    claim(CDRAustralia, "AU-R06", "refreshTokens.rotation", &migration(Some(9), Some(60)), &rotation(false));
    let whole = migration(Some(9), Some(60));
    assert!(narrow(Fintech.profile(), &whole).is_ok(), "REF-07");
    let without = Overrides {
        refresh_tokens: Some(RefreshOverrides {
            rotation: Some(false),
            ..whole.refresh_tokens.clone().unwrap()
        }),
        ..Overrides::default()
    };
    let refused = narrow(Fintech.profile(), &without).unwrap_err();
    assert!(refused[0].message.contains("belong to mode EachUse"), "REF-07 {}", refused[0]);
}
