use fapi_crds::Reason;
use fapi_crds::condition::Status;
use serde_json::json;

use crate::fixture::{client, found, found_client, missing, signing_key, value, workspace, workspace_with};
use crate::rotate::Floors;
use crate::validate::{Found, Fresh, Missing, Verdict, support, validate};

#[test]
fn a_workspace_that_fits_its_profile_is_accepted_and_shows_what_is_in_force() {
    let verdict = validate(&found(workspace(), Vec::new()));
    assert_eq!(verdict.workspace.accepted.reason, Reason::Accepted);
    assert_eq!(verdict.workspace.resolved_refs.reason, Reason::Resolved);
    let effective = verdict.workspace.effective.unwrap();
    assert_eq!(effective.lifetimes.unwrap().access_token.unwrap().as_str(), "5m");
    assert!(verdict.workspace.insecure.is_true(), "password users and a self-signed certificate");
    assert!(verdict.workspace.ephemeral.is_true());
    let publication = verdict.publication.unwrap();
    assert!(publication.spec_in_force);
    assert_eq!(publication.own_signing_keys.len(), 2, "PS256 and ES256 are the profile's default");
}

#[test]
fn what_the_profile_forbids_is_refused_by_its_rule() {
    for (protocol, rule) in [
        (json!({"senderConstraints": ["DPoP"]}), "F1-R01"),
        (json!({"signingAlgorithms": ["EdDSA"]}), "F1-R03"),
        (json!({"responses": ["Code"]}), "F1-R04"),
        (json!({"lifetimes": {"requestObject": "2h"}}), "F1-R06"),
    ] {
        let verdict = validate(&found(workspace_with(&json!({"protocol": protocol})), Vec::new()));
        let accepted = &verdict.workspace.accepted;
        assert_eq!((accepted.status, accepted.reason), (Status::False, Reason::ProfileViolation), "{rule}");
        assert!(accepted.message.contains(rule), "{rule}: {}", accepted.message);
        assert!(verdict.publication.is_none(), "{rule} never reaches a server");
    }
    let narrower =
        json!({"protocol": {"signingAlgorithms": ["ES256"], "responses": ["CodeJarm", "CodeIdToken"]}});
    let verdict = validate(&found(workspace_with(&narrower), Vec::new()));
    assert!(verdict.workspace.accepted.is_true());
    assert_eq!(verdict.publication.unwrap().own_signing_keys, [fapi_jose::Alg::Es256]);
}

/// `F2-R01` to `F2-R07`, `MS-R02`: the two profiles of FAPI 2.0 are served, within their floors.
#[test]
fn fapi_2_is_accepted_with_what_it_allows_and_no_more() {
    for profile in ["FAPI2Security", "FAPI2MessageSigning"] {
        let said = |protocol: &serde_json::Value| {
            validate(&found(workspace_with(&json!({"profile": profile, "protocol": protocol})), Vec::new()))
        };
        let verdict = said(&json!({"senderConstraints": ["MTLS", "DPoP"], "dpopNonce": "Required"}));
        assert!(verdict.workspace.accepted.is_true(), "{profile}: {}", verdict.workspace.accepted.message);
        let effective = serde_json::to_value(verdict.workspace.effective.unwrap()).unwrap();
        assert_eq!(effective["senderConstraints"], json!(["MTLS", "DPoP"]));
        assert_eq!((&effective["dpopNonce"], &effective["pkce"]), (&json!("Required"), &json!("Required")));
        let publication = verdict.publication.unwrap();
        let keys = [fapi_jose::Alg::Es256, fapi_jose::Alg::Ps256, fapi_jose::Alg::EdDsa];
        assert_eq!(publication.own_signing_keys, keys, "KEY-04: one of each of the profile's algorithms");
        for (protocol, rule) in [
            (json!({"requestDelivery": "PushedOrByValue"}), "F2-R01"),
            (
                json!({"responses": ["CodeIdToken"]}),
                if profile == "FAPI2Security" { "F2-R02" } else { "MS-R02" },
            ),
            (json!({"pkce": "PushedOnly"}), "F2-R03"),
            (json!({"lifetimes": {"authorizationCode": "61s"}}), "F2-R05"),
            (json!({"refreshTokens": {"rotation": {"mode": "EachUse"}}}), "F2-R07"),
        ] {
            let accepted = said(&protocol).workspace.accepted;
            assert_eq!(accepted.reason, Reason::ProfileViolation, "{rule} {}", accepted.message);
            assert!(accepted.message.contains(rule), "{rule}: {}", accepted.message);
        }
    }
    let fintech = workspace_with(&json!({"protocol": {"dpopNonce": "Required"}}));
    let accepted = validate(&found(fintech, Vec::new())).workspace.accepted;
    assert!(accepted.message.contains("F1-R01"), "{}", accepted.message);
}

