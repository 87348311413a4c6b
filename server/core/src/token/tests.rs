//! Codes, refresh tokens and client credentials (requirements sections 9, 11, 12, 13).

use serde_json::json;

use super::{Random, RefreshRequest, RefreshToken, TokenRequest, client_credentials, redeem, refresh};
use crate::authorize::Delivery;
use crate::certificate::PeerCertificate;
use crate::client::{AuthenticatedClient, Credentials, GrantType};
use crate::fixture::{
    CALLBACK, ISSUER, NOON, VERIFIER, Workspace, app_key, authenticated, binding, certificate, claims_of,
    fintech, grant_with_code, params, registration,
};
use crate::grant::Stage;
use crate::ids::Incarnation;
use crate::lifetime::Lifetime;
use crate::profile::{RefreshIssue, RefreshOverrides};
use crate::registry::{Registry, Resource};
use crate::rejection::{Consequence, ErrorCode, Rejection};
use crate::scope::Scopes;
use crate::secret::{Digest, Purpose};

const RANDOM: Random = Random { grant: [1; 16], access_token: [2; 16], refresh_token: [3; 32] };
const CODE: [(&str, &str); 4] = [
    ("grant_type", "authorization_code"),
    ("code", "the code"),
    ("redirect_uri", CALLBACK),
    ("code_verifier", VERIFIER),
];

fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    CODE.into_iter().filter(|(known, _)| *known != name).collect()
}

fn instead(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut pairs = without(name);
    pairs.push((name, value));
    pairs
}

fn exchange(
    registry: &Registry,
    client: &str,
    pairs: &[(&str, &str)],
    later: Lifetime,
) -> Result<super::Issue, Rejection> {
    let client = authenticated(registry, client);
    let TokenRequest::Code(request) = TokenRequest::parse(&params(pairs), &client)? else {
        panic!("not a code")
    };
    let grant = Some(grant_with_code(registry, "the code"));
    redeem(&request, grant, &client, &binding(), registry, RANDOM, NOON + later).map(|(_, issue)| issue)
}

#[test]
fn a_code_becomes_bound_tokens() {
    let registry = fintech().build();
    let issue = exchange(&registry, "app", &CODE, Lifetime::seconds(10)).unwrap();
    let claims = &issue.access_token.claims;
    assert_eq!(issue.access_token.typ, "at+jwt", "JAT-01");
    assert_eq!(claims_of(claims, "iss"), ISSUER, "JAT-01");
    assert_eq!(claims_of(claims, "aud"), ISSUER, "JAT-01: without a resource the audience is the issuer");
    assert_eq!(claims_of(claims, "client_id"), "app", "JAT-01");
    assert_eq!(claims_of(claims, "scope"), "openid accounts", "TOK-02: what was consented, not more");
    assert_eq!(claims_of(claims, "cnf"), json!({"x5t#S256": "the-thumbprint"}), "MTL-05, TOK-12");
    assert_eq!(claims_of(claims, "exp"), NOON.as_unix() + 310, "TOK-10");
    assert!(claims_of(claims, "jti").as_str().unwrap().starts_with("g1."), "JAT-01");
    assert_eq!(issue.expires_in, Lifetime::seconds(300), "TOK-01");
    let (secret, row) = issue.refresh_token.unwrap();
    assert!(secret.expose().len() >= 43 && !format!("{row:?}").contains(secret.expose()), "REF-11");
    let client = authenticated(&registry, "app");
    let id_token =
        issue.id_token.unwrap().with_access_token("the access token", &client, &registry, NOON).unwrap();
    assert_eq!(claims_of(&id_token.claims, "nonce"), "the nonce", "IDT-01");
    assert_eq!(claims_of(&id_token.claims, "aud"), "app", "IDT-01");
    assert_eq!(claims_of(&id_token.claims, "at_hash"), fapi_jose::half_hash("the access token"), "IDT-05");
    assert_eq!(claims_of(&id_token.claims, "sub"), claims_of(claims, "sub"), "IDT-01");
    assert!(claims_of(&id_token.claims, "c_hash").is_null(), "IDT-05");
}

