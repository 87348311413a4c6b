//! What comes next (requirements sections 4, 16, 28).

use serde_json::{Value, json};

use super::{Step, Why, next};
use crate::authorize::push;
use crate::consent::Remembered;
use crate::fixture::{
    NOON, alice, app_key, authenticated, browser, fintech, params, request_claims, server_key, sign, with,
};
use crate::grant::{ErrorName, Grant, Person};
use crate::ids::{ClientId, GrantId, Subject};
use crate::lifetime::Lifetime;
use crate::registry::Registry;
use crate::scope::Scopes;

fn opened(registry: &Registry, changes: &Value) -> Grant {
    let app = authenticated(registry, "app");
    let object = sign(app_key(), None, &with(request_claims(), changes));
    let request = push(&params(&[("request", &object)]), &app, registry, NOON).unwrap();
    let grant = Grant::push(
        GrantId::from_stored("g"),
        app.id().clone(),
        app.incarnation().clone(),
        request,
        NOON + Lifetime::seconds(60),
        NOON,
    );
    grant.open(&registry.rules, NOON).unwrap()
}

fn step(changes: &Value, session: Option<&Person>) -> Step {
    let registry = fintech().build();
    next(&registry, &opened(&registry, changes), session, None, NOON)
}

fn signed_in_before(seconds: i64) -> Person {
    Person { auth_time: NOON - Lifetime::seconds(seconds), ..alice() }
}

#[test]
fn a_session_spares_the_sign_in_unless_the_request_wants_a_new_one() {
    assert_eq!(step(&json!({}), None), Step::Login(Why::NoSession), "AUT-14");
    assert_eq!(step(&json!({}), Some(&signed_in_before(60))), Step::Claim(signed_in_before(60)));
    assert_eq!(
        step(&json!({"prompt": "login"}), Some(&signed_in_before(60))),
        Step::Login(Why::Asked),
        "OIC-02"
    );
    assert_eq!(
        step(&json!({"max_age": 59}), Some(&signed_in_before(60))),
        Step::Login(Why::TooOld),
        "OIC-04"
    );
    assert_eq!(
        step(&json!({"max_age": 10_000}), Some(&signed_in_before(60))),
        Step::Claim(signed_in_before(60)),
        "OIC-04"
    );
}

#[test]
fn prompt_none_never_shows_a_page() {
    let none = json!({"prompt": "none"});
    assert_eq!(step(&none, None), Step::Refuse(ErrorName::LoginRequired), "OIC-03, E-29");
    let registry = fintech().build();
    let grant = opened(&registry, &none).authenticate(browser("b"), alice(), NOON).unwrap();
    assert_eq!(
        next(&registry, &grant, None, None, NOON),
        Step::Refuse(ErrorName::ConsentRequired),
        "OIC-03, E-29"
    );
    let known = Remembered {
        client_id: ClientId::parse("app").unwrap(),
        scope: Scopes::parse("accounts openid").unwrap(),
    };
    assert_eq!(next(&registry, &grant, None, Some(&known), NOON), Step::Agree, "OIC-03");
}

#[test]
fn what_was_agreed_to_in_this_session_is_not_asked_again() {
    let registry = fintech().build();
    let remembered = |client: &str, scope: &str| Remembered {
        client_id: ClientId::parse(client).unwrap(),
        scope: Scopes::parse(scope).unwrap(),
    };
    let asked = |changes: &Value, known: Option<&Remembered>| {
        let grant = opened(&registry, changes).authenticate(browser("b"), alice(), NOON).unwrap();
        next(&registry, &grant, None, known, NOON)
    };
    assert_eq!(asked(&json!({}), None), Step::Consent, "AUT-13");
    assert_eq!(asked(&json!({}), Some(&remembered("app", "openid accounts payments"))), Step::Agree);
    assert_eq!(
        asked(&json!({}), Some(&remembered("app", "openid"))),
        Step::Consent,
        "AUT-13: scopes not granted before"
    );
    assert_eq!(
        asked(&json!({}), Some(&remembered("mallory", "openid accounts"))),
        Step::Consent,
        "AUT-13: another client"
    );
    assert_eq!(
        asked(&json!({"prompt": "consent"}), Some(&remembered("app", "openid accounts"))),
        Step::Consent,
        "REF-02"
    );
}

#[test]
fn an_essential_acr_must_be_reached() {
    let want = |wish: Value| json!({"claims": {"id_token": {"acr": wish}}});
    let gold = Person { acr: Some("gold".into()), ..alice() };
    let outcome = |changes: &Value, person: &Person| {
        let registry = fintech().build();
        let grant = opened(&registry, changes).authenticate(browser("b"), person.clone(), NOON).unwrap();
        next(&registry, &grant, None, None, NOON)
    };
    assert_eq!(
        outcome(&want(json!({"essential": true, "values": ["gold", "platinum"]})), &gold),
        Step::Consent,
        "IDT-08"
    );
    assert_eq!(
        outcome(&want(json!({"essential": true, "value": "platinum"})), &gold),
        Step::Refuse(ErrorName::AccessDenied),
        "IDT-08, E-24"
    );
    assert_eq!(outcome(&want(json!({"essential": true})), &gold), Step::Consent, "UIN-07");
    assert_eq!(outcome(&want(json!({"value": "platinum"})), &gold), Step::Consent, "UIN-06: voluntary");
    assert_eq!(outcome(&json!({"acr_values": "platinum"}), &gold), Step::Consent, "UIN-06");
    assert_eq!(
        step(&want(json!({"essential": true, "value": "platinum"})), Some(&gold)),
        Step::Login(Why::Unsuitable),
        "AUT-14"
    );
}

