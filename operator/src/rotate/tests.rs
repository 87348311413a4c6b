//! The four guards, one by one, and what must not wait for them.

use fapi_core::Lifetime;
use fapi_crds::signing_key::{Day, Phase, RotationMode, Window};
use fapi_crds::{KeyAlgorithm, KeyState};

use super::stage::{Stage, line, pod};
use super::{Change, Event, Windows, outlook};

fn stage() -> Stage {
    Stage::new(vec![line("retail-sig-ps256", KeyAlgorithm::Ps256)], 3)
}

/// With one active key, and nothing under way.
fn steady() -> Stage {
    let mut stage = stage();
    stage.settle();
    stage
}

/// With a successor that is published everywhere since just now.
fn dwelling() -> Stage {
    let mut stage = steady();
    let lead = stage.lines[0].policy.lead(Lifetime::seconds(900)).as_seconds();
    stage.pass(7200 - lead);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Published).len(), 1);
    stage
}

#[test]
fn the_first_key_signs_when_every_running_pod_has_it_and_waits_for_no_cache() {
    let mut stage = stage();
    stage.reconcile();
    assert_eq!(stage.reconcile(), [Event::Published], "G1");
    for _ in 0..5 {
        stage.reconcile();
    }
    assert_eq!(stage.in_state(KeyState::Published).len(), 1, "no pod has loaded it");
    stage.load();
    stage.pods[2].self_test = false;
    stage.reconcile();
    assert_eq!(stage.in_state(KeyState::Published).len(), 1, "one pod cannot sign with it");
    stage.pods[2].self_test = true;
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Active).len(), 1);
    assert!(stage.now == super::stage::START, "nobody held a JWKS without it");
}

#[test]
fn without_pods_nothing_is_confirmed() {
    let mut stage = Stage::new(vec![line("k", KeyAlgorithm::Es256)], 0);
    for _ in 0..10 {
        stage.reconcile();
    }
    assert_eq!(stage.in_state(KeyState::Published).len(), 1);
}

#[test]
fn a_successor_is_made_in_time_to_be_seen_by_everybody() {
    let mut stage = steady();
    assert!(stage.due().is_empty());
    let lead = stage.lines[0].policy.lead(Lifetime::seconds(900)).as_seconds();
    stage.pass(7200 - lead - 1);
    assert!(stage.due().is_empty(), "not before");
    stage.pass(1);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Published).len(), 1);
    stage.pass(lead - 1);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Published).len(), 1, "the interval is not over");
    stage.pass(1);
    let first = stage.active();
    stage.settle();
    assert_ne!(stage.active(), first, "KEY-09");
    assert_eq!(stage.in_state(KeyState::Retiring)[0].kid, first, "KEY-09");
}

#[test]
fn g2_waits_out_the_longest_max_age_after_the_last_pod_confirmed() {
    let mut stage = steady();
    stage.pass(8000);
    stage.reconcile();
    stage.reconcile();
    let latest = stage.revisions.len();
    stage.pods[0].loaded = latest;
    stage.pods[1].loaded = latest;
    stage.pass(600);
    stage.reconcile();
    stage.load();
    stage.settle();
    let first = stage.active();
    stage.pass(900 + 60 + 60 - 1);
    stage.settle();
    assert_eq!(stage.active(), first, "I3: the clock starts with the slowest pod");
    stage.pass(1);
    stage.settle();
    assert_ne!(stage.active(), first, "I3");
}

#[test]
fn g2_asks_all_pods_again_when_the_dwell_is_over() {
    let mut stage = dwelling();
    stage.pass(3600);
    let first = stage.active();
    stage.pods[1].answers = false;
    assert!(stage.due().is_empty(), "a ready pod that does not answer blocks");
    stage.pods[1].answers = true;
    stage.pods[1].loaded = 1;
    assert!(stage.due().is_empty(), "a pod that came back with an old revision blocks");
    stage.load();
    stage.settle();
    assert_ne!(stage.active(), first);
}

