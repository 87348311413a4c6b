use std::collections::BTreeMap;

use fapi_core::certificate::SubjectName;
use fapi_crds::Reason;
use fapi_crds::condition::Status;
use serde_json::json;

use super::workspaces::certificate;
use crate::fixture::{client, found, found_client, key, missing, value, workspace, workspace_with};
use crate::validate::{FoundClient, Missing, references, support, validate};

fn budget() -> FoundClient {
    found_client(client("auth", "budget", &json!({})))
}

#[test]
fn a_client_with_its_secret_is_accepted_and_published() {
    let verdict = validate(&found(workspace(), vec![budget()]));
    let budget = verdict.client("budget");
    assert!(budget.accepted.is_true() && budget.resolved_refs.is_true(), "{}", budget.accepted.message);
    assert_eq!(budget.client_id.as_ref().unwrap().as_str(), "auth.budget");
    let registration = budget.registration.as_ref().unwrap();
    assert_eq!(registration.redirect_uris, ["https://app.example/cb"]);
    assert_eq!(verdict.served(), ["auth.budget"]);
    assert_eq!(budget.facts.keys[0].kid.as_deref(), registration.auth.jwks.as_ref().unwrap().keys()[0].kid());
    assert_eq!(budget.facts.secrets[0].resource_version, "1");
}

#[test]
fn redirect_uris_are_counted_and_hashed_and_never_listed() {
    let mut found = found(workspace(), vec![budget()]);
    found.client("budget").secrets.insert(
        key("app", "redirect-uris"),
        value("https://b.example\nhttps://a.example\nhttps://b.example\n"),
    );
    let verdict = validate(&found);
    let facts = &verdict.client("budget").facts;
    let status = facts.redirect_uris.as_ref().unwrap();
    assert_eq!(status.count, 2);
    assert!(!format!("{facts:?}").contains(".example"), "K-11");
    found
        .client("budget")
        .secrets
        .insert(key("app", "redirect-uris"), value("[\"https://a.example\",\"https://b.example\"]"));
    assert_eq!(
        validate(&found).client("budget").facts.redirect_uris.as_ref(),
        Some(status),
        "order and form do not matter"
    );
}

#[test]
fn a_missing_reference_is_named_and_holds_back_nobody_else() {
    for (outcome, reason, said) in [
        (missing(Missing::SecretNotFound), Reason::SecretNotFound, "Secret auth/app does not exist"),
        (
            missing(Missing::KeyNotFound),
            Reason::KeyNotFound,
            "Secret auth/app key redirect-uris does not exist",
        ),
        (missing(Missing::NotLabelled), Reason::NotLabelled, "label it fapi.rs/client-credentials: \"true\""),
        (
            value("https://a.example/\nhttp://canary.example/"),
            Reason::InvalidRedirectUri,
            "key redirect-uris line 2: must use https",
        ),
        (value(vec![0xff, 0xfe]), Reason::InvalidRedirectUri, "must be UTF-8 text"),
    ] {
        let mut found =
            found(workspace(), vec![budget(), found_client(client("auth", "savings", &json!({})))]);
        found.client("budget").secrets.insert(key("app", "redirect-uris"), outcome);
        let verdict = validate(&found);
        let budget = verdict.client("budget");
        assert_eq!((budget.resolved_refs.status, budget.resolved_refs.reason), (Status::False, reason));
        assert!(budget.resolved_refs.message.contains(said), "{}", budget.resolved_refs.message);
        assert!(!budget.resolved_refs.message.contains("canary"), "K-10");
        assert_eq!((budget.accepted.status, budget.accepted.reason), (Status::Unknown, Reason::Pending));
        assert_eq!(verdict.served(), ["auth.savings"]);
    }
}