#[test]
fn a_request_for_one_person_is_not_answered_by_another() {
    let registry = fintech().build();
    let bob = Person { subject: Subject::from_stored("bob"), ..alice() };
    let app = authenticated(&registry, "app");
    let known_as = registry.subject_for(&app, &bob.subject);
    assert_ne!(known_as, "bob", "DSC-27: a client knows people by identifiers of its own");
    let for_bob = json!({"claims": {"id_token": {"sub": {"value": known_as}}}});
    assert_eq!(step(&for_bob, Some(&alice())), Step::Login(Why::Unsuitable), "UIN-08");
    let grant = opened(&registry, &for_bob).authenticate(browser("b"), alice(), NOON).unwrap();
    assert_eq!(next(&registry, &grant, None, None, NOON), Step::Refuse(ErrorName::AccessDenied), "UIN-08");
    assert_eq!(step(&for_bob, Some(&bob)), Step::Claim(bob.clone()), "UIN-08");
    let by_our_name = json!({"claims": {"id_token": {"sub": {"value": "bob"}}}});
    assert_eq!(
        step(&by_our_name, Some(&bob)),
        Step::Login(Why::Unsuitable),
        "UIN-08: our own name for a person is not for clients to try"
    );
}

#[test]
fn an_interaction_that_took_too_long_is_over() {
    let registry = fintech().build();
    let grant = opened(&registry, &json!({}));
    assert_eq!(next(&registry, &grant, None, None, NOON + Lifetime::minutes(11)), Step::Over, "AUT-17");
}

/// `OIC-05`: an ID Token that the client got says whom it expects, long after it has expired.
#[test]
fn an_id_token_says_who_alone_may_be_answered_for() {
    let registry = fintech().build();
    let id_token = |changes: &Value| {
        let known_as = registry.subject_for(&authenticated(&registry, "app"), &Subject::from_stored("alice"));
        let claims = json!({
            "iss": crate::fixture::ISSUER, "aud": "app", "sub": known_as, "auth_time": NOON.as_unix() - 9000,
            "iat": NOON.as_unix() - 9000, "exp": NOON.as_unix() - 8700,
        });
        sign(server_key(), Some("JWT"), &with(claims, changes))
    };
    let silent = json!({"prompt": "none", "id_token_hint": id_token(&json!({}))});
    let asked = json!({"id_token_hint": id_token(&json!({}))});
    let bob = Person { subject: Subject::from_stored("bob"), ..alice() };
    assert_eq!(step(&silent, Some(&alice())), Step::Claim(alice()), "OIC-05");
    assert_eq!(step(&silent, Some(&bob)), Step::Refuse(ErrorName::LoginRequired), "OIC-05, E-29");
    assert_eq!(step(&asked, Some(&bob)), Step::Login(Why::Unsuitable), "OIC-05");
    let grant = opened(&registry, &asked).authenticate(browser("b"), bob, NOON).unwrap();
    assert_eq!(next(&registry, &grant, None, None, NOON), Step::Refuse(ErrorName::AccessDenied), "OIC-05");

    for (id, hint) in [
        ("OIC-05: of another client", id_token(&json!({"aud": "mallory"}))),
        ("OIC-05: of nobody", id_token(&json!({"aud": "unheard-of"}))),
        ("OIC-05: of another server", id_token(&json!({"iss": "https://other.example"}))),
        ("OIC-05: for several", id_token(&json!({"aud": ["app", "mallory"]}))),
        ("OIC-05: a JARM response", id_token(&json!({"sub": null, "auth_time": null}))),
        ("OIC-05: a UserInfo answer", id_token(&json!({"exp": null, "auth_time": null}))),
        ("KEY-04, OIC-05: signed by the client", sign(app_key(), Some("JWT"), &json!({"iss": "x"}))),
        ("OIC-05: nothing of the kind", "a.b.c".to_owned()),
    ] {
        let object = sign(app_key(), None, &with(request_claims(), &json!({"id_token_hint": hint})));
        let app = authenticated(&registry, "app");
        let refused = push(&params(&[("request", &object)]), &app, &registry, NOON).expect_err(id);
        assert_eq!(refused.code, crate::ErrorCode::InvalidRequest, "{id}");
    }
    let access = sign(server_key(), Some("at+jwt"), &json!({"iss": crate::fixture::ISSUER}));
    assert!(crate::id_token_hint::Hint::parse(&access, &registry).is_err(), "OIC-05: an access token");
}
