use std::collections::BTreeSet;

use fapi_config::OnDelete;
use fapi_core::ids::Incarnation;
use proptest::prelude::*;
use serde_json::json;

use crate::fixture::{client, found, found_client, workspace, workspace_with};
use crate::validate::{Found, FoundClient, Fresh, Verdict, validate};

fn budget() -> FoundClient {
    found_client(client("auth", "budget", &json!({})))
}

fn remade(spec: &serde_json::Value) -> FoundClient {
    let mut client = client("auth", "budget", spec);
    client.metadata.uid = Some("another uid".to_owned());
    found_client(client)
}

fn incarnation(verdict: &Verdict) -> Incarnation {
    verdict.client("budget").registration.as_ref().unwrap().incarnation.clone()
}

fn tombstones(verdict: &Verdict) -> Vec<(String, OnDelete)> {
    let document = &verdict.publication.as_ref().unwrap().document;
    document.tombstones.iter().map(|t| (t.incarnation.as_str().to_owned(), t.on_delete)).collect()
}

#[test]
fn a_client_keeps_its_life_as_long_as_it_exists() {
    let first = found(workspace(), vec![budget()]);
    let life = incarnation(&validate(&first));
    let published = first.published().published();
    let verdict = validate(&published);
    assert_eq!(incarnation(&verdict), life);
    assert!(tombstones(&verdict).is_empty());
}

#[test]
fn a_deleted_client_leaves_a_tombstone_until_every_pod_has_confirmed_it() {
    let published = found(workspace(), vec![budget()]).published();
    let life = incarnation(&validate(&published));
    let gone = published.without("budget");
    let verdict = validate(&gone);
    assert_eq!(tombstones(&verdict), [(life.as_str().to_owned(), OnDelete::RevokeGrants)]);
    assert_eq!(verdict.served(), Vec::<&str>::new());

    let mut gone = gone.published();
    assert_eq!(tombstones(&validate(&gone)).len(), 1, "it stays");
    gone.tombstones_done = BTreeSet::from([life]);
    let gone = gone.published();
    assert!(tombstones(&validate(&gone)).is_empty());
    assert!(validate(&gone).publication.unwrap().ledger.clients.is_empty());
}

#[test]
fn a_client_that_is_merely_absent_is_refused_and_loses_nothing() {
    let mut published = found(workspace(), vec![budget()]).published();
    let life = incarnation(&validate(&published));
    published.fresh = Fresh::No;
    let absent = published.without("budget");
    let verdict = validate(&absent);
    assert!(verdict.wants_fresh_list);
    assert_eq!(verdict.served(), Vec::<&str>::new());
    assert!(tombstones(&verdict).is_empty());

    let mut back = absent.published();
    back.clients.push(budget());
    assert_eq!(incarnation(&validate(&back)), life);
}

#[test]
fn a_namespace_that_is_not_watched_any_more_buries_nobody() {
    let workspace = workspace_with(&json!({"allowedClients": {"from": "All"}}));
    let foreign = found_client(client("tenant", "budget", &json!({})));
    let mut published = found(workspace, vec![foreign]).published().without("budget");
    published.fresh = Fresh::Namespaces(BTreeSet::from(["auth".to_owned()]));
    let verdict = validate(&published);
    assert!(tombstones(&verdict).is_empty() && !verdict.wants_fresh_list);
    published.fresh = Fresh::Namespaces(BTreeSet::from(["tenant".to_owned()]));
    assert_eq!(tombstones(&validate(&published)).len(), 1);
}

#[test]
fn a_client_that_is_deleted_and_made_anew_inherits_nothing() {
    let published = found(workspace(), vec![budget()]).published();
    let first = incarnation(&validate(&published));
    let mut again = published.without("budget");
    again.clients.push(remade(&json!({})));
    let verdict = validate(&again);
    assert_ne!(incarnation(&verdict), first, "K-04");
    assert_eq!(tombstones(&verdict), [(first.as_str().to_owned(), OnDelete::RevokeGrants)]);
}

#[test]
fn a_client_that_is_being_deleted_is_gone_from_the_next_document() {
    let mut published = found(workspace(), vec![budget()]).published();
    published.client("budget").client.metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    published.fresh = Fresh::No;
    let verdict = validate(&published);
    assert!(verdict.client("budget").deleting);
    assert_eq!(verdict.served(), Vec::<&str>::new());
    assert_eq!(tombstones(&verdict).len(), 1, "a deletion time is proof enough");
}

