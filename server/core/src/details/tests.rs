use serde_json::{Value, json};

use super::*;
use crate::authorize::{AuthorizationRequest, push};
use crate::consent::{Remembered, question};
use crate::fixture::{
    NOON, Workspace, alice, app_key, authenticated, binding, browser, fintech, params, request_claims, sign,
    with,
};
use crate::grant::{ErrorName, Grant, Stage};
use crate::ids::GrantId;
use crate::interaction::{Step, next};
use crate::lifetime::Lifetime;
use crate::registry::Registry;
use crate::secret::{Digest, Purpose};
use crate::token::{Issue, Random, RefreshToken, TokenRequest, client_credentials, redeem, refresh};

/// An amount, a creditor, and nothing else.
#[derive(Debug)]
struct PaymentSchema;

impl Schema for PaymentSchema {
    fn check(&self, element: &Value) -> Result<(), String> {
        let members = element.as_object().unwrap();
        let known = ["type", "amount", "creditor"];
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(_) => Err("/additionalProperties".to_owned()),
            None if !element["amount"].is_string() => Err("/properties/amount/type".to_owned()),
            None => Ok(()),
        }
    }
}

/// Nothing fits any more.
#[derive(Debug)]
struct Closed;

impl Schema for Closed {
    fn check(&self, _: &Value) -> Result<(), String> {
        Err(String::new())
    }
}

fn payment_type() -> DetailsType {
    let words = json!({
        "title": "A payment",
        "description": "Moves money once.",
        "x-title": {"pt-BR": "Um pagamento"},
        "$defs": {"party": {"title": "Creditor", "properties": {"name": {"title": "Name"}}}},
        "properties": {
            "amount": {"title": "Amount", "x-title": {"pt-BR": "Valor"}},
            "creditor": {"$ref": "#/$defs/party"},
        },
    });
    DetailsType { name: "payment".into(), words, schema: Arc::new(PaymentSchema) }
}

fn other_type() -> DetailsType {
    DetailsType { name: "accounts".into(), words: json!({}), schema: Arc::new(PaymentSchema) }
}

fn bank() -> Workspace {
    fintech().details_type(payment_type())
}

fn payment(amount: &str) -> Value {
    json!({"type": "payment", "amount": amount, "creditor": {"name": "Merchant"}})
}

fn details(value: &Value) -> AuthorizationDetails {
    AuthorizationDetails::read(value).unwrap()
}

fn asked(registry: &Registry, changes: &Value) -> Result<AuthorizationRequest, Rejection> {
    let app = authenticated(registry, "app");
    let object = sign(app_key(), None, &with(request_claims(), changes));
    push(&params(&[("request", &object)]), &app, registry, NOON)
}

fn code_of<T: fmt::Debug>(outcome: Result<T, Rejection>) -> ErrorCode {
    outcome.unwrap_err().code
}

const WRONG: ErrorCode = ErrorCode::InvalidAuthorizationDetails;

