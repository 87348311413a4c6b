//! Who may know, and who may end (requirements sections 24 and 25).

use serde_json::json;

use super::{access_token, inactive, refresh_token};
use crate::client::GrantType;
use crate::fixture::{
    NOON, Workspace, app_key, authenticated, binding, fintech, grant_with_code, registration,
};
use crate::grant::Stage;
use crate::ids::ClientId;
use crate::lifetime::Lifetime;
use crate::profile::ProfileName;
use crate::registry::{Registry, Resource};
use crate::rejection::ErrorCode;
use crate::resource::AccessToken;
use crate::revocation::{self, Revocation};
use crate::scope::Scopes;
use crate::secret::Digest;
use crate::token::RefreshToken;

const API: &str = "https://api.bank.example";

fn with_bank(workspace: Workspace) -> Registry {
    let mut bank = registration("bank-api", app_key());
    bank.grant_types = Vec::<GrantType>::new();
    bank.redirect_uris = Vec::new();
    let introspection_clients = vec![ClientId::parse("bank-api").unwrap()];
    let api = Resource { identifier: API.into(), scopes: Vec::new(), introspection_clients, default: true };
    workspace.add(bank).resource(api).build()
}

fn token(audience: &str) -> AccessToken {
    AccessToken {
        subject: "pairwise".into(),
        client_id: ClientId::parse("app").unwrap(),
        scope: Scopes::parse("accounts").unwrap(),
        details: crate::details::AuthorizationDetails::default(),
        jti: "g1.r".into(),
        expires: NOON + Lifetime::seconds(300),
        issued: NOON,
        audience: vec![audience.into()],
        binding: binding(),
        acr: None,
        auth_time: Some(NOON.as_unix()),
    }
}

fn redeemed(registry: &Registry) -> crate::grant::Grant {
    let grant = grant_with_code(registry, "c");
    let Stage::CodeIssued { code, .. } = &grant.stage else { panic!() };
    let code = code.clone();
    grant.redeem(&code, NOON).unwrap().0
}

#[test]
fn a_client_sees_its_own_tokens_and_a_resource_server_those_for_it() {
    let registry = with_bank(fintech());
    let grant = redeemed(&registry);
    let authorization = grant.authorization(NOON);
    let seen = |who: &str, audience: &str| {
        access_token(&token(audience), authorization, &authenticated(&registry, who), &registry)
    };
    let own = seen("app", API).unwrap();
    for name in ["active", "scope", "client_id", "sub", "exp", "iat", "aud", "iss", "token_type", "cnf"] {
        assert!(own.contains_key(name), "INT-02 {name}");
    }
    assert!(!own.contains_key("local_sub"), "INT-02: the client learns no more than it knows");
    let bank = seen("bank-api", API).unwrap();
    assert_eq!((bank["sub"].clone(), bank["local_sub"].clone()), (json!("pairwise"), json!("alice")));
    assert_eq!(seen("mallory", API), None, "INT-03, P-27");
    assert_eq!(seen("bank-api", "https://other.example"), None, "INT-03: not for it");
    assert_eq!(serde_json::Value::Object(inactive()), json!({"active": false}), "INT-03");
}

fn refresh_row(client: &str) -> RefreshToken {
    RefreshToken {
        id: Digest::from_stored("d"),
        grant: crate::ids::GrantId::from_stored("g1"),
        client_id: ClientId::parse(client).unwrap(),
        incarnation: crate::ids::Incarnation::from_stored("1"),
        scope: Scopes::parse("accounts").unwrap(),
        issued: NOON,
        expires: NOON + Lifetime::days(30),
        replaced: None,
    }
}