#[test]
fn a_code_is_bound_to_client_redirect_uri_and_verifier() {
    let registry = fintech().build();
    let code = |pairs: &[(&str, &str)], client: &str| {
        exchange(&registry, client, pairs, Lifetime::seconds(1)).unwrap_err()
    };
    for (id, refused) in [
        ("TOK-05, P-02, T-06", code(&CODE, "mallory")),
        ("TOK-07, P-02", code(&instead("redirect_uri", "https://app.example/other"), "app")),
        (
            "PKC-04, P-02, T-07",
            code(&instead("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"), "app"),
        ),
        ("PKC-04, P-04, T-07", code(&without("code_verifier"), "app")),
        ("T-06", code(&instead("code", "another code"), "app")),
    ] {
        assert_eq!(refused.code, ErrorCode::InvalidGrant, "{id}");
        assert_eq!(refused.consequence, None, "{id}: an attacker's attempt ends nobody's grant");
    }
    exchange(&registry, "app", &without("redirect_uri"), Lifetime::seconds(1))
        .expect("TOK-07: tolerated after PAR");
    let mut by_value = grant_with_code(&registry, "the code");
    by_value.request.delivery = Delivery::ByValue { digest: Digest::of(Purpose::Code, "x"), expires: NOON };
    for (pairs, is_good) in [(without("redirect_uri"), false), (CODE.to_vec(), true)] {
        let client = authenticated(&registry, "app");
        let TokenRequest::Code(request) = TokenRequest::parse(&params(&pairs), &client).unwrap() else {
            panic!()
        };
        let grant = Some(by_value.clone());
        let redeemed = redeem(&request, grant, &client, &binding(), &registry, RANDOM, NOON);
        assert_eq!(redeemed.is_ok(), is_good, "TOK-07: needed where the request was not pushed");
    }
    let client = authenticated(&registry, "app");
    let TokenRequest::Code(request) = TokenRequest::parse(&params(&CODE), &client).unwrap() else { panic!() };
    assert!(redeem(&request, None, &client, &binding(), &registry, RANDOM, NOON).is_err(), "T-06: unknown");
    let mut reborn = grant_with_code(&registry, "the code");
    reborn.incarnation = Incarnation::from_stored("an earlier life");
    assert!(redeem(&request, Some(reborn), &client, &binding(), &registry, RANDOM, NOON).is_err(), "K-04");
}

#[test]
fn a_verifier_without_a_challenge_is_refused() {
    let registry = fintech().build();
    let client = authenticated(&registry, "app");
    let mut grant = grant_with_code(&registry, "the code");
    grant.request.code_challenge = None;
    let TokenRequest::Code(request) = TokenRequest::parse(&params(&CODE), &client).unwrap() else { panic!() };
    assert!(
        redeem(&request, Some(grant.clone()), &client, &binding(), &registry, RANDOM, NOON).is_err(),
        "PKC-06, P-04"
    );
    let TokenRequest::Code(request) =
        TokenRequest::parse(&params(&without("code_verifier")), &client).unwrap()
    else {
        panic!()
    };
    assert!(redeem(&request, Some(grant), &client, &binding(), &registry, RANDOM, NOON).is_ok());
}

#[test]
fn a_code_lasts_sixty_seconds() {
    let registry = fintech().build();
    assert!(exchange(&registry, "app", &CODE, Lifetime::seconds(60)).is_ok(), "RSP-15");
    let late = exchange(&registry, "app", &CODE, Lifetime::seconds(62)).unwrap_err();
    assert_eq!((late.code, late.consequence), (ErrorCode::InvalidGrant, None), "TOK-06, T-06, P-18");
}

