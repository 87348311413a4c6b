//! The children as they are applied, in snapshots: a changed field is seen in the diff.

use std::collections::BTreeSet;

use fapi_config::{KeyState, Manifest, PublicKey};
use serde_json::{Value, json};

use super::{Desired, Object, Prepared};
use crate::fixture::{SIGNER, client, desired, found, found_client, names, workspace_with};
use crate::rotate::KeySet;
use crate::validate::{Found, validate};

fn quickstart() -> Found {
    found(workspace_with(&json!({})), vec![found_client(client("auth", "budget", &json!({})))])
}

fn postgresql() -> Found {
    let spec = json!({
        "replicas": 3,
        "mtls": {"port": null, "host": "mtls.bank.example", "tls": {"secretName": "back"}},
        "tls": {"selfSigned": null, "secretName": "front"},
        "storage": {"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "db", "key": "uri"}}},
        "exposure": {"service": {"type": "LoadBalancer", "annotations": {"cloud.example/lb": "internal"}}},
        "server": {
            "podLabels": {"team": "identity", "app.kubernetes.io/name": "not this"},
            "nodeSelector": {"zone": "a"},
            "priorityClassName": "high",
            "podDisruptionBudget": {"minAvailable": 2},
            "networkPolicy": {
                "ingressFrom": [{"namespaceSelector": {"matchLabels": {"edge": "true"}}}],
                "egressTo": [{"ipBlock": {"cidr": "10.20.0.0/16"}}],
            },
            "logging": {"level": "Debug", "format": "Text"},
            "reloadStrategy": "Restart",
        },
    });
    found(workspace_with(&spec), vec![found_client(client("auth", "budget", &json!({})))])
}

fn built(found: &Found) -> Desired<Prepared> {
    desired(found, &validate(found), &KeySet::default())
}

fn named<'a>(desired: &'a Desired<Prepared>, kind: &str, name: &str) -> &'a Object {
    desired.iter().find(|object| object.kind() == kind && object.name() == name).unwrap()
}

/// As YAML, without what changes with the material.
fn shown(object: &Object) -> Value {
    let mut value = object.patch();
    for member in ["data", "immutable"] {
        if let Some(Value::Object(data)) = value.get_mut(member) {
            data.values_mut().for_each(|value| *value = json!("…"));
        }
    }
    for hash in ["/metadata/annotations/fapi.rs~1hash", "/spec/template/metadata/annotations/fapi.rs~1hash"] {
        if let Some(hash) = value.pointer_mut(hash) {
            *hash = json!("…");
        }
    }
    value
}

#[test]
fn the_quickstart_is_one_pod_with_an_embedded_database() {
    let desired = built(&quickstart());
    insta::assert_yaml_snapshot!("quickstart_deployment", shown(named(&desired, "Deployment", "retail")));
    insta::assert_yaml_snapshot!("quickstart_service", shown(named(&desired, "Service", "retail")));
    insta::assert_yaml_snapshot!("internal_service", shown(named(&desired, "Service", "retail-internal")));
    insta::assert_yaml_snapshot!("service_account", shown(named(&desired, "ServiceAccount", "retail")));
    insta::assert_yaml_snapshot!("own_signing_key", shown(named(&desired, "SigningKey", "retail-sig-ps256")));
    insta::assert_yaml_snapshot!("bundle_secret", shown(named(&desired, "Secret", "retail-bundle")));
    insta::assert_yaml_snapshot!(
        "quickstart_network_policy",
        shown(named(&desired, "NetworkPolicy", "retail"))
    );
    insta::assert_yaml_snapshot!("authority", shown(named(&desired, "ConfigMap", "retail-ca")));
    assert!(!desired.iter().any(|object| object.kind() == "PodDisruptionBudget"), "one pod");
}

#[test]
fn with_postgresql_pods_are_replaced_one_after_the_other() {
    let desired = built(&postgresql());
    insta::assert_yaml_snapshot!("postgresql_deployment", shown(named(&desired, "Deployment", "retail")));
    insta::assert_yaml_snapshot!("postgresql_service", shown(named(&desired, "Service", "retail")));
    insta::assert_yaml_snapshot!(
        "disruption_budget",
        shown(named(&desired, "PodDisruptionBudget", "retail"))
    );
}

