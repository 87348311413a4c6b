use super::*;

#[test]
fn redirect_uris_are_registered_for_those_who_get_codes() {
    let rules = rules(Fintech, |_| ());
    let bad: [(&str, Change); 5] = [
        ("redirectUris[0]", |it| it.redirect_uris = vec!["http://app.example/cb".into()]),
        ("redirectUris[1]", |it| it.redirect_uris.push("https://*.app.example/cb".into())),
        ("redirectUris[1]", |it| it.redirect_uris.push("https://app.example/cb#x".into())),
        ("redirectUris[1]", |it| it.redirect_uris.push("com.example.app:/cb".into())),
        ("redirectUris[1]", |it| it.redirect_uris.push("http://localhost/cb".into())),
    ];
    for (field, forbidden) in bad {
        claim(&rules, "F1-R08", field, forbidden, |it| {
            it.redirect_uris.push("https://app.example/cb2".into());
        });
    }
    claim(
        &rules,
        "AUT-06",
        "redirectUris",
        |it| it.redirect_uris = vec![],
        |it| {
            it.redirect_uris = vec![];
            it.grant_types = vec![GrantType::ClientCredentials];
        },
    );
    let both = register(&rules, |it| {
        it.redirect_uris = vec![];
        it.auth.jwks = None;
    });
    let ids: Vec<_> = both.unwrap_err().iter().map(|refusal| refusal.rule).collect();
    assert_eq!(ids, ["CA-02", "AUT-06"], "everything is said at once");
    let twice = register(&rules, |it| it.redirect_uris = vec!["https://a.example/cb".into(); 2]).unwrap();
    assert_eq!(twice.redirect_uris().len(), 1);
    assert!(
        twice.redirect_uri("https://a.example/cb").is_some()
            && twice.redirect_uri("https://a.example/cb/").is_none(),
        "AUT-04"
    );
}

/// `PAR-13`: a flag that only tightens needs something to tighten.
#[test]
fn pushed_requests_are_required_where_they_are_taken() {
    let strict: Change = |it| it.require_pushed_authorization_requests = true;
    for delivery in [RequestDelivery::PushedOnly, RequestDelivery::PushedOrByValue] {
        let rules = rules(Fintech, |said| said.request_delivery = Some(delivery));
        let client = register(&rules, strict).expect("PAR-13");
        assert!(!client.may_send_by_value(&rules), "PAR-13");
        let lax = register(&rules, |_| ()).expect("PAR-13");
        assert_eq!(lax.may_send_by_value(&rules), delivery != RequestDelivery::PushedOnly, "PAR-13");
    }
    let rules = rules(Fintech, |said| said.request_delivery = Some(RequestDelivery::ByValueOnly));
    claim(&rules, "PAR-13", "requirePushedAuthorizationRequests", strict, |_| ());
}

#[test]
fn people_are_offered_links_that_only_open_pages() {
    type Link = fn(&mut Registration) -> &mut Option<String>;
    let rules = rules(Fintech, |_| ());
    let links: [(&str, Link); 3] = [
        ("clientUri", |it| &mut it.client_uri),
        ("policyUri", |it| &mut it.policy_uri),
        ("tosUri", |it| &mut it.tos_uri),
    ];
    for (field, link) in links {
        let with = |text: &str| register(&rules, |it| *link(it) = Some(text.to_owned()));
        assert!(with("https://app.example/about?lang=en").is_ok(), "{field}");
        for wrong in [
            "javascript:alert(1)",
            "data:text/html,hello",
            "http://app.example",
            "//app.example",
            "https://",
            "https://bank.example@evil.example",
            "",
        ] {
            let refused = with(wrong).unwrap_err();
            assert_eq!((refused[0].rule, refused[0].field.as_str()), ("B-05", field), "{wrong:?}");
        }
    }
}

