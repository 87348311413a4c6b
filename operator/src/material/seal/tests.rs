//! Every pod opens what any pod has sealed, for as long as it can be presented, while keys come and go.

use serde_json::json;

use super::*;
use crate::fixture::NOON;
use crate::rotate::{Acknowledgements, PodView};

/// A pod that has loaded these keys.
fn pod(name: &str, keys: &[&str]) -> PodView {
    let state = json!({"instance": name, "version": "0", "formats": [1], "revision": 1, "hash": "", "pending": null,
        "sealKeys": keys, "startedAt": "2026-01-01T00:00:00Z", "now": "2026-01-01T00:00:00Z"});
    PodView::serving(name, serde_json::from_value(state).unwrap())
}

fn around(pods: Vec<PodView>, now: Timestamp) -> Surroundings {
    Surroundings { acks: Acknowledgements { revision: 1, pods }, ..Surroundings::quiet(now) }
}

fn ids(ring: &SealRing) -> Vec<String> {
    ring.keys().into_iter().map(|key| key.id).collect()
}

fn all(ring: &SealRing) -> Vec<PodView> {
    let ids = ids(ring);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    vec![pod("a", &ids), pod("b", &ids)]
}

/// A ring that has just begun, and what its key is called.
fn begun() -> (SealRing, String) {
    let ring = SealRing::first(NOON).unwrap();
    let first = ids(&ring).remove(0);
    (ring, first)
}

const DUE: Timestamp = Timestamp::from_unix(NOON.as_unix() + INTERVAL.as_seconds());

#[test]
fn a_new_key_seals_once_every_pod_can_open_with_it_and_the_old_one_opens_on() {
    let (mut ring, first) = begun();
    assert_eq!(ring.advance(&around(all(&ring), DUE - Lifetime::seconds(1))).unwrap(), []);
    assert_eq!(ring.outlook(false), Outlook { wake: Some(DUE), waits_for_pods: false });

    assert_eq!(ring.advance(&around(all(&ring), DUE)).unwrap(), [Step::SealingKeyMade]);
    let next = ids(&ring).remove(1);
    assert_eq!(ids(&ring), [first.clone(), next.clone()], "it does not seal yet");
    assert!(ring.outlook(false).waits_for_pods);
    let behind = vec![pod("a", &[&first, &next]), pod("b", &[&first])];
    assert_eq!(
        ring.advance(&around(behind, DUE)).unwrap(),
        [],
        "one pod could not open what another would seal"
    );
    assert_eq!(ring.advance(&around(Vec::new(), DUE)).unwrap(), [], "no pod confirms nothing");
    let silent = PodView { state: None, ..pod("b", &[]) };
    assert_eq!(ring.advance(&around(vec![pod("a", &[&first, &next]), silent], DUE)).unwrap(), []);

    assert_eq!(ring.advance(&around(all(&ring), DUE)).unwrap(), [Step::SealingKeySwitched]);
    assert_eq!(ids(&ring), [next.clone(), first.clone()]);
    let half = vec![pod("a", &[&next, &first]), pod("b", &[&first, &next])];
    ring.advance(&around(half, DUE)).unwrap();
    assert!(ring.outlook(false).waits_for_pods, "one pod still seals with the former");

    let confirmed = DUE + Lifetime::minutes(7);
    assert_eq!(ring.advance(&around(all(&ring), confirmed)).unwrap(), []);
    let over = confirmed + Lifetime::days(181);
    assert!(over >= confirmed + LONGEST_SEALED);
    // Meanwhile it goes on: at the end the first is erased and no other.
    let mut now = confirmed;
    while ids(&ring).contains(&first) {
        assert!(now <= over, "kept for no longer");
        ring.advance(&around(all(&ring), now)).unwrap();
        now = now + Lifetime::days(1);
    }
    assert!(now > confirmed + LONGEST_SEALED, "kept for as long as anything it sealed can be presented");
    assert!(ids(&ring).contains(&next));
}

#[test]
fn nothing_is_written_between_two_steps() {
    let (mut ring, _) = begun();
    let before = ring.data();
    ring.advance(&around(all(&ring), DUE - Lifetime::days(1))).unwrap();
    let again = SealRing::read("seal", &before, DUE - Lifetime::days(1)).unwrap();
    assert_eq!((ring.data(), again.data()), (before.clone(), before));
}

