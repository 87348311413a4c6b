//! The life of a grant: forward only, by its own browser, in time (requirements sections 4, 8).

use super::{ErrorName, Grant, Stage};
use crate::fixture::{NOON, alice, browser, fintech, grant_with_code};
use crate::ids::GrantId;
use crate::lifetime::Lifetime;
use crate::registry::Registry;
use crate::rejection::ErrorCode;
use crate::scope::Scopes;
use crate::secret::{Digest, Purpose};

fn pushed(registry: &Registry) -> Grant {
    let done = grant_with_code(registry, "c");
    Grant::push(
        GrantId::from_stored("g2"),
        done.client_id,
        done.incarnation,
        done.request,
        NOON + Lifetime::seconds(60),
        NOON,
    )
}

#[test]
fn a_request_uri_ends_after_its_lifetime_unless_it_was_opened() {
    let registry = fintech().build();
    let rules = &registry.rules;
    let opened =
        pushed(&registry).open(rules, NOON + Lifetime::seconds(60)).expect("PAR-08: the last second counts");
    assert_eq!(
        pushed(&registry).open(rules, NOON + Lifetime::seconds(61)).unwrap_err().code,
        ErrorCode::InvalidRequestUri,
        "PAR-08, E-20"
    );
    // Opened in time: the sign-in may take longer than the request_uri lasts, a new opening may not come later.
    let late = NOON + Lifetime::minutes(5);
    assert!(opened.clone().authenticate(browser("b"), alice(), late).is_ok(), "PAR-10");
    assert_eq!(opened.open(rules, late).unwrap_err().code, ErrorCode::InvalidRequestUri, "PAR-08");
}

#[test]
fn opening_twice_before_signing_in_is_fine() {
    let registry = fintech().build();
    let once = pushed(&registry).open(&registry.rules, NOON).unwrap();
    let twice = once.clone().open(&registry.rules, NOON + Lifetime::seconds(20)).unwrap();
    assert_eq!(once, twice, "PAR-10, INV-16, P-08");
}

#[test]
fn the_browser_that_signs_in_owns_the_interaction() {
    let registry = fintech().build();
    let opened = pushed(&registry).open(&registry.rules, NOON).unwrap();
    let signed_in = opened.authenticate(browser("alice's"), alice(), NOON).unwrap();
    let everything = signed_in.request.scope.clone();
    assert!(signed_in.clone().authenticate(browser("mallory's"), alice(), NOON).is_err(), "B-02, P-21");
    assert!(
        signed_in.clone().authenticate(browser("alice's"), alice(), NOON).is_ok(),
        "signing in again in the same browser"
    );
    assert!(
        signed_in.clone().consent(&browser("mallory's"), &everything, &registry.rules, NOON).is_err(),
        "P-21, P-25"
    );
    assert!(
        signed_in.clone().deny(Some(&browser("mallory's")), ErrorName::AccessDenied, NOON).is_err(),
        "P-21"
    );
    let agreed = signed_in.consent(&browser("alice's"), &everything, &registry.rules, NOON).unwrap();
    let code = Digest::of(Purpose::Code, "c");
    assert!(
        agreed.clone().issue_code(&browser("mallory's"), code.clone(), &registry.rules, NOON).is_err(),
        "P-03, P-21"
    );
    assert!(agreed.issue_code(&browser("alice's"), code, &registry.rules, NOON).is_ok());
}

#[test]
fn a_request_uri_is_spent_when_the_answer_leaves() {
    let registry = fintech().build();
    let answered = grant_with_code(&registry, "c");
    assert_eq!(
        answered.open(&registry.rules, NOON).unwrap_err().code,
        ErrorCode::InvalidRequestUri,
        "PAR-09, E-20, INV-16"
    );
    let refused = pushed(&registry)
        .open(&registry.rules, NOON)
        .unwrap()
        .deny(None, ErrorName::AccessDenied, NOON)
        .unwrap();
    assert!(refused.clone().open(&registry.rules, NOON).is_ok(), "an error that has not left yet");
    assert!(refused.close(NOON).open(&registry.rules, NOON).is_err(), "PAR-09");
}

#[test]
fn an_interaction_ends() {
    let registry = fintech().build();
    let opened = pushed(&registry).open(&registry.rules, NOON).unwrap();
    assert!(opened.clone().authenticate(browser("b"), alice(), NOON + Lifetime::minutes(10)).is_ok());
    let late = NOON + Lifetime::minutes(10) + Lifetime::seconds(1);
    assert!(opened.authenticate(browser("b"), alice(), late).is_err(), "AUT-17");
}

#[test]
fn consent_never_exceeds_the_request() {
    let registry = fintech().build();
    let signed_in = pushed(&registry)
        .open(&registry.rules, NOON)
        .unwrap()
        .authenticate(browser("b"), alice(), NOON)
        .unwrap();
    let more = Scopes::parse("openid accounts payments").unwrap();
    let agreed = signed_in.clone().consent(&browser("b"), &more, &registry.rules, NOON).unwrap();
    let Stage::Consented { authorization, .. } = &agreed.stage else { panic!() };
    assert_eq!(authorization.scope.to_string(), "openid accounts", "P-24, F2SP 5.3.2.1-14");
    let less = Scopes::parse("openid").unwrap();
    let agreed = signed_in.consent(&browser("b"), &less, &registry.rules, NOON).unwrap();
    let Stage::Consented { authorization, .. } = agreed.stage else { panic!() };
    assert_eq!(authorization.scope.to_string(), "openid", "P-24");
}

#[test]
fn stages_come_in_order_only() {
    let registry = fintech().build();
    let rules = &registry.rules;
    let (b, code) = (browser("b"), Digest::of(Purpose::Code, "c"));
    let everything = Scopes::parse("openid accounts").unwrap();
    let pushed = pushed(&registry);
    assert!(pushed.clone().authenticate(b.clone(), alice(), NOON).is_err(), "not opened");
    let opened = pushed.open(rules, NOON).unwrap();
    assert!(opened.clone().consent(&b, &everything, rules, NOON).is_err(), "nobody signed in");
    assert!(opened.clone().issue_code(&b, code.clone(), rules, NOON).is_err(), "nobody agreed");
    let signed_in = opened.authenticate(b.clone(), alice(), NOON).unwrap();
    assert!(signed_in.clone().issue_code(&b, code.clone(), rules, NOON).is_err(), "AUT-13: nobody agreed");
    let denied = signed_in.clone().deny(Some(&b), ErrorName::AccessDenied, NOON).unwrap();
    assert!(denied.clone().consent(&b, &everything, rules, NOON).is_err(), "no is no");
    assert!(denied.issue_code(&b, code.clone(), rules, NOON).is_err(), "AUT-12");
    assert!(signed_in.redeem(&code, NOON).is_err());
}

#[test]
fn a_grant_survives_its_store() {
    let registry = fintech().build();
    let grant = grant_with_code(&registry, "c");
    let text = serde_json::to_string(&grant).unwrap();
    assert_eq!(serde_json::from_str::<Grant>(&text).unwrap(), grant);
}
