//! Three pods and PostgreSQL: the journeys, and what is edited, deleted and killed under them.

use std::sync::LazyLock;
use std::time::Instant;

use serde_json::{Value, json};

use crate::load::under_load;
use crate::place::Place;
use crate::programs::figure;
use crate::wait::until;

const CLIENTS: [&str; 3] = ["ledger", "wallet", "budget"];

/// Made by the first test, used by all, which leave it as it was. The cluster ends with the run.
static PLACE: LazyLock<Place> = LazyLock::new(|| Place::with("10-fintech-mtls", "fintech"));

#[test]
#[ignore = "needs the test cluster"]
fn each_kind_of_client_does_the_whole_journey_across_three_pods() {
    PLACE.pods_are(3);
    for client in CLIENTS {
        let checks = PLACE.player().passes(client, &[]);
        figure(&format!("10-fintech-mtls: {client}: {checks} checks passed"));
    }
    PLACE.player().passes("ledger", &["--response", "hybrid"]);
    PLACE.player().passes("ledger", &["--delivery", "by-value"]);
}

#[test]
#[ignore = "needs the test cluster"]
fn every_pod_by_itself_serves_every_client() {
    PLACE.pods_are(3);
    for player in PLACE.players() {
        for client in CLIENTS {
            player.passes(client, &[]);
        }
    }
}

#[test]
#[ignore = "needs the test cluster"]
fn a_redirect_uri_that_is_added_to_its_secret_is_taken_by_every_pod() {
    const ADDED: &str = "https://added.example/callback";
    PLACE.pods_are(3);
    let redirected = ["--redirect-uri", ADDED, "--no-attacks"];
    for player in PLACE.players() {
        assert!(!player.plays("ledger", &redirected).passed());
    }
    let before = PLACE.object("secret/ledger")["data"].take();

    let begun = Instant::now();
    write_redirect_uris(&json!([ADDED]).to_string());
    for player in PLACE.players() {
        player.comes_to_pass("ledger", &redirected);
    }
    figure(&format!(
        "{:.1} s from a Secret's edit until every pod took the redirect URI in it",
        begun.elapsed().as_secs_f64()
    ));
    for player in PLACE.players() {
        assert!(!player.plays("ledger", &[]).passed(), "what was removed is still taken");
    }

    patch_ledger(&json!({"data": before}));
    for player in PLACE.players() {
        player.comes_to_pass("ledger", &[]);
    }
}