/// `REF-07`, `F2-R07`: replacement of refresh tokens has an end and a window, where the spec says so.
#[test]
fn rotation_ends_and_lets_clients_try_again_as_the_workspace_says() {
    let judged = |profile: &str, rotation: serde_json::Value| {
        let spec = json!({"profile": profile, "protocol": {"refreshTokens": {"rotation": rotation}}});
        validate(&found(workspace_with(&spec), Vec::new()))
    };
    let whole = json!({"mode": "EachUse", "until": "2030-01-01T00:00:00Z", "retryWindow": "5m"});
    for profile in ["Fintech", "FAPI2Security", "FAPI2MessageSigning"] {
        let verdict = judged(profile, whole.clone());
        let own = &verdict.workspace;
        assert!(own.accepted.is_true(), "REF-07, F2-R07 {}", own.accepted.message);
        let effective = own.effective.as_ref().unwrap().refresh_tokens.as_ref().unwrap();
        assert_eq!(json!(effective.rotation), whole, "what is in force is told");
        let said = verdict.document().protocol.refresh_tokens.clone().unwrap();
        assert_eq!(said.rotation_until.map(fapi_core::Timestamp::as_unix), Some(1_893_456_000));
        assert_eq!(said.retry_window, Some(fapi_core::Lifetime::minutes(5)));
    }
    let bare = json!({"mode": "EachUse"});
    assert!(judged("Fintech", bare.clone()).workspace.accepted.is_true(), "REF-07: free in this profile");
    for (profile, rotation, rule, said) in [
        ("FAPI2Security", bare, "F2-R07", "write until and retryWindow"),
        (
            "FAPI2Security",
            json!({"mode": "EachUse", "until": "2030-01-01T00:00:00Z"}),
            "F2-R07",
            "retryWindow",
        ),
        ("FAPI2Security", json!({"mode": "EachUse", "retryWindow": "5m"}), "F2-R07", "until"),
        ("Fintech", json!({"mode": "EachUse", "retryWindow": "0s"}), "REF-07", "write 1s to 1d"),
        ("Fintech", json!({"mode": "EachUse", "retryWindow": "25h"}), "REF-07", "write 1s to 1d"),
    ] {
        let verdict = judged(profile, rotation);
        let message = &verdict.workspace.accepted.message;
        assert!(message.contains(rule) && message.contains(said), "{rule}: {message}");
    }
}

/// `B-05`
#[test]
fn the_banks_links_are_published_and_open_pages_only() {
    let links = json!({
        "policyUri": "https://bank.example/privacy", "tosUri": "https://bank.example/terms",
        "supportUri": "https://bank.example/help",
    });
    let verdict = validate(&found(workspace_with(&json!({"ui": links})), Vec::new()));
    assert!(verdict.workspace.accepted.is_true(), "{}", verdict.workspace.accepted.message);
    assert_eq!(json!(verdict.document().ui), links);
    for field in ["policyUri", "tosUri", "supportUri"] {
        let verdict =
            validate(&found(workspace_with(&json!({"ui": {field: "https://u@bank.example"}})), Vec::new()));
        let accepted = &verdict.workspace.accepted;
        assert_eq!(accepted.reason, Reason::InvalidSpec, "B-05 {}", accepted.message);
        assert!(accepted.message.contains(&format!("ui.{field}: must be an https URL without user")), "B-05");
    }
}

#[test]
fn a_field_without_effect_is_refused_by_its_name() {
    let secret = json!({"name": "a", "key": "b"});
    for (spec, field) in [
        (json!({"profile": "OpenBankingBrazil"}), "profile"),
        (
            json!({"mtls": {"forwarded": {"dialect": "AwsAlb", "from": {"cidrs": ["10.0.0.0/8"], "sanDns": "p.example"}}}}),
            "mtls.forwarded.dialect",
        ),
        (json!({"protocol": {"encryption": {"content": ["A128CBC-HS256"]}}}), "A128CBC-HS256"),
        (json!({"protocol": {"encryption": {"keyManagement": ["ECDH-ES+A128KW"]}}}), "ECDH-ES+A128KW"),
        (json!({"registration": {"enabled": true}}), "registration"),
        (json!({"consent": {"maxDuration": "1h"}}), "consent"),
        (json!({"ui": {"theme": {"primaryColor": "#0b5fff"}}}), "ui.theme"),
        (json!({"ui": {"messages": [{"language": "en", "configMapRef": secret}]}}), "ui.messages"),
        (json!({"ui": {"templatesConfigMap": "pages"}}), "ui.templatesConfigMap"),
        (
            json!({"login": {"type": "External", "users": null, "external": {"url": "https://l.example", "jwksRef": secret}}}),
            "login.external",
        ),
        (
            json!({"login": {"type": "Upstream", "users": null, "upstream": {"issuer": "https://i.example", "clientId": "c", "keyRef": secret}}}),
            "login.upstream",
        ),
        (json!({"subjectSaltRef": secret}), "subjectSaltRef"),
    ] {
        let verdict = validate(&found(workspace_with(&spec), Vec::new()));
        let accepted = &verdict.workspace.accepted;
        assert_eq!((accepted.status, accepted.reason), (Status::False, Reason::NotYetSupported), "{spec}");
        assert!(accepted.message.contains(field), "{field}: {}", accepted.message);
    }
    assert_eq!(support::workspace(&workspace().spec), Vec::<&str>::new());
}

