//! What is shown: `status`, `keys`, `tree`, `doctor --pre`, and what is said to somebody who may not look.

use serde_json::{Value, json};

use crate::bench::{Bench, condition, healthy, secret};

const KID: &str = "bMwMBN3H0vY0xIYVxB4l4ciYrcFwN4n0Qp3Cw1p0vJo";

async fn put(bench: &Bench, objects: &std::collections::BTreeMap<String, Value>) {
    for object in objects.values() {
        bench.apply(object).await;
    }
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn status_says_who_has_to_do_something_and_the_exit_code_too() {
    let bench = Bench::start("status").await;
    let mut objects = healthy("https://status.bank.example");
    put(&bench, &objects).await;
    let well = bench.fapictl(&["status"]);
    assert_eq!(well.code, 0, "{well:?}");
    assert!(
        well.out.contains("https://status.bank.example") && well.out.contains("nobody has to do anything")
    );

    let app = objects.get_mut("Client/app").unwrap();
    app["status"] = json!({"conditions": [condition("ResolvedRefs", "False", "SecretNotFound", "Secret x/app does not exist")]});
    bench.apply(app).await;
    let said = bench.fapictl(&["status", "retail"]);
    assert_eq!(said.code, 1, "{said:?}");
    let first = said.out.lines().next().unwrap();
    let expected =
        format!("✖ Client {}/app: ResolvedRefs SecretNotFound: Secret x/app does not exist", bench.namespace);
    assert!(first.starts_with(&expected), "{first}");
    let json = bench.fapictl(&["status", "-o", "json"]).json();
    assert_eq!((&json["ok"], &json["matters"][0]["weight"]), (&json!(false), &json!("problem")));
    assert_eq!(json["workspaces"][0]["ready"], "True");

    let missing = bench.fapictl(&["status", "nowhere"]);
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.err.contains("there is no workspaces.fapi.rs nowhere"), "{missing:?}");
    assert!(missing.err.contains("next:  kubectl get workspaces.fapi.rs -n "), "{missing:?}");
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn whoever_may_not_look_is_told_the_verb_and_the_resource() {
    let bench = Bench::start("rights").await;
    let powerless = bench.powerless();
    let kubeconfig = powerless.path().to_str().unwrap();
    for (command, verb, resource) in [
        (&["status"][..], "list", "workspaces.fapi.rs"),
        (&["keys"][..], "list", "signingkeys.fapi.rs"),
        (&["tree", "retail"][..], "get", "workspaces.fapi.rs"),
        (&["doctor"][..], "list", "workspaces.fapi.rs"),
        (&["approve", "app"][..], "get", "clients.fapi.rs"),
    ] {
        let said = bench.fapictl_with(command, kubeconfig);
        assert_eq!(said.code, 4, "{command:?}: {said:?}");
        let expected = format!("you may not {verb} {resource} in namespace {}", bench.namespace);
        assert!(said.err.contains(&expected), "{command:?}: {said:?}");
    }
    let pre = bench.fapictl_with(&["doctor", "--pre", "-o", "json"], kubeconfig);
    assert_eq!(pre.code, 1, "{pre:?}");
    let checks = pre.json()["checks"].as_array().unwrap().clone();
    assert!(
        checks.iter().any(|it| it["name"] == "may patch signingkeys.fapi.rs" && it["result"] == "missing")
    );
    let nobody = bench.fapictl_with(&["status"], "/nowhere/kubeconfig");
    assert_eq!(nobody.code, 2, "{nobody:?}");
    bench.end().await;
}

/// Positive twin of the test above: an administrator lacks nothing.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_cluster_with_the_definitions_is_ready() {
    let bench = Bench::start("pre").await;
    let said = bench.fapictl(&["doctor", "--pre"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("✔ clients.fapi.rs: is that of this program"), "{said:?}");
    assert!(said.out.contains("i encryption at rest: private keys are kept in Secrets"), "D-06 {said:?}");
    bench.end().await;
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn keys_and_tree_show_what_the_operator_reports_and_no_content() {
    let bench = Bench::start("tree").await;
    let mut objects = healthy("https://tree.bank.example");
    let line = objects.get_mut("SigningKey/retail-sig-es256").unwrap();
    line["status"] = json!({
        "phase": "Steady", "activeKid": KID, "pods": {"confirmed": 2, "total": 2, "summary": "2/2"},
        "keys": [{"kid": KID, "state": "Active", "createdTime": "2026-01-01T00:00:00Z", "secretName": "retail-sig-es256-aaaaaaaa"}],
        "nextTransition": {"to": "Published", "notBefore": "2099-01-01T00:00:00Z"},
    });
    let labels = json!({"fapi.rs/workspace": "retail", "fapi.rs/signing-key": "retail-sig-es256", "fapi.rs/key-state": "Active"});
    let key = secret("retail-sig-es256-aaaaaaaa", &labels, &json!({"jwk": "the content of a Secret"}));
    objects.insert("Secret/key".to_owned(), key);
    put(&bench, &objects).await;

    let keys = bench.fapictl(&["keys", "retail"]);
    assert_eq!(keys.code, 0, "{keys:?}");
    let row = keys.out.lines().nth(1).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[..6], ["retail", "retail-sig-es256", KID, "ES256", "sig", "Active"]);
    assert!(row.contains("successor   in ") && row.ends_with("2/2"), "{row}");
    assert_eq!(bench.fapictl(&["keys", "-o", "json"]).json()["keys"][0]["kid"], KID);

    let tree = bench.fapictl(&["tree", "retail"]);
    assert_eq!(tree.code, 0, "{tree:?}");
    let client = "└─ Client app   Ready, \n   └─ Secret app";
    for line in [
        "├─ SigningKey retail-sig-es256   ES256, Steady",
        "│  └─ Secret retail-sig-es256-aaaaaaaa   Active",
        client,
    ] {
        assert!(tree.out.contains(line), "{line}\n{}", tree.out);
    }
    assert!(
        !tree.out.contains("content")
            && !bench.fapictl(&["tree", "retail", "-o", "json"]).out.contains("content")
    );
    bench.end().await;
}
