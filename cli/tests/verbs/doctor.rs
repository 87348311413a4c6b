//! `fapictl doctor`: mistakes that people make, each made once, and found with object and field; and nothing where there is none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bench::{Bench, condition, healthy, jwks, secret};

/// One thing that is wrong.
struct Mistake {
    /// `Kind/name`, and what is merged into that object; null takes it away, an object that is not there is made.
    made: Vec<(&'static str, Value)>,
    /// Kind and name, field, and words of the message.
    found: (&'static str, &'static str, &'static str),
}

fn workspace(spec: &Value) -> Vec<(&'static str, Value)> {
    vec![("Workspace/retail", json!({ "spec": spec }))]
}

fn client(spec: &Value) -> Vec<(&'static str, Value)> {
    vec![("Client/app", json!({ "spec": spec }))]
}

fn status(key: &'static str, condition: &Value) -> Vec<(&'static str, Value)> {
    vec![(key, json!({"status": {"conditions": [condition]}}))]
}

fn pod(status: &Value) -> Vec<(&'static str, Value)> {
    let labels = json!({"fapi.rs/workspace": "retail"});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "retail-0", "labels": labels},
        "spec": {"schedulerName": "nobody", "containers": [{"name": "server", "image": "localhost/nowhere:1"}]}, "status": status,
    });
    vec![("Pod/retail-0", pod)]
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "server", "image": "x", "imageID": "", "ready": false, "restartCount": 3,
        "state": {"waiting": {"reason": reason, "message": message}},
    }]})
}

fn labelled(name: &str, data: &Value) -> Value {
    secret(name, &json!({"fapi.rs/client-credentials": "true"}), data)
}

/// A certificate of its own that ends in so many days.
fn certificate(days: i64) -> String {
    let mut params = rcgen::CertificateParams::new(vec!["app.example".to_owned()]).unwrap();
    let end = jiff::Timestamp::from_second(fapictl::clock::now() + days * 86_400).unwrap();
    let day = end.to_zoned(jiff::tz::TimeZone::UTC).date();
    let [year, month, day] = [i32::from(day.year()), i32::from(day.month()), i32::from(day.day())];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, u8::try_from(month).unwrap(), u8::try_from(day).unwrap());
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}

/// A Client that is known by this certificate.
fn by_certificate(days: i64) -> Vec<(&'static str, Value)> {
    let auth = json!({
        "method": "self_signed_tls_client_auth", "jwksRef": null,
        "certificateRefs": [{"name": "certificate", "key": "tls.crt"}],
    });
    vec![
        ("Client/app", json!({"spec": {"auth": auth}})),
        ("Secret/certificate", labelled("certificate", &json!({"tls.crt": certificate(days)}))),
    ]
}

