//! What a Client can get wrong by itself.

use serde_json::{Value, json};

use crate::support::{accepts, accepts_update, client, refuses, refuses_update, with, with_spec};

fn authenticated(auth: Value) -> Value {
    let patch = serde_json::Map::from_iter([("auth".to_owned(), auth)]);
    with_spec(with_spec(client(), json!({"auth": null})), Value::Object(patch))
}

#[test]
fn the_least_client_is_accepted() {
    accepts(&client());
}

#[test]
fn the_workspace_and_the_client_id_never_change() {
    let old = client();
    let named = with_spec(old.clone(), json!({"clientId": "app"}));
    refuses_update(
        &old,
        &with_spec(old.clone(), json!({"workspaceRef": {"name": "other"}})),
        "workspaceRef cannot change",
    );
    refuses_update(
        &old,
        &with_spec(old.clone(), json!({"workspaceRef": {"namespace": "auth"}})),
        "workspaceRef cannot change",
    );
    refuses_update(&old, &named, "clientId cannot be changed, added or removed");
    refuses_update(&named, &old, "clientId cannot be changed, added or removed");
    refuses_update(
        &named,
        &with_spec(old.clone(), json!({"clientId": "other"})),
        "clientId cannot be changed, added or removed",
    );
    accepts_update(&named, &with_spec(named.clone(), json!({"enabled": false, "scopes": ["accounts"]})));
}

#[test]
fn a_client_id_is_not_one_of_dynamic_registration() {
    accepts(&with_spec(client(), json!({"clientId": "budget.app"})));
    accepts(&with_spec(client(), json!({"clientId": "x".repeat(255)})));
    refuses(&with_spec(client(), json!({"clientId": "dyn-7"})), "belong to dynamic registration");
    refuses(&with_spec(client(), json!({"clientId": "x".repeat(256)})), "at most 255");
    refuses(&with_spec(client(), json!({"clientId": "two words"})), "does not match");
    refuses(&with_spec(client(), json!({"clientId": ""})), "at least 1");
}

#[test]
fn private_key_jwt_has_keys_from_one_place() {
    let jwks = json!({"name": "app", "key": "jwks.json"});
    accepts(&authenticated(json!({"method": "private_key_jwt", "jwksUri": "https://app.example/jwks"})));
    refuses(
        &authenticated(json!({"method": "private_key_jwt"})),
        "private_key_jwt needs the client's public keys",
    );
    refuses(
        &authenticated(
            json!({"method": "private_key_jwt", "jwksRef": jwks, "jwksUri": "https://app.example/jwks"}),
        ),
        "only one of auth.jwksRef and auth.jwksUri",
    );
    refuses(
        &authenticated(json!({"method": "private_key_jwt", "jwksUri": "http://app.example/jwks"})),
        "write an https URI",
    );
}

/// F1-R02: shared secrets have no word.
#[test]
fn a_client_secret_cannot_be_written() {
    for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt", "none"] {
        refuses(&authenticated(json!({"method": method})), "is not one of");
    }
}

#[test]
fn self_signed_certificates_are_listed() {
    let certificate = json!({"name": "app", "key": "tls.crt"});
    let jwks = json!({"name": "app", "key": "jwks.json"});
    accepts(&authenticated(
        json!({"method": "self_signed_tls_client_auth", "certificateRefs": [certificate, certificate]}),
    ));
    accepts(&authenticated(
        json!({"method": "self_signed_tls_client_auth", "certificateRefs": [certificate], "jwksRef": jwks}),
    ));
    refuses(
        &authenticated(json!({"method": "self_signed_tls_client_auth"})),
        "set auth.certificateRefs exactly when",
    );
    refuses(
        &authenticated(json!({"method": "self_signed_tls_client_auth", "certificateRefs": []})),
        "set auth.certificateRefs exactly when",
    );
    refuses(
        &authenticated(
            json!({"method": "private_key_jwt", "jwksRef": jwks, "certificateRefs": [certificate]}),
        ),
        "set auth.certificateRefs exactly when",
    );
    refuses(
        &authenticated(
            json!({"method": "self_signed_tls_client_auth", "certificateRefs": vec![certificate; 9]}),
        ),
        "at most 8",
    );
}

