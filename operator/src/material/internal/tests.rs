//! The operator can always ask every pod, whatever the pod has loaded.

use std::collections::BTreeMap;

use rustls_pki_types::{ServerName, UnixTime};
use serde_json::json;

use super::super::operator_certificate;
use super::*;
use crate::fixture::NOON;
use crate::rotate::{Acknowledgements, PodView};

const HOST: &str = "retail-internal.auth.svc";

type Data = BTreeMap<String, Vec<u8>>;

/// The two Secrets.
#[derive(Clone)]
struct Secrets {
    authority: Data,
    leaf: Data,
}

fn leaf_data(authority: &InternalAuthority, leaf: &Certified) -> Data {
    [("tls.crt", &leaf.certificate), ("tls.key", &*leaf.key), ("ca.crt", &authority.bundle())]
        .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
        .into()
}

impl Secrets {
    fn new(now: Timestamp) -> Self {
        let authority = InternalAuthority::first("auth/retail internal", now).unwrap();
        let leaf = authority.leaf(None, HOST, now).unwrap();
        Self { authority: authority.data(), leaf: leaf_data(&authority, &leaf) }
    }

    /// As a reconcile does. What would be written.
    fn next(&self, around: &Surroundings) -> (Self, Vec<Step>, Outlook) {
        let mut authority = InternalAuthority::read(&self.authority, around.now).unwrap();
        let steps = authority.advance("auth/retail internal", Some(&self.leaf), around).unwrap();
        let leaf = authority.leaf(Some(&self.leaf), HOST, around.now).unwrap();
        let outlook = authority.outlook(&leaf, around);
        (Self { authority: authority.data(), leaf: leaf_data(&authority, &leaf) }, steps, outlook)
    }

    fn go(&mut self, around: &Surroundings) -> Vec<Step> {
        let (next, steps, _) = self.next(around);
        *self = next;
        steps
    }
}

fn ders(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).map(Result::unwrap).collect()
}

/// What a pod with these files says.
fn view(name: &str, files: &Data) -> PodView {
    let fingerprints = |pem: &[u8]| ders(pem).iter().map(|der| fingerprint(der)).collect::<Vec<_>>();
    let internal =
        json!({"leaf": fingerprints(&files["tls.crt"])[0], "authorities": fingerprints(&files["ca.crt"])});
    let state = json!({"instance": name, "version": "0", "formats": [1], "revision": 1, "hash": "", "pending": null,
        "internal": internal, "startedAt": "2026-01-01T00:00:00Z", "now": "2026-01-01T00:00:00Z"});
    PodView::serving(name, serde_json::from_value(state).unwrap())
}

fn around(pods: Vec<PodView>, now: Timestamp) -> Surroundings {
    Surroundings { acks: Acknowledgements { revision: 1, pods }, ..Surroundings::quiet(now) }
}

fn chains(
    leaf: &[u8],
    authorities: &[u8],
    usage: webpki::KeyUsage,
    host: Option<&str>,
    now: Timestamp,
) -> bool {
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.as_unix().cast_unsigned()));
    let roots = ders(authorities);
    let anchors: Vec<_> = roots.iter().map(|root| webpki::anchor_from_trusted_cert(root).unwrap()).collect();
    let leaf = ders(leaf).remove(0);
    let leaf = webpki::EndEntityCert::try_from(&leaf).unwrap();
    let names = |host| leaf.verify_is_valid_for_subject_name(&ServerName::try_from(host).unwrap()).is_ok();
    leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &[], time, usage, None, None).is_ok()
        && host.is_none_or(names)
}

/// Whether the operator, by what the Secrets hold, can ask a pod that has loaded these files: both check the other.
fn can_ask(secrets: &Secrets, pod: &Data, now: Timestamp) -> bool {
    let trust = InternalAuthority::trust(&secrets.authority).unwrap();
    let own = operator_certificate(&trust.issuing, now).unwrap();
    chains(own.certificate.as_bytes(), &pod["ca.crt"], webpki::KeyUsage::client_auth(), None, now)
        && chains(
            &pod["tls.crt"],
            trust.authorities.as_bytes(),
            webpki::KeyUsage::server_auth(),
            Some(HOST),
            now,
        )
}

const DUE: Timestamp = Timestamp::from_unix(NOON.as_unix() + INTERVAL.as_seconds());
const DAY: Lifetime = Lifetime::days(1);

