//! Requests that are accepted, and every way in which they are not (requirements sections 4, 7, 8, 9, 30).

use serde_json::{Value, json};

use super::{Arrival, arrive, by_value, push};
use crate::fixture::{
    CALLBACK, CHALLENGE, ISSUER, NOON, app_key, authenticated, fintech, mallory_key, params, request_claims,
    sign, with,
};
use crate::lifetime::Lifetime;
use crate::params::Params;
use crate::profile::Response;
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};

fn pushed(registry: &Registry, changes: &Value) -> Result<super::AuthorizationRequest, Rejection> {
    let object = sign(app_key(), Some("oauth-authz-req+jwt"), &with(request_claims(), changes));
    push(&params(&[("request", &object)]), &authenticated(registry, "app"), registry, NOON)
}

fn code_of(registry: &Registry, changes: &Value) -> ErrorCode {
    pushed(registry, changes).expect_err(&changes.to_string()).code
}

#[test]
fn a_signed_request_object_is_accepted() {
    let registry = fintech().build();
    let request = pushed(&registry, &json!({})).unwrap();
    assert_eq!(request.response, Response::CodeJarm, "RSP-10");
    assert_eq!(request.redirect_uri.as_str(), CALLBACK, "AUT-05");
    assert_eq!(
        (request.state.as_deref(), request.nonce.as_deref()),
        (Some("the state"), Some("the nonce")),
        "AUT-07, AUT-08"
    );
    // RO-08, RO-11, AUT-02: types, extra members and their order do not matter.
    for typ in [None, Some("JWT"), Some("oauth-authz-req+jwt")] {
        let object = sign(
            app_key(),
            typ,
            &with(request_claims(), &json!({"iat": NOON.as_unix(), "jti": "x", "extra": [1]})),
        );
        push(&params(&[("request", &object)]), &authenticated(&registry, "app"), &registry, NOON)
            .expect("RO-08, RO-11");
    }
    pushed(&registry, &json!({"scope": "accounts openid"})).expect("AUT-02");
    pushed(&registry, &json!({"exp": 1_800_000_300.5, "nbf": 1_800_000_000.25})).expect("RO-11: decimals");
}

#[test]
fn a_request_object_must_be_fresh_and_short_lived() {
    let registry = fintech().build();
    let now = NOON.as_unix();
    pushed(&registry, &json!({"nbf": now + 8, "exp": now + 308})).expect("RO-04: 8 s ahead");
    pushed(&registry, &json!({"nbf": now, "exp": now + 3600})).expect("RO-03: exactly 60 minutes");
    for (id, changes) in [
        ("E-01, RO-03", json!({"exp": null})),
        ("E-01, RO-04", json!({"nbf": null})),
        ("E-02, RO-03", json!({"nbf": now - 3700, "exp": now - 3600})),
        ("E-03, RO-03", json!({"exp": now + 70 * 60})),
        ("E-03, RO-04", json!({"nbf": now - 70 * 60, "exp": now - 70 * 60 + 3600 + 20})),
        ("RO-04", json!({"nbf": now + 61, "exp": now + 300})),
        ("J-08", json!({"exp": "never"})),
        ("J-08", json!({"exp": 1e300})),
        ("J-08", json!({"nbf": -1})),
    ] {
        assert_eq!(code_of(&registry, &changes), ErrorCode::InvalidRequestObject, "{id} {changes}");
    }
}

#[test]
fn a_request_object_is_for_this_issuer_and_from_this_client() {
    let registry = fintech().build();
    pushed(&registry, &json!({"aud": [ISSUER, "https://other.example"]}))
        .expect("RO-05: an array that contains us");
    pushed(&registry, &json!({"iss": null, "client_id": null}))
        .expect("RO-07: what is absent does not disagree");
    for (id, changes) in [
        ("E-04, RO-05", json!({"aud": "https://other.example"})),
        ("E-04, RO-05", json!({"aud": "https://mtls.auth.bank.example/par"})),
        ("RO-05", json!({"aud": null})),
        ("RO-05", json!({"aud": format!("{ISSUER}/")})),
        ("RO-07", json!({"iss": "mallory"})),
        ("RO-07, AUT-21", json!({"client_id": "mallory"})),
        ("RO-07, CA-08", json!({"sub": "app"})),
        ("E-10, RO-09", json!({"request_uri": "urn:x"})),
        ("RO-09", json!({"request": "x.y.z"})),
    ] {
        assert_eq!(code_of(&registry, &changes), ErrorCode::InvalidRequestObject, "{id} {changes}");
    }
}