#[test]
fn a_wrong_uri_in_the_spec_is_named_by_its_index() {
    let spec = json!({"redirectUris": {"from": null, "values": ["https://a.example", "http://app.example"]}});
    let verdict = validate(&found(workspace(), vec![found_client(client("auth", "budget", &spec))]));
    let accepted = &verdict.client("budget").accepted;
    assert_eq!(
        (accepted.reason, accepted.message.as_str()),
        (Reason::InvalidRedirectUri, "redirectUris.values[1]: must use https")
    );
}

#[test]
fn what_the_profile_or_the_workspace_does_not_offer_is_refused() {
    for (spec, reason, said) in [
        (json!({"senderConstraint": "DPoP"}), Reason::ProfileViolation, "F1-R01"),
        (json!({"auth": {"signingAlgorithms": ["EdDSA"]}}), Reason::ProfileViolation, "F1-R03"),
        (json!({"scopes": ["payments"]}), Reason::PolicyViolation, "scopes[0]"),
        (json!({"resources": ["https://api.example"]}), Reason::PolicyViolation, "resources[0]"),
        (json!({"lifetimes": {"accessToken": "1h"}}), Reason::PolicyViolation, "lifetimes.accessToken"),
        (
            json!({"auth": {"method": "tls_client_auth", "jwksRef": null, "tls": {"sanDns": "app.example"}}}),
            Reason::PolicyViolation,
            "mtls.clientCa",
        ),
    ] {
        let verdict = validate(&found(workspace(), vec![found_client(client("auth", "budget", &spec))]));
        let budget = verdict.client("budget");
        assert_eq!(budget.accepted.reason, reason, "{}", budget.accepted.message);
        assert!(budget.accepted.message.contains(said), "{}", budget.accepted.message);
        assert!(budget.registration.is_none());
    }
}

/// `PAR-13`
#[test]
fn a_client_may_require_pushed_requests_of_itself_where_they_are_taken() {
    let strict = json!({"requirePushedAuthorizationRequests": true});
    let clients = || {
        vec![
            found_client(client("auth", "budget", &strict)),
            found_client(client("auth", "ledger", &json!({}))),
        ]
    };
    let both = workspace_with(&json!({"protocol": {"requestDelivery": "PushedOrByValue"}}));
    let verdict = validate(&found(both, clients()));
    for (name, said) in [("budget", true), ("ledger", false)] {
        let registration = verdict.client(name).registration.as_ref().unwrap();
        assert_eq!(registration.require_pushed_authorization_requests, said, "PAR-13 {name}");
    }
    let none = workspace_with(&json!({"protocol": {"requestDelivery": "ByValueOnly"}}));
    let verdict = validate(&found(none, clients()));
    let accepted = &verdict.client("budget").accepted;
    assert_eq!(accepted.reason, Reason::PolicyViolation, "{}", accepted.message);
    assert!(accepted.message.contains("requestDelivery to PushedOrByValue"), "{}", accepted.message);
    assert_eq!(verdict.served(), ["auth.ledger"]);
}

/// `DPO-13`: each client of a FAPI 2.0 Workspace is bound as it says, or as the Workspace says first.
#[test]
fn a_client_of_fapi_2_is_bound_to_keys_or_to_its_certificate() {
    use fapi_core::profile::SenderConstraint::Certificate;
    let clients = [("budget", json!({})), ("ledger", json!({"senderConstraint": "MTLS"}))]
        .map(|(name, spec)| found_client(client("auth", name, &spec)));
    let verdict = validate(&found(workspace_with(&json!({"profile": "FAPI2Security"})), clients.into()));
    for (name, said) in [("budget", None), ("ledger", Some(Certificate))] {
        let client = verdict.client(name);
        assert!(client.accepted.is_true(), "{name}: {}", client.accepted.message);
        assert_eq!(client.registration.as_ref().unwrap().sender_constraint, said, "{name}");
    }
    let signed = found_client(client("auth", "budget", &json!({"responses": ["CodeJarm"]})));
    let both = json!({"profile": "FAPI2Security", "protocol": {"responses": ["Code", "CodeJarm"]}});
    let verdict = validate(&found(workspace_with(&both), vec![signed.clone()]));
    let registration = verdict.client("budget").registration.as_ref().unwrap();
    assert_eq!(registration.responses, Some(vec![fapi_core::profile::Response::CodeJarm]));
    let verdict = validate(&found(workspace_with(&json!({"profile": "FAPI2Security"})), vec![signed]));
    assert!(verdict.client("budget").accepted.message.contains("responses[0]: CodeJarm is not offered"));

    let narrowed = json!({"profile": "FAPI2Security", "protocol": {"senderConstraints": ["MTLS"]}});
    let keyed = found_client(client("auth", "budget", &json!({"senderConstraint": "DPoP"})));
    let verdict = validate(&found(workspace_with(&narrowed), vec![keyed]));
    assert!(verdict.client("budget").accepted.message.contains("F2-R06"), "F2-R06");
}

