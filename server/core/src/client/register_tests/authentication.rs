use super::*;

#[test]
fn a_client_authenticates_by_a_method_that_the_workspace_offers() {
    claim(
        &rules(Fintech, |_| ()),
        "F1-R02",
        "auth.method",
        |it| {
            it.auth.method = ClientAuth::SelfSignedTls;
            it.auth.certificates = vec!["a-thumbprint".into()];
        },
        |_| (),
    );
    for (profile, rule) in [(OpenBankingBrazil, "BR-R01"), (CDRAustralia, "AU-R01")] {
        let refused = register(&rules(profile, |_| ()), |it| {
            with_encryption_key(it);
            it.auth.method = ClientAuth::Tls;
            it.auth.tls = Some(SubjectName::SubjectDn("CN=app".into()));
        });
        let rules: Vec<_> = refused.unwrap_err().iter().map(|refusal| refusal.rule).collect();
        assert_eq!(rules, [rule]);
    }
    for secret in ["none", "client_secret_basic", "client_secret_post", "client_secret_jwt"] {
        let json = format!(r#"{{"method":"{secret}"}}"#);
        assert!(serde_json::from_str::<AuthRegistration>(&json).is_err(), "CA-11, INV-01 {secret}");
        let json = r#"{"method":"private_key_jwt","clientSecret":"s"}"#;
        assert!(serde_json::from_str::<AuthRegistration>(json).is_err(), "CA-11");
    }
    assert!(serde_json::from_str::<AuthRegistration>(r#"{"method":"private_key_jwt"}"#).is_ok());
}

#[test]
fn an_assertion_needs_a_key_to_verify_it() {
    let rules = every_method();
    claim(&rules, "CA-02", "auth.jwksRef", |it| it.auth.jwks = None, |_| ());
    claim(
        &rules,
        "CA-02",
        "auth.jwksRef",
        |it| it.auth.jwks = Some(JwkSet::from_keys(vec![ENCRYPTION_KEY.public().clone()])),
        with_encryption_key,
    );
    claim(
        &rules,
        "CA-02",
        "auth.jwksRef",
        |it| it.auth.signing_algorithms = Some(vec![Alg::Es256]),
        |it| {
            it.auth.signing_algorithms = Some(vec![Alg::Es256]);
            it.auth.jwks = Some(JwkSet::from_keys(vec![mallory_key().public().clone()]));
        },
    );
    claim(
        &rules,
        "CA-02",
        "auth.jwksRef",
        |it| it.auth.jwks = Some(JwkSet::from_keys(vec![ED25519.public().clone()])),
        |it| {
            it.auth.jwks =
                Some(JwkSet::from_keys(vec![ED25519.public().clone(), app_key().public().clone()]));
        },
    );
}

#[test]
fn a_ca_issued_certificate_needs_one_name_and_a_ca() {
    let rules = every_method();
    let good: Change = |it| {
        it.auth.method = ClientAuth::Tls;
        it.auth.tls = Some(SubjectName::SubjectDn("CN=app,O=Example,C=GB".into()));
    };
    claim(&rules, "MTL-01", "auth.tls", |it| it.auth.method = ClientAuth::Tls, good);
    for wrong in [
        (|it| {
            it.auth.method = ClientAuth::Tls;
            it.auth.tls = Some(SubjectName::SubjectDn("/C=GB/CN=app".into()));
        }) as Change,
        |it| {
            it.auth.method = ClientAuth::Tls;
            it.auth.tls = Some(SubjectName::SanDns("*.example".into()));
        },
    ] {
        claim(&rules, "MTL-01", "auth.tls", wrong, good);
    }
    let scopes = Scopes::parse("openid").unwrap();
    let offer =
        Offer { rules: &rules, scopes: &scopes, resources: &[], details_types: &[], has_client_ca: false };
    let mut it = registration("app", app_key());
    good(&mut it);
    let refused = Client::register(&offer, it).unwrap_err();
    assert_eq!((refused[0].rule, refused[0].field.as_str()), ("MTL-01", "auth.method"), "no client CA");
    assert!(Client::register(&offer, registration("app", app_key())).is_ok(), "an assertion needs no CA");
}

#[test]
fn a_self_signed_client_registers_its_certificate() {
    claim(
        &every_method(),
        "MTL-02",
        "auth.certificateRefs",
        |it| it.auth.method = ClientAuth::SelfSignedTls,
        |it| {
            it.auth.method = ClientAuth::SelfSignedTls;
            it.auth.certificates = vec!["a-thumbprint".into()];
        },
    );
}