#[test]
#[ignore = "needs the test cluster"]
fn a_secret_with_a_bad_redirect_uri_changes_nothing_and_is_named() {
    let before = PLACE.object("secret/ledger")["data"].take();
    write_redirect_uris(r#"["http://plain.example/callback"]"#);
    let message = until("the condition to say so", || {
        let client = PLACE.object("clients.fapi.rs/ledger");
        let conditions = client["status"]["conditions"].as_array()?.clone();
        let refs = conditions.iter().find(|it| it["type"] == "ResolvedRefs" && it["status"] == "False")?;
        Some(refs["message"].as_str().unwrap().to_owned())
    });
    for told in ["ledger key redirect-uris.json line 1: must use https", "what was published before goes on"]
    {
        assert!(message.contains(told), "{message}");
    }
    assert!(!message.contains("plain.example"), "the content of a Secret: {message}");
    for player in PLACE.players() {
        player.passes("ledger", &[]);
        player.passes("budget", &[]);
    }
    patch_ledger(&json!({"data": before}));
    PLACE.kubectl(&["wait", "--for=condition=Ready", "clients.fapi.rs/ledger", "--timeout=120s"]);
}

#[test]
#[ignore = "needs the test cluster"]
fn a_client_that_is_deleted_is_refused_by_every_pod_and_served_again_when_it_is_back() {
    PLACE.pods_are(3);
    PLACE.kubectl(&["delete", "clients.fapi.rs/budget"]);
    for player in PLACE.players() {
        player.comes_to_fail("budget", "invalid_client");
        player.passes("ledger", &[]);
    }
    PLACE.apply_example();
    for player in PLACE.players() {
        player.comes_to_pass("budget", &[]);
    }
}

#[test]
#[ignore = "needs the test cluster"]
fn a_deployment_that_is_deleted_comes_back() {
    let before = PLACE.object("deployment/fintech")["metadata"]["uid"].clone();
    PLACE.kubectl(&["delete", "deployment/fintech"]);
    until("another Deployment", || {
        let said = PLACE.try_kubectl(&["get", "deployment/fintech", "-o", "jsonpath={.metadata.uid}"]);
        (said.code == Some(0) && before != said.stdout.as_str()).then_some(())
    });
    PLACE.pods_are(3);
    PLACE.ready();
    for client in CLIENTS {
        PLACE.player().passes(client, &[]);
    }
}

/// F-S01: a pod that ends in order takes no flow with it.
#[test]
#[ignore = "needs the test cluster"]
fn pods_that_are_replaced_under_load_fail_nobody() {
    PLACE.settled();
    let tally = under_load(&PLACE.player(), "budget", |load| {
        load.goes_on(10);
        PLACE.kubectl(&["rollout", "restart", "deployment/fintech"]);
        PLACE.kubectl(&["rollout", "status", "deployment/fintech", "--timeout=180s"]);
        // The last of the old ones goes on for a while.
        until("the old pods to be gone", || (PLACE.all_pods() == 3).then_some(()));
        load.goes_on(10);
    });
    assert!(tally.unanswered.is_empty() && tally.failed.is_empty(), "{tally:#?}");
    figure(&format!("all pods replaced under load: {} flows, all passed", tally.passed));
}

/// F-S02: every flow redeems its code a second time and uses what was revoked: had a pod answered before the database kept
/// it, one of those would now be good. A flow that gets no answer because its pod died is no loss. The process is killed, so
/// that nothing in it ends in order; its container is started again by the kubelet.
#[test]
#[ignore = "needs the test cluster"]
fn no_write_that_was_acknowledged_is_lost_with_a_pod_that_is_killed_under_load() {
    PLACE.settled();
    let tally = under_load(&PLACE.player(), "budget", |load| {
        for pod in PLACE.pods_are(3).iter().take(2) {
            load.goes_on(10);
            pod.kill(&PLACE);
            PLACE.settled();
        }
        load.goes_on(10);
    });
    assert!(tally.failed.is_empty(), "{tally:#?}");
    let (passed, unanswered) = (tally.passed, tally.unanswered.len());
    figure(&format!(
        "two pods killed under load: {passed} flows passed, {unanswered} got no answer, no acknowledged write lost"
    ));
}

/// A Client is programmed when all three pods have confirmed that they loaded it.
#[test]
#[ignore = "needs the test cluster"]
fn a_new_client_is_programmed_in_all_pods() {
    PLACE.pods_are(3);
    let mut seconds: Vec<f64> = (0..10).map(programmed_after).collect();
    seconds.sort_by(f64::total_cmp);
    figure(&format!(
        "kubectl apply of a new Client to Programmed=True with 3 pods: median {:.2} s, slowest {:.2} s of {}",
        f64::midpoint(seconds[4], seconds[5]),
        seconds[9],
        seconds.len()
    ));
}

/// Seconds from the beginning of `kubectl apply`; the Client is gone afterwards.
fn programmed_after(n: usize) -> f64 {
    let name = format!("new-{n}");
    let client = json!({"apiVersion": "fapi.rs/v1alpha1", "kind": "Client", "metadata": {"name": name}, "spec": {
        "workspaceRef": {"name": "fintech"},
        "clientId": name,
        "auth": {"method": "private_key_jwt", "jwksRef": {"name": "budget", "key": "jwks.json"}},
        "redirectUris": {"from": [{"name": "budget", "key": "redirect-uris.json"}]},
        "scopes": ["openid", "accounts"],
    }});
    let begun = Instant::now();
    PLACE.kubectl_reads(&["apply", "--server-side", "-f", "-"], &client.to_string());
    let object = format!("clients.fapi.rs/{name}");
    PLACE.kubectl(&["wait", "--for=condition=Programmed", &object, "--timeout=120s"]);
    let seconds = begun.elapsed().as_secs_f64();
    PLACE.kubectl(&["delete", &object]);
    seconds
}

fn write_redirect_uris(text: &str) {
    patch_ledger(&json!({"stringData": {"redirect-uris.json": text}}));
}

fn patch_ledger(patch: &Value) {
    PLACE.kubectl(&["patch", "secret", "ledger", "--type=merge", "-p", &patch.to_string()]);
}
