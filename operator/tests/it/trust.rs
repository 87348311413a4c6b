//! Who may do what: approvals, protection from deletion, and deletions that wait.

use fapi_crds::names::annotation::APPROVED_DIGEST;
use fapi_crds::{Client as FapiClient, ConditionType, Workspace};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::rights::{grant, role, withdraw};
use crate::wait::until;

const APPROVAL: &str = "approval.clients.fapi.rs";

/// What the plain manifests hold of one kind.
fn manifests(kind: &str) -> Vec<Value> {
    let path = format!("{}/../examples/operator/operator.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let objects = serde_yaml::Deserializer::from_str(&text).map(|object| Value::deserialize(object).unwrap());
    objects.filter(|object| object["kind"] == kind).collect()
}

/// Installs the admission policies, and waits until the API server judges by them.
async fn policies(cluster: &Cluster) {
    let params = PatchParams::apply("a-person").force();
    let policies = Api::<ValidatingAdmissionPolicy>::all(cluster.client.clone());
    for policy in manifests("ValidatingAdmissionPolicy") {
        policies
            .patch(policy["metadata"]["name"].as_str().unwrap(), &params, &Patch::Apply(&policy))
            .await
            .unwrap();
    }
    bind(cluster).await;
    // A protected Workspace that is not deleted: as a trial.
    let protected = cluster.workspace("trial", json!({"deletionProtection": true}));
    protected.await;
    until("the policies to be in force", async || {
        let trial = DeleteParams { dry_run: true, ..DeleteParams::default() };
        cluster.api::<Workspace>().delete("trial", &trial).await.is_err().then_some(())
    })
    .await;
    let open = json!({"spec": {"deletionProtection": false}});
    cluster.api::<Workspace>().patch("trial", &PatchParams::default(), &Patch::Merge(&open)).await.unwrap();
    cluster.delete::<Workspace>("trial").await;
    // No policy judges every field by itself; a warning would say that an expression names a field that is not there.
    for policy in policies.list(&ListParams::default()).await.unwrap() {
        let checked = policy.status.and_then(|status| status.type_checking);
        let warnings = checked.and_then(|checked| checked.expression_warnings).unwrap_or_default();
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

async fn bind(cluster: &Cluster) {
    let params = PatchParams::apply("a-person").force();
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(cluster.client.clone());
    for binding in manifests("ValidatingAdmissionPolicyBinding") {
        bindings
            .patch(binding["metadata"]["name"].as_str().unwrap(), &params, &Patch::Apply(&binding))
            .await
            .unwrap();
    }
}

/// A person with these rights in the namespaces named.
async fn person(cluster: &Cluster, name: &str, rights: &[(&str, Value)]) -> Client {
    let user = format!("{name}-{}", cluster.namespace);
    for (namespace, rules) in rights {
        let role = json!({"metadata": {"name": name}, "rules": rules});
        let roles = Api::namespaced(cluster.client.clone(), namespace);
        let made = serde_json::from_value::<k8s_openapi::api::rbac::v1::Role>(role).unwrap();
        roles.create(&PostParams::default(), &made).await.unwrap();
        let binding = json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        let bindings = Api::namespaced(cluster.client.clone(), namespace);
        let made = serde_json::from_value::<k8s_openapi::api::rbac::v1::RoleBinding>(binding).unwrap();
        bindings.create(&PostParams::default(), &made).await.unwrap();
    }
    cluster.as_user(&user)
}

fn everything() -> Value {
    json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
}

async fn approve(person: &Client, namespace: &str, name: &str, digest: &str) -> Result<FapiClient, String> {
    let patch = json!({"metadata": {"annotations": {APPROVED_DIGEST: digest}}});
    let clients = Api::<FapiClient>::namespaced(person.clone(), namespace);
    let answer = clients.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    answer.map_err(|error| error.to_string())
}

async fn digest(cluster: &Cluster, namespace: &str, name: &str, other_than: &str) -> String {
    let clients = Api::<FapiClient>::namespaced(cluster.client.clone(), namespace);
    until("a digest", async || {
        let digest = clients.get(name).await.unwrap().status?.registration_digest?;
        (digest != other_than).then_some(digest)
    })
    .await
}

/// K-02, K-13: everything that a tenant may do in its own namespace is not enough to approve itself; the verb on the Workspace is.
/// The last approved registration is served meanwhile, and without the policy no approval counts.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_tenant_cannot_approve_its_own_client() {
    let cluster = Cluster::alone("approval").await;
    policies(&cluster).await;
    grant(&cluster, role()).await;
    let operator = cluster.operator_as(&cluster.namespace, "operator").await;
    let home = cluster.another_namespace("tenant").await;
    let tenant = person(&cluster, "tenant", &[(&home, everything())]).await;
    let approver = person(
        &cluster,
        "approver",
        &[
            (&cluster.namespace, json!([{"apiGroups": ["fapi.rs"], "resources": ["workspaces"], "resourceNames": ["retail"], "verbs": ["approve"]}])),
            (&home, json!([{"apiGroups": ["fapi.rs"], "resources": ["clients"], "verbs": ["get", "patch"]}])),
        ],
    )
    .await;
    cluster.workspace("retail", json!({"allowedClients": {"from": "All", "approval": "Manual"}})).await;
    let clients = Api::<FapiClient>::namespaced(tenant.clone(), &home);
    let app = |uri: &str| {
        json!({"apiVersion": "fapi.rs/v1alpha1", "kind": "Client", "metadata": {"name": "app"}, "spec": {
            "workspaceRef": {"name": "retail", "namespace": cluster.namespace},
            "auth": {"method": "private_key_jwt", "jwksRef": {"name": "app-jwks", "key": "jwks.json"}},
            "redirectUris": {"values": [uri]},
        }})
    };
    cluster.secret_in(&home, "app-jwks", &[("jwks.json", &crate::cluster::jwks())]).await;
    let params = PatchParams::apply("tenant").force();
    let good = "https://app.example/cb";
    clients.patch("app", &params, &Patch::Apply(&app(good))).await.unwrap();
    let first = digest(&cluster, &home, "app", "").await;
    let there = cluster.there(&home);
    there.reason::<FapiClient>("app", ConditionType::Approved, "ApprovalPending").await;
    assert!(cluster.published("retail").await.is_none_or(|published| published.clients.is_empty()));

    // Neither later, nor from the beginning, nor by making it anew, nor through its status.
    let refused = approve(&tenant, &home, "app", &first).await.unwrap_err();
    assert!(
        refused.contains("may not approve Clients of Workspace") && refused.contains("verb approve"),
        "{refused}"
    );
    let mut born = app(good);
    born["metadata"] = json!({"name": "born", "annotations": {APPROVED_DIGEST: first}});
    let born: FapiClient = serde_json::from_value(born).unwrap();
    clients.create(&PostParams::default(), &born).await.unwrap_err();
    let status = json!({"metadata": {"annotations": {APPROVED_DIGEST: first}}, "status": {"clientId": "x"}});
    let _ = clients.patch_status("app", &PatchParams::default(), &Patch::Merge(&status)).await;
    let annotations = clients.get("app").await.unwrap().metadata.annotations.unwrap_or_default();
    assert!(!annotations.contains_key(APPROVED_DIGEST));

    // The positive twin.
    approve(&approver, &home, "app", &first).await.unwrap();
    there.condition::<FapiClient>("app", ConditionType::Approved, "True").await;
    there.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;

    // A change asks again, and what was approved goes on. Everything else of the Client is the tenant's.
    clients.patch("app", &params, &Patch::Apply(&app("https://mallory.example/cb"))).await.unwrap();
    let second = digest(&cluster, &home, "app", &first).await;
    there.reason::<FapiClient>("app", ConditionType::Approved, "ApprovalPending").await;
    let uris = async || cluster.published("retail").await.unwrap().clients.remove(0).redirect_uris;
    assert_eq!(uris().await, [good]);
    approve(&tenant, &home, "app", &second).await.unwrap_err();

    // Somebody removes the binding: from then on no approval counts, whoever set it.
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(cluster.client.clone());
    bindings.delete(APPROVAL, &DeleteParams::default()).await.unwrap();
    until("nothing to keep the tenant from it", async || approve(&tenant, &home, "app", &second).await.ok())
        .await;
    there.reason::<FapiClient>("app", ConditionType::Approved, "ApprovalUnavailable").await;
    assert_eq!(uris().await, [good]);

    // Disabling asks nobody.
    let off = json!({"spec": {"enabled": false}});
    clients.patch("app", &PatchParams::default(), &Patch::Merge(&off)).await.unwrap();
    until("a client that is switched off", async || {
        cluster.published("retail").await.filter(|published| published.clients.iter().all(|app| !app.enabled))
    })
    .await;
    bind(&cluster).await;
    drop(operator);
    withdraw(&cluster).await;
    cluster.remove(&home).await;
    cluster.end().await;
}

/// The operator that holds the verb itself could prove nothing, so it believes nobody.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn an_operator_that_may_approve_accepts_no_approval() {
    let cluster = Cluster::alone("may-approve").await;
    policies(&cluster).await;
    let operator = cluster.operator_of_an_administrator().await;
    cluster.workspace("retail", json!({"allowedClients": {"approval": "Manual"}})).await;
    cluster.client_with_keys("app", "retail").await;
    let refused = cluster.reason::<FapiClient>("app", ConditionType::Approved, "ApprovalUnavailable").await;
    assert!(refused.message.contains("must not hold the verb approve"), "{}", refused.message);
    drop(operator);
    cluster.end().await;
}

/// K-15: nobody deletes a protected Workspace, one by one or all at once, and its namespace is deleted all the same.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_protected_workspace_goes_only_with_its_namespace() {
    let cluster = Cluster::alone("protected").await;
    policies(&cluster).await;
    let operator = cluster.operator().await;
    cluster.workspace("retail", json!({"deletionProtection": true})).await;
    cluster.condition::<Workspace>("retail", ConditionType::DeletionProtected, "True").await;
    let workspaces = cluster.api::<Workspace>();
    let refused = workspaces.delete("retail", &DeleteParams::default()).await.unwrap_err().to_string();
    assert!(refused.contains("is protected. To delete it, first: kubectl"), "{refused}");
    assert!(refused.contains("patch workspaces.fapi.rs/retail --type=merge"), "{refused}");
    let _ = workspaces.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
    let there = workspaces.get("retail").await.unwrap();
    assert!(there.metadata.deletion_timestamp.is_none());

    // The positive twins: another one, and itself once it may go.
    cluster.workspace("other", json!({})).await;
    cluster.delete::<Workspace>("other").await;
    let open = json!({"spec": {"deletionProtection": false}});
    workspaces.patch("retail", &PatchParams::default(), &Patch::Merge(&open)).await.unwrap();
    cluster.delete::<Workspace>("retail").await;

    cluster.workspace("again", json!({"deletionProtection": true})).await;
    cluster.client_with_keys("app", "again").await;
    let waits = json!({"metadata": {"finalizers": ["fapi.rs/revocation"]}});
    cluster.api::<FapiClient>().patch("app", &PatchParams::default(), &Patch::Merge(&waits)).await.unwrap();
    let namespaces = Api::<Namespace>::all(cluster.client.clone());
    namespaces.delete(&cluster.namespace, &DeleteParams::background()).await.unwrap();
    until("the Workspace and its Client to go with their namespace", async || {
        let gone = workspaces.get_opt("again").await.unwrap().is_none()
            && cluster.api::<FapiClient>().get_opt("app").await.unwrap().is_none();
        gone.then_some(())
    })
    .await;
    drop(operator);
}