fn shown(days: i64) -> Vec<(&'static str, Value)> {
    vec![
        ("Workspace/retail", json!({"spec": {"tls": {"selfSigned": null, "secretName": "web"}}})),
        ("Secret/web", secret("web", &json!({}), &json!({"tls.crt": certificate(days)}))),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one mistake after the other")]
fn mistakes(issuer: &str) -> Vec<Mistake> {
    let retail = "Workspace/retail";
    let app = "Client/app";
    let line = "SigningKey/retail-sig-es256";
    let m = |made, object, field, words| Mistake { made, found: (object, field, words) };
    let mut private = jwks();
    private["keys"][0]["d"] = "AAAA".into();
    let users = "spec.login.users.secretRef";
    let jwks_ref = "spec.auth.jwksRef";
    let jwks = |text: &str| vec![("Secret/app", labelled("app", &json!({"jwks.json": text})))];
    let database = |url: Value| {
        let storage =
            json!({"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "database", "key": "url"}}});
        vec![("Workspace/retail", json!({"spec": {"storage": storage}})), ("Secret/database", url)]
    };
    let twin = |kind: &str, spec: Value| json!({"apiVersion": "fapi.rs/v1alpha1", "kind": kind, "metadata": {"name": "twin"}, "spec": spec, "status": {}});
    let mut same_client = healthy(issuer)[app].clone();
    same_client["metadata"]["name"] = "twin".into();
    same_client["spec"]["clientId"] = "shared".into();
    let mut same_issuer = healthy(issuer)[retail].clone();
    same_issuer["metadata"]["name"] = "twin".into();
    let map = |source: &str| json!({"mtls": {"clientCa": {"configMapRef": {"name": "ca", "key": source}}}});
    let authorities = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"}, "data": {"ca.pem": "no certificate"},
    });
    vec![
        m(vec![("Secret/people", Value::Null)], retail, users, "people"),
        m(
            vec![("Secret/people", json!({"stringData": {"users.yaml": null, "users.yml": "x"}}))],
            retail,
            users,
            "people",
        ),
        m(
            vec![("Secret/people", json!({"stringData": {"users.yaml": "alice: {password: plain}"}}))],
            retail,
            users,
            "people",
        ),
        m(
            vec![("Workspace/retail", json!({"spec": {"tls": {"selfSigned": null, "secretName": "web"}}}))],
            retail,
            "spec.tls.secretName",
            "web",
        ),
        m(shown(-3), retail, "spec.tls.secretName", "expired"),
        m(shown(300), retail, "spec.tls.secretName", "RSA"),
        m(workspace(&map("ca.pem")), retail, "spec.mtls.clientCa.configMapRef", "ca"),
        m(
            [workspace(&map("ca.pem")), vec![("ConfigMap/ca", authorities)]].concat(),
            retail,
            "spec.mtls.clientCa.configMapRef",
            "ca.pem",
        ),
        m(database(Value::Null), retail, "spec.storage.postgresql.urlSecretRef", "database"),
        m(
            database(secret("database", &json!({}), &json!({"url": "mysql://here"}))),
            retail,
            "spec.storage.postgresql.urlSecretRef",
            "database",
        ),
        m(
            workspace(&json!({"ui": {"templatesConfigMap": "pages"}})),
            retail,
            "spec.ui.templatesConfigMap",
            "not supported",
        ),
        m(
            workspace(&json!({"protocol": {"responses": ["Code"]}})),
            retail,
            "spec.protocol.responses[0]",
            "not allowed by this profile",
        ),
        m(
            workspace(&json!({"protocol": {"lifetimes": {"jwksMaxAge": "10s"}}})),
            retail,
            "spec.protocol.lifetimes.jwksMaxAge",
            "too short",
        ),
        m(
            workspace(
                &json!({"resources": [{"identifier": "https://api.example", "introspectionClients": ["nobody"]}]}),
            ),
            retail,
            "spec.resources[0].introspectionClients[0]",
            "nobody",
        ),
        m(
            workspace(&json!({"resources": [{"identifier": "https://api.example", "scopes": ["payments"]}]})),
            retail,
            "spec.resources[0].scopes",
            "payments",
        ),
        m(vec![("Workspace/twin", same_issuer)], retail, "spec.issuer", "twin"),
        m(
            workspace(
                &json!({"authorizationDetailsTypes": [{"type": "payment", "schemaRef": {"name": "schemas", "key": "payment"}}]}),
            ),
            retail,
            "spec.authorizationDetailsTypes[0].schemaRef",
            "schemas",
        ),
        m(workspace(&json!({"replicas": 0})), retail, "spec.replicas", "nobody serves"),
        m(
            vec![(
                "Client/twin",
                twin(
                    "Client",
                    json!({
                        "workspaceRef": {"name": "retial"}, "grantTypes": [],
                        "auth": {"method": "private_key_jwt", "jwksRef": {"name": "app", "key": "jwks.json"}},
                    }),
                ),
            )],
            "Client/twin",
            "spec.workspaceRef",
            "retial",
        ),
        m(vec![("Secret/app", Value::Null)], app, jwks_ref, "app"),
        m(vec![("Secret/app", json!({"metadata": {"labels": null}}))], app, jwks_ref, "label"),
        m(
            vec![("Secret/app", json!({"stringData": {"jwks.json": null, "jwks": "{}"}}))],
            app,
            jwks_ref,
            "jwks.json",
        ),
        m(jwks("no JSON"), app, jwks_ref, "jwks.json"),
        m(jwks(&private.to_string()), app, jwks_ref, "private"),
        m(
            [
                client(&json!({"redirectUris": {"from": [{"name": "uris", "key": "uris"}]}})),
                vec![(
                    "Secret/uris",
                    labelled("uris", &json!({"uris": "https://a.example/x\nhttp://b.example/x"})),
                )],
            ]
            .concat(),
            app,
            "spec.redirectUris.from[0]",
            "line 2",
        ),
        m(
            vec![("Client/app", json!({"spec": {"clientId": "shared"}})), ("Client/twin", same_client)],
            "Client/twin",
            "spec.clientId",
            "shared",
        ),
        m(client(&json!({"scopes": ["openid", "payments"]})), app, "spec.scopes[1]", "Workspace's scopes"),
        m(
            client(&json!({"sectorIdentifierUri": "https://app.example/sector"})),
            app,
            "spec.sectorIdentifierUri",
            "not supported",
        ),
        m(by_certificate(-3), app, "spec.auth.certificateRefs[0]", "expired"),
        m(by_certificate(9), app, "spec.auth.certificateRefs", "expires"),
        m(
            vec![(
                "SigningKey/twin",
                twin("SigningKey", json!({"workspaceRef": {"name": "retial"}, "algorithm": "PS256"})),
            )],
            "SigningKey/twin",
            "spec.workspaceRef",
            "retial",
        ),
        m(
            vec![(line, json!({"spec": {"rotation": {"interval": "10m", "prePublish": "5m"}}}))],
            line,
            "spec.rotation.interval",
            "too short",
        ),
        m(
            vec![(
                line,
                json!({"status": {"keys": [{
                    "kid": "bMwMBN3H0vY0xIYVxB4l4ciYrcFwN4n0Qp3Cw1p0vJo", "state": "Active", "secretName": "retail-sig-es256-aaaaaaaa",
                }]}}),
            )],
            line,
            "status.keys",
            "is gone",
        ),
        m(
            status(
                line,
                &condition("Overdue", "True", "Overdue", "the rotation that was due has not happened"),
            ),
            line,
            "status.conditions[Overdue]",
            "due",
        ),
        m(
            status(app, &condition("Approved", "False", "ApprovalPending", "somebody has to approve it")),
            app,
            "status.conditions[Approved]",
            "approve",
        ),
        m(
            status(retail, &condition("ClockSkew", "True", "ClockSkewed", "the clocks differ")),
            retail,
            "status.conditions[ClockSkew]",
            "clocks",
        ),
        m(
            pod(&waiting("ImagePullBackOff", "Back-off pulling image")),
            "Pod/retail-0",
            "spec.containers[server].image",
            "Back-off",
        ),
        m(
            pod(&waiting("CrashLoopBackOff", "back-off restarting")),
            "Pod/retail-0",
            "status.containerStatuses[server].state.waiting",
            "CrashLoopBackOff",
        ),
        m(
            pod(&json!({"phase": "Pending", "conditions": [{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available",
            }]})),
            "Pod/retail-0",
            "status.conditions[PodScheduled]",
            "0/3 nodes",
        ),
    ]
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let members = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The objects with the mistake in them.
fn with(mut objects: BTreeMap<String, Value>, made: &[(&'static str, Value)]) -> BTreeMap<String, Value> {
    for (key, change) in made {
        if change.is_null() {
            objects.remove(*key);
        } else {
            merge(objects.entry((*key).to_owned()).or_insert(Value::Null), change);
        }
    }
    objects
}

/// At least thirty mistakes, and each is found with object and field.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn seeded_mistakes_are_found_and_object_and_field_are_named() {
    let first = Bench::start("doctor").await;
    let mut missed = Vec::new();
    let count = mistakes("https://x.example").len();
    assert!(count >= 30, "{count}");
    for index in 0..count {
        let issuer = format!("https://mistake-{index}.bank.example");
        let mistake = mistakes(&issuer).swap_remove(index);
        let bench = first.another("doctor").await;
        let objects = with(healthy(&issuer), &mistake.made);
        // As a person does: first what others refer to; and the older of two first.
        for kind in ["Secret/", "ConfigMap/", "Workspace/", "SigningKey/", "Client/", "Pod/"] {
            for (_, object) in objects.iter().filter(|(key, _)| key.starts_with(kind)) {
                bench.apply(object).await;
            }
        }
        let (object, field, words) = mistake.found;
        let (kind, name) = object.split_once('/').unwrap();
        let said = bench.fapictl(&["doctor", "-o", "json"]);
        let findings = said.json()["findings"].as_array().unwrap().clone();
        let found = findings.iter().any(|it| {
            let is = |member: &str, text: &str| it[member].as_str() == Some(text);
            is("kind", kind)
                && is("name", name)
                && is("field", field)
                && is("namespace", &bench.namespace)
                && it["message"].as_str().unwrap().contains(words)
                && !it["next"].as_str().unwrap().is_empty()
        });
        if !found || said.code != 1 {
            missed.push(format!("{object} {field} {words}: {findings:#?} {} {}", said.code, said.err));
        }
        bench.end().await;
    }
    assert!(missed.is_empty(), "{} of {count}:\n{}", missed.len(), missed.join("\n"));
    first.end().await;
}

/// Positive twin: where nothing is wrong, nothing is found; and what is worth knowing is no mistake.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_healthy_cluster_gives_no_finding() {
    let bench = Bench::start("healthy").await;
    let mut objects = healthy("https://healthy.bank.example");
    objects.get_mut("Workspace/retail").unwrap()["status"]["conditions"]
        .as_array_mut()
        .unwrap()
        .push(condition("Insecure", "True", "Insecure", "login: Users is for trying things out"));
    for object in objects.values() {
        bench.apply(object).await;
    }
    let said = bench.fapictl(&["doctor"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("nothing found: 1 Workspace, 1 Client, 1 SigningKey and 0 pods looked at"),
        "{said:?}"
    );
    assert!(said.out.contains("login: Users is for trying things out"), "{said:?}");
    assert_eq!(bench.fapictl(&["doctor", "retail", "-o", "json"]).json()["ok"], true);
    bench.end().await;
}