#[test]
fn a_pod_that_is_not_ready_counts_if_it_answers() {
    let mut stage = dwelling();
    stage.pass(3600);
    stage.pods[1].ready = false;
    stage.pods[1].loaded = 1;
    assert!(stage.due().is_empty(), "it may be ready again in a moment, with an old JWKS");
    stage.pods[1].answers = false;
    assert!(!stage.due().is_empty(), "one that is dead holds nobody up");
}

#[test]
fn new_pods_do_not_start_the_dwell_again() {
    let mut stage = dwelling();
    stage.pass(3600);
    let first = stage.active();
    stage.pods.push(pod("new"));
    stage.load();
    stage.settle();
    assert_ne!(stage.active(), first);
}

#[test]
fn a_longer_max_age_lengthens_a_dwell_and_a_shorter_one_does_not_shorten_it() {
    let mut stage = dwelling();
    stage.lines[0].policy.jwks_max_age = Lifetime::seconds(3600);
    stage.settle();
    stage.lines[0].policy.jwks_max_age = Lifetime::seconds(60);
    stage.settle();
    let first = stage.active();
    stage.pass(3600 + 119);
    stage.settle();
    assert_eq!(stage.active(), first);
    stage.pass(1);
    stage.settle();
    assert_ne!(stage.active(), first);
}

#[test]
fn a_max_age_that_was_lowered_is_waited_out_by_the_next_successor() {
    let mut stage = stage();
    stage.lines[0].policy.jwks_max_age = Lifetime::seconds(3600);
    stage.settle();
    stage.lines[0].policy.jwks_max_age = Lifetime::seconds(60);
    stage.settle();
    stage.pass(7200);
    stage.settle();
    let first = stage.active();
    stage.pass(3600 + 119);
    stage.settle();
    assert_eq!(stage.active(), first, "somebody may hold a JWKS from before the change");
    stage.pass(1);
    stage.settle();
    assert_ne!(stage.active(), first);
}

#[test]
fn pre_publish_is_a_floor_for_those_who_ignore_cache_headers() {
    let mut stage = stage();
    stage.lines[0].policy.pre_publish = Lifetime::seconds(5000);
    stage.settle();
    stage.pass(7200);
    stage.settle();
    let first = stage.active();
    stage.pass(4999);
    stage.settle();
    assert_eq!(stage.active(), first);
    stage.pass(1);
    stage.settle();
    assert_ne!(stage.active(), first);
}

#[test]
fn g3_activation_and_demotion_are_one_revision() {
    let mut stage = dwelling();
    stage.pass(3600);
    let before = stage.revisions.len();
    assert_eq!(stage.reconcile(), [Event::Activated]);
    assert_eq!(stage.revisions.len(), before + 1);
    let keys = &stage.revisions[before].keys;
    let active = keys.iter().filter(|(_, state)| *state == fapi_config::KeyState::Active).count();
    assert_eq!((keys.len(), active), (2, 1), "every pod publishes both, and each signs with one");
    assert_eq!(stage.reconcile(), [Event::Demoted], "the predecessor's own Secret follows");
    assert_eq!(stage.revisions.len(), before + 1, "which changes nothing that is published");
}

#[test]
fn g4_counts_from_the_moment_the_last_pod_stopped_signing() {
    let mut stage = dwelling();
    stage.pass(3600);
    stage.reconcile();
    stage.reconcile();
    let latest = stage.revisions.len();
    stage.pods[0].loaded = latest;
    stage.pods[1].loaded = latest;
    stage.pass(1000);
    for _ in 0..5 {
        stage.reconcile();
    }
    assert_eq!(stage.in_state(KeyState::Retiring).len(), 1, "one pod may still sign with it");
    stage.load();
    stage.settle();
    assert!(!stage.in_state(KeyState::Retiring)[0].needs_private(), "a public half is enough from here on");
    stage.pass(300 + 60 - 1);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Retiring).len(), 1);
    stage.pass(1);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Retired).len(), 1);
    assert_eq!(stage.revisions.last().unwrap().keys.len(), 1);
}