/// RAR-01, RAR-02, E-27.
#[test]
fn details_that_are_no_array_of_known_types_that_fit_are_refused() {
    let registry = bank().details_type(other_type()).client(|app| {
        app.authorization_details_types = vec!["payment".into()];
    });
    let registry = registry.build();
    let mut deep = json!("x");
    for _ in 0..MAX_DEPTH {
        deep = json!([deep]);
    }
    for (id, wrong) in [
        ("RAR-01: not JSON", json!("[{")),
        ("RAR-01: a member twice", json!(r#"[{"type":"payment","type":"payment","amount":"1"}]"#)),
        ("RAR-01: an object", json!({"type": "payment", "amount": "1"})),
        ("RAR-01: a number", json!(7)),
        ("RAR-01: not objects", json!(["payment"])),
        ("RAR-01: no type", json!([{"amount": "1"}])),
        ("RAR-01: a type that is no string", json!([{"type": ["payment"], "amount": "1"}])),
        ("RAR-01: unknown type", json!([{"type": "unheard-of", "amount": "1"}])),
        ("RAR-01: one of two", json!([payment("1"), {"type": "unheard-of"}])),
        ("RAR-01: bad field", json!([{"type": "payment", "amount": 1}])),
        ("RAR-01: missing field", json!([{"type": "payment"}])),
        ("RAR-01: unknown field", json!([{"type": "payment", "amount": "1", "more": true}])),
        ("RAR-02: not this client's", json!([{"type": "accounts", "amount": "1"}])),
        ("H-06: too many", Value::Array(vec![payment("1"); MAX_ELEMENTS + 1])),
        ("H-06: too long", json!([payment(&"9".repeat(MAX_BYTES))])),
        ("H-06: too deep", json!([{"type": "payment", "amount": "1", "creditor": deep}])),
    ] {
        assert_eq!(code_of(asked(&registry, &json!({"authorization_details": wrong}))), WRONG, "{id}");
    }
    let right = asked(&registry, &json!({"authorization_details": [payment("1")]})).unwrap();
    assert_eq!(right.details.to_value(), json!([payment("1")]), "RAR-03: every element keeps its type");
}

#[test]
fn what_a_refusal_logs_holds_no_value_of_the_element() {
    let registry = bank().build();
    let wrong = json!({"authorization_details": [{"type": "payment", "amount": 4711}]});
    let refused = asked(&registry, &wrong).unwrap_err();
    assert_eq!(refused.detail.as_deref(), Some("payment: /properties/amount/type"));
}

/// RAR-05, RO-14.
#[test]
fn details_come_as_an_array_in_a_request_object_and_as_text_in_a_form() {
    let registry = bank().build();
    let text = json!([payment("1")]).to_string();
    for value in [json!([payment("1")]), json!(text)] {
        let request = asked(&registry, &json!({"authorization_details": value})).unwrap();
        assert_eq!(request.details, details(&json!([payment("1")])), "RAR-05 {value}");
    }
    let fapi2 =
        Workspace::new(crate::profile::ProfileName::FAPI2Security).details_type(payment_type()).build();
    let app = authenticated(&fapi2, "app");
    let mut form: Vec<(String, String)> =
        ["response_type", "redirect_uri", "code_challenge", "code_challenge_method"]
            .iter()
            .map(|name| ((*name).to_owned(), request_claims()[name].as_str().unwrap().to_owned()))
            .collect();
    form.push(("authorization_details".into(), text));
    let request = push(&crate::params::Params::from_pairs(form), &app, &fapi2, NOON).unwrap();
    assert_eq!(request.details, details(&json!([payment("1")])), "RAR-05");
    assert!(request.scope.is_empty(), "RAR-04: without scope");
}

/// RAR-04: beside scope or instead of it; nothing at all stays wrong (E-07).
#[test]
fn details_stand_beside_scope_or_alone() {
    let registry = bank().build();
    let both = asked(&registry, &json!({"authorization_details": [payment("1")]})).unwrap();
    assert!(both.scope.contains("accounts"), "RAR-04");
    let alone = json!({"authorization_details": [payment("1")], "scope": null});
    assert!(asked(&registry, &alone).unwrap().scope.is_empty(), "RAR-04");
    for none in [json!({"scope": null}), json!({"scope": null, "authorization_details": []})] {
        assert_eq!(code_of(asked(&registry, &none)), ErrorCode::InvalidRequest, "E-07");
    }
}

fn signed_in(registry: &Registry, asks: &Value) -> Grant {
    let app = authenticated(registry, "app");
    let request = asked(registry, &json!({"authorization_details": asks})).unwrap();
    let (id, incarnation) = (GrantId::from_stored("g1"), app.incarnation().clone());
    Grant::push(id, app.id().clone(), incarnation, request, NOON + Lifetime::seconds(60), NOON)
        .open(&registry.rules, NOON)
        .and_then(|grant| grant.authenticate(browser("b"), alice(), NOON))
        .unwrap()
}

fn with_code(registry: &Registry, asks: &Value) -> Grant {
    let grant = signed_in(registry, asks);
    let (scope, rules) = (grant.request.scope.clone(), &registry.rules);
    grant
        .consent(&browser("b"), &scope, rules, NOON)
        .and_then(|grant| grant.issue_code(&browser("b"), Digest::of(Purpose::Code, "c"), rules, NOON))
        .unwrap()
}

/// RAR-03.
#[test]
fn a_person_reads_every_member_in_the_words_of_the_workspace() {
    let registry = bank().build();
    let grant = signed_in(&registry, &json!([payment("123.50")]));
    let app = authenticated(&registry, "app");
    let read = |languages: &[&str]| question(&grant, &app, &registry, languages, NOON).unwrap().details;
    let text = |text: &str| Shown::Text(text.into());
    let name = Field { name: "name".into(), label: Some("Name".into()), note: None, value: text("Merchant") };
    let english = vec![Detail {
        name: "payment".into(),
        label: Some("A payment".into()),
        note: Some("Moves money once.".into()),
        fields: vec![
            Field { name: "amount".into(), label: Some("Amount".into()), note: None, value: text("123.50") },
            Field {
                name: "creditor".into(),
                label: Some("Creditor".into()),
                note: None,
                value: Shown::Fields(vec![name]),
            },
        ],
    }];
    assert_eq!(read(&["tlh", "en"]), english);
    let portuguese = read(&["pt-BR"]);
    assert_eq!(portuguese[0].label.as_deref(), Some("Um pagamento"));
    assert_eq!(portuguese[0].fields[0].label.as_deref(), Some("Valor"));
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let registry = fintech()
        .details_type(DetailsType {
            words: json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
            ..payment_type()
        })
        .build();
    let shown = describe(&details(&json!([payment("1")])), &registry, &["en"]);
    assert_eq!((shown[0].label.clone(), shown[0].fields.len()), (None, 2));
}

/// RAR-03: yes to one payment is no yes to another, nor to the scope beside it.
#[test]
fn a_remembered_consent_never_covers_details() {
    let registry = bank().build();
    let with_details = signed_in(&registry, &json!([payment("1")]));
    let without = signed_in(&registry, &json!([]));
    let remembered =
        Remembered { client_id: with_details.client_id.clone(), scope: with_details.request.scope.clone() };
    let step = |grant| next(&registry, grant, None, Some(&remembered), NOON);
    assert_eq!(step(&with_details), Step::Consent);
    assert_eq!(step(&without), Step::Agree);
}

/// RAR-02: acts on requests that were accepted before.
#[test]
fn a_type_that_goes_while_a_person_signs_in_is_not_asked_for() {
    let registry = bank().build();
    let grant = signed_in(&registry, &json!([payment("1")]));
    assert_eq!(next(&registry, &grant, None, None, NOON), Step::Consent);
    let narrower = fintech().details_type(DetailsType { schema: Arc::new(Closed), ..payment_type() }).build();
    for now in [fintech().build(), narrower] {
        let step = next(&now, &grant, None, None, NOON);
        assert_eq!(step, Step::Refuse(ErrorName::InvalidAuthorizationDetails));
    }
}

const RANDOM: Random = Random { grant: [1; 16], access_token: [2; 16], refresh_token: [3; 32] };

fn token_request(
    grant_type: &str,
    asks: Option<&Value>,
    registry: &Registry,
) -> Result<TokenRequest, Rejection> {
    let text = asks.map(ToString::to_string);
    let mut form = vec![
        ("grant_type", grant_type),
        ("code", "c"),
        ("refresh_token", "r"),
        ("code_verifier", crate::fixture::VERIFIER),
    ];
    form.extend(text.as_deref().map(|text| ("authorization_details", text)));
    TokenRequest::parse(&params(&form), &authenticated(registry, "app"))
}

fn redeemed(registry: &Registry, grant: &Grant, asks: Option<&Value>) -> Result<(Grant, Issue), Rejection> {
    let TokenRequest::Code(request) = token_request("authorization_code", asks, registry)? else { panic!() };
    redeem(&request, Some(grant.clone()), &authenticated(registry, "app"), &binding(), registry, RANDOM, NOON)
}

fn refreshed(
    registry: &Registry,
    stored: &(RefreshToken, Grant),
    asks: Option<&Value>,
) -> Result<Issue, Rejection> {
    let TokenRequest::Refresh(request) = token_request("refresh_token", asks, registry)? else { panic!() };
    let app = authenticated(registry, "app");
    refresh(&request, Some(stored.clone()), &app, &binding(), registry, RANDOM, NOON)
}

fn carried(issue: &Issue) -> Value {
    let claimed = issue.access_token.claims.get("authorization_details").cloned().unwrap_or(json!([]));
    assert_eq!(claimed, issue.details.to_value(), "RAR-03: the token response says what the token says");
    claimed
}

/// RAR-03, RAR-04, JAT-01.
#[test]
fn tokens_carry_what_was_granted_or_a_part_of_it_and_never_more() {
    let registry = bank().build();
    let (one, two, third) = (payment("1"), payment("2"), payment("3"));
    let granted = json!([one, two]);
    let grant = with_code(&registry, &granted);

    let (_, everything) = redeemed(&registry, &grant, None).unwrap();
    assert_eq!(carried(&everything), granted, "RAR-03, JAT-01");
    let (after, part) = redeemed(&registry, &grant, Some(&json!([two]))).unwrap();
    assert_eq!(carried(&part), json!([two]), "RAR-04");
    let twice = json!([two, two]);
    for wider in [json!([one, third]), json!([third]), twice, json!([{"type": "payment", "amount": "1"}])] {
        assert_eq!(code_of(redeemed(&registry, &grant, Some(&wider))), WRONG, "RAR-04, P-24 {wider}");
    }
    assert_eq!(code_of(redeemed(&registry, &grant, Some(&json!({})))), WRONG, "RAR-01");

    // A scope alone may be more than a scope with details.
    assert!(redeemed(&registry, &grant, Some(&json!([]))).is_err(), "RAR-04");
    // Who was granted the same thing twice may have it twice.
    let same = with_code(&registry, &json!([one, one]));
    assert_eq!(carried(&redeemed(&registry, &same, Some(&json!([one, one]))).unwrap().1), json!([one, one]));

    // RAR-04: a narrower access token does not narrow the refresh token.
    let stored = (part.refresh_token.unwrap().1, after);
    assert_eq!(carried(&refreshed(&registry, &stored, None).unwrap()), granted, "RAR-03");
    let narrower = refreshed(&registry, &stored, Some(&json!([one]))).unwrap();
    assert_eq!(carried(&narrower), json!([one]), "RAR-04");
    assert_eq!(code_of(refreshed(&registry, &stored, Some(&json!([third])))), WRONG, "RAR-04, P-24");
}

/// RAR-02, RAR-04: what is narrowed acts on what was granted.
#[test]
fn a_type_that_the_workspace_or_the_client_loses_is_gone_from_the_next_token() {
    let both = || bank().details_type(other_type());
    let registry = both().build();
    let other = json!({"type": "accounts", "amount": "1"});
    let granted = json!([payment("1"), other]);
    let grant = with_code(&registry, &granted);
    let (after, issue) = redeemed(&registry, &grant, None).unwrap();
    let stored = (issue.refresh_token.unwrap().1, after);
    let closed = DetailsType { schema: Arc::new(Closed), ..payment_type() };
    for (what, now) in [
        ("the Workspace's types", fintech().details_type(other_type())),
        ("the client's", both().client(|app| app.authorization_details_types = vec!["accounts".into()])),
        ("the schema", fintech().details_type(closed).details_type(other_type())),
    ] {
        let now = now.build();
        assert_eq!(carried(&refreshed(&now, &stored, None).unwrap()), json!([other]), "{what}");
        assert_eq!(carried(&redeemed(&now, &grant, None).unwrap().1), json!([other]), "{what}");
        let gone = refreshed(&now, &stored, Some(&json!([payment("1")])));
        assert_eq!(code_of(gone), WRONG, "{what}");
    }
    assert_eq!(
        carried(&refreshed(&registry, &stored, None).unwrap()),
        granted,
        "and with the type it is back"
    );
}

#[test]
fn a_grant_of_details_alone_ends_with_its_type() {
    let registry = bank().build();
    let alone = json!({"authorization_details": [payment("1")], "scope": null});
    let mut grant = with_code(&registry, &json!([payment("1")]));
    grant.request = asked(&registry, &alone).unwrap();
    if let Stage::CodeIssued { authorization, .. } = &mut grant.stage {
        authorization.scope = crate::scope::Scopes::default();
    }
    let (_, issue) = redeemed(&registry, &grant, None).unwrap();
    assert!(!issue.access_token.claims.contains_key("scope"), "no scope was granted");
    assert_eq!(code_of(redeemed(&fintech().build(), &grant, None)), ErrorCode::InvalidGrant);
}

/// RAR-01, RAR-02 (RFC 9396 3: in all requests, client credentials included).
#[test]
fn a_client_has_details_of_its_own_types_by_itself() {
    let registry = bank().build();
    let app = authenticated(&registry, "app");
    let by_itself = |asks: Option<&Value>| {
        let TokenRequest::ClientCredentials(request) = token_request("client_credentials", asks, &registry)?
        else {
            panic!()
        };
        client_credentials(&request, &app, &binding(), &registry, RANDOM, NOON)
    };
    let issue = by_itself(Some(&json!([payment("1")]))).unwrap();
    assert_eq!(carried(&issue), json!([payment("1")]));
    assert!(issue.scope.is_empty(), "who says exactly what it wants gets that");
    assert!(!by_itself(None).unwrap().scope.is_empty());
    for wrong in [json!([{"type": "unheard-of"}]), json!([{"type": "payment"}]), json!("x")] {
        assert_eq!(code_of(by_itself(Some(&wrong))), WRONG, "RAR-01 {wrong}");
    }
}

/// INT-02, RAR-03: an access token is read back with what it carries, and a refresh token is known by what it can be used for.
#[test]
fn introspection_tells_the_details_of_a_token() {
    let registry = bank().build();
    let grant = with_code(&registry, &json!([payment("1"), payment("2")]));
    let (after, issue) = redeemed(&registry, &grant, Some(&json!([payment("2")]))).unwrap();
    let app = authenticated(&registry, "app");
    let signed =
        crate::fixture::server_key().sign(Some(issue.access_token.typ), &issue.access_token.claims).unwrap();
    let keys = registry.jwks();
    let expected = crate::resource::Expectations {
        issuer: registry.issuer.as_str(),
        audience: None,
        keys: &keys,
        algorithms: &registry.rules.signing,
    };
    let token = crate::resource::read(&signed, &expected, NOON).unwrap();
    let answer =
        crate::introspection::access_token(&token, after.authorization(NOON), &app, &registry).unwrap();
    assert_eq!(answer["authorization_details"], json!([payment("2")]), "INT-02, RAR-03");
    let row = issue.refresh_token.unwrap().1;
    let answer = crate::introspection::refresh_token(&row, &after, &app, &registry, NOON).unwrap();
    assert_eq!(answer["authorization_details"], json!([payment("1"), payment("2")]), "INT-02, RAR-03");
}

/// DSC-34.
#[test]
fn metadata_lists_the_types_that_are_enabled() {
    let of = |registry: &Registry| {
        crate::metadata::document(registry).get("authorization_details_types_supported").cloned()
    };
    assert_eq!(
        of(&bank().details_type(other_type()).build()),
        Some(json!(["payment", "accounts"])),
        "DSC-34"
    );
    assert_eq!(of(&fintech().build()), None, "DSC-34");
}