/// `LGO-03`: from the spec and from Secrets, as redirect URIs are.
#[test]
fn addresses_after_signing_out_are_read_like_redirect_uris() {
    let judged = |value: &str| {
        let spec = json!({"postLogoutRedirectUris": {"values": [value, value]}});
        let verdict = validate(&found(workspace(), vec![found_client(client("auth", "budget", &spec))]));
        verdict.client("budget").clone()
    };
    let good = judged("https://app.example/out");
    assert!(good.accepted.is_true(), "{}", good.accepted.message);
    assert_eq!(good.registration.unwrap().post_logout_redirect_uris, ["https://app.example/out"], "LGO-03");
    for wrong in ["http://app.example/out", "https://app.example/*", "https://app.example/#x"] {
        let refused = judged(wrong).accepted;
        assert_eq!(refused.reason, Reason::InvalidRedirectUri, "LGO-03 {wrong}");
        assert!(refused.message.contains("postLogoutRedirectUris.values[0]"), "{}", refused.message);
    }
    let spec = json!({"postLogoutRedirectUris": {"from": [{"name": "uris", "key": "out"}]}});
    let refs = references(&client("auth", "budget", &spec));
    assert!(refs.iter().any(|reference| reference.name == "uris"), "a change of it wakes the Workspace");
}

/// `RO-12`: what a client is to encrypt with, the Workspace must have a key for.
#[test]
fn a_client_that_encrypts_its_requests_needs_a_key_of_the_workspace() {
    use crate::fixture::signing_key;
    let pair = json!({"requestObject": {"encryption": {"algorithm": "RSA-OAEP", "content": "A256GCM"}}});
    let judged = |keys: Vec<fapi_crds::SigningKey>, spec: &serde_json::Value| {
        let mut found = found(workspace(), vec![found_client(client("auth", "budget", spec))]);
        found.signing_keys = keys;
        let verdict = validate(&found);
        let budget = verdict.client("budget");
        (budget.accepted.reason, budget.accepted.message.clone())
    };
    let line = |algorithm| signing_key("enc", algorithm, &json!({"use": "enc"}));
    let (reason, message) = judged(vec![line("RSA-OAEP")], &pair);
    assert_eq!(reason, Reason::Accepted, "{message}");
    for keys in [Vec::new(), vec![line("RSA-OAEP-256")]] {
        let (reason, message) = judged(keys, &pair);
        assert_eq!(reason, Reason::PolicyViolation, "RO-12: {message}");
        assert!(message.contains("make a SigningKey with algorithm RSA-OAEP and use: enc"), "{message}");
    }
    let (reason, message) = judged(Vec::new(), &json!({"requestObject": {"signingAlgorithm": "PS256"}}));
    assert_eq!(reason, Reason::Accepted, "{message}");
}

