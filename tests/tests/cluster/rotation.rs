//! Keys rotate while people and programs use them, and the operator is ended in each of their states: nobody notices.
//!
//! A key is held in a state by an admission policy that refuses every change of its Secret: so the operator is ended there, and
//! not a moment later.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::load::{End, under_load};
use crate::place::Place;
use crate::programs::{feed, figure, kubectl, run};
use crate::relying_party::{RelyingParty, Seen};
use crate::wait::until;

/// Shorter waits than any customer may have: seconds.
const LOWERED: [&str; 4] = [
    "FAPI_MIN_ROTATION_INTERVAL=1",
    "FAPI_MIN_JWKS_MAX_AGE=1",
    "FAPI_ROTATION_MARGIN=1",
    "FAPI_CLOCK_SKEW=1",
];

/// The one that signs for whoever asks for no algorithm.
const LINE: &str = "fintech-ps256";

/// So many at least; `FAPI_TEST_ROTATIONS` asks for more.
const ROTATIONS: usize = 5;

const STATE: &str = "fapi.rs/key-state";

/// I3, KEY-09, RO-12
#[test]
#[ignore = "needs the test cluster"]
fn a_key_rotates_under_load_and_no_token_fails_wherever_the_operator_is_ended() {
    let rotations = std::env::var("FAPI_TEST_ROTATIONS").map_or(ROTATIONS, |number| number.parse().unwrap());
    Place::operator();
    let _floors = Floors::lower();
    // From the beginning: a JWKS that was fetched before a max-age was lowered would be waited out.
    let place = Place::altered("10-fintech-mtls", "fintech", |example| {
        let shorter =
            ["accessToken: 60s", "idToken: 60s", "jarm: 60s", "requestObject: 6m", "jwksMaxAge: 3s"];
        assert!(example.contains("accessToken: 5m"));
        example.replace("accessToken: 5m", &shorter.join("\n      "))
    });
    RelyingParty::register(&place);
    place.settled();

    let (seen, over) = (Mutex::new(Seen::default()), AtomicBool::new(false));
    let parties = [0, 1].map(|_| RelyingParty::new(&place));
    let mut begun = Instant::now();
    // The one that encrypts its requests, and gets encrypted answers.
    let tally = under_load(&place.player(), "wallet", |load| {
        thread::scope(|threads| {
            for party in &parties {
                threads.spawn(|| party.relies(&seen, &over));
            }
            let ended = End(&over);
            load.goes_on(4);
            begun = Instant::now();
            rotate_every(&place, LINE, "2s");
            rotate_every(&place, "fintech-requests", "20s");
            for state in ["Generated", "Published", "Active", "Retiring", "Retired"] {
                end_operator_in(&place, state);
            }
            end_operator_in_revoked(&place);
            until_kids(&seen, rotations + 1);
            load.goes_on(4);
            rotate_every(&place, LINE, "720h");
            rotate_every(&place, "fintech-requests", "720h");
            drop(ended);
        });
    });
    let seconds = begun.elapsed().as_secs_f64();
    let seen = seen.into_inner().unwrap();
    assert!(tally.failed.is_empty() && tally.unanswered.is_empty(), "{tally:#?}");
    assert!(seen.failed.is_empty() && seen.unverified.is_empty(), "{seen:#?}");
    let rotated = seen.kids.len() - 1;
    assert!(rotated >= rotations, "{:?}", seen.kids);
    figure(&format!(
        "{rotated} rotations in {seconds:.0} s with 3 pods, the operator ended in each of six states: {} flows and {} requests for tokens, none failed; {} verifications with {} JWKS, none failed",
        tally.passed, seen.tokens, seen.verified, seen.fetched
    ));
}

fn line(name: &str) -> String {
    format!("signingkeys.fapi.rs/{name}")
}

fn rotate_every(place: &Place, name: &str, interval: &str) {
    let rotation = json!({"interval": interval, "prePublish": "1s"});
    place.patch(&line(name), &json!({"spec": {"rotation": rotation}}));
}