/// `TL-19`: the pods read the authority where the Workspace says, so that a renewed one is in force without a restart.
#[test]
fn the_authority_of_the_database_is_mounted_from_where_it_stands() {
    let reference = json!({"name": "db-ca", "key": "pem"});
    let item = json!([{"key": "pem", "path": "ca.crt"}]);
    for (ca, volume) in [
        (json!({"configMapRef": reference}), json!({"configMap": {"name": "db-ca", "items": item}})),
        (json!({"secretRef": reference}), json!({"secret": {"secretName": "db-ca", "items": item}})),
    ] {
        let mut found = postgresql();
        let said = found.workspace.spec.storage.postgresql.as_mut().unwrap();
        said.ca_ref = Some(serde_json::from_value(ca).unwrap());
        let desired = built(&found);
        let deployment = serde_json::to_value(shown(named(&desired, "Deployment", "retail"))).unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let args = pod["containers"][0]["args"].as_array().unwrap();
        assert!(args.contains(&json!("--database-ca-file=/etc/fapi-database-ca/ca.crt")), "TL-19 {args:?}");
        let volumes = pod["volumes"].as_array().unwrap();
        let mounted = volumes.iter().find(|volume| volume["name"] == "database-ca").unwrap();
        let (kind, expected) = volume.as_object().unwrap().iter().next().unwrap();
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(mounted[kind][member], *value, "TL-19 {mounted}");
        }
    }
}

/// K-18
#[test]
fn who_may_connect_is_as_narrow_as_the_workspace_says() {
    let desired = built(&postgresql());
    let policy = named(&desired, "NetworkPolicy", "retail");
    insta::assert_yaml_snapshot!("narrow_network_policy", shown(policy));

    let without = json!({"server": {"networkPolicy": {"enabled": false}}});
    let desired = built(&found(workspace_with(&without), Vec::new()));
    assert!(desired.is_complete(), "an earlier one is pruned");
    assert!(!desired.iter().any(|object| object.kind() == "NetworkPolicy"));
}

#[test]
fn what_pods_mount_comes_before_them_and_the_manifest_after_what_it_names() {
    let order: Vec<String> = built(&quickstart()).iter().map(|object| format!("{object:?}")).collect();
    insta::assert_yaml_snapshot!("order", order);
    let at = |name: &str| order.iter().position(|object| object == name).unwrap();
    let secrets = order.iter().filter(|object| object.starts_with("Secret/"));
    assert!(secrets.map(|secret| at(secret)).all(|position| position <= at("Secret/retail-bundle")), "I5");
    assert!(at("Secret/retail-bundle") < at("Deployment/retail"));
    assert!(at("ConfigMap/retail-ca") < at("Deployment/retail"));
    assert!(at("ServiceAccount/retail") < at("Deployment/retail"));
}

#[test]
fn equal_input_is_built_into_equal_objects() {
    let found = postgresql();
    let (one, other) = (built(&found), built(&found));
    assert!(one.iter().eq(other.iter()));
    assert_eq!(one.manifest(), other.manifest());
}

#[test]
fn a_new_client_does_not_touch_the_pods() {
    let mut found = quickstart().published();
    let before = built(&found);
    found.clients.push(found_client(client("auth", "savings", &json!({}))));
    let after = built(&found);
    assert_eq!(named(&before, "Deployment", "retail"), named(&after, "Deployment", "retail"));
    assert_ne!(named(&before, "Secret", "retail-bundle"), named(&after, "Secret", "retail-bundle"));
    assert_eq!((before.manifest().revision, after.manifest().revision), (1, 2));
}

#[test]
fn pods_are_restarted_by_a_new_revision_only_where_the_workspace_asks_for_it() {
    let mut found = postgresql().published();
    let before = built(&found);
    found.clients.push(found_client(client("auth", "savings", &json!({}))));
    assert_ne!(named(&before, "Deployment", "retail"), named(&built(&found), "Deployment", "retail"));
}

#[test]
fn a_revision_is_never_lower_than_one_that_a_pod_has_seen() {
    let found = quickstart();
    let verdict = validate(&found);
    let (keys, settings) = (KeySet::default(), crate::fixture::settings());
    let inputs = |seen_revision, previous| super::Inputs {
        spec: &found.workspace.spec,
        publication: verdict.publication.as_ref().unwrap(),
        keys: &keys,
        material: crate::fixture::material(),
        previous,
        seen_revision,
        optional: found.optional,
        settings: &settings,
    };
    assert_eq!(super::build(&inputs(41, None)).manifest().revision, 42, "the manifest was lost");
    let previous: Manifest = super::build(&inputs(0, None)).manifest().clone();
    assert_eq!(super::build(&inputs(1, Some(&previous))).manifest().revision, 1, "nothing has changed");
}

