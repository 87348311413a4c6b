use super::*;

#[test]
fn every_signature_is_by_an_algorithm_that_the_workspace_offers() {
    let rules = rules(Fintech, |_| ());
    claim(
        &rules,
        "F1-R03",
        "auth.signingAlgorithms[1]",
        |it| it.auth.signing_algorithms = Some(vec![Alg::Ps256, Alg::EdDsa]),
        |it| it.auth.signing_algorithms = Some(vec![Alg::Ps256, Alg::Es256]),
    );
    let five: [(&str, Change, Change); 5] = [
        (
            "requestObject.signingAlgorithm",
            |it| it.request_object = signed(Alg::EdDsa),
            |it| it.request_object = signed(Alg::Es256),
        ),
        (
            "response.signingAlgorithm",
            |it| it.response = signed(Alg::EdDsa),
            |it| it.response = signed(Alg::Es256),
        ),
        (
            "idToken.signingAlgorithm",
            |it| it.id_token = signed(Alg::EdDsa),
            |it| it.id_token = signed(Alg::Es256),
        ),
        (
            "userinfo.signingAlgorithm",
            |it| it.userinfo = signed(Alg::EdDsa),
            |it| it.userinfo = signed(Alg::Es256),
        ),
        (
            "introspection.signingAlgorithm",
            |it| it.introspection = signed(Alg::EdDsa),
            |it| it.introspection = signed(Alg::Es256),
        ),
    ];
    for (field, forbidden, allowed) in five {
        claim(&rules, "F1-R03", field, forbidden, allowed);
    }
    let brazil = rules_of_brazil();
    claim(
        &brazil,
        "BR-R02",
        "idToken.signingAlgorithm",
        |it| {
            with_encryption_key(it);
            it.id_token = signed(Alg::Es256);
        },
        |it| {
            with_encryption_key(it);
            it.id_token = signed(Alg::Ps256);
        },
    );
}

#[test]
fn encryption_is_by_algorithms_that_the_workspace_offers() {
    let rsa_oaep_only = rules(Fintech, |say| {
        let encryption = say.encryption.get_or_insert_default();
        encryption.key_management = Some(vec![KeyManagement::RsaOaep]);
        encryption.content = Some(vec![Content::A256Gcm]);
    });
    let good: Change = |it| {
        with_encryption_key(it);
        it.userinfo = pair(KeyManagement::RsaOaep, Content::A256Gcm);
    };
    claim(
        &rsa_oaep_only,
        "INV-04",
        "userinfo.encryption.algorithm",
        |it| {
            with_encryption_key(it);
            it.userinfo = pair(KeyManagement::EcdhEs, Content::A256Gcm);
        },
        good,
    );
    claim(
        &rsa_oaep_only,
        "INV-04",
        "userinfo.encryption.content",
        |it| {
            with_encryption_key(it);
            it.userinfo = pair(KeyManagement::RsaOaep, Content::A128Gcm);
        },
        good,
    );
}

/// `BR-R05`, `IDT-09`, `UIN-02`, `INT-05`: no client is registered to which we would have to send in the clear what must be encrypted (`J-21`).
#[test]
fn who_is_sent_encrypted_messages_registers_a_key_for_them() {
    claim(&rules_of_brazil(), "BR-R05", "auth.jwksRef", |_| (), with_encryption_key);
    let fintech = rules(Fintech, |_| ());
    let userinfo: Change = |it| it.userinfo = pair(KeyManagement::RsaOaep, Content::A256Gcm);
    let introspection: Change = |it| it.introspection = pair(KeyManagement::RsaOaep, Content::A256Gcm);
    claim(&fintech, "UIN-02", "auth.jwksRef", userinfo, with_encryption_key);
    claim(&fintech, "INT-05", "auth.jwksRef", introspection, with_encryption_key);
    claim(
        &rules(Fintech, |_| ()),
        "IDT-09",
        "auth.jwksRef",
        |it| it.id_token = pair(KeyManagement::RsaOaep, Content::A256Gcm),
        |it| {
            with_encryption_key(it);
            it.id_token = pair(KeyManagement::RsaOaep, Content::A256Gcm);
        },
    );
    claim(
        &rules(Fintech, |_| ()),
        "RSP-09",
        "auth.jwksRef",
        |it| it.response = pair(KeyManagement::EcdhEs, Content::A256Gcm),
        |it| {
            with_encryption_key(it);
            it.response = pair(KeyManagement::RsaOaep, Content::A256Gcm);
        },
    );
    let machine = register(&rules_of_brazil(), |it| {
        it.grant_types = vec![GrantType::ClientCredentials];
        it.redirect_uris = vec![];
    });
    assert!(machine.is_ok(), "who never gets an ID Token needs no key");
    // A resource server is answered at introspection, and nowhere else.
    let resource_server = |encrypted: Change| {
        register(&fintech, |it| {
            it.grant_types = vec![];
            it.redirect_uris = vec![];
            encrypted(it);
        })
    };
    resource_server(introspection).expect_err("INT-05");
    resource_server(|it| it.response = pair(KeyManagement::RsaOaep, Content::A256Gcm)).unwrap();
    let hybrid = rules(Fintech, |say| say.responses = Some(vec![Response::CodeIdToken]));
    let jarm: Change = |it| it.response = pair(KeyManagement::RsaOaep, Content::A256Gcm);
    register(&hybrid, jarm).expect("there is no JARM to encrypt");
}