/// Waits until so many keys have signed: each of them took over from another.
fn until_kids(seen: &Mutex<Seen>, count: usize) {
    let mut had = seen.lock().unwrap().kids.len();
    while had < count {
        had = until("another key to sign", || {
            let has = seen.lock().unwrap().kids.len();
            (has > had).then_some(has)
        });
    }
}

/// Whether a key is in a state that it would leave if it could. The one that signs stays while it may, and the past for ever.
fn is_held_in(key: &Value, wanted: &str) -> bool {
    if ["Active", "Retired"].contains(&wanted) { is_stuck_in(key, wanted) } else { state(key) == wanted }
}

/// Whether a key has come to a state and nobody has confirmed it.
fn is_stuck_in(key: &Value, state: &str) -> bool {
    let lacks = |fact: &str| key["metadata"]["annotations"][fact].is_null();
    key["metadata"]["labels"][STATE] == state
        && match state {
            "Published" => lacks("fapi.rs/published-acked-at"),
            "Active" => lacks("fapi.rs/activation-acked-at"),
            "Retiring" => lacks("fapi.rs/demotion-acked-at"),
            "Retired" | "Revoked" => lacks("fapi.rs/removal-acked-at"),
            _ => true,
        }
}

/// Holds a key in a state, ends the operator, and lets go.
fn end_operator_in(place: &Place, state: &str) {
    let hold = Hold::new(place, state, None);
    let kid = until(&format!("a key to be {state}"), || {
        place.keys("").iter().find(|key| is_held_in(key, state)).map(kid_of)
    });
    end_operator();
    assert!(place.in_state(state).contains(&kid), "it went on although it was held");
    drop(hold);
    goes_on_from(place, &kid, state);
}

/// The same with a key that is withdrawn before it has signed.
fn end_operator_in_revoked(place: &Place) {
    let waits = Hold::new(place, "Published", Some("Revoked"));
    let kid = until("a key to be Published", || place.in_state("Published").first().cloned());
    let hold = Hold::new(place, "Revoked", None);
    place.patch(&line(LINE), &json!({"spec": {"revoke": [{"kid": kid}]}}));
    until("it to be Revoked", || place.in_state("Revoked").contains(&kid).then_some(()));
    end_operator();
    drop((hold, waits));
    goes_on_from(place, &kid, "Revoked");
}

fn goes_on_from(place: &Place, kid: &str, state: &str) {
    until(&format!("{kid} to go on from {state}"), || {
        let keys = place.keys("");
        let stuck = keys.iter().any(|key| kid_of(key) == kid && is_stuck_in(key, state));
        (!stuck).then_some(())
    });
}

fn state(key: &Value) -> &str {
    key["metadata"]["labels"][STATE].as_str().unwrap_or_default()
}

fn kid_of(key: &Value) -> String {
    key["metadata"]["annotations"]["fapi.rs/kid"].as_str().unwrap().to_owned()
}

impl Place {
    fn patch(&self, object: &str, patch: &Value) {
        self.kubectl(&["patch", object, "--type=merge", "-p", &patch.to_string()]);
    }