#[test]
fn a_second_use_revokes_what_the_first_produced_but_only_when_its_own_client_asks() {
    let registry = fintech().build();
    let client = authenticated(&registry, "app");
    let TokenRequest::Code(request) = TokenRequest::parse(&params(&CODE), &client).unwrap() else { panic!() };
    let grant = grant_with_code(&registry, "the code");
    let (redeemed, _) = redeem(&request, Some(grant), &client, &binding(), &registry, RANDOM, NOON).unwrap();
    assert!(matches!(redeemed.stage, Stage::Redeemed { .. }));
    let again =
        redeem(&request, Some(redeemed.clone()), &client, &binding(), &registry, RANDOM, NOON).unwrap_err();
    assert_eq!(again.code, ErrorCode::InvalidGrant, "TOK-03, INV-08");
    assert_eq!(
        again.consequence,
        Some(Consequence::RevokeGrant { grant: redeemed.id.clone(), client: redeemed.client_id.clone() }),
        "TOK-03, P-01"
    );
    let mallory = authenticated(&registry, "mallory");
    let theft = redeem(&request, Some(redeemed), &mallory, &binding(), &registry, RANDOM, NOON).unwrap_err();
    assert_eq!(theft.consequence, None, "TOK-05: another client cannot revoke by replaying");
}

#[test]
fn grant_types_are_those_the_client_registered() {
    let registry = fintech().client(|client| client.grant_types = vec![GrantType::AuthorizationCode]).build();
    let client = authenticated(&registry, "app");
    let code = |grant_type| {
        TokenRequest::parse(&params(&[("grant_type", grant_type), ("refresh_token", "x")]), &client)
            .unwrap_err()
            .code
    };
    assert_eq!(code("password"), ErrorCode::UnsupportedGrantType, "TOK-08, T-12, INV-14");
    assert_eq!(code("implicit"), ErrorCode::UnsupportedGrantType, "TOK-08, T-12");
    assert_eq!(code("refresh_token"), ErrorCode::UnauthorizedClient, "TOK-08, T-12");
    assert_eq!(
        TokenRequest::parse(&params(&[]), &client).unwrap_err().code,
        ErrorCode::InvalidRequest,
        "T-13"
    );
    let none = TokenRequest::parse(&params(&[("grant_type", "authorization_code")]), &client).unwrap_err();
    assert_eq!(none.code, ErrorCode::InvalidRequest, "T-13: code is missing");
    let issue = exchange(&registry, "app", &CODE, Lifetime::seconds(1)).unwrap();
    assert!(issue.refresh_token.is_none(), "REF-01, DSC-25");
}

fn stored(registry: &Registry) -> (RefreshToken, crate::grant::Grant) {
    let client = authenticated(registry, "app");
    let TokenRequest::Code(request) = TokenRequest::parse(&params(&CODE), &client).unwrap() else { panic!() };
    let grant = grant_with_code(registry, "the code");
    let (grant, issue) = redeem(&request, Some(grant), &client, &binding(), registry, RANDOM, NOON).unwrap();
    (issue.refresh_token.unwrap().1, grant)
}

fn refresh_request(client: &AuthenticatedClient, scope: Option<&str>) -> RefreshRequest {
    let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", "the refresh token")];
    pairs.extend(scope.map(|scope| ("scope", scope)));
    let Ok(TokenRequest::Refresh(request)) = TokenRequest::parse(&params(&pairs), client) else {
        panic!("not a refresh")
    };
    request
}

fn refreshed(
    registry: &Registry,
    client: &str,
    scope: Option<&str>,
    later: Lifetime,
) -> Result<super::Issue, Rejection> {
    let client = authenticated(registry, client);
    let request = refresh_request(&client, scope);
    refresh(&request, Some(stored(registry)), &client, &binding(), registry, RANDOM, NOON + later)
}

#[test]
fn a_refresh_token_gives_what_was_granted_or_less() {
    let registry = fintech().build();
    let soon = Lifetime::minutes(10);
    let issue = refreshed(&registry, "app", None, soon).unwrap();
    assert_eq!(issue.scope, Scopes::parse("accounts openid").unwrap(), "REF-09");
    assert!(issue.refresh_token.is_none(), "REF-07: no rotation");
    let draft = issue.id_token.unwrap();
    let client = authenticated(&registry, "app");
    let id_token = draft.with_access_token("t", &client, &registry, NOON + soon).unwrap();
    assert_eq!(claims_of(&id_token.claims, "auth_time"), NOON.as_unix(), "IDT-11");
    assert_eq!(claims_of(&id_token.claims, "iat"), (NOON + soon).as_unix(), "IDT-11");
    let narrowed = refreshed(&registry, "app", Some("accounts"), soon).unwrap();
    assert_eq!(narrowed.scope.to_string(), "accounts", "REF-09");
    assert!(narrowed.id_token.is_none(), "IDT-03: without openid, none");
    assert_eq!(
        refreshed(&registry, "app", Some("accounts payments"), soon).unwrap_err().code,
        ErrorCode::InvalidScope,
        "REF-09, T-11, P-24"
    );
}