#[test]
fn a_spec_that_contradicts_itself_is_refused_although_the_api_server_let_it_in() {
    for (spec, reason, said) in [
        (
            json!({"issuer": "https://auth.bank.example/t1"}),
            Reason::InvalidIssuer,
            "issuer: an issuer is https://host",
        ),
        (json!({"mtls": {"port": 8443}}), Reason::InvalidSpec, "another host or another port"),
        (
            json!({"mtls": {"port": null, "host": "auth.bank.example"}}),
            Reason::InvalidSpec,
            "another host or another port",
        ),
        (json!({"mtls": {"host": "mtls.bank.example"}}), Reason::InvalidSpec, "exactly one of host and port"),
        (json!({"replicas": 2}), Reason::InvalidSpec, "SQLite serves one replica"),
        (json!({"scopes": [{"name": "a b"}]}), Reason::InvalidSpec, "scopes[0].name"),
        (
            json!({"resources": [{"identifier": "https://api.example", "scopes": ["nothing"]}]}),
            Reason::InvalidSpec,
            "resources[0].scopes",
        ),
        (
            json!({"protocol": {"lifetimes": {"jwksMaxAge": "30s"}}}),
            Reason::InvalidSpec,
            "jwksMaxAge: 30s is too short",
        ),
        (
            json!({"keys": {"rotation": {"interval": "30m", "prePublish": "1m"}}}),
            Reason::InvalidSpec,
            "keys.rotation.interval: 30m",
        ),
        (
            json!({"server": {"networkPolicy": {"ingressFrom": [{"podSelector": {}}, {}]}}}),
            Reason::InvalidSpec,
            "server.networkPolicy.ingressFrom[1]: write an ipBlock",
        ),
        (
            json!({"server": {"networkPolicy": {"egressTo": [{"ipBlock": {"cidr": "10.20.0.0"}}]}}}),
            Reason::InvalidSpec,
            "server.networkPolicy.egressTo[0].ipBlock.cidr: write address/length",
        ),
        (
            json!({"egress": {"allowedNetworks": ["10.2.0.0/16", "10.3.0.0"]}}),
            Reason::InvalidSpec,
            "egress.allowedNetworks[1]: write address/length",
        ),
    ] {
        let accepted = validate(&found(workspace_with(&spec), Vec::new())).workspace.accepted;
        assert_eq!(
            (accepted.status, accepted.reason),
            (Status::False, reason),
            "{spec}: {}",
            accepted.message
        );
        assert!(accepted.message.contains(said), "{said}: {}", accepted.message);
    }
}

#[test]
fn an_operator_with_lowered_floors_lets_short_waits_in_and_says_that_they_are_insecure() {
    let spec = json!({"protocol": {"lifetimes": {"jwksMaxAge": "2s"}}, "keys": {"rotation": {"interval": "30s", "prePublish": "5s"}}});
    let mut found = found(workspace_with(&spec), Vec::new());
    let second = fapi_core::Lifetime::seconds(1);
    found.floors = Floors {
        interval: second,
        jwks_max_age: second,
        margin: second,
        clock_skew: second,
        convergence: second,
    };
    let verdict = validate(&found);
    assert!(verdict.workspace.accepted.is_true(), "{}", verdict.workspace.accepted.message);
    assert!(verdict.workspace.insecure.message.contains("shortened waits"));
}

#[test]
fn a_wrong_spec_leaves_what_was_published_before_in_force() {
    let mut found = found(workspace(), vec![found_client(client("auth", "budget", &json!({})))]).published();
    found.workspace = workspace_with(&json!({"protocol": {"responses": ["Code"]}}));
    let verdict = validate(&found);
    assert_eq!(verdict.workspace.accepted.reason, Reason::ProfileViolation);
    assert_eq!(verdict.served(), ["auth.budget"]);
    let publication = verdict.publication.as_ref().unwrap();
    assert!(!publication.spec_in_force, "the pods stay as they are");

    let verdict = validate(&found.without("budget"));
    assert_eq!(verdict.served(), Vec::<&str>::new(), "a deleted Client is refused all the same");
}

#[test]
fn the_issuer_of_a_life_cannot_change() {
    let mut found = found(workspace(), Vec::new()).published();
    found.workspace = workspace_with(&json!({"issuer": "https://other.example"}));
    let verdict = validate(&found);
    assert!(verdict.workspace.accepted.message.contains("issuer: cannot change"));
    found.workspace.metadata.uid = Some("another".to_owned());
    assert!(validate(&found).workspace.accepted.is_true(), "another Workspace of the same name may");
}