#[test]
fn a_field_without_effect_is_refused_by_its_name() {
    for (spec, field) in [
        (json!({"grantTypes": ["ciba"]}), "ciba"),
        (json!({"sectorIdentifierUri": "https://a.example"}), "sectorIdentifierUri"),
        (json!({"output": {"configMap": {"name": "a"}}}), "output.configMap"),
        (
            json!({"idToken": {"encryption": {"algorithm": "ECDH-ES+A128KW", "content": "A256GCM"}}}),
            "idToken.encryption",
        ),
    ] {
        let verdict = validate(&found(workspace(), vec![found_client(client("auth", "budget", &spec))]));
        let accepted = &verdict.client("budget").accepted;
        assert_eq!(
            (accepted.status, accepted.reason),
            (Status::False, Reason::NotYetSupported),
            "{field}: {}",
            accepted.message
        );
        assert!(accepted.message.contains(field), "{field}: {}", accepted.message);
    }
    assert_eq!(support::client(&budget().client.spec), Vec::<&str>::new());
}

#[test]
fn a_client_id_belongs_to_its_namespace() {
    for (id, good) in [
        ("budget", true),
        ("auth.anything", true),
        ("urn:budget:1", true),
        ("other.budget", false),
        ("dyn-1", false),
        ("a b", false),
    ] {
        let verdict = validate(&found(
            workspace(),
            vec![found_client(client("auth", "budget", &json!({"clientId": id})))],
        ));
        let accepted = &verdict.client("budget").accepted;
        assert_eq!(accepted.is_true(), good, "{id}: {}", accepted.message);
        assert!(good || accepted.reason == Reason::InvalidClientId, "{id}");
    }
    let long = "x".repeat(253);
    let verdict = validate(&found(workspace(), vec![found_client(client("auth", &long, &json!({})))]));
    assert_eq!(verdict.clients[0].accepted.reason, Reason::InvalidClientId);
}

#[test]
fn a_namespace_attaches_clients_only_where_the_workspace_admits_it() {
    let foreign = |labels: Option<BTreeMap<String, String>>| FoundClient {
        namespace_labels: labels,
        ..found_client(client("budget", "app", &json!({})))
    };
    let tenant = BTreeMap::from([("tenant".to_owned(), "retail".to_owned())]);
    let selector = json!({"from": "Selector", "selector": {"matchExpressions": [{"key": "tenant", "operator": "In", "values": ["retail"]}]}});
    for (allowed, labels, good) in [
        (json!({}), Some(tenant.clone()), false),
        (json!({"from": "All"}), None, true),
        (selector.clone(), Some(tenant.clone()), true),
        (selector.clone(), Some(BTreeMap::new()), false),
        (selector, None, false),
    ] {
        let verdict =
            validate(&found(workspace_with(&json!({"allowedClients": allowed})), vec![foreign(labels)]));
        let app = verdict.client("app");
        assert_eq!(app.accepted.is_true(), good, "K-02 {allowed}: {}", app.accepted.message);
        if !good {
            assert_eq!(app.accepted.reason, Reason::NotAllowedByWorkspace, "K-02");
            assert!(app.facts.secrets.is_empty(), "its Secrets are not even looked at");
            assert!(app.registration.is_none());
        }
    }
}

#[test]
fn the_oldest_of_two_clients_gets_the_id_and_keeps_it() {
    let named = |name: &str, created: &str| {
        let mut client = client("auth", name, &json!({"clientId": "shared"}));
        client.metadata.creation_timestamp = Some(serde_json::from_value(json!(created)).unwrap());
        found_client(client)
    };
    let (older, newer) = (named("zebra", "2025-01-01T00:00:00Z"), named("ant", "2025-06-01T00:00:00Z"));
    let verdict = validate(&found(workspace(), vec![older.clone(), newer.clone()]));
    assert!(verdict.client("zebra").accepted.is_true(), "K-03");
    let loser = &verdict.client("ant").accepted;
    assert_eq!(loser.reason, Reason::ClientIdConflict);
    assert!(loser.message.contains("Client auth/zebra"), "{}", loser.message);

    let mut published = found(workspace(), vec![newer.clone()]).published();
    published.clients.push(older);
    let verdict = validate(&published);
    assert!(verdict.client("ant").accepted.is_true(), "K-03: whoever is published keeps the id");
    assert_eq!(verdict.client("zebra").accepted.reason, Reason::ClientIdConflict);
}