/// A Workspace that two pods serve, of which the second can be kept from looking.
pub(crate) async fn two_pods(cluster: &Cluster) {
    cluster.secret("database", &[("url", "postgresql://fapi@db.example/fapi")], false).await;
    let storage =
        json!({"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "database", "key": "url"}}});
    let spec = json!({"replicas": 2, "storage": storage, "allowedClients": {"from": "All"}});
    cluster.workspace("retail", spec).await;
    cluster.workspace_is_ready("retail").await;
}

async fn waits(client: &Client, namespace: &str, name: &str) {
    let waits = json!({"metadata": {"finalizers": ["fapi.rs/revocation"]}});
    let clients = Api::<FapiClient>::namespaced(client.clone(), namespace);
    clients.patch(name, &PatchParams::default(), &Patch::Merge(&waits)).await.unwrap();
}

/// A deletion that waits for every pod waits for every pod; a namespace waits for none (K-15).
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_deletion_waits_for_every_pod_and_a_namespace_for_none() {
    let cluster = Cluster::start("revocation").await;
    let operator = cluster.operator_everywhere().await;
    two_pods(&cluster).await;
    let home = cluster.another_namespace("tenant").await;
    for (name, namespace) in [("here", &cluster.namespace), ("there", &home)] {
        cluster
            .secret_in(namespace, &format!("{name}-jwks"), &[("jwks.json", &crate::cluster::jwks())])
            .await;
        let spec = json!({
            "workspaceRef": {"name": "retail", "namespace": cluster.namespace},
            "auth": {"method": "private_key_jwt", "jwksRef": {"name": format!("{name}-jwks"), "key": "jwks.json"}},
            "redirectUris": {"values": ["https://app.example/cb"]},
        });
        let client: FapiClient = serde_json::from_value(json!({
            "apiVersion": "fapi.rs/v1alpha1", "kind": "Client", "metadata": {"name": name}, "spec": spec,
        }))
        .unwrap();
        let clients = Api::<FapiClient>::namespaced(cluster.client.clone(), namespace);
        clients.create(&PostParams::default(), &client).await.unwrap();
        cluster.there(namespace).condition::<FapiClient>(name, ConditionType::Programmed, "True").await;
        waits(&cluster.client, namespace, name).await;
    }

    // From now on the second pod learns of nothing.
    cluster.kubelet.freeze(true);
    cluster.delete::<FapiClient>("here").await;
    cluster.condition::<Workspace>("retail", ConditionType::RevocationsPending, "True").await;
    until("a document without it", async || {
        cluster.published("retail").await.filter(|published| published.clients.len() == 1)
    })
    .await;
    assert!(
        cluster.api::<FapiClient>().get_opt("here").await.unwrap().is_some(),
        "one pod may still serve it"
    );

    cluster.remove(&home).await;
    let elsewhere = Api::<FapiClient>::namespaced(cluster.client.clone(), &home);
    until("the other Client to go with its namespace", async || {
        elsewhere.get_opt("there").await.unwrap().is_none().then_some(())
    })
    .await;
    let published = cluster.published("retail").await.unwrap();
    assert_eq!(
        (published.clients.len(), published.document.tombstones.len()),
        (0, 2),
        "its grants are still to be purged"
    );
    assert!(
        cluster.api::<FapiClient>().get_opt("here").await.unwrap().is_some(),
        "whose namespace stays still waits"
    );

    cluster.kubelet.freeze(false);
    until("the Client to go", async || {
        cluster.api::<FapiClient>().get_opt("here").await.unwrap().is_none().then_some(())
    })
    .await;
    cluster.condition::<Workspace>("retail", ConditionType::RevocationsPending, "False").await;
    drop(operator);
    cluster.end().await;
}

/// K-15: a Workspace that is deleted and held back by somebody's finalizer serves on, and still refuses whom it has to.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_workspace_that_is_held_back_still_refuses() {
    let cluster = Cluster::start("held").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    let held = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    cluster.api::<Workspace>().patch("retail", &PatchParams::default(), &Patch::Merge(&held)).await.unwrap();
    cluster.delete::<Workspace>("retail").await;
    let off = json!({"spec": {"enabled": false}});
    cluster.api::<FapiClient>().patch("app", &PatchParams::default(), &Patch::Merge(&off)).await.unwrap();
    until("a client that is switched off", async || {
        cluster.published("retail").await.filter(|published| published.clients.iter().all(|app| !app.enabled))
    })
    .await;
    let let_go = json!({"metadata": {"finalizers": null}});
    cluster
        .api::<Workspace>()
        .patch("retail", &PatchParams::default(), &Patch::Merge(&let_go))
        .await
        .unwrap();
    until("the Workspace to go", async || {
        cluster.api::<Workspace>().get_opt("retail").await.unwrap().is_none().then_some(())
    })
    .await;
    drop(operator);
    cluster.end().await;
}

/// K-03: twenty Clients want one id at once; one gets it, and it stays that one's when another operator begins with nothing.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn of_many_clients_that_want_one_id_one_gets_it_and_keeps_it() {
    let cluster = Cluster::start("race").await;
    let operator = cluster.operator().await;
    cluster.retail().await;
    cluster.jwks("bank", true).await;
    let made = (0..20).map(|number| {
        let client: FapiClient = serde_json::from_value(json!({
            "apiVersion": "fapi.rs/v1alpha1", "kind": "Client", "metadata": {"name": format!("bank-{number}")},
            "spec": {
                "clientId": "bank",
                "workspaceRef": {"name": "retail"},
                "auth": {"method": "private_key_jwt", "jwksRef": {"name": "bank-jwks", "key": "jwks.json"}},
                "redirectUris": {"values": [format!("https://bank-{number}.example/cb")]},
            },
        }))
        .unwrap();
        let clients = cluster.api::<FapiClient>();
        async move { clients.create(&PostParams::default(), &client).await.unwrap() }
    });
    futures::future::join_all(made).await;
    let holder = async || {
        until("one that has it, and nineteen that have not", async || {
            let all = cluster.api::<FapiClient>().list(&ListParams::default()).await.unwrap();
            let with = |reason: &str| -> Vec<String> {
                let mut all = all.items.clone();
                all.retain(|client| {
                    let conditions = client.status.as_ref().map_or(&[][..], |status| &status.conditions);
                    fapi_crds::condition::find(conditions, ConditionType::Accepted)
                        .is_some_and(|accepted| accepted.reason == reason)
                });
                all.into_iter().filter_map(|client| client.metadata.name).collect()
            };
            let (holders, others) = (with("Accepted"), with("ClientIdConflict"));
            (holders.len() == 1 && others.len() == 19).then(|| holders[0].clone())
        })
        .await
    };
    let first = holder().await;
    let uri = format!("https://{first}.example/cb");
    let served = async || {
        until("its registration", async || {
            let clients = cluster.published("retail").await?.clients;
            (clients.len() == 1 && clients[0].redirect_uris == [uri.clone()]).then_some(())
        })
        .await;
    };
    served().await;
    operator.kill().await;
    let operator = cluster.operator().await;
    cluster.quiet(&operator.proxy).await;
    assert_eq!(holder().await, first);
    served().await;
    drop(operator);
    cluster.end().await;
}