#[test]
fn a_key_is_kept_for_the_longest_token_it_may_have_signed() {
    let mut stage = steady();
    stage.lines[0].policy.max_token_lifetime = Lifetime::seconds(3000);
    assert_eq!(stage.reconcile(), [Event::Raised], "before anything longer is published");
    stage.load();
    stage.settle();
    stage.lines[0].policy.max_token_lifetime = Lifetime::seconds(300);
    stage.settle();
    stage.pass(7200);
    stage.settle();
    stage.pass(1100);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Retiring).len(), 1);
    stage.pass(3059);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Retiring).len(), 1, "a token of the longer time may be out there");
    stage.pass(1);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Retired).len(), 1);
}

/// `LGO-06`, `KEY-09`: where everything else is as short as the profile allows, a logout token lives longest.
#[test]
fn a_key_is_kept_for_the_logout_tokens_that_it_signed() {
    let mut workspace = crate::fixture::workspace();
    let shortest = serde_json::json!({"accessToken": "60s", "idToken": "60s", "jarm": "60s"});
    workspace.spec.protocol = serde_json::from_value(serde_json::json!({ "lifetimes": shortest })).unwrap();
    let verdict = crate::validate::validate(&crate::fixture::found(workspace, Vec::new()));
    let rules = verdict.publication.unwrap().rules;
    assert_eq!(rules.lifetimes.access_token, Lifetime::seconds(60));
    assert_eq!(super::max_token_lifetime(&rules), fapi_core::logout_token::LIFETIME);
}

#[test]
fn retain_for_lengthens_the_retirement() {
    let mut stage = steady();
    stage.lines[0].policy.retain_for = Lifetime::seconds(4000);
    stage.pass(7200);
    stage.settle();
    stage.pass(1100);
    stage.settle();
    stage.pass(3999);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Retiring).len(), 1);
    stage.pass(1);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Retired).len(), 1);
}

#[test]
fn a_step_that_was_lost_in_a_crash_is_taken_again() {
    let mut stage = dwelling();
    stage.pass(3600);
    let due = stage.due();
    assert_eq!(stage.due(), due, "asking changes nothing");
    stage.write(&due[0]);
    // Killed before anything was published: the next pass publishes what the facts say.
    let before = stage.revisions.len();
    stage.reconcile();
    assert_eq!(stage.revisions.len(), before + 1);
    stage.load();
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Active).len(), 1);
}

#[test]
fn by_hand_a_key_changes_when_the_trigger_does_and_never_by_time() {
    let mut stage = stage();
    stage.lines[0].policy.mode = RotationMode::Manual;
    stage.settle();
    let first = stage.active();
    stage.pass(10_000_000);
    stage.settle();
    assert_eq!(stage.active(), first);
    stage.lines[0].policy.trigger = Some("now".to_owned());
    stage.settle();
    assert_eq!(stage.active(), first, "with the same care as always");
    stage.pass(1020);
    stage.settle();
    let second = stage.active();
    assert_ne!(second, first);
    stage.pass(10_000_000);
    stage.settle();
    assert_eq!(stage.active(), second, "one change, one rotation");
}

#[test]
fn a_trigger_does_not_wait_for_the_interval() {
    let mut stage = steady();
    let first = stage.active();
    stage.lines[0].policy.trigger = Some("x".to_owned());
    stage.settle();
    stage.pass(1020);
    stage.settle();
    assert_ne!(stage.active(), first);
}

#[test]
fn a_revoked_key_that_does_not_sign_goes_at_once() {
    let mut stage = dwelling();
    let next = stage.in_state(KeyState::Published)[0].kid.clone();
    stage.lines[0].policy.revoke = vec![next.clone()];
    assert_eq!(stage.reconcile(), [Event::Revoked]);
    assert!(!stage.revisions.last().unwrap().jwks().contains(&next));
    stage.load();
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Published).len(), 1, "another takes its place");
}