#[test]
fn a_client_asks_for_what_the_workspace_has() {
    let rules = rules(Fintech, |_| ());
    claim(
        &rules,
        "P-24",
        "scopes[1]",
        |it| it.scopes = Some(Scopes::parse("openid admin").unwrap()),
        |it| it.scopes = Some(Scopes::parse("openid accounts").unwrap()),
    );
    for scopes in [None, Some(Scopes::parse("accounts").unwrap())] {
        let unknown = register(&rules, |it| {
            it.scopes = scopes.clone();
            it.resources = vec!["https://api.bank.example".into(), "https://other.example".into()];
        });
        let refused = unknown.unwrap_err();
        assert_eq!((refused[0].rule, refused[0].field.as_str()), ("JAT-05", "resources[1]"));
        let known = register(&rules, |it| {
            it.scopes = scopes.clone();
            it.resources = vec!["https://api.bank.example".into()];
        });
        let client = known.unwrap();
        assert!(
            client.may_use_resource("https://api.bank.example")
                && !client.may_use_resource("https://other.example")
        );
    }
    let all = register(&rules, |_| ()).unwrap();
    assert_eq!(all.scopes(), &Scopes::parse("openid offline_access accounts payments").unwrap());
}

#[test]
fn a_client_asks_for_details_that_the_workspace_knows() {
    let types = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        register(&rules(Fintech, |_| ()), |it| it.authorization_details_types = names)
    };
    let refused = types(&["payment_initiation", "account_access"]).expect_err("RAR-02");
    assert_eq!((refused[0].rule, refused[0].field.as_str()), ("RAR-02", "authorizationDetailsTypes[1]"));
    types(&["payment_initiation"]).unwrap();
}

#[test]
fn a_client_hears_of_signing_out_where_it_registered() {
    let rules = rules(Fintech, |_| ());
    let with = |back: &str, next: &[&str]| {
        let next = next.iter().map(|&uri| uri.to_owned()).collect();
        register(&rules, |it| {
            it.backchannel_logout_uri = Some(back.to_owned());
            it.post_logout_redirect_uris = next;
        })
    };
    let client = with("https://app.example/signed-out?x=1", &["https://app.example/bye"]).unwrap();
    assert_eq!(client.backchannel_logout_uri(), Some("https://app.example/signed-out?x=1"), "LGO-06");
    assert!(client.post_logout_redirect_uri("https://app.example/bye").is_some(), "LGO-03");
    assert!(client.post_logout_redirect_uri("https://app.example/bye/").is_none(), "LGO-03");
    let silent = register(&rules, |_| ()).unwrap();
    assert_eq!(silent.backchannel_logout_uri(), None);
    for wrong in ["http://app.example/x", "https://u@app.example/x", "https://app.example/x#y", "app", ""] {
        let refused = with(wrong, &[]).expect_err(wrong);
        assert_eq!((refused[0].rule, refused[0].field.as_str()), ("LGO-06", "backchannelLogoutUri"));
    }
    let refused =
        with("https://app.example/x", &["https://app.example/bye", "http://app.example/bye"]).unwrap_err();
    assert_eq!((refused[0].rule, refused[0].field.as_str()), ("LGO-03", "postLogoutRedirectUris[1]"));
}

#[test]
fn keys_that_were_found_never_replace_registered_ones() {
    let found = || JwkSet::from_keys(vec![mallory_key().public().clone()]);
    let kids = |client: &Client| {
        let keys = client.jwks().unwrap().keys();
        keys.iter().map(|key| key.kid().map(str::to_owned)).collect::<Vec<_>>()
    };
    let rules = rules(Fintech, |_| ());
    let mut by_value = register(&rules, |_| ()).unwrap();
    let before = kids(&by_value);
    by_value.use_fetched_keys(found());
    assert_eq!(kids(&by_value), before, "KEY-06");
    let mut by_uri = register(&rules, |it| {
        it.auth.jwks = None;
        it.auth.jwks_uri = Some("https://app.example/jwks".to_owned());
    })
    .unwrap();
    assert!(by_uri.jwks().is_none());
    by_uri.use_fetched_keys(found());
    assert_eq!(kids(&by_uri), [mallory_key().public().kid().map(str::to_owned)]);
}