#[test]
fn a_refresh_token_belongs_to_its_client_and_ends() {
    let registry = fintech().build();
    assert_eq!(
        refreshed(&registry, "mallory", None, Lifetime::seconds(1)).unwrap_err().code,
        ErrorCode::InvalidGrant,
        "REF-03, P-22, T-10"
    );
    assert!(refreshed(&registry, "app", None, Lifetime::days(29)).is_ok());
    assert_eq!(
        refreshed(&registry, "app", None, Lifetime::days(31)).unwrap_err().code,
        ErrorCode::InvalidGrant,
        "REF-12"
    );
    let client = authenticated(&registry, "app");
    let request = refresh_request(&client, None);
    assert!(refresh(&request, None, &client, &binding(), &registry, RANDOM, NOON).is_err(), "T-10: unknown");
    let (row, grant) = stored(&registry);
    for (now, is_good) in [(row.expires, true), (row.expires + Lifetime::seconds(1), false)] {
        let held = Some((row.clone(), grant.clone()));
        let issue = refresh(&request, held, &client, &binding(), &registry, RANDOM, now);
        assert_eq!(issue.is_ok(), is_good, "REF-12: until its last second");
    }
    let (row, mut grant) = stored(&registry);
    grant.stage = Stage::Revoked { at: NOON };
    assert!(
        refresh(&request, Some((row, grant)), &client, &binding(), &registry, RANDOM, NOON).is_err(),
        "REF-12, I2"
    );
}

#[test]
fn a_replaced_refresh_token_works_for_a_retry_and_its_later_use_ends_the_line() {
    let registry = fintech()
        .overrides(|said| {
            said.refresh_tokens =
                Some(RefreshOverrides { rotation: Some(true), ..RefreshOverrides::default() });
        })
        .build();
    let client = authenticated(&registry, "app");
    let request = refresh_request(&client, None);
    let (row, grant) = stored(&registry);
    let ends = row.expires;
    let replaced = RefreshToken { replaced: Some(NOON + Lifetime::seconds(60)), ..row };
    let use_at = |later: i64| {
        let stored = Some((replaced.clone(), grant.clone()));
        refresh(&request, stored, &client, &binding(), &registry, RANDOM, NOON + Lifetime::seconds(later))
    };
    let (_, next) = use_at(60).unwrap().refresh_token.expect("rotation");
    assert_eq!(next.expires, ends, "REF-08: rotation prolongs nothing");
    let late = use_at(61).unwrap_err();
    assert_eq!(late.code, ErrorCode::InvalidGrant, "REF-08");
    assert!(matches!(late.consequence, Some(Consequence::RevokeGrant { .. })), "REF-08");
}