#[test]
fn the_signing_key_is_revoked_as_soon_as_its_successor_is_everywhere() {
    let mut stage = steady();
    let stolen = stage.active();
    stage.lines[0].policy.revoke = vec![stolen.clone()];
    stage.reconcile();
    stage.reconcile();
    assert_eq!(stage.active(), stolen, "a revocation is no outage");
    stage.load();
    stage.settle();
    assert_ne!(stage.active(), stolen);
    assert_eq!(stage.now, super::stage::START, "and waits for no cache");
    assert_eq!(stage.in_state(KeyState::Revoked)[0].kid, stolen);
    assert!(!stage.revisions.last().unwrap().jwks().contains(&stolen));
    let line = &stage.lines[0];
    let key = stage.in_state(KeyState::Revoked)[0];
    assert!(line.is_denied(key, stage.now), "its tokens are refused while they could be valid");
    assert!(!line.is_denied(key, stage.now + Lifetime::seconds(360)));
}

#[test]
fn a_pod_that_hangs_cannot_keep_a_stolen_key_in_use() {
    let mut stage = steady();
    let stolen = stage.active();
    stage.pods[0].answers = false;
    stage.lines[0].policy.revoke = vec![stolen.clone()];
    for _ in 0..6 {
        stage.reconcile();
        stage.load();
    }
    assert_eq!(stage.active(), stolen);
    stage.pass(600);
    for _ in 0..6 {
        stage.reconcile();
        stage.load();
    }
    assert_ne!(stage.active(), stolen);
    assert_eq!(stage.in_state(KeyState::Revoked)[0].kid, stolen);
}

#[test]
fn a_suspended_line_revokes_and_does_nothing_else() {
    let mut stage = steady();
    stage.lines[0].policy.suspend = true;
    stage.pass(100_000);
    assert!(stage.due().is_empty());
    let stolen = stage.active();
    stage.lines[0].policy.revoke = vec![stolen.clone()];
    stage.settle();
    assert_ne!(stage.active(), stolen);
}

#[test]
fn a_line_that_nobody_wants_retires_only_when_another_signs() {
    let mut stage = steady();
    stage.lines[0].wanted = false;
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Active).len(), 1, "I4: without it nobody could sign");
    stage.lines.push(line("other", KeyAlgorithm::Es256));
    stage.settle();
    stage.pass(900 + 120);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Active).len(), 0);
    assert_eq!(stage.in_state(KeyState::Retiring).len(), 1, "and its tokens stay verifiable");
    stage.pass(360);
    stage.settle();
    assert!(stage.states().keys().all(|state| *state == KeyState::Retired));
}

#[test]
fn a_new_algorithm_beside_others_waits_for_caches() {
    let mut stage = steady();
    stage.lines.push(line("other", KeyAlgorithm::Es256));
    stage.settle();
    assert!(stage.lines[1].active().is_none(), "I3: relying parties hold a JWKS without it");
    stage.pass(900 + 120 - 1);
    stage.settle();
    assert!(stage.lines[1].active().is_none());
    stage.pass(1);
    stage.settle();
    assert!(stage.lines[1].active().is_some());
}

#[test]
fn two_algorithms_that_begin_together_wait_for_nobody() {
    let lines = vec![line("a", KeyAlgorithm::Ps256), line("b", KeyAlgorithm::Es256)];
    let mut stage = Stage::new(lines, 2);
    stage.settle();
    assert!(stage.lines.iter().all(|line| line.active().is_some()));
    assert_eq!(stage.now, super::stage::START);
}

#[test]
fn a_key_whose_private_half_is_lost_stays_public_and_another_takes_over() {
    let mut stage = steady();
    let lost = stage.active();
    stage.lines[0].lost.insert(lost.clone());
    stage.settle();
    assert_ne!(stage.active(), lost);
    assert!(stage.revisions.last().unwrap().jwks().contains(&lost), "its tokens stay verifiable");
    assert_eq!(stage.in_state(KeyState::Retiring)[0].kid, lost);
}