#[test]
fn what_a_workspace_does_not_encrypt_cannot_be_encrypted() {
    claim(
        &rules(CDRAustralia, |_| ()),
        "AU-R07",
        "idToken.encryption",
        |it| {
            with_encryption_key(it);
            it.id_token = pair(KeyManagement::RsaOaep, Content::A256Gcm);
        },
        with_encryption_key,
    );
    claim(
        &rules(Fintech, |say| say.jarm_encryption = Some(Encryption::Off)),
        "RSP-09",
        "response.encryption",
        |it| {
            with_encryption_key(it);
            it.response = pair(KeyManagement::RsaOaep, Content::A256Gcm);
        },
        with_encryption_key,
    );
}

#[test]
fn what_is_encrypted_to_a_client_follows_the_workspace() {
    let brazil = rules_of_brazil();
    let client = register(&brazil, with_encryption_key).unwrap();
    let expected = EncryptionChoice { algorithm: KeyManagement::RsaOaep, content: Content::A256Gcm };
    assert_eq!(
        client.id_token_encryption(&brazil),
        Some(expected),
        "BR-R05: chosen for a client that named none"
    );
    assert_eq!(client.jarm_encryption(&brazil), None, "BR-R04");
    let jarm = rules(Fintech, |_| ());
    let encrypted = register(&jarm, |it| {
        with_encryption_key(it);
        it.response = pair(KeyManagement::RsaOaep, Content::A256Gcm);
    });
    assert_eq!(encrypted.unwrap().jarm_encryption(&jarm), Some(expected), "RSP-09");
    let fintech = rules(Fintech, |say| say.responses = Some(vec![Response::CodeJarm]));
    let client = register(&fintech, with_encryption_key).unwrap();
    assert_eq!(client.id_token_encryption(&fintech), None);
}

#[test]
fn a_clients_lifetimes_are_shorter_than_its_workspaces() {
    let rules = rules(Fintech, |_| ());
    claim(
        &rules,
        "TOK-10",
        "lifetimes.accessToken",
        |it| it.lifetimes.access_token = Some(Lifetime::seconds(301)),
        |it| it.lifetimes.access_token = Some(Lifetime::seconds(300)),
    );
    claim(
        &rules,
        "TOK-10",
        "lifetimes.accessToken",
        |it| it.lifetimes.access_token = Some(Lifetime::seconds(59)),
        |it| it.lifetimes.access_token = Some(Lifetime::seconds(60)),
    );
    claim(
        &rules,
        "REF-01",
        "lifetimes.refreshToken",
        |it| it.lifetimes.refresh_token = Some(Lifetime::days(31)),
        |it| it.lifetimes.refresh_token = Some(Lifetime::days(30)),
    );
    claim(
        &rules,
        "IDT-01",
        "lifetimes.idToken",
        |it| it.lifetimes.id_token = Some(Lifetime::days(1)),
        |it| it.lifetimes.id_token = Some(Lifetime::seconds(120)),
    );
    claim(
        &rules_of_brazil(),
        "BR-R06",
        "lifetimes.accessToken",
        |it| {
            with_encryption_key(it);
            it.lifetimes.access_token = Some(Lifetime::seconds(299));
        },
        |it| {
            with_encryption_key(it);
            it.lifetimes.access_token = Some(Lifetime::seconds(300));
        },
    );
    claim(
        &rules_of_brazil(),
        "BR-R07",
        "lifetimes.refreshToken",
        |it| {
            with_encryption_key(it);
            it.lifetimes.refresh_token = Some(Lifetime::days(30));
        },
        with_encryption_key,
    );
}