#[test]
fn another_namespaces_client_is_not_named() {
    let spec = json!({"clientId": "shared"});
    let workspace = workspace_with(&json!({"allowedClients": {"from": "All"}}));
    let clients =
        vec![found_client(client("auth", "budget", &spec)), found_client(client("tenant", "app", &spec))];
    let verdict = validate(&found(workspace, clients));
    let loser = &verdict.client("app").accepted;
    assert_eq!(loser.reason, Reason::ClientIdConflict);
    assert!(!loser.message.contains("budget"), "K-11 {}", loser.message);
}

#[test]
fn a_client_that_is_not_admitted_takes_nobodys_id() {
    let mut intruder = client("tenant", "app", &json!({"clientId": "shared"}));
    intruder.metadata.creation_timestamp =
        Some(serde_json::from_value(json!("2020-01-01T00:00:00Z")).unwrap());
    let clients =
        vec![found_client(intruder), found_client(client("auth", "budget", &json!({"clientId": "shared"})))];
    assert!(validate(&found(workspace(), clients)).client("budget").accepted.is_true(), "K-03");
}

#[test]
fn a_disabled_client_is_refused_and_keeps_its_registration() {
    let disabled = found_client(client("auth", "budget", &json!({"enabled": false})));
    let verdict = validate(&found(workspace(), vec![disabled.clone()]));
    let budget = verdict.client("budget");
    assert_eq!((budget.accepted.status, budget.accepted.reason), (Status::True, Reason::Disabled));
    assert!(!budget.registration.as_ref().unwrap().enabled);

    let mut found = found(workspace(), vec![budget_with_grace()]).published();
    *found.client("budget") = disabled;
    found.client("budget").secrets.clear();
    assert!(
        !validate(&found).client("budget").registration.as_ref().unwrap().enabled,
        "at once, grace or not"
    );
}

fn budget_with_grace() -> FoundClient {
    budget()
}

#[test]
fn a_secret_that_vanishes_or_breaks_is_forgiven_for_the_grace_and_no_longer() {
    for broken in
        [missing(Missing::SecretNotFound), missing(Missing::KeyNotFound), value("{\"keys\":"), value("{}")]
    {
        let mut found = found(workspace(), vec![budget()]).published();
        found.client("budget").secrets.insert(key("app", "jwks.json"), broken);
        let verdict = validate(&found);
        let refs = &verdict.client("budget").resolved_refs;
        assert_eq!((refs.status, refs.reason), (Status::False, Reason::StaleSecret), "{}", refs.message);
        assert!(refs.message.contains("goes on until 2026-01-01T01:00:00Z"), "{}", refs.message);
        assert_eq!(verdict.served(), ["auth.budget"]);

        let found = found.published().later(3599);
        assert_eq!(validate(&found).served(), ["auth.budget"]);
        let found = found.published().later(1);
        let verdict = validate(&found);
        assert_eq!(verdict.served(), Vec::<&str>::new());
        assert_ne!(verdict.client("budget").resolved_refs.reason, Reason::StaleSecret);

        let mut found = found.published();
        found.client("budget").secrets = budget().secrets;
        let verdict = validate(&found);
        assert_eq!(verdict.served(), ["auth.budget"], "a Secret that comes back is served at once");
        assert!(
            verdict.publication.unwrap().ledger.clients.values().all(|entry| entry.failing_since.is_none())
        );
    }
}