#[test]
fn a_restored_secret_is_brought_to_what_is_published() {
    let mut stage = dwelling();
    let backup = stage.lines[0].keys.clone();
    stage.pass(3600);
    stage.settle();
    let (active, published) = (stage.active(), stage.revisions.last().unwrap().keys.clone());
    stage.lines[0].keys = backup;
    for _ in 0..4 {
        let due = stage.due();
        for transition in &due {
            stage.write(transition);
        }
    }
    assert_eq!(stage.active(), active, "more published, never less");
    stage.publish();
    assert_eq!(stage.revisions.last().unwrap().keys, published);
}

#[test]
fn history_is_kept_and_bounded() {
    let mut stage = stage();
    stage.lines[0].policy.history_limit = 2;
    for _ in 0..6 {
        stage.settle();
        stage.pass(7200);
        stage.settle();
        stage.pass(1100);
        stage.settle();
        stage.pass(400);
        stage.settle();
    }
    assert_eq!(stage.in_state(KeyState::Retired).len(), 2);
}

#[test]
fn the_outlook_says_what_is_waited_for() {
    let mut stage = dwelling();
    let look =
        |stage: &Stage| outlook(&stage.lines[0], &stage.lines, &stage.acks(), &stage.document, stage.now);
    let dwell = look(&stage);
    assert_eq!(dwell.phase, Phase::Dwelling);
    let next = dwell.next.unwrap();
    assert_eq!((next.to, next.kid), (KeyState::Active, dwell.next_kid));
    assert!(dwell.wake.is_some() && !dwell.overdue);

    stage.pass(3600);
    stage.pods[1].answers = false;
    let blocked = look(&stage);
    assert_eq!((blocked.phase, blocked.waiting_for.as_slice()), (Phase::Blocked, &["pod-1".to_owned()][..]));
    assert_eq!(blocked.blocked.as_deref(), Some("waiting for pod-1"));
    assert!(blocked.overdue);
    assert_eq!(look(&steady()).phase, Phase::Steady);
}

/// START is a Thursday, 00:00 in UTC.
fn tuesdays() -> Windows {
    let nine = Window {
        days: vec![Day::Tue],
        start: "09:00".to_owned(),
        duration: "1h".parse().unwrap(),
        time_zone: "UTC".to_owned(),
    };
    Windows::parse(&[nine]).unwrap()
}

/// From START to Tuesday, 09:00.
const TUESDAY: i64 = 5 * 86_400 + 9 * 3600;

#[test]
fn a_successor_takes_over_in_a_window_and_waits_in_the_jwks_for_no_longer_than_it_must() {
    let mut stage = stage();
    stage.lines[0].policy.windows = tuesdays();
    stage.settle();
    let first = stage.active();
    assert_eq!(stage.now, super::stage::START, "nobody waits for a window to begin to serve");
    let lead = stage.lines[0].policy.lead(Lifetime::seconds(900)).as_seconds();
    stage.pass(TUESDAY - lead - 1);
    assert!(stage.due().is_empty(), "the interval is over since Thursday");
    stage.pass(1);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Published).len(), 1);
    stage.pass(lead - 1);
    stage.settle();
    assert_eq!(stage.active(), first, "a second too early");
    let look = outlook(&stage.lines[0], &stage.lines, &stage.acks(), &stage.document, stage.now);
    assert!(!look.overdue && look.wake == Some(super::stage::START + Lifetime::seconds(TUESDAY)));
    stage.pass(1);
    stage.settle();
    assert_ne!(stage.active(), first);
    stage.pass(360);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Retired).len(), 1, "retirement waits for none");
}