#[test]
fn tokens_are_bound_as_the_workspace_binds_them() {
    claim(
        &rules(Fintech, |_| ()),
        "F1-R01",
        "senderConstraint",
        |it| it.sender_constraint = Some(SenderConstraint::DPoP),
        |it| it.sender_constraint = Some(SenderConstraint::Certificate),
    );
    claim(
        &rules(FAPI2Security, |say| say.sender_constraints = Some(vec![SenderConstraint::DPoP])),
        "F2-R06",
        "senderConstraint",
        |it| it.sender_constraint = Some(SenderConstraint::Certificate),
        |it| it.sender_constraint = Some(SenderConstraint::DPoP),
    );
    let client = register(&rules(FAPI2Security, |_| ()), |_| ()).unwrap();
    assert_eq!(client.sender_constraint(), SenderConstraint::DPoP, "the Workspace's first");
}

#[test]
fn a_subject_type_is_one_that_the_profile_allows() {
    claim(
        &rules(CDRAustralia, |_| ()),
        "AU-R04",
        "subjectType",
        |it| it.subject_type = Some(SubjectType::Public),
        |it| it.subject_type = Some(SubjectType::Pairwise),
    );
    claim(
        &rules_of_brazil(),
        "BR-R08",
        "subjectType",
        |it| {
            with_encryption_key(it);
            it.subject_type = Some(SubjectType::Pairwise);
        },
        |it| {
            with_encryption_key(it);
            it.subject_type = Some(SubjectType::Public);
        },
    );
    claim(
        &rules(Fintech, |_| ()),
        "DSC-27",
        "subjectType",
        |it| it.subject_type = Some(SubjectType::Public),
        |_| (),
    );
}

/// OpenID Connect Core 8.1.
#[test]
fn a_sector_is_one_host() {
    let pairwise = rules(Fintech, |_| ());
    claim(
        &pairwise,
        "DSC-27",
        "sectorIdentifierUri",
        |it| it.redirect_uris = vec!["https://a.example/cb".into(), "https://b.example/cb".into()],
        |it| {
            it.redirect_uris = vec!["https://a.example/cb".into(), "https://b.example/cb".into()];
            it.sector_identifier = Some("sector.example".into());
        },
    );
    let ports = register(&pairwise, |it| {
        it.redirect_uris = vec!["https://a.example/cb".into(), "https://a.example:8443/cb".into()];
    });
    assert_eq!(ports.unwrap().sector(), "a.example", "a port does not make another sector");
    let public = rules(Fintech, |say| say.subject_types = Some(vec![SubjectType::Public]));
    let hosts = register(&public, |it| {
        it.redirect_uris = vec!["https://a.example/cb".into(), "https://b.example/cb".into()];
    });
    assert!(hosts.is_ok(), "a public subject has no sector");
}

#[test]
fn a_resource_server_needs_neither_redirect_uris_nor_keys_to_encrypt_to() {
    let client = register(&rules_of_brazil(), |it| {
        it.grant_types = vec![];
        it.redirect_uris = vec![];
    });
    let client = client.unwrap();
    assert!(client.is_resource_server() && !client.may(GrantType::AuthorizationCode));
    assert!(!register(&rules(Fintech, |_| ()), |_| ()).unwrap().is_resource_server());
}

/// `MS-R02`, `F2-R02`: `response_modes` of a client are some of the Workspace's.
#[test]
fn a_client_registers_responses_that_the_workspace_offers() {
    use crate::profile::ProfileName::FAPI2MessageSigning;
    use crate::profile::Response::{Code, CodeJarm};
    claim(
        &rules(FAPI2MessageSigning, |_| ()),
        "MS-R02",
        "responses[1]",
        |it| it.responses = Some(vec![CodeJarm, Code]),
        |it| it.responses = Some(vec![CodeJarm]),
    );
    claim(
        &rules(FAPI2Security, |_| ()),
        "F2-R02",
        "responses",
        |it| it.responses = Some(Vec::new()),
        |it| it.responses = None,
    );
}