#[test]
fn kept_grants_wait_for_a_client_of_the_same_name() {
    let keep = json!({"onDelete": "KeepGrants"});
    let published = found(workspace(), vec![found_client(client("auth", "budget", &keep))]).published();
    let first = incarnation(&validate(&published));
    let gone = published.without("budget").published();
    let verdict = validate(&gone);
    assert!(tombstones(&verdict).is_empty());
    assert_eq!(verdict.served(), Vec::<&str>::new(), "nobody is served meanwhile");

    let mut again = gone;
    again.clients.push(remade(&keep));
    assert_eq!(incarnation(&validate(&again)), first);
}

#[test]
fn kept_grants_are_not_given_to_another_client_of_the_same_id() {
    let spec = json!({"clientId": "shared", "onDelete": "KeepGrants"});
    let published = found(workspace(), vec![found_client(client("auth", "budget", &spec))]).published();
    let first = incarnation(&validate(&published));
    let mut gone = published.without("budget").published();
    gone.clients.push(found_client(client("auth", "other", &json!({"clientId": "shared"}))));
    let verdict = validate(&gone);
    assert_ne!(verdict.client("other").registration.as_ref().unwrap().incarnation, first, "K-04");
    assert_eq!(tombstones(&verdict), [(first.as_str().to_owned(), OnDelete::RevokeGrants)]);
}

#[test]
fn a_restored_cluster_finds_its_grants_again() {
    let published = found(workspace(), vec![budget()]).published();
    let first = incarnation(&validate(&published));
    let mut restored = published.without("budget");
    restored.workspace.metadata.uid = Some("restored".to_owned());
    restored.clients.push(remade(&json!({})));
    let verdict = validate(&restored);
    assert_eq!(incarnation(&verdict), first, "objects come back with other uids");
    assert!(tombstones(&verdict).is_empty());
    assert_eq!(incarnation(&validate(&restored.published())), first);
}

#[test]
fn a_lost_ledger_does_not_lose_the_lives() {
    let mut published = found(workspace(), vec![budget()]).published();
    let first = incarnation(&validate(&published));
    published.previous.as_mut().unwrap().ledger = super::super::ledger::Ledger::default();
    published.client("budget").client.metadata.uid = Some("another".to_owned());
    assert_eq!(incarnation(&validate(&published)), first, "the shard still knows");
}

/// Whatever comes and goes, in whatever order: a life is never given to another object, and one that was buried never rises.
#[derive(Clone, Debug)]
enum Move {
    Create(u8),
    Delete(u8),
    Hide(u8),
    Confirm,
    Pass,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        (0..3_u8).prop_map(Move::Create),
        (0..3_u8).prop_map(Move::Delete),
        (0..3_u8).prop_map(Move::Hide),
        Just(Move::Confirm),
        Just(Move::Pass),
    ];
    prop::collection::vec(one, 1..24)
}

fn clients_of(found: &Found) -> Vec<(String, String)> {
    let pair = |found: &FoundClient| {
        let metadata = &found.client.metadata;
        (metadata.name.clone().unwrap(), metadata.uid.clone().unwrap())
    };
    found.clients.iter().map(pair).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_life_is_of_one_object_and_no_buried_one_rises(moves in moves()) {
        let mut world = found(workspace(), Vec::new()).published();
        let mut owners = std::collections::BTreeMap::<String, String>::new();
        let mut buried = BTreeSet::<String>::new();
        for (count, step) in moves.into_iter().enumerate() {
            let mut hidden = None;
            match step {
                Move::Create(who) => {
                    let name = format!("c{who}");
                    if !clients_of(&world).iter().any(|(existing, _)| *existing == name) {
                        let mut client = client("auth", &name, &json!({"clientId": if who == 2 { "c1".to_owned() } else { name.clone() }}));
                        client.metadata.uid = Some(format!("uid {count}"));
                        world.clients.push(found_client(client));
                    }
                }
                Move::Delete(who) => world = world.without(&format!("c{who}")),
                Move::Hide(who) => {
                    hidden = Some(world.clients.clone());
                    world.fresh = Fresh::No;
                    world = world.without(&format!("c{who}"));
                }
                Move::Confirm => {
                    let tombstones = &world.previous.as_ref().unwrap().document.tombstones;
                    world.tombstones_done = tombstones.iter().map(|t| t.incarnation.clone()).collect();
                }
                Move::Pass => {}
            }
            let verdict = validate(&world);
            for client in &verdict.clients {
                if let Some(registration) = &client.registration {
                    let life = registration.incarnation.as_str().to_owned();
                    prop_assert!(!buried.contains(&life), "a buried life rose");
                    let owner = owners.entry(life).or_insert_with(|| client.uid.clone());
                    prop_assert_eq!(&*owner, &client.uid, "a life went to another object");
                }
            }
            buried.extend(tombstones(&verdict).into_iter().map(|(life, _)| life));
            world = world.published();
            world.fresh = Fresh::Everywhere;
            if let Some(clients) = hidden {
                world.clients = clients;
            }
        }
    }
}
