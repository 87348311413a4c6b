//! What a Workspace can get wrong by itself.

use serde_json::{Value, json};

use crate::support::{accepts, accepts_update, refuses, refuses_update, with, with_spec, workspace};

#[test]
fn the_least_workspace_is_accepted() {
    accepts(&workspace());
}

#[test]
fn a_name_is_a_label_that_its_services_can_bear() {
    let named = |name: &str| with(workspace(), &json!({"metadata": {"name": name}}));
    for name in ["r", "retail-2", &"r".repeat(40)] {
        accepts(&named(name));
    }
    for name in ["2retail", "retail.eu", "retail-", &"r".repeat(41)] {
        refuses(&named(name), "at most 40 characters: a letter first");
    }
}

/// INV-13: one way to write an issuer.
#[test]
fn an_issuer_is_a_host_and_perhaps_a_port() {
    let issued_by = |issuer: &str| with_spec(workspace(), json!({"issuer": issuer}));
    for issuer in [
        "https://auth.bank.example",
        "https://auth.bank.example:8443",
        "https://localhost:1024",
        "https://a:65535",
        "https://127.0.0.1:9443",
    ] {
        accepts(&issued_by(issuer));
    }
    for issuer in [
        "http://auth.bank.example",
        "https://auth.bank.example/",
        "https://auth.bank.example/path",
        "https://auth.bank.example?x",
        "https://auth.bank.example#x",
        "https://Auth.bank.example",
        "https://user@auth.bank.example",
        "https://auth..example",
        "https://auth.bank.example:0",
        "https://auth.bank.example:65536",
        "https://auth.bank.example:",
        "https://auth.bank.example\n",
    ] {
        refuses(&issued_by(issuer), "https://host or https://host:port");
    }
    refuses(&issued_by("https://auth.bank.example:443"), "leave it out");
    refuses(&issued_by(&format!("https://{}", "a".repeat(248))), "at most 255");
}

#[test]
fn issuer_and_profile_never_change_and_the_rest_may() {
    let old = workspace();
    refuses_update(
        &old,
        &with_spec(old.clone(), json!({"issuer": "https://other.bank.example"})),
        "the issuer cannot change",
    );
    refuses_update(
        &old,
        &with_spec(old.clone(), json!({"profile": "FAPI2Security"})),
        "the profile cannot change",
    );
    accepts_update(&old, &with_spec(old.clone(), json!({"suspend": true, "mtls": {"port": 9444}})));
}

#[test]
fn the_six_profiles_are_accepted_and_no_other() {
    for profile in [
        "Fintech",
        "OpenBankingUK",
        "OpenBankingBrazil",
        "CDRAustralia",
        "FAPI2Security",
        "FAPI2MessageSigning",
    ] {
        accepts(&with_spec(workspace(), json!({"profile": profile})));
    }
    refuses(
        &with_spec(workspace(), json!({"profile": "Custom"})),
        "spec.profile: Custom is not one of Fintech",
    );
}

#[test]
fn the_back_door_has_a_host_or_a_port() {
    let door = |mtls: Value| with_spec(with_spec(workspace(), json!({"mtls": null})), json!({"mtls": mtls}));
    accepts(&door(json!({"host": "mtls.auth.bank.example"})));
    accepts(&door(json!({"port": 8444})));
    refuses(&door(json!({})), "exactly one of mtls.host");
    refuses(&door(json!({"host": "mtls.auth.bank.example", "port": 8444})), "exactly one of mtls.host");
    refuses(&with_spec(workspace(), json!({"mtls": null})), "spec.mtls: is required");
}

#[test]
fn a_certificate_comes_from_one_place() {
    let served_with =
        |tls: Value| with_spec(with_spec(workspace(), json!({"tls": null})), json!({"tls": tls}));
    for tls in
        [json!({"secretName": "s"}), json!({"issuerRef": {"name": "public-ca"}}), json!({"selfSigned": {}})]
    {
        accepts(&served_with(tls.clone()));
        accepts(&with_spec(workspace(), json!({"mtls": {"tls": tls}})));
    }
    for tls in [
        json!({}),
        json!({"secretName": "s", "selfSigned": {}}),
        json!({"issuerRef": {"name": "i"}, "selfSigned": {}}),
    ] {
        refuses(&served_with(tls.clone()), "exactly one of secretName, issuerRef and selfSigned");
        refuses(
            &with_spec(workspace(), json!({"mtls": {"tls": tls}})),
            "exactly one of secretName, issuerRef and selfSigned",
        );
    }
}