#[test]
fn nothing_but_the_configuration_is_written_while_the_spec_is_not_in_force() {
    let mut found = quickstart().published();
    found.workspace = workspace_with(&json!({"protocol": {"responses": ["Code"]}}));
    let desired = built(&found.without("budget"));
    assert!(!desired.is_complete(), "and nothing is pruned");
    let kinds: BTreeSet<&str> = desired.iter().map(Object::kind).collect();
    assert_eq!(kinds, BTreeSet::from(["Secret"]));
    assert_eq!(desired.manifest().revision, 2, "a deletion still reaches the pods");
}

#[test]
fn every_child_is_owned_and_labelled() {
    for object in &built(&postgresql()) {
        let metadata = object.metadata();
        let owner = &metadata.owner_references.as_ref().unwrap()[0];
        assert_eq!(
            (owner.kind.as_str(), owner.uid.as_str(), owner.controller),
            ("Workspace", "workspace-1", Some(true))
        );
        let labels = metadata.labels.as_ref().unwrap();
        for (label, value) in [
            ("app.kubernetes.io/name", "fapi-server"),
            ("app.kubernetes.io/managed-by", "fapi-operator"),
            ("fapi.rs/workspace", "retail"),
            ("fapi.rs/workspace-uid", "workspace-1"),
        ] {
            assert_eq!(labels.get(label).map(String::as_str), Some(value), "{object:?}");
        }
        assert_eq!(metadata.namespace.as_deref(), Some("auth"));
        assert_eq!(metadata.annotations.as_ref().unwrap()["fapi.rs/hash"].len(), 64);
    }
}

/// K-06, K-09: as Pod Security `restricted` demands.
#[test]
fn pods_are_restricted() {
    let desired = built(&postgresql());
    let Object::Deployment(deployment) = named(&desired, "Deployment", "retail") else {
        panic!("a Deployment")
    };
    let pod = deployment.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
    assert_eq!(pod.automount_service_account_token, Some(false), "K-09");
    let security = pod.security_context.as_ref().unwrap();
    assert_eq!((security.run_as_non_root, security.fs_group), (Some(true), Some(65532)));
    assert_eq!(security.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault");
    let container = &pod.containers[0];
    let security = container.security_context.as_ref().unwrap();
    assert_eq!(security.allow_privilege_escalation, Some(false));
    assert_eq!(security.read_only_root_filesystem, Some(true));
    assert_eq!(security.capabilities.as_ref().unwrap().drop.as_deref(), Some(&["ALL".to_owned()][..]));
    assert_eq!(
        container.image.as_deref(),
        Some("registry.example/fapi-server:0.1.0"),
        "K-07: never from the Workspace"
    );
    assert!(container.env.is_none() && pod.host_network.is_none(), "K-10");
    let labels =
        deployment.spec.as_ref().unwrap().template.metadata.as_ref().unwrap().labels.as_ref().unwrap();
    assert_eq!(
        labels["app.kubernetes.io/name"], "fapi-server",
        "a person's labels do not replace the selector's"
    );
}

/// K-19, K-21: whoever breaks into a pod finds the keys of its own Workspace, and what the spec names; not the authority that vouches
/// for pods and operator, nor what is remembered of clients. Nothing of another Workspace, nor of the node.
#[test]
fn pods_mount_what_is_their_workspaces_and_nothing_else() {
    let named_by_the_spec = ["back", "db", "front", "people"];
    for found in [quickstart(), postgresql()] {
        let desired = built(&found);
        let Object::Deployment(deployment) = named(&desired, "Deployment", "retail") else {
            panic!("a Deployment")
        };
        let pod = deployment.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
        assert_eq!(pod.service_account_name.as_deref(), Some("retail"));
        for volume in pod.volumes.as_ref().unwrap() {
            let secret =
                volume.secret.iter().map(|source| (source.secret_name.clone().unwrap(), &source.items));
            let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
            let projected = sources.map(|source| source.secret.as_ref().expect("nothing but Secrets"));
            let secrets: Vec<_> =
                secret.chain(projected.map(|source| (source.name.clone(), &source.items))).collect();
            let claim = volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.as_str());
            let is_own = claim == Some("retail-data") || volume.empty_dir.is_some() || !secrets.is_empty();
            assert!(is_own, "{volume:?}");
            for (name, items) in secrets {
                let own = [
                    "bundle",
                    "clients-",
                    "internal-tls",
                    "keys",
                    "logos-",
                    "mtls-tls",
                    "seal",
                    "subject",
                    "tls",
                ];
                let is_own = own.iter().any(|suffix| name.starts_with(&format!("retail-{suffix}")));
                assert!(is_own || named_by_the_spec.contains(&name.as_str()), "{name}");
                let keys = items.iter().flatten().map(|item| item.key.as_str());
                let spared = keys.filter(|key| key.contains("ledger") || *key == "ca.key");
                assert_eq!(spared.collect::<Vec<_>>(), Vec::<&str>::new(), "{name}");
                assert!(!name.contains("private") && name != "retail-internal-ca", "{name}");
            }
        }
    }
}