#[test]
fn a_suspended_workspace_changes_nothing_but_what_is_taken_away() {
    let clients = ["budget", "savings"].map(|name| found_client(client("auth", name, &json!({}))));
    let mut found = found(workspace(), clients.into()).published();
    found.workspace = workspace_with(&json!({"suspend": true, "scopes": [{"name": "other"}]}));
    found.clients.push(found_client(client("auth", "new", &json!({}))));
    *found.client("savings") = found_client(client("auth", "savings", &json!({"enabled": false})));
    let verdict = validate(&found);
    assert!(verdict.workspace.suspended.as_ref().unwrap().is_true());
    assert_eq!(verdict.served(), ["auth.budget", "auth.savings"], "no new one");
    assert!(!verdict.client("savings").registration.as_ref().unwrap().enabled);
    assert_eq!(verdict.publication.as_ref().unwrap().document.scopes[0].name.as_str(), "accounts");
    assert_eq!(validate(&found.without("budget")).served(), ["auth.savings"]);
}

#[test]
fn what_a_workspace_refers_to_is_named_when_it_is_missing_or_wrong() {
    let spec = json!({
        "mtls": {"clientCa": {"configMapRef": {"name": "ecosystem", "key": "ca.pem"}}},
        "storage": {"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "db", "key": "url"}}},
        "tls": {"selfSigned": null, "secretName": "front"},
    });
    let mut found = found(workspace_with(&spec), Vec::new());
    found.references.users = Some(missing(Missing::SecretNotFound));
    found.references.client_ca = Some(missing(Missing::ConfigMapNotFound));
    found.references.tls = Some(missing(Missing::KeyNotFound));
    found.references.database_url = Some(value("mysql://canary"));
    let verdict = validate(&found);
    assert!(verdict.workspace.accepted.is_true(), "references are another condition");
    let refs = &verdict.workspace.resolved_refs;
    assert_eq!((refs.status, refs.reason), (Status::False, Reason::SecretNotFound));
    for said in [
        "Secret auth/people does not exist",
        "ConfigMap auth/ecosystem does not exist",
        "Secret auth/front key tls.crt does not exist",
        "Secret auth/db key url must be one line such as postgresql://",
    ] {
        assert!(refs.message.contains(said), "{said}: {}", refs.message);
    }
    assert!(!refs.message.contains("canary"), "K-10");
    assert!(verdict.publication.is_some(), "deletions still reach the pods");
}

#[test]
fn the_peoples_secret_is_read_before_it_is_mounted() {
    let mut found = found(workspace(), Vec::new());
    found.references.users = Some(value("alice: {sub: s1, password: canary}\n"));
    let verdict = validate(&found);
    let refs = &verdict.workspace.resolved_refs;
    assert_eq!(refs.reason, Reason::InvalidData);
    assert!(refs.message.starts_with("Secret auth/people key users.json line 1: "), "{}", refs.message);
    assert!(!refs.message.contains("canary"), "K-10");
    assert!(verdict.publication.unwrap().users.is_none(), "a broken file never reaches the server");
}

#[test]
fn trust_anchors_that_vanish_go_on_for_the_grace_and_no_longer() {
    let ca = ca_pem();
    let spec = json!({"mtls": {"clientCa": {"configMapRef": {"name": "ecosystem", "key": "ca.pem"}}}});
    let mut found = found(workspace_with(&spec), Vec::new());
    found.references.client_ca = Some(value(ca.clone()));
    let mut found = found.published();
    found.references.client_ca = Some(missing(Missing::ConfigMapNotFound));
    let kept = validate(&found);
    assert_eq!(kept.publication.as_ref().unwrap().client_ca.as_deref(), Some(ca.as_slice()));
    assert!(!kept.workspace.resolved_refs.is_true());

    let found = found.published().later(3599);
    assert!(validate(&found).publication.unwrap().client_ca.is_some());
    assert!(validate(&found.later(1)).publication.unwrap().client_ca.is_none());
}

/// `TL-10`: what is wrong is said with its object and key, and the last good lists go on; with none, none is delivered, and the
/// pods let nobody of the CA in.
#[test]
fn revocation_lists_are_read_before_they_are_published_and_the_last_good_ones_stay() {
    let ((ca, pem), (other, _)) = (ca(), ca());
    let mtls = json!({"clientCa": {"configMapRef": {"name": "ecosystem", "key": "ca.pem"}},
        "crl": {"configMapRef": {"name": "ecosystem", "key": "crl.pem"}}});
    let mut found = found(workspace_with(&json!({"mtls": &mtls})), Vec::new());
    found.references.client_ca = Some(value(pem));
    let judge = |found: &Found| {
        let verdict = validate(found);
        (verdict.workspace.resolved_refs, verdict.publication.unwrap().crl.unwrap())
    };

    found.references.crl = Some(value("no list"));
    let (refs, published) = judge(&found);
    assert_eq!(refs.reason, Reason::InvalidData, "TL-10: malformed");
    assert!(
        refs.message
            .starts_with("ConfigMap auth/ecosystem key crl.pem revocation list 1: there is text outside"),
        "{}",
        refs.message
    );
    assert!(published.is_empty(), "TL-10: they are asked for, and there are none");

    let good = crl(&ca, 2030);
    found.references.crl = Some(value(good.clone()));
    let (refs, published) = judge(&found);
    assert!(refs.is_true(), "{}", refs.message);
    assert_eq!(published, good.as_bytes(), "TL-10");

    let mut found = found.published();
    for (wrong, reason, said) in [
        (value("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----"), Reason::InvalidData, "RFC 5280"),
        (value(crl(&other, 2030)), Reason::InvalidData, "was not signed by it"),
        (missing(Missing::ConfigMapNotFound), Reason::ConfigMapNotFound, "does not exist"),
        (missing(Missing::KeyNotFound), Reason::KeyNotFound, "key crl.pem"),
    ] {
        found.references.crl = Some(wrong);
        let (refs, published) = judge(&found);
        assert_eq!(refs.reason, reason, "TL-10 {}", refs.message);
        assert!(refs.message.contains(said), "TL-10 {}", refs.message);
        assert_eq!(published, good.as_bytes(), "TL-10: the last good one stays");
    }
    let spec = json!({"suspend": true, "mtls": {"clientCa": mtls["clientCa"]}});
    let mut held = found.clone();
    held.workspace = workspace_with(&spec);
    held.references.crl = None;
    assert_eq!(judge(&held).1, good.as_bytes(), "TL-10: a suspended spec takes no revocation back");

    let ended = crl(&ca, 2025);
    found.references.crl = Some(value(ended.clone()));
    let (refs, published) = judge(&found);
    assert_eq!(refs.reason, Reason::Expired, "TL-10: visible in status");
    assert!(refs.message.contains("the revocation list of CN="), "{}", refs.message);
    assert_eq!(published, ended.as_bytes(), "what it says holds; who it speaks for is refused");
}

/// `TL-19`: nobody can ask for less than a verified database, and its authority travels to the pods.
#[test]
fn a_database_elsewhere_is_never_reached_without_verification() {
    let (_, pem) = ca();
    let spec = json!({"storage": {"type": "PostgreSQL", "sqlite": null, "postgresql": {
        "urlSecretRef": {"name": "database", "key": "url"},
        "caRef": {"configMapRef": {"name": "database-ca", "key": "ca.crt"}}}}});
    let judge = |url: &str, ca: crate::validate::Resolved| {
        let mut found = found(workspace_with(&spec), Vec::new());
        found.references.database_url = Some(value(url));
        found.references.database_ca = Some(ca);
        validate(&found).workspace.resolved_refs
    };
    for url in [
        "postgresql://u:p@db.example/d",
        "postgresql://u:p@db.example/d?sslmode=verify-full",
        "postgresql://u:p@127.0.0.1/d?sslmode=disable",
        "postgresql://u:p@localhost:5432/d?sslmode=disable&application_name=a",
    ] {
        let refs = judge(url, value(pem.clone()));
        assert!(refs.is_true(), "TL-19 {url} {}", refs.message);
    }
    for weaker in ["disable", "allow", "prefer", "require", "verify-ca"] {
        let url = format!("postgresql://u:canary@db.example/d?application_name=a&sslmode={weaker}");
        let refs = judge(&url, value(pem.clone()));
        assert_eq!(refs.reason, Reason::InvalidData, "TL-19 {weaker}");
        assert!(refs.message.contains("sslmode=verify-full") && !refs.message.contains("canary"), "TL-19");
    }
    let good = "postgresql://u:p@db.example/d";
    let refs = judge(good, value("no certificate"));
    assert_eq!(refs.reason, Reason::InvalidCertificate, "TL-19 {}", refs.message);
    assert!(refs.message.starts_with("ConfigMap auth/database-ca key ca.crt "), "{}", refs.message);
    assert_eq!(judge(good, missing(Missing::ConfigMapNotFound)).reason, Reason::ConfigMapNotFound, "TL-19");
}

/// `TL-01`: the proxy is named by its networks and its own certificate, which is checked against the anchors.
#[test]
fn a_proxy_travels_to_the_pods_as_it_was_named() {
    let spec = |dialect: &str, from: serde_json::Value| {
        let anchors = json!({"configMapRef": {"name": "ecosystem", "key": "ca.pem"}});
        json!({"mtls": {"clientCa": anchors, "forwarded": {"dialect": dialect, "from": from}}})
    };
    let judge = |spec: &serde_json::Value| validate(&found(workspace_with(spec), Vec::new()));
    let from = json!({"cidrs": ["10.0.0.0/8", "fd00::/8"], "sanUri": "spiffe://bank.example/proxy"});
    for dialect in ["Envoy", "HAProxy", "Nginx", "RFC9440", "Traefik"] {
        let verdict = judge(&spec(dialect, from.clone()));
        assert!(verdict.workspace.accepted.is_true(), "{}", verdict.workspace.accepted.message);
        let published = verdict.publication.unwrap().document.forwarded.unwrap();
        let expected = json!({"dialect": dialect, "networks": ["10.0.0.0/8", "fd00::/8"],
            "name": {"sanUri": "spiffe://bank.example/proxy"}});
        assert_eq!(serde_json::to_value(&published).unwrap(), expected, "TL-01");
    }
    for (from, said) in [
        (
            json!({"cidrs": ["10.0.0.0/33"], "sanDns": "p.example"}),
            "mtls.forwarded.from.cidrs[0]: a network is written as",
        ),
        (json!({"cidrs": ["10.0.0.0/8"], "sanDns": "*.example"}), "mtls.forwarded.from: sanDns must be"),
        (json!({"cidrs": ["10.0.0.0/8"]}), "set exactly one of sanDns and sanUri"),
    ] {
        let accepted = judge(&spec("Nginx", from)).workspace.accepted;
        assert!(accepted.message.contains(said), "TL-01 {}", accepted.message);
    }
    let unanchored = json!({"mtls": {"forwarded": {"dialect": "Nginx", "from": from}}});
    assert!(judge(&unanchored).workspace.accepted.message.contains("checked against mtls.clientCa"), "TL-01");
}

#[test]
fn a_server_certificate_must_be_rsa_in_time_and_name_both_doors() {
    let spec = json!({"tls": {"selfSigned": null, "secretName": "front"}, "mtls": {"port": null, "host": "mtls.bank.example"}});
    let judge = |pem: String| {
        let mut found = found(workspace_with(&spec), Vec::new());
        found.references.tls = Some(value(pem));
        let verdict = validate(&found).workspace;
        (verdict.resolved_refs, verdict.tls_not_after.is_some())
    };
    let both = ["auth.bank.example", "mtls.bank.example"];
    let rsa = || rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let (good, expiry) = judge(certificate(&both, 2027, &rsa()));
    assert!(good.is_true() && expiry, "{}", good.message);

    let (wrong, _) = judge(certificate(&both[..1], 2027, &rsa()));
    assert!(wrong.message.contains("must have mtls.bank.example among"), "{}", wrong.message);
    let (wrong, _) = judge(certificate(&both, 2027, &rcgen::KeyPair::generate().unwrap()));
    assert!(wrong.message.contains("must have an RSA key"), "{}", wrong.message);
    let (wrong, _) = judge(certificate(&both, 2025, &rsa()));
    assert_eq!(wrong.reason, Reason::Expired);
}

#[test]
fn a_key_line_must_fit_the_workspace() {
    for (key, reason) in [
        (signing_key("k", "PS256", &json!({})), Reason::Accepted),
        (signing_key("k", "EdDSA", &json!({})), Reason::ProfileViolation),
        (signing_key("k", "RSA-OAEP", &json!({"use": "enc"})), Reason::Accepted),
        (signing_key("k", "ECDH-ES+A256KW", &json!({"use": "enc"})), Reason::Accepted),
        (
            signing_key("k", "ES256", &json!({"import": {"secretRef": {"name": "a", "key": "b"}}})),
            Reason::Accepted,
        ),
        (
            signing_key(
                "k",
                "ES256",
                &json!({"rotation": {"windows": [{"days": ["Tue"], "start": "09:00", "duration": "1h"}]}}),
            ),
            Reason::Accepted,
        ),
        (
            signing_key(
                "k",
                "ES256",
                &json!({"rotation": {"windows": [{"days": ["Tue"], "start": "09:00", "duration": "1h", "timeZone": "CEST"}]}}),
            ),
            Reason::InvalidSpec,
        ),
        (
            signing_key("k", "ES256", &json!({"rotation": {"interval": "1m", "prePublish": "1s"}})),
            Reason::InvalidSpec,
        ),
    ] {
        let mut found = found(workspace(), Vec::new());
        found.signing_keys = vec![key];
        let verdict = validate(&found);
        assert_eq!(
            verdict.signing_keys[0].accepted.reason, reason,
            "{}",
            verdict.signing_keys[0].accepted.message
        );
    }
}

#[test]
fn an_algorithm_that_somebody_made_a_key_line_for_gets_no_second_one() {
    let mut found = found(workspace(), Vec::new());
    found.signing_keys =
        vec![signing_key("ours", "PS256", &json!({})), signing_key("retail-sig-es256", "ES256", &json!({}))];
    let publication = validate(&found).publication.unwrap();
    assert_eq!(publication.own_signing_keys, [fapi_jose::Alg::Es256], "its own stays its own");
    found.workspace = workspace_with(&json!({"keys": {"autoCreate": false}}));
    assert!(validate(&found).publication.unwrap().own_signing_keys.is_empty());
}

#[test]
fn no_line_is_made_because_a_cache_does_not_show_one_yet() {
    let mut lagging = found(workspace(), Vec::new());
    lagging.fresh = Fresh::No;
    assert!(validate(&lagging).wants_fresh_list);
    lagging.fresh = Fresh::Everywhere;
    assert!(!validate(&lagging).wants_fresh_list, "once is enough");

    lagging.fresh = Fresh::No;
    lagging.signing_keys =
        vec![signing_key("ours", "PS256", &json!({})), signing_key("retail-sig-es256", "ES256", &json!({}))];
    assert!(!validate(&lagging).wants_fresh_list, "nothing is about to be made");
}

fn ca_pem() -> Vec<u8> {
    ca().1
}

type Ca = rcgen::CertifiedIssuer<'static, rcgen::KeyPair>;

fn ca() -> (Ca, Vec<u8>) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = Ca::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let pem = ca.pem().into_bytes();
    (ca, pem)
}

