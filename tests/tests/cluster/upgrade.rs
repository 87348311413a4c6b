//! From the previous version to this one and back, operator and servers in any order, while people and programs use them.
//!
//! The previous version is real: `tests/previous` names a commit of this repository, and `tests/run` builds it.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;

use serde_json::json;

use crate::helm::{Alone, helm};
use crate::load::{End, under_load};
use crate::place::Place;
use crate::programs::{figure, root, told};
use crate::relying_party::{OBJECT, RelyingParty, Seen};
use crate::wait::until;

/// A version: its chart and its image.
struct Version {
    chart: String,
    image: String,
}

/// F-C06, G-18, I8: by one version.
#[test]
#[ignore = "needs the test cluster"]
fn operator_and_servers_are_upgraded_in_either_order_and_rolled_back_and_no_request_fails() {
    let previous = Path::new(&told("FAPI_TEST_PREVIOUS")).join("charts/fapi-operator");
    let old = Version { chart: shown(&previous), image: told("FAPI_TEST_PREVIOUS_IMAGE") };
    let new = Version { chart: shown(&root().join("charts/fapi-operator")), image: told("FAPI_TEST_IMAGE") };
    let _alone = Alone::now();
    let place = Place::bare("10-fintech-mtls", "fintech");
    install(&place, "install", &old, &old);
    place.serve();
    RelyingParty::register(&place);
    place.settled();

    let (seen, over) = (Mutex::new(Seen::default()), AtomicBool::new(false));
    let parties = [RelyingParty::new(&place), RelyingParty::that_stays_connected(&place)];
    let tally = under_load(&place.player(), "wallet", |load| {
        thread::scope(|threads| {
            for party in &parties {
                threads.spawn(|| party.relies(&seen, &over));
            }
            let ended = End(&over);
            load.goes_on(4);
            publishes(&place, "the beginning");
            for (upgraded, operator, servers) in [
                ("the servers first", &old, &new),
                ("then the operator", &new, &new),
                ("all of it, back", &old, &old),
                ("the operator first", &new, &old),
                ("then the servers", &new, &new),
            ] {
                install(&place, "upgrade", operator, servers);
                settles(&place, operator, servers);
                load.goes_on(4);
                publishes(&place, upgraded);
                println!("upgraded {upgraded}");
            }
            // The last of the old ones go on for a while.
            until("the old pods to be gone", || (place.all_pods() == 3).then_some(()));
            load.goes_on(4);
            drop(ended);
        });
    });
    let seen = seen.into_inner().unwrap();
    assert!(tally.failed.is_empty() && tally.unanswered.is_empty(), "{tally:#?}");
    assert!(seen.failed.is_empty() && seen.unverified.is_empty(), "{seen:#?}");
    figure(&format!(
        "upgraded from the previous version in either order and rolled back, with 3 pods: {} flows, {} requests for tokens, each introspected, and {} JWKS, none failed",
        tally.passed, seen.tokens, seen.fetched
    ));
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The release, with the operator of one version and the servers of another.
fn install(place: &Place, verb: &str, operator: &Version, servers: &Version) {
    let (repository, tag) = operator.image.rsplit_once(':').unwrap();
    let values = format!("image.repository={repository},image.tag={tag},serverImage={}", servers.image);
    // Definitions and policies belong to the cluster, where other tests have made them.
    let arguments = [
        verb,
        "fapi-operator",
        &operator.chart,
        "--set",
        &values,
        "--take-ownership",
        "--wait",
        "--timeout=3m",
    ];
    helm(place, &arguments).ok();
}

/// Waits until both are what they should be. What was before may still be ending.
fn settles(place: &Place, operator: &Version, servers: &Version) {
    until("the pods to be replaced", || {
        let runs = |name: &str, image: &str| {
            let it = place.object(&format!("deployment/{name}"));
            let (wanted, status) = (&it["spec"]["replicas"], &it["status"]);
            it["spec"]["template"]["spec"]["containers"][0]["image"] == image
                && status["observedGeneration"] == it["metadata"]["generation"]
                && ["replicas", "updatedReplicas", "availableReplicas"]
                    .iter()
                    .all(|count| status[count] == *wanted)
        };
        (runs("fapi-operator", &operator.image) && runs("fintech", &servers.image)).then_some(())
    });
    place.ready();
}

/// The operator and the servers understand each other: a change of a Client comes to every pod.
fn publishes(place: &Place, upgraded: &str) {
    let name = json!({"spec": {"displayName": {"en": format!("After {upgraded}")}}}).to_string();
    place.kubectl(&["patch", OBJECT, "--type=merge", "-p", &name]);
    place.kubectl(&["wait", "--for=condition=Programmed", OBJECT, "--timeout=120s"]);
    place.ready();
}