#[test]
fn a_secret_that_lost_its_label_or_grew_weak_acts_at_once() {
    let weak =
        format!(r#"{{"keys":[{{"kty":"RSA","e":"AQAB","n":"{}"}}]}}"#, fapi_jose::b64::encode([0xff; 128]));
    for (outcome, reason) in
        [(missing(Missing::NotLabelled), Reason::NotLabelled), (value(weak), Reason::WeakKey)]
    {
        let mut found = found(workspace(), vec![budget()]).published();
        found.client("budget").secrets.insert(key("app", "jwks.json"), outcome);
        let verdict = validate(&found);
        assert_eq!(verdict.client("budget").resolved_refs.reason, reason);
        assert_eq!(verdict.served(), Vec::<&str>::new(), "KEY-03");
    }
}

#[test]
fn a_wrong_edit_leaves_the_last_good_registration_for_the_grace() {
    let mut found = found(workspace(), vec![budget()]).published();
    found.client("budget").client = client("auth", "budget", &json!({"scopes": ["payments"]}));
    let verdict = validate(&found);
    let accepted = &verdict.client("budget").accepted;
    assert_eq!(accepted.reason, Reason::PolicyViolation);
    assert!(accepted.message.contains("what was published before goes on until"), "{}", accepted.message);
    assert_eq!(verdict.served(), ["auth.budget"]);
    assert_eq!(validate(&found.published().later(3600)).served(), Vec::<&str>::new());
}

#[test]
fn a_workspace_that_narrows_refuses_at_once_what_no_longer_fits() {
    let mut found =
        found(workspace(), vec![found_client(client("auth", "budget", &json!({"scopes": ["accounts"]})))])
            .published();
    found.workspace = workspace_with(&json!({"scopes": [{"name": "payments"}]}));
    let verdict = validate(&found);
    assert_eq!(verdict.client("budget").accepted.reason, Reason::PolicyViolation);
    assert_eq!(verdict.served(), Vec::<&str>::new(), "the last good registration does not fit either");
}

#[test]
fn certificates_are_registered_by_thumbprint_and_expired_ones_left_out() {
    let key_pair = rcgen::KeyPair::generate().unwrap();
    let (old, new) = (certificate(&["a"], 2025, &key_pair), certificate(&["b"], 2030, &key_pair));
    let spec = json!({"auth": {"method": "self_signed_tls_client_auth", "jwksRef": null,
        "certificateRefs": [{"name": "app", "key": "tls.pem"}]}});
    let workspace =
        workspace_with(&json!({"protocol": {"clientAuthentication": ["self_signed_tls_client_auth"]}}));
    let mut found = found(workspace, vec![found_client(client("auth", "budget", &spec))]);
    let mut judge = |pem: String| {
        found.client("budget").secrets.insert(key("app", "tls.pem"), value(pem));
        validate(&found).client("budget").clone()
    };
    let renewed = judge(format!("{old}{new}"));
    assert!(renewed.resolved_refs.is_true(), "{}", renewed.resolved_refs.message);
    let registered = &renewed.registration.as_ref().unwrap().auth.certificates;
    assert_eq!(registered.len(), 1);
    assert_eq!(renewed.facts.keys[0].thumbprint.as_ref(), registered.first());
    assert_eq!(renewed.facts.earliest_expiry.as_ref().unwrap().0.to_string(), "2030-01-01T00:00:00Z");
    assert_eq!(renewed.certificate_expiring.unwrap().status, Status::False);

    let expired = judge(old);
    assert_eq!(expired.resolved_refs.reason, Reason::Expired);
    assert!(
        expired.resolved_refs.message.ends_with("expired on 2025-01-01T00:00:00Z"),
        "{}",
        expired.resolved_refs.message
    );
    let private = judge(format!("{new}{}", key_pair.serialize_pem()));
    assert_eq!(private.resolved_refs.reason, Reason::InvalidCertificate);
    assert!(
        private.resolved_refs.message.contains("key tls.pem certificate 2: the PEM block is a private key"),
        "{}",
        private.resolved_refs.message
    );
    let soon = {
        let mut params = rcgen::CertificateParams::new(vec!["c".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 20);
        judge(params.self_signed(&key_pair).unwrap().pem())
    };
    assert!(soon.certificate_expiring.unwrap().is_true());
}

#[test]
fn the_subject_of_a_referenced_certificate_is_the_name_that_counts() {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "budget app");
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    let pem = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
    let spec = json!({"auth": {"method": "tls_client_auth", "jwksRef": null, "tls": {"certificateRef": {"name": "app", "key": "tls.pem"}}}});
    let workspace =
        workspace_with(&json!({"mtls": {"clientCa": {"configMapRef": {"name": "ca", "key": "ca.pem"}}}}));
    let mut found = found(workspace, vec![found_client(client("auth", "budget", &spec))]);
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    found.references.client_ca =
        Some(value(ca.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()));
    found.client("budget").secrets.insert(key("app", "tls.pem"), value(pem));
    let verdict = validate(&found);
    let budget = verdict.client("budget");
    assert!(budget.accepted.is_true(), "{}", budget.accepted.message);
    let name = budget.registration.as_ref().unwrap().auth.tls.clone();
    assert_eq!(name, Some(SubjectName::SubjectDn("CN=budget app".to_owned())), "MTL-01");
}

#[test]
fn a_client_may_keep_its_keys_at_a_url() {
    let spec = json!({"auth": {"jwksRef": null, "jwksUri": "https://app.example/jwks"}});
    let verdict = validate(&found(workspace(), vec![found_client(client("auth", "budget", &spec))]));
    let auth = &verdict.client("budget").registration.as_ref().unwrap().auth;
    assert_eq!(auth.jwks_uri.as_deref(), Some("https://app.example/jwks"), "KEY-08");
}

#[test]
fn a_client_may_be_told_that_somebody_signed_out() {
    let judged = |uri: &str| {
        let spec = json!({"backchannelLogoutUri": uri});
        let verdict = validate(&found(workspace(), vec![found_client(client("auth", "budget", &spec))]));
        let budget = verdict.client("budget");
        let registered = budget.registration.as_ref().and_then(|it| it.backchannel_logout_uri.clone());
        (registered, budget.accepted.message.clone())
    };
    let (registered, message) = judged("https://app.example/signed-out?from=bank");
    assert_eq!(registered.as_deref(), Some("https://app.example/signed-out?from=bank"), "LGO-06 {message}");
    for wrong in
        ["http://app.example/", "https://app.example/#top", "https://u:p@app.example/", "app.example"]
    {
        let (registered, message) = judged(wrong);
        assert_eq!(registered, None, "LGO-06 {wrong}");
        assert!(message.contains("backchannelLogoutUri: must be an https URL"), "{message}");
    }
}

#[test]
fn every_secret_a_client_refers_to_is_listed_once() {
    let spec = json!({"auth": {"certificateRefs": [{"name": "a", "key": "1"}, {"name": "a", "key": "1"}]}});
    let names: Vec<String> = references(&client("auth", "x", &spec))
        .into_iter()
        .map(|r| format!("{}/{}", r.name, r.key))
        .collect();
    assert_eq!(names, ["a/1", "app/jwks.json", "app/redirect-uris"]);
}

#[test]
fn when_the_document_is_full_the_newest_are_refused_and_the_others_served() {
    let big: Vec<String> =
        (0..250).map(|index| format!("https://app.example/{index:04}/{}", "x".repeat(1990))).collect();
    let one = |name: &str, created: &str| {
        let mut client = client("auth", name, &json!({}));
        client.metadata.creation_timestamp = Some(serde_json::from_value(json!(created)).unwrap());
        let mut found = found_client(client);
        found.secrets.insert(key("app", "redirect-uris"), value(big.join("\n")));
        found
    };
    let workspace = workspace_with(&json!({"config": {"clientShards": 1}}));
    let old = one("old", "2025-01-01T00:00:00Z");
    let verdict = validate(&found(workspace.clone(), vec![one("new", "2025-02-01T00:00:00Z"), old.clone()]));
    assert_eq!(verdict.served(), ["auth.old"]);
    assert_eq!(verdict.client("new").accepted.reason, Reason::CapacityExceeded);

    let mut found = found(workspace, vec![one("new", "2025-02-01T00:00:00Z")]).published();
    found.clients.push(old);
    assert_eq!(validate(&found).served(), ["auth.new"], "who is served goes on");
}
