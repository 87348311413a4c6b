//! What is changed: `rotate`, `revoke`, `approve`.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::bench::{Bench, healthy};

const KID: &str = "bMwMBN3H0vY0xIYVxB4l4ciYrcFwN4n0Qp3Cw1p0vJo";
const OTHER: &str = "aMwMBN3H0vY0xIYVxB4l4ciYrcFwN4n0Qp3Cw1p0vJo";

async fn bench(name: &str) -> (Bench, Value, Value) {
    let bench = Bench::start(name).await;
    let mut objects = healthy(&format!("https://{name}.bank.example"));
    let line = objects.get_mut("SigningKey/retail-sig-es256").unwrap();
    line["status"]["keys"] = json!([{"kid": KID, "state": "Active"}, {"kid": OTHER, "state": "Retiring"}]);
    let client = objects.get_mut("Client/app").unwrap();
    client["status"]["registrationDigest"] = "sha256:one".into();
    for object in objects.values() {
        bench.apply(object).await;
    }
    let (line, client) = (objects["SigningKey/retail-sig-es256"].clone(), objects["Client/app"].clone());
    (bench, line, client)
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn rotate_sets_the_trigger_and_leaves_it_to_whoever_else_writes_it() {
    let (bench, line, _) = bench("rotate").await;
    let said = bench.fapictl(&["rotate", "retail-sig-es256", "--trigger", "change-1"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(bench.get(&line).await["spec"]["rotation"]["trigger"], "change-1");
    let again = bench.fapictl(&["rotate", "retail-sig-es256", "--trigger", "change-1"]);
    assert_eq!(again.code, 2, "only a change rotates: {again:?}");
    // The time is a new trigger each time, and what else is written stays.
    assert_eq!(bench.fapictl(&["rotate", "retail-sig-es256"]).code, 0);
    assert_ne!(bench.get(&line).await["spec"]["rotation"]["trigger"], "change-1");
    assert_eq!(bench.get(&line).await["spec"]["algorithm"], "ES256");

    let mut owned = line.clone();
    owned["spec"]["rotation"] = json!({"trigger": "from-git"});
    bench.apply_as(&owned, "argocd-controller").await;
    let refused = bench.fapictl(&["rotate", "retail-sig-es256", "--trigger", "change-2"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.err.contains("argocd-controller"), "{refused:?}");
    assert_eq!(bench.fapictl(&["rotate", "retail-sig-es256", "--trigger", "change-2", "--force"]).code, 0);

    // Nobody acts on it here: the wait has an end.
    let waited = bench.fapictl(&["rotate", "retail-sig-es256", "--wait", "--timeout", "2s"]);
    assert_eq!(waited.code, 124, "{waited:?}");
    let suspended = json!({"spec": {"suspend": true}});
    bench
        .api(&line)
        .patch("retail-sig-es256", &PatchParams::default(), &Patch::Merge(&suspended))
        .await
        .unwrap();
    let said = bench.fapictl(&["rotate", "retail-sig-es256"]);
    assert_eq!(said.code, 2, "{said:?}");
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn revoke_withdraws_a_key_and_loses_no_other() {
    let (bench, line, _) = bench("revoke").await;
    let unasked = bench.fapictl(&["revoke", "key", KID]);
    assert_eq!(unasked.code, 2, "nobody confirmed: {unasked:?}");
    assert_eq!(bench.get(&line).await["spec"].get("revoke"), None);
    assert_eq!(bench.fapictl(&["revoke", "key", OTHER, "--yes"]).code, 0);
    let said = bench.fapictl(&["revoke", "key", KID, "--reason", "incident 7", "--yes", "-o", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["field"], "spec.revoke");
    assert!(said.err.contains("a-person writes this object as well"), "{said:?}");
    let expected = json!([{"kid": OTHER}, {"kid": KID, "reason": "incident 7"}]);
    assert_eq!(bench.get(&line).await["spec"]["revoke"], expected);
    let unknown = bench.fapictl(&["revoke", "key", "nobody", "--yes"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn revoke_refuses_a_client_by_its_spec() {
    let (bench, _, client) = bench("refuse").await;
    let said = bench.fapictl(&["revoke", "client", "app", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(bench.get(&client).await["spec"]["enabled"], false);
    assert_eq!(bench.fapictl(&["revoke", "client", "app", "--yes"]).code, 2, "already");
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn approve_writes_the_digest_that_it_showed_and_no_other() {
    let (bench, _, mut client) = bench("approve").await;
    let annotation = |object: &Value| object["metadata"]["annotations"]["fapi.rs/approved-digest"].clone();
    let unasked = bench.fapictl(&["approve", "app"]);
    assert_eq!(unasked.code, 2, "{unasked:?}");
    assert!(
        unasked.err.contains("sha256:one") && unasked.err.contains("https://app.example/callback"),
        "{unasked:?}"
    );
    let other = bench.fapictl(&["approve", "app", "--digest", "sha256:two"]);
    assert_eq!(other.code, 4, "{other:?}");
    assert_eq!(annotation(&bench.get(&client).await), Value::Null);
    let said = bench.fapictl(&["approve", "app", "--yes", "-o", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["digest"], "sha256:one");
    assert_eq!(annotation(&bench.get(&client).await), "sha256:one");

    // A change that the operator has not judged yet: its digest is that of before.
    let changed = json!({"spec": {"scopes": ["openid"]}});
    bench.api(&client).patch("app", &PatchParams::default(), &Patch::Merge(&changed)).await.unwrap();
    let early = bench.fapictl(&["approve", "app", "--yes"]);
    assert_eq!(early.code, 4, "{early:?}");
    assert!(early.err.contains("has not looked at"), "{early:?}");
    client["spec"]["scopes"] = json!(["openid"]);
    client["status"]["registrationDigest"] = "sha256:two".into();
    bench.apply(&client).await;
    assert_eq!(bench.fapictl(&["approve", "app", "--digest", "sha256:two"]).code, 0);
    assert_eq!(annotation(&bench.get(&client).await), "sha256:two");
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn diff_says_what_a_change_means_and_writes_nothing() {
    let (bench, line, mut client) = bench("diff").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("objects.yaml");
    let path = file.to_str().unwrap();
    let put = |objects: &[Value]| {
        let bare = objects.iter().map(|object| {
            let mut object = object.clone();
            object.as_object_mut().unwrap().remove("status");
            object.to_string()
        });
        std::fs::write(&file, bare.collect::<Vec<_>>().join("\n---\n")).unwrap();
    };
    put(&[client.clone()]);
    let same = bench.fapictl(&["diff", "-f", path, "--field-manager", "a-person"]);
    assert_eq!((same.code, same.out.as_str()), (0, ""), "{same:?}");

    client["spec"]["scopes"] = json!(["openid"]);
    let mut twin = client.clone();
    twin["metadata"]["name"] = "twin".into();
    put(&[client.clone(), twin]);
    let said = bench.fapictl(&["diff", "-f", path, "--field-manager", "a-person", "-o", "json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let objects = said.json()["objects"].clone();
    assert_eq!(objects[0]["meaning"], json!(["it may not ask for accounts any more"]));
    assert!(objects[0]["diff"].as_str().unwrap().contains("-  - accounts"), "{said:?}");
    assert_eq!((&objects[1]["change"], &objects[1]["name"]), (&json!("created"), &json!("twin")));
    assert_eq!(bench.get(&client).await["spec"]["scopes"], json!(["openid", "accounts"]));

    let label = json!({"metadata": {"labels": {"team": "payments"}}});
    for (object, name) in [(&client, "app"), (&line, "retail-sig-es256")] {
        bench.api(object).patch(name, &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    }
    client["spec"]["scopes"] = json!(["openid", "accounts"]);
    client["metadata"]["labels"] = json!({"team": "payments"});
    put(&[client.clone()]);
    let pruned =
        bench.fapictl(&["diff", "-f", path, "--field-manager", "a-person", "--prune", "team=payments"]);
    assert_eq!(pruned.code, 1, "{pruned:?}");
    assert!(pruned.out.contains("SigningKey") && pruned.out.contains("its keys are retired"), "{pruned:?}");
    assert!(!pruned.out.contains("Client"), "{pruned:?}");

    client["spec"]["auth"]["method"] = "none".into();
    put(&[client]);
    let refused = bench.fapictl(&["diff", "-f", path, "--field-manager", "a-person"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("spec.auth.method"), "{refused:?}");
    bench.end().await;
}