/// `REF-07`: until its end and not a second longer; the token that is there then stays.
#[test]
fn rotation_ends_when_the_workspace_says() {
    let registry = fintech()
        .overrides(|said| {
            said.refresh_tokens = Some(RefreshOverrides {
                rotation: Some(true),
                rotation_until: Some(NOON + Lifetime::seconds(100)),
                retry_window: Some(Lifetime::seconds(5)),
                ..RefreshOverrides::default()
            });
        })
        .build();
    let at = |seconds| registry.rules.rotation(NOON + Lifetime::seconds(seconds));
    assert_eq!(at(0).map(|rotation| rotation.retry), Some(Lifetime::seconds(5)), "REF-07");
    assert!(at(99).is_some() && at(100).is_none(), "REF-07");
    let client = authenticated(&registry, "app");
    let request = refresh_request(&client, None);
    // A retry is answered as the first try was: its answer was lost, and with it the token that replaced this one.
    let (row, grant) = stored(&registry);
    let retried = RefreshToken { replaced: Some(NOON + Lifetime::seconds(104)), ..row };
    let (held, now) = (Some((retried, grant)), NOON + Lifetime::seconds(103));
    let issue = refresh(&request, held, &client, &binding(), &registry, RANDOM, now).unwrap();
    assert!(issue.refresh_token.is_some(), "REF-07, REF-08");
    for (seconds, replaced) in [(99, true), (100, false)] {
        let (held, now) = (Some(stored(&registry)), NOON + Lifetime::seconds(seconds));
        let issue = refresh(&request, held, &client, &binding(), &registry, RANDOM, now).unwrap();
        assert_eq!(issue.refresh_token.is_some(), replaced, "REF-07 at {seconds} s");
    }
}

/// REF-09: neither what the client could ask for anew nor rotation gives a token back what it does not have.
#[test]
fn a_refresh_token_never_gains_scopes() {
    let registry = fintech()
        .overrides(|said| {
            said.refresh_tokens =
                Some(RefreshOverrides { rotation: Some(true), ..RefreshOverrides::default() });
        })
        .build();
    let client = authenticated(&registry, "app");
    let (row, grant) = stored(&registry);
    let narrow = RefreshToken { scope: Scopes::parse("openid").unwrap(), ..row };
    let with = |scope: Option<&'static str>| {
        let request = refresh_request(&client, scope);
        let held = Some((narrow.clone(), grant.clone()));
        refresh(&request, held, &client, &binding(), &registry, RANDOM, NOON)
    };
    let (_, next) = with(None).unwrap().refresh_token.unwrap();
    assert_eq!(next.scope, narrow.scope);
    assert_eq!(with(Some("openid")).unwrap().scope, narrow.scope);
    assert_eq!(with(Some("accounts")).unwrap_err().code, ErrorCode::InvalidScope);
}

#[test]
fn a_narrowed_registration_acts_on_existing_grants() {
    let before = fintech().build();
    let held = stored(&before);
    let after = fintech().client(|client| client.scopes = Some(Scopes::parse("openid").unwrap())).build();
    let client = authenticated(&after, "app");
    let request = refresh_request(&client, None);
    let issue = refresh(&request, Some(held), &client, &binding(), &after, RANDOM, NOON).unwrap();
    assert_eq!(issue.scope.to_string(), "openid", "P-24");
    let held = stored(&before);
    assert!(held.0.scope.contains("accounts"), "the refresh token still says so");
    let request = refresh_request(&client, Some("accounts"));
    let refused = refresh(&request, Some(held), &client, &binding(), &after, RANDOM, NOON).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidScope, "P-24");
}

#[test]
fn refresh_tokens_are_issued_as_the_workspace_says() {
    let issued = |issue| {
        let registry = fintech()
            .overrides(|said| {
                said.refresh_tokens =
                    Some(RefreshOverrides { issue: Some(issue), ..RefreshOverrides::default() });
            })
            .build();
        exchange(&registry, "app", &CODE, Lifetime::seconds(1)).unwrap().refresh_token.is_some()
    };
    assert!(issued(RefreshIssue::Granted) && !issued(RefreshIssue::Never), "REF-01");
    assert!(!issued(RefreshIssue::OfflineAccess), "REF-01, REF-02: offline_access was not asked for");
}

