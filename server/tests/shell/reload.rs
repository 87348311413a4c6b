//! What is served after files have changed, and what of it the operator learns.

use std::collections::BTreeSet;
use std::time::Duration;

use fapi_config::state::fingerprint;
use fapi_config::{Files, KeyState, OnDelete, Tombstone, file};
use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::issuer::{Issuer, Mtls};
use fapi_jose::{Alg, SigningKey};
use fapi_server::listen::Limits;
use http::HeaderValue;

use crate::client::{Client, get, plain, text};
use crate::house::{BACK, FRONT, House, OPERATOR, add_key, until};
use crate::pki::Authority;

fn without(files: &Files, name: &str) -> Files {
    files
        .iter()
        .filter(|(one, _)| *one != name)
        .map(|(one, bytes)| (one.to_owned(), bytes.to_vec()))
        .collect()
}

fn with(files: &Files, name: &str, bytes: &[u8]) -> Files {
    let mut files = files.clone();
    files.insert(name, bytes.to_vec());
    files
}

/// An answer of one of the ports that are not doors.
async fn ask(house: &House, path: &str) -> (u16, String) {
    let answer = plain(house.running.metrics.unwrap(), path).await.unwrap();
    (answer.status().as_u16(), text(&answer).to_owned())
}

#[tokio::test]
async fn the_next_revision_is_served_without_a_restart() {
    let mut house = House::open().await;
    assert_eq!(house.running.state().revision, Some(1));
    let instance = house.running.state().instance;

    let next = SigningKey::generate(Alg::Es256, 2048).unwrap();
    let revision = house.publish(|bundle| add_key(bundle, &next, KeyState::Published));
    until(|| house.running.state().revision == Some(revision)).await;

    let state = house.running.state();
    let kids = |kids: &[String]| kids.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(state.published_kids.len(), 2);
    assert_eq!(kids(&state.signable_kids), kids(&state.published_kids), "F-F06: tried before it is needed");
    assert!(!state.active_kids.contains(&next.kid().to_owned()), "KEY-02");
    assert_eq!((state.pending, state.instance), (None, instance));
    assert_eq!(state.hash.unwrap().len(), 64);
}

/// F-F01, F-F02: a mixture, a gap, or a defect of the operator: nothing of it is used.
#[tokio::test]
async fn a_bad_revision_is_refused_as_a_whole_and_the_last_good_one_is_served() {
    let mut house = House::open().await;
    let good = house.bundle.files(7);
    let keys = good.get(file::KEYS).unwrap().to_vec();
    let broken = [
        (with(&good, file::WORKSPACE, b"{}"), "workspace.json", Some(7)),
        (with(&good, file::KEYS, &keys[..keys.len() - 1]), "keys.json", Some(7)),
        (without(&good, file::USERS), "users.json", Some(7)),
        (with(&good, file::MANIFEST, b"{"), "manifest.json", None),
        (without(&good, file::MANIFEST), "manifest.json", None),
        (Files::default(), "manifest.json", None),
    ];
    for (files, named, revision) in broken {
        house.deliver(files);
        until(|| house.running.state().pending.is_some_and(|pending| pending.error.contains(named))).await;
        let state = house.running.state();
        assert_eq!(state.revision, Some(1), "F-F01");
        assert_eq!(state.pending.unwrap().revision, revision);
        let answer = Client::trusting(&house.authority).get(house.front, FRONT, "/hello").await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "F-F01");
        assert_eq!(ask(&house, "/readyz").await.0, 200, "F-F03");
    }

    let revision = house.publish(|_| ());
    until(|| house.running.state().revision == Some(revision)).await;
    assert_eq!(house.running.state().pending, None);
}

/// F-F01: two Secrets in one volume may be from different moments.
#[tokio::test]
async fn a_mixture_of_two_revisions_is_refused() {
    let mut house = House::open().await;
    let before = house.bundle.files(2);
    let next = SigningKey::generate(Alg::Es256, 2048).unwrap();
    add_key(&mut house.bundle, &next, KeyState::Published);
    let after = house.bundle.files(3);

    house.deliver(with(&after, file::KEYS, before.get(file::KEYS).unwrap()));
    until(|| house.running.state().pending.is_some()).await;
    let pending = house.running.state().pending.unwrap();
    assert_eq!(pending.revision, Some(3));
    assert!(pending.error.starts_with("keys.json"), "{}", pending.error);
    assert!(!house.running.state().published_kids.contains(&next.kid().to_owned()));

    house.deliver(after);
    until(|| house.running.state().revision == Some(3)).await;
}