/// An empty list of this CA, until the beginning of that year.
fn crl(ca: &Ca, until: i32) -> String {
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2024, 1, 1),
        next_update: rcgen::date_time_ymd(until, 1, 1),
        crl_number: rcgen::SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    list.signed_by(ca).unwrap().pem().unwrap()
}

pub(super) fn certificate(hosts: &[&str], until: i32, key: &rcgen::KeyPair) -> String {
    let mut params =
        rcgen::CertificateParams::new(hosts.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    params.self_signed(key).unwrap().pem()
}

const PAYMENT: &str = r#"{
    "type": "object",
    "properties": {"type": {"const": "payment"}, "amount": {"type": "string"}},
    "additionalProperties": false
}"#;

fn with_payments() -> Found {
    let types = json!([{"type": "payment", "schemaRef": {"name": "details", "key": "payment.json"}}]);
    let mut found = found(
        workspace_with(&json!({"authorizationDetailsTypes": types})),
        vec![found_client(client("auth", "budget", &json!({"authorizationDetailsTypes": ["payment"]})))],
    );
    found.references.details_types.insert("payment".to_owned(), value(PAYMENT));
    found
}

fn published_schema(verdict: &Verdict) -> Option<String> {
    let types = &verdict.publication.as_ref().unwrap().document.authorization_details_types;
    assert_eq!(types.len(), 1);
    types[0].schema.clone()
}