/// K-10: no secret of any kind outside of Secrets, nor in what the program prints.
#[test]
fn secrets_are_in_secrets_alone() {
    let found = quickstart();
    let keys = KeySet {
        public: vec![PublicKey {
            kid: SIGNER.kid().to_owned(),
            alg: fapi_config::KeyAlgorithm::Signature(fapi_jose::Alg::Es256),
            state: KeyState::Active,
            jwk: SIGNER.public().clone(),
        }],
        private: vec![
            fapi_config::PrivateKey::new(SIGNER.kid(), KeyState::Active, &SIGNER.to_private_jwk()).unwrap(),
        ],
        revoked: Vec::new(),
    };
    let desired = desired(&found, &validate(&found), &keys);
    let private: Value = serde_json::from_str(&SIGNER.to_private_jwk()).unwrap();
    let material = crate::fixture::material();
    let canaries = [
        private["d"].as_str().unwrap().to_owned(),
        material.subject_salt.to_base64url().to_string(),
        material.seal.keys()[0].key.to_base64url().to_string(),
        String::from_utf8(material.internal_ca_data()["tls.key"].clone())
            .unwrap()
            .lines()
            .nth(1)
            .unwrap()
            .to_owned(),
    ];
    let printed = format!("{desired:?} {material:?} {keys:?} {found:?}");
    for canary in &canaries {
        assert!(!printed.contains(canary), "K-10 Debug");
        for object in desired.iter().filter(|object| object.kind() != "Secret") {
            assert!(!object.patch().to_string().contains(canary), "K-10 {object:?}");
        }
    }
    let Object::Secret(bundle) = named(&desired, "Secret", "retail-bundle") else { panic!("a Secret") };
    let bundle: String = bundle
        .data
        .iter()
        .flatten()
        .map(|(_, bytes)| String::from_utf8_lossy(&bytes.0).into_owned())
        .collect();
    assert!(
        canaries.iter().all(|canary| !bundle.contains(canary)),
        "KEY-01: the document holds nothing private"
    );
}

#[test]
fn what_is_built_can_be_read_by_the_server() {
    let found = quickstart();
    let keys = KeySet::default();
    let desired = desired(&found, &validate(&found), &keys);
    let mut files = fapi_config::Files::default();
    for object in &desired {
        let Object::Secret(secret) = object else { continue };
        let own = [names().bundle(), names().keys()].contains(&object.name().to_owned())
            || object.name().contains("-clients-");
        for (name, bytes) in secret.data.iter().flatten().filter(|_| own) {
            if name != super::LEDGER_FILE {
                files.insert(name.as_str(), bytes.0.clone());
            }
        }
    }
    files.insert("users.json", crate::fixture::USERS.as_bytes().to_vec());
    let loaded = fapi_config::Bundle::read(&files).unwrap();
    assert_eq!(loaded.manifest.revision, 1);
    assert_eq!(loaded.to_registry(fapi_schema::compile).unwrap().clients().count(), 1);
}

/// K-05: what people write is data. It stands in the configuration, word for word, and no byte of anything else changes.
#[test]
fn hostile_words_change_nothing_but_the_configuration() {
    let plain = built(&quickstart());
    let others = |desired: &Desired<Prepared>| -> Vec<Value> {
        desired.iter().filter(|object| object.kind() != "Secret").map(shown).collect()
    };
    for words in [
        "'; DROP TABLE grants; --",
        "{{ .Values.image }}",
        "$(id) `id` ${PATH} %s",
        "<script>alert(1)</script>",
        "\"}],\"image\":\"evil.example/x\"",
        "line\n---\nkind: Pod\nmetadata: {name: evil}",
        "../../etc/passwd\u{7f}\u{202e}",
    ] {
        let spec = json!({
            "ui": {"brand": words},
            "scopes": [{"name": "accounts", "claims": ["name"], "description": {"en": words}}],
        });
        let hostile = client("auth", "budget", &json!({"displayName": {"en": words}}));
        let found = found(workspace_with(&spec), vec![found_client(hostile)]);
        let verdict = validate(&found);
        assert_eq!(others(&built(&found)), others(&plain), "K-05 {words}");
        let published = crate::fixture::previous(&found, &verdict);
        let document = serde_json::to_value(&published.document).unwrap();
        assert_eq!(document["ui"]["brand"], words);
        let registration = verdict.client("budget").registration.clone().unwrap();
        assert_eq!(registration.display_name["en"], words);
        assert_eq!(published.clients[&registration.client_id], registration);
    }
}