#[test]
fn an_authority_is_replaced_with_an_overlap_that_every_pod_confirms() {
    let mut secrets = Secrets::new(NOON);
    let old = secrets.leaf.clone();
    let steady = around(vec![view("a", &old)], NOON + DAY);
    assert_eq!(secrets.go(&steady), []);
    assert_eq!(secrets.leaf, old, "steady: nothing is written");

    // The leaf is renewed long before, by the same authority.
    let renewal = NOON + Lifetime::days(250);
    assert_eq!(secrets.go(&around(vec![view("a", &old)], renewal)), []);
    assert!(secrets.leaf["tls.crt"] != old["tls.crt"] && secrets.leaf["ca.crt"] == old["ca.crt"]);
    let before = secrets.leaf.clone();

    assert_eq!(secrets.go(&around(vec![view("a", &before)], DUE)), [Step::InternalCaMade]);
    let announced = secrets.leaf.clone();
    assert_eq!(announced["tls.crt"], before["tls.crt"], "the new one issues nothing yet");
    assert_eq!(ders(&announced["ca.crt"]).len(), 2);
    assert!(can_ask(&secrets, &before, DUE) && can_ask(&secrets, &announced, DUE));

    let later = DUE + DAY;
    let mixed = vec![view("a", &announced), view("b", &before)];
    assert_eq!(secrets.go(&around(mixed, later)), [], "one pod would not let the operator in");
    assert_eq!(secrets.go(&around(Vec::new(), later)), [], "no pod confirms nothing");
    assert_eq!(
        secrets.go(&around(vec![view("a", &announced)], DUE)),
        [],
        "pods that are nowhere counted have a day"
    );
    assert_eq!(secrets.go(&around(vec![view("a", &announced)], later)), [Step::InternalCaSwitched]);
    let switched = secrets.leaf.clone();
    assert_ne!(switched["tls.crt"], announced["tls.crt"]);
    assert!(can_ask(&secrets, &announced, later) && can_ask(&secrets, &switched, later));
    assert!(!secrets.authority.contains_key(NEXT_KEY) && secrets.authority.contains_key(FORMER_CERTIFICATE));

    let mixed = vec![view("a", &switched), view("b", &announced)];
    assert_eq!(secrets.go(&around(mixed, later + DAY)), []);
    assert_eq!(secrets.go(&around(vec![view("a", &switched)], later + DAY)), []);
    assert_eq!(secrets.go(&around(vec![view("a", &switched)], later + DAY + DAY)), [Step::InternalCaDropped]);
    let alone = secrets.leaf.clone();
    assert_eq!((ders(&alone["ca.crt"]).len(), &alone["tls.crt"]), (1, &switched["tls.crt"]));
    assert!(can_ask(&secrets, &alone, later) && can_ask(&secrets, &switched, later));
    assert!(!can_ask(&secrets, &before, later), "the one before is not trusted any more");
}

/// The Secret of the version before: an authority and nothing else, beside a leaf whose bundle is that authority.
#[test]
fn what_the_version_before_has_made_is_taken_over_as_it_is() {
    let secrets = Secrets::new(NOON);
    assert_eq!(secrets.authority.keys().collect::<Vec<_>>(), ["tls.crt", "tls.key"]);
    assert_eq!(secrets.leaf["ca.crt"], secrets.authority["tls.crt"]);
    let (next, steps, outlook) = secrets.next(&around(Vec::new(), NOON));
    assert_eq!((next.authority, next.leaf, steps), (secrets.authority, secrets.leaf, Vec::new()));
    assert!(!outlook.waits_for_pods);
    let wake = outlook.wake.unwrap();
    assert!(
        wake > NOON + Lifetime::days(240) && wake < NOON + Lifetime::days(250),
        "the leaf is the first to be renewed"
    );
}

#[test]
fn a_wish_rotates_once_and_a_suspended_workspace_waits() {
    let mut secrets = Secrets::new(NOON);
    let wish = |secrets: &Secrets, now, suspended| {
        let mut around = around(vec![view("a", &secrets.leaf)], now);
        around.wishes.internal_ca = Some("leaked".to_owned());
        around.suspended = suspended;
        around
    };
    assert_eq!(secrets.go(&wish(&secrets, NOON, true)), []);
    assert_eq!(secrets.go(&wish(&secrets, NOON, false)), [Step::InternalCaMade]);
    assert_eq!(secrets.go(&wish(&secrets, NOON + DAY, true)), []);
    assert_eq!(secrets.go(&wish(&secrets, NOON + DAY, false)), [Step::InternalCaSwitched]);
    assert_eq!(secrets.go(&wish(&secrets, NOON + DAY, true)), [], "what is confirmed is noted");
    assert_eq!(secrets.go(&wish(&secrets, NOON + DAY + DAY, false)), [Step::InternalCaDropped]);
    for day in 3..20 {
        assert_eq!(secrets.go(&wish(&secrets, NOON + Lifetime::days(day), false)), [], "once for each text");
    }
}