#[test]
fn who_missed_a_window_waits_for_the_next_and_says_so() {
    let mut stage = stage();
    stage.lines[0].policy.windows = tuesdays();
    stage.settle();
    let first = stage.active();
    stage.pass(TUESDAY - 1000);
    stage.settle();
    stage.pods[1].answers = false;
    stage.pass(1000 + 3600);
    stage.settle();
    stage.pods[1].answers = true;
    assert!(stage.due().is_empty(), "the window has closed");
    let look = outlook(&stage.lines[0], &stage.lines, &stage.acks(), &stage.document, stage.now);
    assert!(look.waits_for_window && look.overdue && look.blocked.is_none());
    assert_eq!(look.wake, Some(super::stage::START + Lifetime::seconds(TUESDAY + 7 * 86_400)));
    stage.pass(7 * 86_400 - 3600);
    stage.settle();
    assert_ne!(stage.active(), first);
}

#[test]
fn a_trigger_waits_for_a_window_and_a_revocation_does_not() {
    let mut stage = stage();
    stage.lines[0].policy.windows = tuesdays();
    stage.settle();
    let first = stage.active();
    stage.lines[0].policy.trigger = Some("x".to_owned());
    stage.settle();
    stage.pass(3 * 86_400);
    stage.settle();
    assert_eq!(stage.active(), first, "with the same care as always");
    stage.lines[0].policy.revoke = vec![first.clone()];
    stage.settle();
    assert_ne!(stage.active(), first, "a stolen key waits for nobody");
    assert_eq!(stage.in_state(KeyState::Revoked)[0].kid, first);
}

#[test]
fn a_key_that_was_lost_is_replaced_outside_a_window_and_a_new_algorithm_waits_for_one() {
    let mut stage = Stage::new(
        vec![line("retail-sig-ps256", KeyAlgorithm::Ps256), line("other", KeyAlgorithm::Es256)],
        3,
    );
    stage.settle();
    stage.lines.push(line("third", KeyAlgorithm::EdDsa));
    stage.lines.iter_mut().for_each(|line| line.policy.windows = tuesdays());
    let lost = stage.active();
    stage.lines[0].lost.insert(lost.clone());
    stage.settle();
    stage.pass(900 + 120);
    stage.settle();
    assert_ne!(stage.active(), lost, "who asks for this algorithm gets nothing until then");
    assert!(stage.lines[2].active().is_none());
    stage.pass(TUESDAY - 900 - 120);
    stage.settle();
    assert!(stage.lines[2].active().is_some());
}

/// With a line that signs and one that others encrypt to, which is first in the list.
fn encrypting() -> Stage {
    let mut enc = line("retail-z-enc", KeyAlgorithm::RsaOaep);
    enc.policy.max_token_lifetime = Lifetime::minutes(60);
    enc.policy.pre_publish = Lifetime::days(1);
    let mut stage = Stage::new(vec![enc, line("retail-sig-ps256", KeyAlgorithm::Ps256)], 3);
    stage.settle();
    stage
}

fn held(stage: &Stage) -> Vec<String> {
    stage.lines[0].keys.iter().filter(|key| key.needs_private()).map(|key| key.kid.clone()).collect()
}

/// `RO-12`, `KEY-09`: the other way round. `Active` is what stands in the JWKS.
#[test]
fn a_key_that_others_encrypt_to_is_shown_when_every_pod_can_open_what_comes() {
    let mut stage = encrypting();
    assert_eq!(stage.now, super::stage::START, "nobody misses it, so nobody is waited for");
    let first = stage.active();

    // The successor is made only as early as pods need, and is not shown while one of them cannot open with it.
    stage.pass(7200 - 600 - 1);
    stage.settle();
    assert!(stage.lines[0].next().is_none(), "no cache is waited for");
    stage.pass(1);
    stage.reconcile();
    stage.reconcile();
    stage.load();
    stage.pods[1].self_test = false;
    stage.pass(600);
    for _ in 0..4 {
        stage.reconcile();
        stage.load();
    }
    assert_eq!(stage.active(), first, "one pod cannot open with the next");
    stage.pods[1].self_test = true;
    stage.reconcile();
    stage.reconcile();
    assert_ne!(stage.active(), first, "KEY-09");
    let retiring = stage.in_state(KeyState::Retiring)[0].clone();
    assert_eq!(retiring.kid, first);
}