/// K-17: between the look at a Secret and what is published of it, it changes again and again. What is published in the end is what it
/// holds, and the status names the version that was read.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn the_last_of_many_changes_is_what_is_published() {
    let cluster = Cluster::start("changes").await;
    let operator = cluster.operator().await;
    cluster.retail().await;
    let spec = json!({
        "workspaceRef": {"name": "retail"},
        "auth": {"method": "private_key_jwt", "jwksRef": {"name": "app-jwks", "key": "jwks.json"}},
        "redirectUris": {"from": [{"name": "app-jwks", "key": "uris"}]},
    });
    cluster.apply::<FapiClient>("app", json!({"spec": spec})).await;
    let keys = crate::cluster::jwks();
    for number in 0..40 {
        let uri = format!("https://app.example/{number}");
        cluster.secret("app-jwks", &[("jwks.json", &keys), ("uris", &uri)], true).await;
    }
    let secret = cluster.api::<k8s_openapi::api::core::v1::Secret>().get("app-jwks").await.unwrap();
    let version = secret.metadata.resource_version.unwrap();
    until("the last one", async || {
        let clients = cluster.published("retail").await?.clients;
        (clients.first()?.redirect_uris == ["https://app.example/39"]).then_some(())
    })
    .await;
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
    let status = cluster.api::<FapiClient>().get("app").await.unwrap().status.unwrap();
    assert_eq!(status.secrets[0].resource_version, version);
    drop(operator);
    cluster.end().await;
}