/// Somebody deletes the Secret, or it cannot be read.
#[test]
fn an_authority_that_is_lost_is_made_anew_at_once() {
    let mut secrets = Secrets::new(NOON);
    let before = secrets.leaf.clone();
    for (key, value) in [("tls.key", b"canary".as_slice()), ("tls.crt", b"canary")] {
        let mut damaged = secrets.authority.clone();
        damaged.insert(key.to_owned(), value.to_vec());
        assert!(InternalAuthority::read(&damaged, NOON).is_none());
        assert!(InternalAuthority::trust(&damaged).is_none());
    }
    secrets.authority = InternalAuthority::first("auth/retail internal", NOON).unwrap().data();
    secrets.go(&around(Vec::new(), NOON));
    assert_ne!(secrets.leaf["tls.crt"], before["tls.crt"]);
    assert!(can_ask(&secrets, &secrets.leaf, NOON) && !can_ask(&secrets, &before, NOON));
}

/// Nobody confirms anything for years: before the authority ends, it is replaced all the same.
#[test]
fn an_authority_that_is_about_to_end_waits_for_nobody() {
    let mut secrets = Secrets::new(NOON);
    let mut now = NOON;
    let mut switched = 0;
    while now < NOON + Lifetime::days(10 * 365) {
        let steps = secrets.go(&around(Vec::new(), now));
        switched += steps.iter().filter(|step| **step == Step::InternalCaSwitched).count();
        let trust = InternalAuthority::trust(&secrets.authority).unwrap();
        assert!(is_fresh(&trust.issuing, now, Lifetime::days(1), &[]));
        if !steps.is_empty() {
            assert!(can_ask(&secrets, &secrets.leaf, now), "a pod that starts now can be asked");
        }
        now = now + DAY;
    }
    assert!((2..5).contains(&switched), "{switched}");
}

/// Three years of pods that are hours late, silent, not ready, replaced, and of operators that are ended between any two writes: each of
/// them can be asked at any time, and what is used is valid.
#[test]
fn over_years_every_pod_can_be_asked() {
    let mut dice = 11_u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let mut secrets = Secrets::new(NOON);
    let mut pods: Vec<(Data, Timestamp)> = vec![(secrets.leaf.clone(), NOON); 3];
    let (mut now, mut dropped) = (NOON, 0);
    let mut known: BTreeMap<(Data, Data), Timestamp> = BTreeMap::new();
    while now < NOON + Lifetime::days(1200) {
        for (loaded, looks) in &mut pods {
            if *loaded != secrets.leaf && now >= *looks {
                loaded.clone_from(&secrets.leaf);
                // Within the day that two authorities are trusted side by side, even where nobody counts it.
                *looks = now + Lifetime::minutes(roll(20 * 60).cast_signed());
            }
        }
        if roll(300) == 0 {
            let one = usize::try_from(roll(3)).unwrap();
            pods[one] = (secrets.leaf.clone(), now);
        }
        let trust = InternalAuthority::trust(&secrets.authority).unwrap();
        let (_, until) = validity(&trust.issuing).unwrap();
        assert!(until > now + INTERVAL, "{now}: the authority ends {until}");
        for (loaded, _) in &pods {
            // Looked at again each month: in between only time has passed.
            let of = (secrets.authority.clone(), loaded.clone());
            if known.get(&of).is_none_or(|at| now - *at > Lifetime::days(30)) {
                assert!(can_ask(&secrets, loaded, now), "{now}");
                let leaf = pair(loaded, CERTIFICATE, KEY).unwrap();
                assert!(is_fresh(&leaf, now, Lifetime::days(60), &[]));
                known.insert(of, now);
            }
        }
        let views = pods.iter().enumerate().map(|(index, (loaded, _))| {
            let view = view(&index.to_string(), loaded);
            match roll(20) {
                0 => PodView { state: None, ..view },
                1 => PodView { state: None, ready: false, ..view },
                _ => view,
            }
        });
        let (next, steps, _) = secrets.next(&around(views.collect(), now));
        match roll(4) {
            // Ended before the first write, and between the two.
            0 => {}
            1 => secrets.authority = next.authority,
            _ => secrets = next,
        }
        dropped += steps.iter().filter(|step| **step == Step::InternalCaDropped).count();
        now = now + Lifetime::minutes(360);
    }
    assert!(dropped >= 3, "{dropped}");
}