#[test]
fn certificates_of_authorities_come_from_a_config_map_or_a_secret() {
    let trusted = |source: Value| with_spec(workspace(), json!({"mtls": {"clientCa": source}}));
    let key = json!({"name": "ca", "key": "ca.pem"});
    accepts(&trusted(json!({"configMapRef": key})));
    accepts(&trusted(json!({"secretRef": key})));
    refuses(&trusted(json!({})), "exactly one of configMapRef and secretRef");
    refuses(
        &trusted(json!({"configMapRef": key, "secretRef": key})),
        "exactly one of configMapRef and secretRef",
    );

    let lists = json!({"mtls": {"crl": {"configMapRef": {"name": "ecosystem", "key": "crl.pem"}}}});
    refuses(&with_spec(workspace(), lists.clone()), "mtls.crl holds the lists of the CAs in mtls.clientCa");
    let anchors = json!({"mtls": {"clientCa": {"configMapRef": {"name": "ecosystem", "key": "ca.pem"}}}});
    accepts(&with_spec(with_spec(workspace(), lists), anchors));
}

/// A forwarded certificate is believed from one named peer only.
#[test]
fn a_proxy_is_named_by_network_and_certificate() {
    let forwarded = |from: Value| {
        let anchors = json!({"configMapRef": {"name": "ecosystem", "key": "ca.pem"}});
        let forwarded = json!({"dialect": "RFC9440", "from": from});
        with_spec(workspace(), json!({"mtls": {"clientCa": anchors, "forwarded": forwarded}}))
    };
    accepts(&forwarded(json!({"cidrs": ["10.0.0.0/8", "fd00::/8"], "sanDns": "proxy.bank.example"})));
    accepts(&forwarded(json!({"cidrs": ["10.0.0.0/8"], "sanUri": "spiffe://bank.example/proxy"})));
    refuses(&forwarded(json!({"cidrs": ["10.0.0.0/8"]})), "exactly one of forwarded.from.sanDns");
    refuses(
        &forwarded(json!({"cidrs": ["10.0.0.1"], "sanDns": "proxy.bank.example"})),
        "write networks as address/length",
    );
    refuses(&forwarded(json!({"cidrs": [], "sanDns": "proxy.bank.example"})), "needs at least 1");
    let from = json!({"cidrs": ["10.0.0.0/8"], "sanDns": "proxy.bank.example"});
    let unanchored = json!({"mtls": {"forwarded": {"dialect": "RFC9440", "from": from}}});
    refuses(&with_spec(workspace(), unanchored), "is checked against mtls.clientCa");
}

#[test]
fn sqlite_serves_one_replica() {
    let postgresql =
        json!({"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "db", "key": "url"}}});
    for replicas in [0, 1] {
        accepts(&with_spec(workspace(), json!({"replicas": replicas})));
    }
    refuses(&with_spec(workspace(), json!({"replicas": 2})), "SQLite serves one replica");
    refuses(
        &with_spec(workspace(), json!({"server": {"autoscaling": {"maxReplicas": 3}}})),
        "remove server.autoscaling",
    );
    accepts(&with_spec(
        workspace(),
        json!({"replicas": 100, "storage": postgresql, "server": {"autoscaling": {"maxReplicas": 3}}}),
    ));
    refuses(
        &with_spec(workspace(), json!({"replicas": 101, "storage": postgresql})),
        "above the maximum 100",
    );
}

#[test]
fn storage_has_the_block_of_its_type() {
    let stored = |storage: Value| {
        with_spec(with_spec(workspace(), json!({"storage": null})), json!({"storage": storage}))
    };
    let postgresql = json!({"urlSecretRef": {"name": "db", "key": "url"}});
    accepts(&stored(json!({"type": "SQLite", "sqlite": {"volumeClaim": {"size": "1Gi"}}})));
    refuses(&stored(json!({"type": "PostgreSQL"})), "set storage.postgresql exactly when");
    refuses(
        &stored(json!({"type": "SQLite", "postgresql": postgresql})),
        "set storage.postgresql exactly when",
    );
    refuses(
        &stored(json!({"type": "PostgreSQL", "postgresql": postgresql, "sqlite": {}})),
        "storage.sqlite belongs to",
    );
    refuses(&stored(json!({"type": "SQLite", "sqlite": {"volumeClaim": {"size": "1GB"}}})), "does not match");
}

#[test]
fn login_has_the_block_of_its_type() {
    let signed_in =
        |login: Value| with_spec(with_spec(workspace(), json!({"login": null})), json!({"login": login}));
    let reference = json!({"name": "n", "key": "k"});
    let external = json!({"url": "https://login.bank.example", "jwksRef": reference});
    let upstream = json!({"issuer": "https://idp.bank.example", "clientId": "fapi", "keyRef": reference, "claims": {"sub": "employee_id"}});
    accepts(&signed_in(json!({"type": "External", "external": external})));
    accepts(&signed_in(json!({"type": "Upstream", "upstream": upstream})));
    refuses(&signed_in(json!({"type": "External"})), "set login.external exactly when");
    refuses(&signed_in(json!({"type": "Upstream", "external": external})), "set login.upstream exactly when");
    refuses(
        &signed_in(json!({"type": "External", "external": external, "users": {"secretRef": reference}})),
        "set login.users exactly when",
    );
    refuses(
        &signed_in(
            json!({"type": "External", "external": {"url": "http://login.bank.example", "jwksRef": reference}}),
        ),
        "write an https URI",
    );
}

#[test]
fn a_selector_is_there_when_namespaces_are_selected() {
    let allowed = |allowed: Value| with_spec(workspace(), json!({"allowedClients": allowed}));
    accepts(&allowed(json!({"from": "All", "approval": "Manual"})));
    accepts(&allowed(json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "retail"}}})));
    refuses(&allowed(json!({"from": "Selector"})), "set allowedClients.selector exactly when");
    refuses(&allowed(json!({"from": "Same", "selector": {}})), "set allowedClients.selector exactly when");
}