    /// The Secrets of the line: with their facts (`""`), or with private halves (`"-private"`).
    fn keys(&self, suffix: &str) -> Vec<Value> {
        let selector = format!("--selector=fapi.rs/signing-key={LINE}");
        let list = self.kubectl(&["get", "secrets", &selector, "-o", "json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        let private = |key: &&Value| key["metadata"]["name"].as_str().unwrap().ends_with("-private");
        let found = list["items"].as_array().unwrap().iter();
        let ours = found.filter(|key| key["metadata"]["annotations"]["fapi.rs/kid"].is_string());
        ours.filter(|key| private(key) != suffix.is_empty()).cloned().collect()
    }

    fn in_state(&self, wanted: &str) -> Vec<String> {
        self.keys("").iter().filter(|key| state(key) == wanted).map(kid_of).collect()
    }
}

/// An admission policy that keeps keys of the line where they are. Gone when dropped.
struct Hold {
    name: String,
}

impl Hold {
    /// No Secret of a key in `state` changes any more, but for the step to `unless`; returns when that is so.
    fn new(place: &Place, state: &str, unless: Option<&str>) -> Self {
        let name = format!("hold-{}-{}", state.to_lowercase(), place.namespace);
        let labelled = format!("has(oldObject.metadata.labels) && '{STATE}' in oldObject.metadata.labels");
        let of_line = format!(
            "{labelled} && oldObject.metadata.labels['{STATE}'] == '{state}' && oldObject.metadata.labels[?'fapi.rs/signing-key'].orValue('') == '{LINE}'"
        );
        let allowed = unless.map_or("false".to_owned(), |unless| {
            format!("request.operation == 'UPDATE' && object.metadata.labels['{STATE}'] == '{unless}'")
        });
        let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name}, "spec": {
                "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"],
                    "operations": ["UPDATE", "DELETE"], "resources": ["secrets"]}]},
                "matchConditions": [{"name": "of-the-line", "expression": of_line}],
                "validations": [{"expression": allowed, "message": "held by a test"}],
        }});
        let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}}},
        }});
        // Of no Workspace, so that the operator does not look at it: it shows when the policy is in force.
        let probe = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {
            "name": format!("probe-{}", state.to_lowercase()),
            "labels": {"fapi.rs/signing-key": LINE, STATE: state},
        }});
        place.kubectl_reads(&["apply", "--server-side", "-f", "-"], &probe.to_string());
        let hold = Self { name };
        for object in [policy, binding] {
            feed(kubectl(), ["apply", "--server-side", "-f", "-"], &object.to_string()).ok();
        }
        let probe = format!("probe-{}", state.to_lowercase());
        until("the policy to be in force", || {
            let said =
                place.try_kubectl(&["annotate", "secret", &probe, "a=b", "--overwrite", "--dry-run=server"]);
            said.stderr.contains("held by a test").then_some(())
        });
        hold
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
            run(kubectl(), ["delete", kind, &self.name, "--ignore-not-found"]);
        }
    }
}

/// Deletes the pod of the operator, and waits until it is gone and another runs.
fn end_operator() {
    let pods = || -> Vec<Value> {
        let list = run(kubectl(), ["get", "pods", "-n", "fapi-system", "-o", "json"]);
        let mut list: Value = serde_json::from_str(&list.stdout).unwrap_or_default();
        let pods = list["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        pods.into_iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect()
    };
    let uid = |pod: &Value| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let before: Vec<String> = pods().iter().map(uid).collect();
    run(kubectl(), ["delete", "pods", "--all", "-n", "fapi-system", "--wait=true"]).ok();
    until("another operator", || {
        let now = pods();
        let new = now.iter().filter(|pod| !before.contains(&uid(pod)));
        (new.filter(|pod| pod["status"]["phase"] == "Running").count() > 0).then_some(())
    });
}

/// The operator with waits of seconds, until this is dropped.
struct Floors;

impl Floors {
    fn lower() -> Self {
        set(&LOWERED);
        Self
    }
}

impl Drop for Floors {
    fn drop(&mut self) {
        set(&LOWERED.map(|setting| {
            let name = setting.split('=').next().unwrap_or_default();
            format!("{name}-")
        }));
    }
}

fn set(settings: &[impl AsRef<str>]) {
    let mut arguments = vec!["set", "env", "deployment/fapi-operator", "-n", "fapi-system"];
    arguments.extend(settings.iter().map(AsRef::as_ref));
    run(kubectl(), arguments).ok();
    let rollout = ["rollout", "status", "deployment/fapi-operator", "-n", "fapi-system", "--timeout=180s"];
    run(kubectl(), rollout).ok();
}