#[test]
fn a_request_object_signed_otherwise_is_refused() {
    let registry = fintech().build();
    let app = authenticated(&registry, "app");
    let good = sign(app_key(), None, &request_claims());
    let payload = good.split('.').nth(1).unwrap();
    let header = |json: &str| fapi_jose::b64::encode(json.as_bytes());
    let signature = good.rsplit('.').next().unwrap();
    let last = if signature.ends_with('A') { 'B' } else { 'A' };
    for (id, jwt) in [
        ("E-05, KEY-04, J-01", format!("{}.{payload}.", header(r#"{"alg":"none"}"#))),
        ("E-05, KEY-04, J-01", format!("{}.{payload}.", header(r#"{"alg":"nOnE"}"#))),
        ("E-05, J-03", format!("{}.{payload}.{signature}", header(r#"{"alg":"RS256"}"#))),
        ("E-05, J-02", format!("{}.{payload}.{signature}", header(r#"{"alg":"HS256"}"#))),
        ("E-05", format!("{}{last}", &good[..good.len() - 1])),
        ("E-06, RO-06", sign(mallory_key(), None, &request_claims())),
        ("RO-15", "not a jwt".to_owned()),
    ] {
        let refused = push(&params(&[("request", &jwt)]), &app, &registry, NOON).expect_err(id);
        assert_eq!(refused.code, ErrorCode::InvalidRequestObject, "{id}");
    }
    // RFC 8725 3.11: a type of something else.
    let typed = sign(app_key(), Some("at+jwt"), &request_claims());
    assert!(push(&params(&[("request", &typed)]), &app, &registry, NOON).is_err(), "KEY-11");
}

#[test]
fn only_what_is_inside_the_request_object_counts() {
    let registry = fintech().build();
    let app = authenticated(&registry, "app");
    for (id, name, value) in [
        ("RO-02, E-07", "scope", "openid"),
        ("RO-02, E-07", "nonce", "n"),
        ("RO-02, E-08", "redirect_uri", CALLBACK),
    ] {
        let object = sign(app_key(), None, &with(request_claims(), &json!({name: null})));
        let refused =
            push(&params(&[("request", &object), (name, value)]), &app, &registry, NOON).expect_err(id);
        assert_eq!(refused.code, ErrorCode::InvalidRequest, "{id} {name}");
    }
    // AUT-20, P-11: a state and nonce outside change nothing.
    let object = sign(app_key(), None, &with(request_claims(), &json!({"state": null})));
    let outside = params(&[("request", &object), ("state", "outside"), ("nonce", "outside")]);
    let request = push(&outside, &app, &registry, NOON).unwrap();
    assert_eq!((request.state, request.nonce.as_deref()), (None, Some("the nonce")), "AUT-20, P-11");
}

#[test]
fn parameters_inside_follow_the_profile() {
    use ErrorCode::{
        InvalidAuthorizationDetails, InvalidRequest, InvalidScope, InvalidTarget, UnsupportedResponseType,
    };
    let registry = fintech().build();
    for (id, changes, code) in [
        ("E-07", json!({"scope": null}), InvalidRequest),
        ("E-07, F1B 5.2.2.2-1", json!({"nonce": null}), InvalidRequest),
        ("FT-01, F1B 5.2.2.3-1", json!({"scope": "accounts", "state": null}), InvalidRequest),
        ("E-08, AUT-06", json!({"redirect_uri": null}), InvalidRequest),
        ("E-09, AUT-04", json!({"redirect_uri": format!("{CALLBACK}&foo=bar")}), InvalidRequest),
        ("E-12, RSP-11", json!({"response_mode": null}), UnsupportedResponseType),
        ("E-12, AUT-09", json!({"response_type": "token", "response_mode": null}), UnsupportedResponseType),
        (
            "E-12, AUT-09",
            json!({"response_type": "id_token", "response_mode": null}),
            UnsupportedResponseType,
        ),
        ("E-12", json!({"response_type": "code id_token", "response_mode": null}), UnsupportedResponseType),
        ("AUT-10", json!({"response_type": null}), InvalidRequest),
        ("E-13, AUT-11", json!({"response_type": "code id_token", "response_mode": "query"}), InvalidRequest),
        ("P-13", json!({"response_mode": "form_post.jwt"}), InvalidRequest),
        ("E-14, PKC-01", json!({"code_challenge": null, "code_challenge_method": null}), InvalidRequest),
        ("E-14, PKC-02", json!({"code_challenge_method": "plain"}), InvalidRequest),
        ("E-14, PKC-02", json!({"code_challenge_method": null}), InvalidRequest),
        ("E-14, PKC-02", json!({"code_challenge_method": "S512"}), InvalidRequest),
        ("PKC-03", json!({"code_challenge": "short"}), InvalidRequest),
        ("E-26", json!({"scope": "openid unknown"}), InvalidScope),
        ("E-26", json!({"scope": "open\"id"}), InvalidScope),
        ("E-27, RAR-02", json!({"authorization_details": [{"type": "x"}]}), InvalidAuthorizationDetails),
        ("JAT-05", json!({"resource": "https://unknown.example"}), InvalidTarget),
        ("OIC-03", json!({"prompt": "none login"}), InvalidRequest),
        ("IDT-07", json!({"max_age": "soon"}), InvalidRequest),
        ("AUT-07", json!({"state": "x".repeat(5000)}), InvalidRequest),
        ("J-08", json!({"scope": ["openid"]}), InvalidRequest),
    ] {
        assert_eq!(code_of(&registry, &changes), code, "{id} {changes}");
    }
    for (id, changes) in [
        ("FT-01", json!({"scope": "accounts", "nonce": null})),
        ("AUT-07", json!({"state": "a-._~".repeat(200)})),
        ("AUT-08, E-15", json!({"nonce": "n".repeat(384)})),
        (
            "AUT-10, OIC-06",
            json!({"display": "page", "ui_locales": "tlh en", "login_hint": "x", "acr_values": "y", "claims_locales": "z"}),
        ),
        ("RO-14", json!({"max_age": 60, "claims": {"id_token": {"acr": null}}})),
        ("RO-14", json!({"max_age": "60", "claims": "{\"userinfo\":{}}"})),
        ("UIN-04", json!({"claims": {"elsewhere": {"x": 1}, "id_token": {"made_up": {"essential": true}}}})),
    ] {
        pushed(&registry, &changes).unwrap_or_else(|why| panic!("{id} {changes}: {why}"));
    }
}

#[test]
fn pushed_requests_have_rules_of_their_own() {
    let registry = fintech().build();
    let app = authenticated(&registry, "app");
    let object = sign(app_key(), None, &request_claims());
    let refused =
        push(&params(&[("request_uri", "urn:x"), ("request", &object)]), &app, &registry, NOON).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRequest, "E-11, PAR-05");
    let plain = [
        ("response_type", "code"),
        ("response_mode", "jwt"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("nonce", "n"),
        ("code_challenge", CHALLENGE),
    ];
    assert_eq!(
        push(&params(&plain), &app, &registry, NOON).unwrap_err().code,
        ErrorCode::InvalidRequest,
        "E-18, RO-01, F1-R05"
    );
    // PAR-06: another client's object.
    let mallory = authenticated(&registry, "mallory");
    assert_eq!(
        push(&params(&[("request", &object)]), &mallory, &registry, NOON).unwrap_err().code,
        ErrorCode::InvalidRequestObject,
        "PAR-06, E-06"
    );
}

#[test]
fn the_hybrid_flow_is_offered_where_the_workspace_says_so() {
    let registry = fintech().hybrid_too().build();
    let request =
        pushed(&registry, &json!({"response_type": "id_token code", "response_mode": null})).unwrap();
    assert_eq!(request.response, Response::CodeIdToken, "DSC-07");
    assert_eq!(
        code_of(
            &registry,
            &json!({"response_type": "code id_token", "response_mode": null, "scope": "accounts"})
        ),
        ErrorCode::InvalidRequest
    );
    assert_eq!(
        code_of(&registry, &json!({"response_type": "code id_token", "response_mode": "query"})),
        ErrorCode::InvalidRequest,
        "E-13, F1-R04"
    );
}

// --- the authorization endpoint

fn arrived(
    registry: &Registry,
    query: &[(&str, &str)],
) -> Result<super::AuthorizationRequest, super::Refused> {
    match arrive(&params(query), registry)? {
        Arrival::ByValue { client, jwt, outside } => by_value(&jwt, &outside, &client, registry, NOON),
        Arrival::Reference { .. } => panic!("a reference"),
    }
}

#[test]
fn an_unknown_client_gets_a_page() {
    let registry = fintech().by_value_too().client(|client| client.enabled = true).build();
    for query in [&[("client_id", "nobody")][..], &[], &[("client_id", "with space")]] {
        let refused = arrive(&params(query), &registry).unwrap_err();
        assert!(refused.destination.is_none(), "AUT-03, E-25");
    }
    let disabled = fintech().client(|client| client.enabled = false).build();
    assert!(
        arrive(&params(&[("client_id", "app"), ("redirect_uri", CALLBACK)]), &disabled)
            .unwrap_err()
            .destination
            .is_none(),
        "AUT-03"
    );
}

#[test]
fn a_request_by_value_is_accepted_where_it_is_offered() {
    let object = sign(app_key(), None, &request_claims());
    let open = fintech().by_value_too().build();
    let request = arrived(
        &open,
        &[("client_id", "app"), ("request", &object), ("scope", "openid"), ("response_type", "code")],
    )
    .expect("RO-13");
    assert_eq!(request.state.as_deref(), Some("the state"));
    let pushed_only = fintech().build();
    let refused = arrived(&pushed_only, &[("client_id", "app"), ("request", &object)]).unwrap_err();
    assert_eq!(refused.rejection.code, ErrorCode::InvalidRequest, "E-19, PAR-12, F1-R09");
}

/// `PAR-13`: a client that asked for pushed requests alone is held to it where others may send theirs by value.
#[test]
fn a_client_that_must_push_cannot_send_its_request_by_value() {
    let open = fintech().by_value_too().build();
    let object = sign(app_key(), None, &request_claims());
    let outside = [("client_id", "app"), ("request", object.as_str()), ("redirect_uri", CALLBACK)];
    arrived(&open, &outside).expect("PAR-13: others may");
    let strict =
        fintech().by_value_too().client(|app| app.require_pushed_authorization_requests = true).build();
    for pairs in [&outside[..], &outside[..2], &outside[..1]] {
        let refused = arrived(&strict, pairs).unwrap_err();
        assert_eq!(refused.rejection.code, ErrorCode::InvalidRequest, "PAR-13");
        assert_eq!(refused.rejection.description, "requests must be pushed (RFC 9126)", "PAR-13");
        assert_eq!(refused.destination.is_some(), pairs.len() == 3, "AUT-19");
    }
    pushed(&strict, &json!({})).expect("PAR-13: pushed, it is taken");
    let mallory = sign(
        mallory_key(),
        None,
        &with(request_claims(), &json!({"iss": "mallory", "client_id": "mallory"})),
    );
    arrived(&strict, &[("client_id", "mallory"), ("request", &mallory)])
        .expect("PAR-13: another client did not ask");
}

#[test]
fn pkce_by_value_is_optional_only_where_the_workspace_says_so() {
    use crate::profile::Pkce;
    let without = json!({"code_challenge": null, "code_challenge_method": null});
    let object = sign(app_key(), None, &with(request_claims(), &without));
    let strict = fintech().by_value_too().build();
    assert!(arrived(&strict, &[("client_id", "app"), ("request", &object)]).is_err());
    let lenient = fintech().by_value_too().overrides(|said| said.pkce = Some(Pkce::PushedOnly)).build();
    assert!(
        arrived(&lenient, &[("client_id", "app"), ("request", &object)]).unwrap().code_challenge.is_none(),
        "PKC-05"
    );
    assert!(pushed(&lenient, &without).is_err(), "PKC-01");
}

#[test]
fn errors_go_where_the_request_proved_and_nowhere_else() {
    let registry = fintech().by_value_too().build();
    let query = |object: &str, outside: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> =
            [("client_id", "app"), ("request", object)].into_iter().chain(outside.iter().copied()).collect();
        arrived(&registry, &all).unwrap_err()
    };
    // E-09: a foreign redirect URI inside gets a page, even with a registered one outside.
    let foreign =
        sign(app_key(), None, &with(request_claims(), &json!({"redirect_uri": "https://evil.example/cb"})));
    assert!(query(&foreign, &[("redirect_uri", CALLBACK)]).destination.is_none(), "E-09, P-15");
    // An unusable object: the registered URI outside may be told; an unregistered one may not.
    let forged = sign(mallory_key(), None, &request_claims());
    assert!(query(&forged, &[]).destination.is_none(), "E-06");
    assert!(query(&forged, &[("redirect_uri", "https://evil.example/cb")]).destination.is_none(), "P-15");
    let told = query(&forged, &[("redirect_uri", CALLBACK), ("state", "outside")]);
    assert_eq!(told.destination.unwrap().redirect_uri().as_str(), CALLBACK, "AUT-19");
    // A good object with a bad parameter: inside counts.
    let wrong = sign(app_key(), None, &with(request_claims(), &json!({"nonce": null})));
    assert!(query(&wrong, &[]).destination.is_some(), "AUT-19");
}

#[test]
fn request_and_request_uri_exclude_each_other_and_client_hosted_ones_are_refused() {
    let registry = fintech().by_value_too().build();
    let both = arrive(&params(&[("client_id", "app"), ("request", "x"), ("request_uri", "y")]), &registry)
        .unwrap_err();
    assert_eq!(both.rejection.code, ErrorCode::InvalidRequest, "RO-10");
    let hosted =
        arrive(&params(&[("client_id", "app"), ("request_uri", "https://app.example/ro.jwt")]), &registry)
            .unwrap_err();
    assert_eq!(hosted.rejection.code, ErrorCode::RequestUriNotSupported, "RO-16, H-13");
    let neither = arrive(
        &params(&[("client_id", "app"), ("response_type", "code"), ("redirect_uri", CALLBACK)]),
        &registry,
    )
    .unwrap_err();
    assert_eq!(neither.rejection.code, ErrorCode::InvalidRequest, "E-17, RO-01");
    let ours = arrive(
        &params(&[
            ("client_id", "app"),
            ("request_uri", "urn:ietf:params:oauth:request_uri:abc"),
            ("state", "extra"),
        ]),
        &registry,
    );
    assert!(matches!(ours, Ok(Arrival::Reference { .. })), "INV-18, PAR-15");
}

#[test]
fn duplicates_are_refused_before_anything_is_read() {
    assert!(Params::parse(b"client_id=app&client_id=mallory").is_err(), "P-12, TLS-14");
}

#[test]
fn an_old_request_object_does_not_become_good_by_waiting() {
    let registry = fintech().build();
    let object = sign(app_key(), None, &request_claims());
    let later = NOON + Lifetime::seconds(300 + 31);
    let refused = push(&params(&[("request", &object)]), &authenticated(&registry, "app"), &registry, later)
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRequestObject, "E-02");
}

/// `DPO-12`: a code may be bound to a key by the parameter, by a proof at PAR, or by both if they agree.
#[test]
fn a_request_may_name_the_key_that_redeems_the_code() {
    use crate::dpop::{HeldKey, KeyThumbprint};
    use crate::fixture::Workspace;
    use crate::profile::{ProfileName, SenderConstraint};
    let security = || Workspace::new(ProfileName::FAPI2Security);
    let registry = security().build();
    let (one, other) = (app_key().public().thumbprint(), mallory_key().public().thumbprint());
    let held = |jkt: &str| HeldKey::for_tests(KeyThumbprint::parse(jkt).unwrap());
    let named = json!({"dpop_jkt": one, "response_mode": null});
    let request = pushed(&registry, &named).expect("DPO-12");
    assert_eq!(request.dpop_jkt.as_ref().unwrap().as_str(), one, "DPO-12");
    assert_eq!(request.clone().pushed_with(&held(one)).unwrap(), request, "DPO-12: both agree");
    let refused = request.pushed_with(&held(other)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidDpopProof, "E-28, DPO-12, P-02");
    let request = pushed(&registry, &json!({"response_mode": null})).unwrap();
    assert_eq!(request.dpop_jkt, None);
    assert_eq!(request.pushed_with(&held(other)).unwrap().dpop_jkt.unwrap().as_str(), other, "DPO-12");

    let malformed = json!({"dpop_jkt": "not a thumbprint", "response_mode": null});
    assert_eq!(code_of(&registry, &malformed), ErrorCode::InvalidRequest, "DPO-12");
    let certificates =
        security().client(|it| it.sender_constraint = Some(SenderConstraint::Certificate)).build();
    assert_eq!(code_of(&certificates, &named), ErrorCode::InvalidRequest, "DPO-12: nothing could redeem it");
    let fintech =
        pushed(&fintech().build(), &json!({"dpop_jkt": one})).expect("AUT-02: unknown there, and ignored");
    assert_eq!(fintech.dpop_jkt, None);
}

/// `F2-R01` to `F2-R03`, `MS-R01`, `MS-R02`: what each of the two profiles takes at PAR.
#[test]
fn fapi_2_takes_plain_pushed_parameters_and_message_signing_does_not() {
    use crate::fixture::Workspace;
    use crate::profile::ProfileName;
    let form: Vec<(String, String)> = [
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "accounts"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let with = |name: &str, value: Option<&str>| {
        let kept = form.iter().filter(|(known, _)| known != name).cloned();
        Params::from_pairs(kept.chain(value.map(|value| (name.to_owned(), value.to_owned()))))
    };
    let registry = Workspace::new(ProfileName::FAPI2Security).build();
    let app = authenticated(&registry, "app");
    let security = |params: &Params| push(params, &app, &registry, NOON);
    let accepted =
        security(&with("", None)).expect("F2SP 5.3.2.2: neither openid, nonce nor state is needed");
    assert_eq!((accepted.response, accepted.nonce), (Response::Code, None), "RSP-05, AUT-08");
    for (id, params, code) in [
        (
            "RSP-12, E-12, F2-R02",
            with("response_type", Some("code id_token")),
            ErrorCode::UnsupportedResponseType,
        ),
        ("RSP-12, E-12, F2-R02", with("response_type", Some("token")), ErrorCode::UnsupportedResponseType),
        ("PKC-01, E-14, F2-R03", with("code_challenge", None), ErrorCode::InvalidRequest),
        ("PKC-02, E-14, F2-R03", with("code_challenge_method", Some("plain")), ErrorCode::InvalidRequest),
        ("AUT-06", with("redirect_uri", None), ErrorCode::InvalidRequest),
        ("PAR-11, E-09", with("redirect_uri", Some("https://app.example/new")), ErrorCode::InvalidRequest),
        ("F2-R02", with("response_mode", Some("jwt")), ErrorCode::InvalidRequest),
        ("E-11, PAR-05", with("request_uri", Some("urn:x")), ErrorCode::InvalidRequest),
    ] {
        assert_eq!(security(&params).expect_err(id).code, code, "{id}");
    }

    let registry = Workspace::new(ProfileName::FAPI2MessageSigning).build();
    let app = authenticated(&registry, "app");
    let unsigned = push(&with("response_mode", Some("jwt")), &app, &registry, NOON).unwrap_err();
    assert_eq!(unsigned.code, ErrorCode::InvalidRequest, "E-18, MS-R01, RO-01");
    pushed(&registry, &json!({})).expect("RO-01");
    assert_eq!(
        code_of(&registry, &json!({"response_mode": null})),
        ErrorCode::UnsupportedResponseType,
        "MS-R02"
    );
    let long = json!({"exp": NOON.as_unix() + 70 * 60});
    assert_eq!(code_of(&registry, &long), ErrorCode::InvalidRequestObject, "MS-R03, E-03");
}

/// `MS-R02`, `RSP-11`: a client may be held to some of the responses that the Workspace offers (`response_modes`).
#[test]
fn a_client_gets_the_responses_it_registered_and_no_others() {
    use crate::fixture::Workspace;
    use crate::profile::ProfileName;
    let both = |responses: Option<Vec<Response>>| {
        Workspace::new(ProfileName::FAPI2Security)
            .overrides(|say| say.responses = Some(vec![Response::Code, Response::CodeJarm]))
            .client(|it| it.responses = responses)
            .build()
    };
    let (jarm, plain) = (json!({"response_mode": "jwt"}), json!({"response_mode": null}));
    for (responses, taken) in [
        (None, [true, true]),
        (Some(vec![Response::CodeJarm]), [true, false]),
        (Some(vec![Response::Code]), [false, true]),
    ] {
        let registry = both(responses.clone());
        let found = [&jarm, &plain].map(|changes| pushed(&registry, changes).is_ok());
        assert_eq!(found, taken, "{responses:?}");
    }
}