/// RAR-01, RAR-02.
#[test]
fn the_schema_of_a_type_is_read_and_travels_without_its_white_space() {
    let verdict = validate(&with_payments());
    assert!(verdict.workspace.accepted.is_true(), "{}", verdict.workspace.accepted.message);
    assert!(verdict.workspace.resolved_refs.is_true(), "{}", verdict.workspace.resolved_refs.message);
    assert!(verdict.client("budget").accepted.is_true(), "{}", verdict.client("budget").accepted.message);
    let compact: serde_json::Value = serde_json::from_str(PAYMENT).unwrap();
    assert_eq!(published_schema(&verdict), Some(compact.to_string()));
    let mut spaced = with_payments();
    spaced.references.details_types.insert("payment".to_owned(), value(format!("\n\n{PAYMENT}\n")));
    assert_eq!(
        published_schema(&validate(&spaced)),
        published_schema(&verdict),
        "another layout is no change"
    );
    let budget = &verdict.publication.unwrap().clients[0];
    assert_eq!(budget.authorization_details_types, ["payment"]);
}

/// RAR-02.
#[test]
fn a_type_that_the_workspace_does_not_have_is_refused_on_its_client() {
    let mut found = with_payments();
    found.client("budget").client.spec.authorization_details_types = vec!["payment".into(), "loan".into()];
    let verdict = validate(&found);
    let accepted = &verdict.client("budget").accepted;
    assert_eq!(accepted.reason, Reason::PolicyViolation);
    assert!(accepted.message.contains("authorizationDetailsTypes[1]"), "{}", accepted.message);
    let twice = json!({"authorizationDetailsTypes": [
        {"type": "payment", "schemaRef": {"name": "a", "key": "b"}},
        {"type": "payment", "schemaRef": {"name": "a", "key": "c"}},
    ]});
    let accepted = validate(&self::found(workspace_with(&twice), Vec::new())).workspace.accepted;
    assert_eq!(accepted.message, "authorizationDetailsTypes[1].type: is there twice");
}