#[test]
fn a_certificate_of_an_authority_is_recognised_by_one_thing() {
    let by = |tls: Value| authenticated(json!({"method": "tls_client_auth", "tls": tls}));
    for tls in [
        json!({"subjectDn": "CN=app,O=Budget,C=GB"}),
        json!({"sanDns": "app.example"}),
        json!({"sanUri": "spiffe://app.example/app"}),
        json!({"sanIp": "192.0.2.7"}),
        json!({"sanIp": "2001:db8::7"}),
        json!({"sanEmail": "app@example.com"}),
        json!({"certificateRef": {"name": "app", "key": "tls.crt"}}),
    ] {
        accepts(&by(tls));
    }
    refuses(&by(json!({})), "exactly one of subjectDn, sanDns");
    refuses(&by(json!({"sanDns": "app.example", "subjectDn": "CN=app"})), "exactly one of subjectDn, sanDns");
    refuses(&by(json!({"sanIp": "app.example"})), "sanIp is an IP address");
    refuses(&authenticated(json!({"method": "tls_client_auth"})), "set auth.tls");
    refuses(
        &authenticated(
            json!({"method": "private_key_jwt", "jwksUri": "https://app.example/jwks", "tls": {"sanDns": "app.example"}}),
        ),
        "exactly when auth.method is tls_client_auth",
    );
}

/// INV-07: https, exact, no wildcard, no fragment.
#[test]
fn a_redirect_uri_is_https_without_fragment() {
    let to = |uri: &str| with_spec(client(), json!({"redirectUris": {"values": [uri]}}));
    for uri in [
        "https://app.example",
        "https://app.example/cb?tenant=1&x=%20",
        "https://app.example:8443/",
        "https://[::1]/cb",
    ] {
        accepts(&to(uri));
    }
    for uri in [
        "http://app.example/cb",
        "http://localhost/cb",
        "app.example:/cb",
        "https://app.example/cb#here",
        "https://*.app.example/cb",
        "https://user@app.example/cb",
        "https:///cb",
        "https://app.example/c b",
        "HTTPS://app.example/cb",
        "https://app.example/\"",
        "javascript:alert(1)",
        "https://app.example/cb\nhttps://other.example/cb",
    ] {
        refuses(&to(uri), "each URI is https");
        refuses(
            &with_spec(client(), json!({"postLogoutRedirectUris": {"values": [uri]}})),
            "each URI is https",
        );
    }
    refuses(
        &with_spec(client(), json!({"redirectUris": {"values": ["https://a.example", "https://a.example"]}})),
        "is there already",
    );
}

#[test]
fn codes_are_sent_to_a_redirect_uri() {
    let from_secret = json!({"values": null, "from": [{"name": "app", "key": "redirect-uris"}]});
    accepts(&with_spec(client(), json!({"redirectUris": from_secret})));
    let without = with_spec(client(), json!({"redirectUris": null}));
    refuses(&without, "authorization_code (in the default grantTypes) needs redirectUris");
    refuses(
        &with_spec(without.clone(), json!({"redirectUris": {"values": [], "from": []}})),
        "needs redirectUris",
    );
    accepts(&with_spec(without.clone(), json!({"grantTypes": ["client_credentials"]})));
    accepts(&with_spec(without, json!({"grantTypes": []})));
}

#[test]
fn a_refresh_token_comes_after_something() {
    accepts(&with_spec(client(), json!({"grantTypes": ["ciba", "refresh_token"]})));
    refuses(
        &with_spec(client(), json!({"grantTypes": ["client_credentials", "refresh_token"]})),
        "refresh_token needs",
    );
    refuses(&with_spec(client(), json!({"grantTypes": ["password"]})), "is not one of");
}

#[test]
fn every_uri_for_people_is_https() {
    for field in ["clientUri", "policyUri", "tosUri", "backchannelLogoutUri", "sectorIdentifierUri"] {
        accepts(&with_spec(client(), json!({field: "https://app.example/page"})));
        refuses(&with_spec(client(), json!({field: "http://app.example/page"})), "write an https URI");
    }
}

#[test]
fn lists_and_maps_are_bounded() {
    let many = |count: usize| (0..count).map(|n| format!("s{n}")).collect::<Vec<_>>();
    accepts(&with_spec(client(), json!({"scopes": many(128)})));
    refuses(&with_spec(client(), json!({"scopes": many(129)})), "at most 128");
    let facts: serde_json::Map<String, Value> = many(33).into_iter().map(|name| (name, json!("x"))).collect();
    refuses(&with_spec(client(), json!({"metadata": facts})), "at most 32");
    refuses(&with_spec(client(), json!({"metadata": {"long": "x".repeat(1025)}})), "at most 1024");
}

#[test]
fn the_operators_names_stay_out_of_output() {
    let output = |labels: Value| {
        with_spec(client(), json!({"output": {"configMap": {"name": "app-oidc", "labels": labels}}}))
    };
    accepts(&output(json!({"team": "budget"})));
    refuses(&output(json!({"fapi.rs/workspace": "x"})), "belong to the operator");
}

#[test]
fn names_of_objects_are_names() {
    refuses(&with_spec(client(), json!({"workspaceRef": {"name": "Retail"}})), "does not match");
    refuses(&with(client(), &json!({"spec": {"auth": {"jwksRef": {"key": "a/b"}}}})), "does not match");
}