#[tokio::test]
async fn a_server_never_changes_its_issuer() {
    let mut house = House::open().await;
    house.publish(|bundle| bundle.document.issuer = Issuer::parse("https://other.example").unwrap());
    until(|| house.running.state().pending.is_some()).await;
    let pending = house.running.state().pending.unwrap();
    assert!(pending.error.contains("https://other.example"), "{}", pending.error);
    assert_eq!(house.running.state().revision, Some(1));
}

/// The doors move with the configuration.
#[tokio::test]
async fn a_door_that_has_moved_is_found_where_it_is_now() {
    let mut house = House::open().await;
    let client = Client::trusting(&house.authority);
    assert!(client.get(house.back, FRONT, "/hello").await.is_err());
    let mut standing = client.connect(house.front, BACK).await.unwrap();

    let revision = house.publish(|bundle| bundle.document.mtls = Mtls::Port(443));
    until(|| house.running.state().revision == Some(revision)).await;
    let answer = client.get(house.back, FRONT, "/hello").await.unwrap();
    assert_eq!(text(&answer), "back");
    let answer = standing.send(get(BACK, "/hello")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 421, "TL-15: judged for each request");
}

#[tokio::test]
async fn a_server_that_has_nothing_says_what_it_lacks() {
    let house = House::built(Mtls::Host(BACK.into()), Limits::default()).await;
    let (status, reasons) = ask(&house, "/readyz").await;
    assert_eq!(status, 503);
    assert_eq!(
        reasons,
        "config: nothing is loaded\n\
         tls: there is no certificate for the front door\n\
         tls: there is no certificate for the back door\n\
         store: the database has not been opened yet\n"
    );
    assert_eq!(ask(&house, "/livez").await, (200, "ok\n".to_owned()), "F-S05");

    house.deliver(Files::default());
    until(|| house.running.state().pending.is_some()).await;
    assert!(ask(&house, "/readyz").await.1.contains("config: nothing is loaded: manifest.json: is missing"));

    house.start().await;
    assert_eq!(ask(&house, "/readyz").await, (200, "ok\n".to_owned()));
}

#[tokio::test]
async fn a_server_without_an_active_key_is_not_ready() {
    let mut house = House::open().await;
    let revision = house.publish(|bundle| {
        bundle.document.keys.clear();
        bundle.secrets.keys.clear();
        add_key(bundle, &SigningKey::generate(Alg::Es256, 2048).unwrap(), KeyState::Published);
    });
    until(|| house.running.state().revision == Some(revision)).await;
    assert_eq!(ask(&house, "/readyz").await, (503, "keys: no signing key is active\n".to_owned()));
}

/// F-S01: callers are told before anything is refused.
#[tokio::test]
async fn a_server_that_ends_says_so_before_it_does() {
    let mut house = House::open().await;
    let address = house.running.metrics.unwrap();
    house.running.patience.leaving = Duration::from_hours(1);
    let client = Client::trusting(&house.authority);
    let front = house.front;
    let mut kept = client.connect(front, FRONT).await.unwrap();
    let before = kept.send(get(FRONT, "/hello")).await.unwrap();
    assert!(!before.headers().contains_key("connection"));
    let shutdown = house.running.shutdown();
    tokio::pin!(shutdown);
    let told = async {
        loop {
            let answer = plain(address, "/readyz").await.unwrap();
            if answer.status().as_u16() == 503 {
                return text(&answer).to_owned();
            }
        }
    };
    tokio::select! {
        () = &mut shutdown => panic!("it did not wait for its callers to notice"),
        reasons = told => assert_eq!(reasons, "shutdown: the server is ending\n"),
    }
    tokio::select! {
        () = &mut shutdown => panic!("it did not wait for its callers to notice"),
        answer = client.get(front, FRONT, "/hello") => assert_eq!(answer.unwrap().status().as_u16(), 200, "F-S01"),
    }
    let last = async {
        let answer = kept.send(get(FRONT, "/hello")).await.unwrap();
        (answer, kept.send(get(FRONT, "/hello")).await)
    };
    tokio::select! {
        () = &mut shutdown => panic!("it did not wait for its callers to notice"),
        (answer, next) = last => {
            assert_eq!((answer.status().as_u16(), &answer.headers()["connection"]), (200, &HeaderValue::from_static("close")));
            assert!(next.is_err(), "F-S01: who keeps a connection is told to open another");
        }
    }
}