fn beside_others() -> Found {
    let spec = json!({
        "mtls": {"port": null, "host": "mtls.bank.example", "tls": {"issuerRef": {"name": "ev"}}},
        "tls": {"selfSigned": null, "issuerRef": {"name": "public", "kind": "ClusterIssuer"}},
        "storage": {"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "db", "key": "uri"}}},
        "exposure": {"gateway": {"parentRefs": [{"name": "edge", "namespace": "gateways", "sectionName": "tls"}]}},
        "server": {
            "autoscaling": {"maxReplicas": 5},
            "metrics": {"serviceMonitor": true, "serviceMonitorLabels": {"release": "prometheus", "fapi.rs/workspace": "x"}},
        },
    });
    found(workspace_with(&spec), vec![found_client(client("auth", "budget", &json!({})))])
}

#[test]
fn other_operators_are_asked_by_their_own_kinds() {
    let desired = built(&beside_others());
    for (kind, name) in [
        ("Certificate", "retail-tls"),
        ("Certificate", "retail-mtls-tls"),
        ("TLSRoute", "retail"),
        ("TLSRoute", "retail-mtls"),
        ("ServiceMonitor", "retail"),
        ("HorizontalPodAutoscaler", "retail"),
    ] {
        let shown = shown(named(&desired, kind, name));
        insta::assert_yaml_snapshot!(format!("{}_{name}", kind.to_lowercase()), shown);
    }
    let pods = shown(named(&desired, "Deployment", "retail"));
    let secret = |volume: &str| {
        let volumes = pods["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
        volumes.iter().find(|it| it["name"] == volume).unwrap()["secret"]["secretName"].clone()
    };
    assert_eq!(
        (secret("tls"), secret("mtls-tls")),
        (json!("retail-tls-issued"), json!("retail-mtls-tls-issued"))
    );
    assert_eq!(pods["spec"]["replicas"], Value::Null, "the autoscaler's");
    assert!(desired.iter().any(|object| object.kind() == "PodDisruptionBudget"), "two pods at least");
}

#[test]
fn one_certificate_serves_both_doors_where_the_second_has_none() {
    let mut found = beside_others();
    found.workspace.spec.mtls.tls = None;
    let desired = built(&found);
    let shown = shown(named(&desired, "Certificate", "retail-tls"));
    assert_eq!(shown["spec"]["dnsNames"], json!(["auth.bank.example", "mtls.bank.example"]));
    assert!(
        !desired.iter().any(|object| object.kind() == "Certificate" && object.name() == "retail-mtls-tls")
    );
}

#[test]
fn doors_told_apart_by_port_have_a_listener_each() {
    let mut found = beside_others();
    found.workspace.spec.mtls.host = None;
    found.workspace.spec.mtls.port = Some(9443);
    let gateway = found.workspace.spec.exposure.as_mut().unwrap().gateway.as_mut().unwrap();
    gateway.parent_refs[0].section_name = None;
    let desired = built(&found);
    let of = |name: &str| {
        let route = shown(named(&desired, "TLSRoute", name));
        let backend = route["spec"]["rules"][0]["backendRefs"][0]["port"].clone();
        (route["spec"]["hostnames"][0].clone(), route["spec"]["parentRefs"][0]["port"].clone(), backend)
    };
    assert_eq!(of("retail"), (json!("auth.bank.example"), json!(8443), json!(8443)));
    assert_eq!(of("retail-mtls"), (json!("auth.bank.example"), json!(9443), json!(9443)));
}

#[test]
fn what_the_cluster_lacks_is_not_made() {
    use crate::optional::{Optional, Presence};
    for presence in [Presence::Off, Presence::Absent] {
        let mut found = beside_others();
        found.optional = Optional { certificates: presence, routes: presence, monitors: presence };
        let desired = built(&found);
        let foreign =
            |object: &&Object| ["Certificate", "TLSRoute", "ServiceMonitor"].contains(&object.kind());
        assert_eq!(desired.iter().find(foreign).map(Object::kind), None, "{presence:?}");
        assert!(desired.iter().any(|object| object.kind() == "Deployment"), "the rest is");
    }
}