/// The files of the version before: one key, no facts. And a version before that met the files of this one, and dropped the facts.
#[test]
fn keys_without_facts_are_kept_for_their_whole_time() {
    let (mut ring, first) = begun();
    ring.advance(&around(all(&ring), DUE)).unwrap();
    ring.advance(&around(all(&ring), DUE)).unwrap();
    let mut data = ring.data();
    for unreadable in [None, Some(b"canary".to_vec())] {
        data.remove(FACTS_KEY);
        data.extend(unreadable.map(|bytes| (FACTS_KEY.to_owned(), bytes)));
        let mut read = SealRing::read("seal", &data, DUE).unwrap();
        assert_eq!(ids(&read), ids(&ring), "the order is what pods go by");
        read.advance(&around(all(&ring), DUE)).unwrap();
        let kept = DUE + Lifetime::days(180);
        read.advance(&around(all(&read), kept)).unwrap();
        assert!(ids(&read).contains(&first));
    }
}

#[test]
fn a_wish_rotates_once_and_a_suspended_workspace_waits() {
    let (mut ring, first) = begun();
    let wish = |ring: &SealRing, text: &str, suspended| {
        let mut around = around(all(ring), NOON);
        around.wishes.seal = Some(text.to_owned());
        around.suspended = suspended;
        around
    };
    assert_eq!(ring.advance(&wish(&ring, "leaked", true)).unwrap(), []);
    assert_eq!(ring.advance(&wish(&ring, "leaked", false)).unwrap(), [Step::SealingKeyMade]);
    assert_eq!(ring.advance(&wish(&ring, "leaked", true)).unwrap(), []);
    let mut ring = SealRing::read("seal", &ring.data(), NOON).unwrap();
    assert_eq!(ring.advance(&wish(&ring, "leaked", false)).unwrap(), [Step::SealingKeySwitched]);
    for _ in 0..3 {
        assert_eq!(ring.advance(&wish(&ring, "leaked", false)).unwrap(), [], "once for each text");
    }
    assert_eq!(ring.advance(&wish(&ring, "again", false)).unwrap(), [Step::SealingKeyMade]);
    assert_eq!(ids(&ring)[2], first);
}

/// Two years of pods that are up to two hours late and sometimes for days, come and go, and of operators that are ended and begin
/// with what the Secret holds: whatever was sealed in the last 180 days is opened by every pod.
#[test]
fn over_years_every_pod_opens_what_any_pod_has_sealed() {
    for seed in 1..=2_u64 {
        over_years(seed);
    }
}

fn over_years(seed: u64) {
    let mut dice = seed;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let mut ring = SealRing::first(NOON).unwrap();
    // What each pod has loaded, and when it looks again.
    let mut pods: Vec<(Vec<String>, Timestamp)> = vec![(ids(&ring), NOON); 3];
    let mut sealed: BTreeMap<String, (Timestamp, Timestamp)> = BTreeMap::new();
    let (mut now, mut erased, mut published) = (NOON, 0, ids(&ring));
    while now < NOON + Lifetime::days(2 * 365) {
        for (loaded, looks) in &mut pods {
            if *loaded != published && now >= *looks {
                loaded.clone_from(&published);
                let late = if roll(50) == 0 { 72 * 3600 } else { roll(7200) };
                *looks = now + Lifetime::seconds(late.cast_signed());
            }
        }
        if roll(200) == 0 {
            let one = usize::try_from(roll(3)).unwrap();
            pods[one] = (published.clone(), now);
        }
        for (loaded, _) in &pods {
            let (_, last) = sealed.entry(loaded[0].clone()).or_insert((now, now));
            *last = now;
        }
        for (id, (since, last)) in &sealed {
            assert!(*last <= *since + INTERVAL + Lifetime::days(8), "seed {seed}: {id} seals for too long");
            if now - *last <= LONGEST_SEALED {
                assert!(pods.iter().all(|(loaded, _)| loaded.contains(id)), "seed {seed}, {now}: {id}");
            }
        }
        // A pod that says nothing now and then.
        let views = pods.iter().enumerate().map(|(index, (loaded, _))| {
            let ids: Vec<&str> = loaded.iter().map(String::as_str).collect();
            let view = pod(&index.to_string(), &ids);
            if roll(20) == 0 { PodView { state: None, ..view } } else { view }
        });
        let around = around(views.collect(), now);
        let before = ring.data();
        let mut next = SealRing::read("seal", &before, now).unwrap();
        let steps = next.advance(&around).unwrap();
        erased += steps.iter().filter(|step| **step == Step::SealingKeyErased).count();
        // Ended before anything was written: somebody else does it again.
        if roll(3) > 0 {
            ring = next;
            published = ids(&ring);
        }
        assert!(ids(&ring).len() <= 9, "{} keys", ids(&ring).len());
        now = now + Lifetime::minutes(120);
    }
    assert!(erased > 12, "seed {seed}: {erased} were erased");
}