/// RAR-01, H-13: what is wrong is said by object and key, with what to write.
#[test]
fn a_schema_that_cannot_be_used_is_named_with_what_to_write() {
    let open = r#"{"properties": {"type": {}}}"#;
    let outside =
        r#"{"properties": {"type": {}}, "additionalProperties": false, "$ref": "https://x.example/y"}"#;
    for (resolved, reason, said) in [
        (
            missing(Missing::ConfigMapNotFound),
            Reason::ConfigMapNotFound,
            "ConfigMap auth/details does not exist",
        ),
        (
            missing(Missing::KeyNotFound),
            Reason::KeyNotFound,
            "ConfigMap auth/details key payment.json does not exist",
        ),
        (
            value("{\n]"),
            Reason::InvalidData,
            "ConfigMap auth/details key payment.json line 2: malformed JSON",
        ),
        (value([0xff]), Reason::InvalidData, "ConfigMap auth/details key payment.json must be UTF-8"),
        (value(open), Reason::InvalidData, "write \"additionalProperties\": false"),
        (value(outside), Reason::InvalidData, "nothing is fetched: copy it into $defs"),
    ] {
        let mut found = with_payments();
        found.references.details_types.insert("payment".to_owned(), resolved);
        let verdict = validate(&found);
        let refs = &verdict.workspace.resolved_refs;
        assert_eq!((refs.status, refs.reason), (Status::False, reason), "{}", refs.message);
        assert!(refs.message.contains(said), "{said}: {}", refs.message);
        assert_eq!(published_schema(&verdict), None, "a broken schema never reaches the server");
        assert!(verdict.client("budget").accepted.is_true(), "and holds back no Client");
    }
}