#[test]
fn one_resource_is_the_default() {
    let resource = |name: &str, default: bool| json!({"identifier": format!("https://{name}.bank.example"), "default": default});
    accepts(&with_spec(workspace(), json!({"resources": [resource("a", true), resource("b", false)]})));
    refuses(
        &with_spec(workspace(), json!({"resources": [resource("a", true), resource("b", true)]})),
        "at most one resource is the default",
    );
    refuses(
        &with_spec(workspace(), json!({"resources": [resource("a", true), resource("a", false)]})),
        "is there already",
    );
}

#[test]
fn preferences_are_named_once() {
    let choosing = |protocol: Value| with_spec(workspace(), json!({"protocol": protocol}));
    accepts(&choosing(
        json!({"signingAlgorithms": ["ES256", "PS256"], "senderConstraints": ["MTLS", "DPoP"]}),
    ));
    refuses(&choosing(json!({"signingAlgorithms": ["PS256", "PS256"]})), "name each algorithm once");
    refuses(&choosing(json!({"senderConstraints": ["MTLS", "MTLS"]})), "name each sender constraint once");
    refuses(
        &choosing(json!({"clientAuthentication": ["private_key_jwt", "private_key_jwt"]})),
        "is there already",
    );
    refuses(&choosing(json!({"clientAuthentication": []})), "needs at least 1");
}

/// INV-01, INV-03, INV-04: what no profile allows has no word.
#[test]
fn what_no_profile_allows_cannot_be_written() {
    let choosing = |protocol: Value| with_spec(workspace(), json!({"protocol": protocol}));
    refuses(&choosing(json!({"clientAuthentication": ["client_secret_basic"]})), "is not one of");
    refuses(&choosing(json!({"signingAlgorithms": ["RS256"]})), "is not one of");
    refuses(&choosing(json!({"signingAlgorithms": ["none"]})), "is not one of");
    refuses(&choosing(json!({"encryption": {"keyManagement": ["RSA1_5"]}})), "is not one of");
    refuses(&choosing(json!({"pkce": "Plain"})), "is not one of");
}

#[test]
fn rotation_of_refresh_tokens_has_its_end_and_window_only_when_on() {
    let rotating = |rotation: Value| {
        with_spec(workspace(), json!({"protocol": {"refreshTokens": {"rotation": rotation}}}))
    };
    accepts(&rotating(json!({"mode": "Never"})));
    accepts(&rotating(json!({"mode": "EachUse", "until": "2027-01-31T00:00:00Z", "retryWindow": "10m"})));
    refuses(&rotating(json!({"mode": "Never", "retryWindow": "10m"})), "belong to mode EachUse");
    refuses(&rotating(json!({"mode": "EachUse", "until": "next year"})), "is not a time");
}

#[test]
fn a_duration_is_written_with_units_and_lasts_ten_years_at_most() {
    let lasting =
        |duration: &str| with_spec(workspace(), json!({"protocol": {"lifetimes": {"grant": duration}}}));
    accepts(&lasting("1h30m"));
    accepts(&lasting("87600h"));
    refuses(&lasting("87601h"), "at most 87600h");
    for duration in ["90", "1d", "-1h", "1.5h", "", "9999999999999999999999h"] {
        refuses(&lasting(duration), "spec.protocol.lifetimes.grant");
    }
    let overflowing = lasting("9999999999999999999h");
    assert!(!fapi_crds::schema::violations(fapi_crds::Kind::Workspace, &overflowing).is_empty());
}