/// `RO-12`: who kept the JWKS a moment before the key left it may use it until then, for an object that lives an hour.
#[test]
fn what_was_encrypted_to_a_key_is_opened_as_long_as_it_may_come() {
    let mut stage = encrypting();
    let first = stage.active();
    stage.pass(7200);
    stage.settle();
    assert_ne!(stage.active(), first);
    let longest = 900 + 60 + 60 + 3600 + 60;
    stage.pass(longest - 1);
    stage.settle();
    assert!(held(&stage).contains(&first), "RO-12");
    assert_eq!(stage.in_state(KeyState::Retiring).len(), 1);
    stage.pass(1);
    stage.settle();
    assert!(!held(&stage).contains(&first), "and then the private half is destroyed");
    assert_eq!(stage.in_state(KeyState::Retired)[0].kid, first);
}

#[test]
fn a_line_that_others_encrypt_to_is_taken_back_by_deleting_it_and_by_nothing_less() {
    let mut stage = encrypting();
    stage.lines[0].wanted = false;
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Active).len(), 1, "a mistake in the spec");
    stage.lines[0].orphaned = true;
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Active).len(), 0);
    assert_eq!(held(&stage).len(), 1, "what is under way is opened");
}

/// I4: a key that others encrypt to does not make a pod serve, nor does it let the last one that signs go.
#[test]
fn a_key_that_others_encrypt_to_stands_in_for_none_that_signs() {
    let mut stage = encrypting();
    stage.lines[1].wanted = false;
    stage.settle();
    assert!(stage.lines[1].active().is_some(), "I4");
    let only = [stage.lines[0].clone()];
    assert_eq!(super::counting(&only), super::Counting::Running, "KEY-02");
}

/// I3: a `max-age` that came and went while a key was made and not published yet is waited out, although no pod confirmed it.
#[test]
fn a_longer_max_age_that_came_and_went_is_waited_out() {
    let mut stage = steady();
    let lead = stage.lines[0].policy.lead(Lifetime::seconds(900)).as_seconds();
    stage.pass(7200 - lead);
    let born = stage.due().into_iter().next().unwrap();
    assert!(matches!(born.change, Change::Generate(_)));
    // The operator dies here, and comes back when somebody has changed their mind twice.
    stage.write(&born);
    stage.lines[0].policy.jwks_max_age = Lifetime::seconds(1800);
    let raised = stage.due().into_iter().next().unwrap();
    assert!(matches!(raised.change, Change::Write { event: Event::Raised, .. }));
    stage.write(&raised);
    stage.publish();
    assert_eq!(stage.revisions.last().unwrap().max_age, Lifetime::seconds(1800));
    stage.lines[0].policy.jwks_max_age = Lifetime::seconds(900);
    stage.settle();
    assert_eq!(stage.in_state(KeyState::Published)[0].dwell_max_age, Some(Lifetime::seconds(1800)), "I3");
}

/// I3: the JWKS is one for all algorithms, so the first key of another waits for what was published before it.
#[test]
fn the_first_key_of_another_algorithm_waits_for_every_jwks_without_it() {
    let mut stage = steady();
    stage.lines[0].policy.jwks_max_age = Lifetime::seconds(1800);
    stage.reconcile();
    stage.load();
    let mut other = line("other", KeyAlgorithm::Ps256);
    for line in &mut stage.lines {
        line.policy.jwks_max_age = Lifetime::seconds(300);
    }
    other.policy.jwks_max_age = Lifetime::seconds(300);
    stage.lines.push(other);
    stage.settle();
    let key = stage.lines[1].keys.first().unwrap();
    assert_eq!((key.state, key.dwell_max_age), (KeyState::Published, Some(Lifetime::seconds(1800))), "I3");
}