#[test]
fn client_credentials_speak_for_nobody() {
    let registry = fintech().build();
    let client = authenticated(&registry, "app");
    let ask = |scope: Option<&str>| {
        let mut pairs = vec![("grant_type", "client_credentials")];
        pairs.extend(scope.map(|scope| ("scope", scope)));
        let TokenRequest::ClientCredentials(request) = TokenRequest::parse(&params(&pairs), &client).unwrap()
        else {
            panic!()
        };
        client_credentials(&request, &client, &binding(), &registry, RANDOM, NOON)
    };
    let issue = ask(Some("accounts")).unwrap();
    assert!(issue.id_token.is_none() && issue.refresh_token.is_none(), "TOK-09");
    assert_eq!(claims_of(&issue.access_token.claims, "sub"), "app", "JAT-01");
    assert_eq!(
        claims_of(&issue.access_token.claims, "cnf"),
        json!({"x5t#S256": "the-thumbprint"}),
        "TOK-09, MTL-11"
    );
    assert_eq!(
        ask(None).unwrap().scope,
        Scopes::parse("accounts payments").unwrap(),
        "TOK-09: no scope that speaks of a person"
    );
    assert_eq!(ask(Some("openid")).unwrap_err().code, ErrorCode::InvalidScope, "TOK-09");
    assert_eq!(ask(Some("everything")).unwrap_err().code, ErrorCode::InvalidScope, "E-26");
}

#[test]
fn tokens_are_bound_to_the_certificate_that_is_presented() {
    let registry = fintech().build();
    let client = authenticated(&registry, "app");
    let certificate = certificate();
    let bound = crate::sender::bind(&client, Some(&certificate), None, &registry, NOON).unwrap();
    assert!(bound.is_held_by(Some(&certificate)) && !bound.is_held_by(None), "MTL-05, MTL-06");
    assert_eq!(
        crate::sender::bind(&client, None, None, &registry, NOON).unwrap_err().code,
        ErrorCode::InvalidRequest,
        "T-05, MTL-04, REF-05"
    );
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["app.example".into()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let ended = PeerCertificate::from_chain(vec![params.self_signed(&key).unwrap().der().to_vec()]).unwrap();
    let refused = crate::sender::bind(&client, Some(&ended), None, &registry, NOON).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRequest, "TL-13: whoever made it, it has ended");
    let anchored = Workspace::new(crate::profile::ProfileName::CDRAustralia).only("app").build();
    let client = authenticated(&anchored, "app");
    assert!(
        crate::sender::bind(&client, Some(&certificate), None, &anchored, NOON).is_err(),
        "AU-R10, MTL-08"
    );
}

#[test]
fn credentials_do_not_print_themselves() {
    let credentials =
        Credentials::new(&params(&[("client_assertion", "canary"), ("client_id", "app")]), false, None);
    assert!(!format!("{credentials:?}").contains("canary"), "K-10, TLS-15");
    let request = TokenRequest::parse(
        &params(&[("grant_type", "authorization_code"), ("code", "canary"), ("code_verifier", "canary")]),
        &authenticated(&fintech().build(), "app"),
    );
    assert!(!format!("{request:?}").contains("canary"), "K-10");
    let _ = registration("x", app_key());
}

/// `DPO-12`, `T-09`: a code that is bound to a key is of no use with another one, nor with a certificate.
#[test]
fn a_code_is_bound_to_the_key_that_the_request_named() {
    use crate::dpop::KeyThumbprint;
    use crate::profile::ProfileName;
    use crate::sender::SenderBinding;
    let registry = Workspace::new(ProfileName::FAPI2MessageSigning).build();
    let client = authenticated(&registry, "app");
    let key = |letter: &str| KeyThumbprint::parse(&format!("{}A", letter.repeat(42))).unwrap();
    let redeemed = |named: Option<KeyThumbprint>, binding: SenderBinding| {
        let TokenRequest::Code(request) = TokenRequest::parse(&params(&CODE), &client).unwrap() else {
            panic!()
        };
        let mut grant = grant_with_code(&registry, "the code");
        grant.request.dpop_jkt = named;
        redeem(&request, Some(grant), &client, &binding, &registry, RANDOM, NOON).map(|(_, issue)| issue)
    };
    let issue = redeemed(Some(key("a")), SenderBinding::Key(key("a"))).expect("DPO-12");
    let cnf = claims_of(&issue.access_token.claims, "cnf");
    assert_eq!(cnf, json!({"jkt": key("a").as_str()}), "DPO-07, TOK-12");
    redeemed(None, SenderBinding::Key(key("b"))).expect("DPO-12: a request need not name a key");
    for binding in [SenderBinding::Key(key("b")), binding()] {
        let refused = redeemed(Some(key("a")), binding).unwrap_err();
        assert_eq!((refused.code, refused.consequence), (ErrorCode::InvalidGrant, None), "DPO-12, T-09");
    }
}