#[test]
fn a_key_is_published_for_less_time_than_it_signs() {
    let rotating = |rotation: Value| with_spec(workspace(), json!({"keys": {"rotation": rotation}}));
    accepts(&rotating(json!({"interval": "60s", "prePublish": "10s"})));
    refuses(&rotating(json!({"interval": "1h"})), "must be longer than prePublish");
    refuses(&rotating(json!({"interval": "17521h"})), "at most 17520h");
}

#[test]
fn the_smallest_number_of_pods_is_not_above_the_largest() {
    let postgresql =
        json!({"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "db", "key": "url"}}});
    let scaled = |autoscaling: Value| {
        with_spec(workspace(), json!({"storage": postgresql, "server": {"autoscaling": autoscaling}}))
    };
    accepts(&scaled(json!({"minReplicas": 3, "maxReplicas": 3, "targetCPUUtilization": 80})));
    refuses(&scaled(json!({"maxReplicas": 1})), "must not be above maxReplicas");
}

#[test]
fn a_disruption_budget_says_one_thing() {
    let budget = |budget: Value| with_spec(workspace(), json!({"server": {"podDisruptionBudget": budget}}));
    accepts(&budget(json!({"maxUnavailable": 1})));
    accepts(&budget(json!({"minAvailable": "50%"})));
    refuses(&budget(json!({})), "exactly one of podDisruptionBudget");
    refuses(&budget(json!({"maxUnavailable": 1, "minAvailable": 1})), "exactly one of podDisruptionBudget");
}

/// Whoever writes a Workspace must not take the operator's selectors and inventory away.
#[test]
fn labels_and_annotations_of_the_operator_are_its_own() {
    accepts(&with_spec(
        workspace(),
        json!({"server": {"podLabels": {"team": "iam"}, "podAnnotations": {"example.com/a": "b"}}}),
    ));
    refuses(
        &with_spec(workspace(), json!({"server": {"podLabels": {"fapi.rs/workspace": "x"}}})),
        "belong to the operator",
    );
    refuses(
        &with_spec(workspace(), json!({"server": {"podLabels": {"app.kubernetes.io/name": "x"}}})),
        "belong to the operator",
    );
    refuses(
        &with_spec(workspace(), json!({"server": {"podAnnotations": {"fapi.rs/revision": "9"}}})),
        "belong to the operator",
    );
    refuses(
        &with_spec(workspace(), json!({"exposure": {"service": {"annotations": {"fapi.rs/hash": "9"}}}})),
        "belong to the operator",
    );
    refuses(
        &with_spec(
            workspace(),
            json!({"server": {"metrics": {"serviceMonitorLabels": {"fapi.rs/workspace": "x"}}}}),
        ),
        "belong to the operator",
    );
}

#[test]
fn texts_are_keyed_by_language() {
    let described = |description: Value| {
        with_spec(workspace(), json!({"scopes": [{"name": "accounts", "description": description}]}))
    };
    accepts(&described(
        json!({"en": "See your accounts", "pt-BR": "Ver as suas contas", "zh-Hant-TW": "帳戶"}),
    ));
    refuses(&described(json!({"english": "See your accounts"})), "language tags");
    refuses(&described(json!({"false": "Se kontoene dine"})), "quote \"no\"");
}

#[test]
fn a_directory_of_ones_own_brings_its_keys() {
    let stated = |statement: Value| {
        with_spec(workspace(), json!({"registration": {"enabled": true, "softwareStatement": statement}}))
    };
    accepts(&stated(json!({"directory": "Sandbox"})));
    accepts(&stated(json!({"directory": "Custom", "jwksUri": "https://directory.example/jwks"})));
    refuses(&stated(json!({"directory": "Custom"})), "directory Custom needs the keys");
    let jwks = json!({"configMapRef": {"name": "n", "key": "k"}});
    refuses(
        &stated(json!({"directory": "Custom", "jwksRef": jwks, "jwksUri": "https://d.example/jwks"})),
        "at most one of softwareStatement",
    );
}

#[test]
fn no_pod_template_can_be_smuggled_in() {
    for field in [
        "image",
        "env",
        "command",
        "volumes",
        "serviceAccountName",
        "podTemplate",
        "initContainers",
        "securityContext",
    ] {
        let object = with_spec(workspace(), json!({"server": {field: "x"}}));
        let unknown = fapi_crds::schema::unknown_fields(fapi_crds::Kind::Workspace, &object);
        assert_eq!(
            unknown.iter().map(|field| field.path.clone()).collect::<Vec<_>>(),
            [format!("spec.server.{field}")]
        );
    }
}