#[test]
fn a_schema_that_vanishes_or_breaks_goes_on_for_the_grace_and_no_longer() {
    for broken in [missing(Missing::ConfigMapNotFound), value("{")] {
        let mut found = with_payments().published();
        found.references.details_types.insert("payment".to_owned(), broken);
        assert!(published_schema(&validate(&found)).is_some());
        let found = found.published().later(3599);
        assert!(published_schema(&validate(&found)).is_some());
        let mut found = found.later(1).published();
        assert_eq!(published_schema(&validate(&found)), None);
        found.references.details_types.insert("payment".to_owned(), value(PAYMENT));
        assert!(published_schema(&validate(&found)).is_some(), "and is back when it is");
    }
}

/// `H-13`: where the pods may go is said in the document, and nowhere else.
#[test]
fn a_workspace_names_the_networks_and_authorities_of_its_clients() {
    let plain = validate(&found(workspace(), Vec::new())).publication.unwrap().document;
    assert_eq!(plain.egress, fapi_config::Egress::default(), "H-13");

    let reference = json!({"configMapRef": {"name": "partners", "key": "ca.crt"}});
    let egress = json!({"egress": {"allowedNetworks": ["10.2.0.0/16"], "caRef": reference}});
    let mut found = found(workspace_with(&egress), Vec::new());
    let ca = ca_pem();
    found.references.egress_ca = Some(value(ca.clone()));
    let verdict = validate(&found);
    assert!(verdict.workspace.resolved_refs.is_true(), "{}", verdict.workspace.resolved_refs.message);
    let egress = verdict.publication.unwrap().document.egress;
    assert_eq!(egress.networks, ["10.2.0.0/16".parse().unwrap()]);
    assert_eq!(egress.authorities.as_deref().map(str::as_bytes), Some(ca.as_slice()));

    for (unfit, why) in [
        (missing(Missing::ConfigMapNotFound), "ConfigMap auth/partners does not exist"),
        (value(b"no certificate".to_vec()), "auth/partners"),
    ] {
        found.references.egress_ca = Some(unfit);
        let refs = validate(&found).workspace.resolved_refs;
        assert!(!refs.is_true() && refs.message.contains(why), "{}", refs.message);
    }
}

/// Kinds that a cluster may lack: the Workspace is served, and says what is missing and how to have it.
#[test]
fn what_the_cluster_lacks_is_told_and_the_rest_is_served() {
    use crate::optional::{Optional, Presence};
    let spec = json!({
        "tls": {"selfSigned": null, "issuerRef": {"name": "public"}},
        "exposure": {"gateway": {"parentRefs": [{"name": "edge"}]}},
        "server": {"metrics": {"serviceMonitor": true}},
    });
    let judged = |spec: &serde_json::Value, presence| {
        let mut found = found(workspace_with(spec), Vec::new());
        found.optional = Optional { certificates: presence, routes: presence, monitors: presence };
        validate(&found)
    };
    for (presence, said) in [
        (Presence::Off, "set integrations.certManager=true in its Helm chart"),
        (Presence::Absent, "the cluster has no cert-manager: install it"),
    ] {
        let verdict = judged(&spec, presence);
        assert!(verdict.workspace.accepted.is_true() && verdict.publication.is_some());
        let resolved = &verdict.workspace.resolved_refs;
        assert!(!resolved.is_true() && resolved.message.contains(said), "{}", resolved.message);
        for field in ["tls.issuerRef: ", "exposure.gateway: ", "server.metrics.serviceMonitor: "] {
            assert!(resolved.message.contains(field), "{}", resolved.message);
        }
        assert!(judged(&json!({}), presence).workspace.resolved_refs.is_true(), "nobody asked for it");
    }
    let waiting = judged(&spec, Presence::Present).workspace.resolved_refs;
    assert_eq!(waiting.reason, Reason::SecretNotFound);
    let said =
        "Secret auth/retail-tls-issued does not exist: cert-manager writes it once Issuer public has issued";
    assert!(waiting.message.contains(said), "{}", waiting.message);
}

#[test]
fn a_listener_is_chosen_by_port_where_the_doors_are() {
    let with = |parent: serde_json::Value, mtls: serde_json::Value| {
        let spec = json!({"mtls": mtls, "exposure": {"gateway": {"parentRefs": [{"name": "edge"}, parent]}}});
        validate(&found(workspace_with(&spec), Vec::new())).workspace.accepted
    };
    let (by_port, by_host) = (json!({"port": 9443}), json!({"port": null, "host": "mtls.bank.example"}));
    for chosen in [json!({"name": "e", "sectionName": "tls"}), json!({"name": "e", "port": 443})] {
        let refused = with(chosen.clone(), by_port.clone());
        assert!(
            refused.message.contains("exposure.gateway.parentRefs[1]: leave sectionName"),
            "{}",
            refused.message
        );
        assert!(with(chosen, by_host.clone()).is_true());
    }
    assert!(with(json!({"name": "e"}), by_port).is_true());
}