/// `REF-06`: the client authenticates, so its refresh token need not be bound to a key as well.
#[test]
fn a_refresh_token_works_with_a_new_key_and_binds_the_new_token_to_it() {
    use crate::dpop::{HeldKey, KeyThumbprint};
    use crate::profile::ProfileName;
    use crate::sender::{SenderBinding, bind};
    let registry = Workspace::new(ProfileName::FAPI2MessageSigning).build();
    let client = authenticated(&registry, "app");
    let key =
        |letter: &str| HeldKey::for_tests(KeyThumbprint::parse(&format!("{}A", letter.repeat(42))).unwrap());
    let bound = |letter: &str| bind(&client, None, Some(&key(letter)), &registry, NOON).unwrap();
    let TokenRequest::Code(request) = TokenRequest::parse(&params(&CODE), &client).unwrap() else { panic!() };
    let grant = grant_with_code(&registry, "the code");
    let (grant, issue) =
        redeem(&request, Some(grant), &client, &bound("a"), &registry, RANDOM, NOON).unwrap();
    let (_, row) = issue.refresh_token.unwrap();
    let request = refresh_request(&client, None);
    let fresh = refresh(&request, Some((row, grant)), &client, &bound("b"), &registry, RANDOM, NOON).unwrap();
    let SenderBinding::Key(second) = bound("b") else { panic!() };
    let cnf = claims_of(&fresh.access_token.claims, "cnf");
    assert_eq!(cnf, json!({"jkt": second.as_str()}), "REF-06");
    assert!(fresh.refresh_token.is_none(), "REF-07, F2-R07");
    let refused = bind(&client, Some(&certificate()), None, &registry, NOON).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidDpopProof, "REF-05, DPO-13, T-08: a certificate is no proof");
}

/// A resource that was taken away since acts on what was granted, as narrowed scopes do (REF-09); and a client that may use others
/// only gets no token for the Workspace's own default.
#[test]
fn tokens_are_for_resources_that_the_client_may_use_now() {
    const API: &str = "https://api.bank.example";
    const OTHER: &str = "https://other.bank.example";
    // The first of them is the default.
    let registry = |may_use: &[&str], there: &[&str]| {
        let may_use = may_use.iter().map(ToString::to_string).collect();
        let resources = there.iter().enumerate().map(|(at, identifier)| Resource {
            identifier: (*identifier).to_owned(),
            scopes: Vec::new(),
            introspection_clients: Vec::new(),
            default: at == 0,
        });
        resources.fold(fintech().client(|app| app.resources = may_use), Workspace::resource).build()
    };
    let refreshed = |registry: &Registry, asked: Option<&str>| {
        let client = authenticated(registry, "app");
        let request = refresh_request(&client, None);
        let (row, mut grant) = stored(registry);
        grant.request.resource = asked.map(str::to_owned);
        let issue = refresh(&request, Some((row, grant)), &client, &binding(), registry, RANDOM, NOON)?;
        Ok::<_, Rejection>(claims_of(&issue.access_token.claims, "aud"))
    };
    for may_use in [&[][..], &[API]] {
        assert_eq!(refreshed(&registry(may_use, &[API, OTHER]), Some(API)).unwrap(), API);
        assert_eq!(refreshed(&registry(may_use, &[API, OTHER]), None).unwrap(), API);
    }
    let narrowed = registry(&[OTHER], &[API, OTHER]);
    assert_eq!(refreshed(&narrowed, Some(API)).unwrap_err().code, ErrorCode::InvalidTarget, "T-11");
    assert_eq!(refreshed(&narrowed, None).unwrap(), ISSUER);
    let removed = registry(&[], &[OTHER]);
    assert_eq!(refreshed(&removed, Some(API)).unwrap_err().code, ErrorCode::InvalidTarget, "T-11");
}