#[test]
fn a_refresh_token_is_known_to_its_client_while_its_grant_lasts() {
    let registry = with_bank(fintech());
    let app = authenticated(&registry, "app");
    let grant = redeemed(&registry);
    assert_eq!(
        refresh_token(&refresh_row("app"), &grant, &app, &registry, NOON).unwrap()["active"],
        true,
        "INT-04"
    );
    assert_eq!(refresh_token(&refresh_row("mallory"), &grant, &app, &registry, NOON), None, "INT-03");
    assert_eq!(
        refresh_token(&refresh_row("app"), &grant, &app, &registry, NOON + Lifetime::days(31)),
        None,
        "INT-03"
    );
    let replaced = RefreshToken { replaced: Some(NOON + Lifetime::seconds(60)), ..refresh_row("app") };
    let seen = |later| refresh_token(&replaced, &grant, &app, &registry, NOON + Lifetime::seconds(later));
    assert!(seen(60).is_some(), "REF-07: it works for a retry");
    assert_eq!(seen(61), None, "INT-03: and then no more");
    let revoked = crate::grant::Grant { stage: Stage::Revoked { at: NOON }, ..grant };
    assert_eq!(refresh_token(&refresh_row("app"), &revoked, &app, &registry, NOON), None, "INT-03, I2");
}

#[test]
fn recipients_in_australia_see_refresh_tokens_only() {
    let registry = Workspace::new(ProfileName::CDRAustralia).only("app").build();
    let app = authenticated(&registry, "app");
    assert_eq!(access_token(&token(API), None, &app, &registry), None, "AU-R08");
}

#[test]
fn only_its_own_client_ends_a_token() {
    let registry = fintech().build();
    let (app, mallory) = (authenticated(&registry, "app"), authenticated(&registry, "mallory"));
    assert!(matches!(revocation::access_token(&token(API), &app), Ok(Revocation::Token { .. })), "REV-03");
    assert_eq!(
        revocation::access_token(&token(API), &mallory).unwrap_err().code,
        ErrorCode::InvalidGrant,
        "REV-02, P-27"
    );
    assert!(
        matches!(revocation::refresh_token(&refresh_row("app"), &app), Ok(Revocation::Grant(_))),
        "REV-03"
    );
    assert_eq!(
        revocation::refresh_token(&refresh_row("app"), &mallory).unwrap_err().code,
        ErrorCode::InvalidGrant,
        "REV-02"
    );
}

/// `INT-05`: RFC 9701 5, FAPI 2.0 Message Signing 5.5.
#[test]
fn an_answer_is_signed_for_whoever_asks_where_the_profile_offers_it() {
    use super::form;
    use crate::claims::Form;
    let answer = inactive();
    let formed = |workspace: Workspace, asked| {
        let registry = with_bank(workspace);
        let caller = authenticated(&registry, "bank-api");
        form(answer.clone(), asked, &caller, &registry, NOON).unwrap()
    };
    let signing = || Workspace::new(ProfileName::FAPI2MessageSigning);
    let Form::Jwt { to_sign, encryption: None } = formed(signing(), true) else { panic!("RFC 9701 5") };
    assert_eq!(to_sign.typ, "token-introspection+jwt", "RFC 9701 5");
    let claims = json!({
        "iss": crate::fixture::ISSUER, "aud": "bank-api", "iat": NOON.as_unix(), "token_introspection": {"active": false},
    });
    assert_eq!(
        serde_json::Value::Object(to_sign.claims),
        claims,
        "RFC 9701 5: nothing that makes it a token"
    );
    assert_eq!(formed(signing(), false), Form::Json(answer.clone()), "INT-02");
    assert_eq!(formed(Workspace::new(ProfileName::FAPI2Security), true), Form::Json(answer.clone()));

    let mut registered = registration("bank-api", app_key());
    registered.grant_types = Vec::<GrantType>::new();
    registered.introspection.signing_algorithm = Some(fapi_jose::Alg::Ps256);
    let registry = fintech().add(registered).build();
    let caller = authenticated(&registry, "bank-api");
    let formed = form(answer, false, &caller, &registry, NOON).unwrap();
    assert!(matches!(formed, Form::Jwt { .. }), "RFC 9701 6: whoever registered so gets nothing else");
}