/// H-12, `K-`: the state tells an attacker which keys are next.
#[tokio::test]
async fn only_the_operator_learns_the_state() {
    let house = House::open().await;
    let address = house.running.internal.unwrap();
    let client = Client::trusting(&house.internal_authority);
    let path = "/internal/v1/state";

    let operator = client.clone().showing(&house.internal_authority.program(OPERATOR));
    let answer = operator.get(address, "pod.internal", path).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let state: fapi_config::state::PodState = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(state, house.running.state());
    assert_eq!(state.now.as_second(), state.started_at.as_second(), "the clock stands");

    assert!(client.get(address, "pod.internal", path).await.is_err(), "no certificate, no connection");
    let stranger = Authority::new("Other CA").program(OPERATOR);
    assert!(client.clone().showing(&stranger).get(address, "pod.internal", path).await.is_err());
    for other in ["spiffe://fapi.rs/pod", "spiffe://fapi.rs/operator/", "spiffe://fapi.rs/OPERATOR"] {
        let pod = client.clone().showing(&house.internal_authority.program(other));
        let answer = pod.get(address, "pod.internal", path).await.unwrap();
        assert_eq!(answer.status().as_u16(), 403, "{other}");
        assert!(!text(&answer).contains("revision"));
    }
    for (port, name) in [(house.front, FRONT), (house.front, BACK)] {
        let door = Client::trusting(&house.authority).get(port, name, path).await.unwrap();
        assert_eq!(door.status().as_u16(), 404, "H-12");
    }
    assert_eq!(ask(&house, path).await.0, 404, "H-12");
}

/// What the operator relies on when it replaces the authority of the internal port: at every step it is let in, and believes what it
/// is shown.
#[tokio::test]
async fn the_authority_of_the_internal_port_is_replaced_under_a_server_that_runs() {
    let house = House::open().await;
    let address = house.running.internal.unwrap();
    // Of one name, as the operator's are.
    let (old, new) = (&house.internal_authority, &Authority::new("Internal CA"));
    let told = || house.running.state().internal.unwrap();
    let before = told();
    assert_eq!(before.authorities, [fingerprint(&old.certificate)]);
    let by = async |showing: &Authority, trusting: &Authority| {
        let operator = Client::trusting(trusting).showing(&showing.program(OPERATOR));
        operator
            .get(address, "pod.internal", "/internal/v1/state")
            .await
            .is_ok_and(|answer| answer.status() == 200)
    };
    assert!(by(old, old).await && !by(new, old).await);

    house.show_internally(old, &[old, new]);
    until(|| told().authorities == [fingerprint(&old.certificate), fingerprint(&new.certificate)]).await;
    assert!(by(old, old).await && by(new, old).await, "either is let in before the new one issues");
    let announced = told();

    house.show_internally(new, &[new, old]);
    until(|| told().leaf != announced.leaf).await;
    assert!(by(new, new).await && by(old, new).await && !by(new, old).await);

    house.show_internally(new, &[new]);
    until(|| told().authorities == [fingerprint(&new.certificate)]).await;
    assert!(by(new, new).await && !by(old, new).await, "the one before opens nothing any more");
}

#[tokio::test]
async fn numbers_are_told_in_the_clear_and_hold_no_secrets() {
    let house = House::open().await;
    let (status, page) = ask(&house, "/metrics").await;
    assert_eq!(status, 200);
    assert!(page.contains("fapi_config_revision 1\n") && page.ends_with("# EOF\n"), "{page}");
    assert!(page.contains(r#"fapi_certificate_expiry_timestamp_seconds{door="internal"}"#));
}

/// A deleted client is gone when nothing can write in its name any more.
#[tokio::test]
async fn a_tombstone_is_done_once_requests_that_began_before_it_have_ended() {
    let answer = Duration::from_millis(300);
    let mut house = House::limited(Limits { answer, ..Limits::default() }).await;
    let tombstone = Tombstone {
        client_id: ClientId::parse("gone").unwrap(),
        incarnation: Incarnation::from_stored("i1"),
        on_delete: OnDelete::RevokeGrants,
    };
    let loaded = std::time::Instant::now();
    house.publish(|bundle| bundle.document.tombstones.push(tombstone.clone()));
    until(|| house.running.state().tombstones_done == [tombstone.incarnation.clone()]).await;
    assert!(loaded.elapsed() >= answer);

    let revision = house.publish(|bundle| bundle.document.tombstones.clear());
    until(|| house.running.state().revision == Some(revision)).await;
    until(|| house.running.state().tombstones_done.is_empty()).await;
}
